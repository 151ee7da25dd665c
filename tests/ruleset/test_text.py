"""Spans of free text: URLs, embedded media, detectors and patterns, and what wins where they meet."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.category import Category
from gateway.core.plugin import Context, Situation
from gateway.ruleset.text import Edit, UrlPolicy, resolve, splice
from tests.subject import KEY, program

SITUATION = Situation(KEY)
TEXT = program().law.text


def read(value: str, category: Category = Category.EVENT_PROPERTIES, *, whole: bool = False) -> str:
    return splice(value, TEXT.edits(value, category, Context(), SITUATION, url_whole=whole))


TEXTS = {
    "see https://x.example/a?b=c, or not": "see https://x.example/a?b=***, or not",
    "(https://x.example/a?b=c)": "(https://x.example/a?b=***)",
    "POST /pay?card=1 200": "POST /pay?card=*** 200",
    "https://a.example/?x=1 https://b.example/?y=2": "https://a.example/?x=*** https://b.example/?y=***",
    "mailto:jane@example.org": "mailto:***",
    "write to mailto:jane@example.org now": "write to mailto:*** now",
    "tel:+4930123456": "tel:***",
    "url(data:image/png;base64,AAAABBBBCCCCDDDDEEEE)": "url(data:,)",
    "blob:https://x.example/0f5c7d2e": "blob:***",
    "https://jane:pw@x.example/a": "https://***@x.example/a",
    "https://x.example/;jsessionid=abc": "https://x.example/;jsessionid=***",
    "https://x.example/?a=***": "https://x.example/?a=***",
    "https://x.example/?a=&b": "https://x.example/?a=&b",
    "https://x.example/?0f5c7d2e-9a41-4b1c-8e3d-5a6b7c8d9e0f": "https://x.example/?***",
    "https://x.example/static/app.0123456789abcdef.js": "https://x.example/static/app.0123456789abcdef.js",
    "https://x.example/o/12345678/edit": "https://x.example/o/***/edit",
    "https://x.example/o/123456/edit": "https://x.example/o/123456/edit",
    "#/orders/list?x=1": "#/orders/list?x=***",
    "?a=b&lang=de": "?a=***&lang=de",
    "ratio 4:3, time 12:30": "ratio 4:3, time 12:30",
    "": "",
}


@pytest.mark.parametrize(("value", "leaves"), TEXTS.items(), ids=TEXTS)
def test_what_stands_in_a_text_goes_and_the_rest_stays(value, leaves):
    assert read(value) == leaves


WHOLE = {
    "cart?id=1": "cart?id=***",
    "a=b&lang=de": "a=***&lang=de",
    "/a/b": "/a/b",
    "//x.example/?a=b": "//x.example/?a=***",
    "about:blank": "about:blank",
    "app.js:10:20": "app.js:10:20",
}


@pytest.mark.parametrize(("value", "leaves"), WHOLE.items(), ids=WHOLE)
def test_what_is_known_as_a_url_is_read_as_one(value, leaves):
    assert read(value, Category.URLS, whole=True) == leaves


@pytest.mark.parametrize(
    ("name", "keeps"),
    [
        ("utm_source", True),
        ("page", True),
        ("p%61ge", True),
        ("pages", False),
        ("utm_", False),
        ("", False),
        ("xpage", False),
    ],
)
def test_a_query_parameter_stays_by_its_whole_name(name, keeps):
    assert TEXT.url_policy.keeps(name) is keeps


def test_without_a_name_to_keep_none_is_kept():
    assert not UrlPolicy([]).keeps("")
    assert UrlPolicy(["*"]).keeps("anything")


def one(start: int, end: int, strength: int, replacement: str = "x") -> Edit:
    return Edit(start, end, replacement, "rule", "mask", strength)


MEETINGS = {
    "apart": ([one(0, 2, 1), one(3, 4, 1)], [(0, 2), (3, 4)]),
    "the stronger inside": ([one(0, 6, 1, "w"), one(2, 4, 2, "s")], [(0, 2), (2, 4), (4, 6)]),
    "the weaker inside": ([one(0, 6, 2), one(2, 4, 1)], [(0, 6)]),
    "across": ([one(0, 4, 1), one(2, 6, 2)], [(0, 2), (2, 6)]),
    "the same": ([one(0, 4, 1, "w"), one(0, 4, 2, "s")], [(0, 4)]),
    "the longer of two as strong": ([one(0, 3, 1), one(0, 5, 1)], [(0, 5)]),
    "the earlier of two as long": ([one(2, 5, 1), one(0, 3, 1)], [(0, 3), (3, 5)]),
}


@pytest.mark.parametrize(("edits", "spans"), MEETINGS.values(), ids=MEETINGS)
def test_where_edits_meet_the_stronger_keeps_its_span_and_the_rest_is_still_replaced(edits, spans):
    resolved = resolve(edits)
    assert [(edit.start, edit.end) for edit in resolved] == spans
    strongest = max(edits, key=lambda edit: (edit.strength, edit.end - edit.start, -edit.start))
    assert strongest in resolved


EDITS = st.lists(st.tuples(st.integers(0, 30), st.integers(1, 10), st.integers(1, 3)), max_size=8)


@given(EDITS)
def test_resolved_edits_never_overlap_and_cover_what_was_picked(drawn):
    edits = [one(start, start + size, strength) for start, size, strength in drawn]
    resolved = resolve(edits)
    assert all(left.end <= right.start for left, right in pairwise(resolved))
    covered = {at for edit in edits for at in range(edit.start, edit.end)}
    assert {at for edit in resolved for at in range(edit.start, edit.end)} == covered


def test_a_long_text_of_urls_is_read_once():
    value = "https://x.example/?a=b " * 3000
    assert read(value) == value.replace("=b", "=***")
