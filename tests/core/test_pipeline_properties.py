"""What holds for every request: masking twice is masking once, no rule is no change, a person in it never leaves.

Requests are of any tracker's shape, with made-up people in the tracker's own places, and with a document of any JSON
beside them, in which people stand as values, keys, in texts and in texts within texts.
"""

from __future__ import annotations

import base64
import gzip
import json
from dataclasses import replace
from functools import cache
from urllib.parse import quote

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gateway.audit.cases import CODINGS, Planted, make_case
from gateway.audit.people import DETECTED, people
from gateway.audit.trial import found
from gateway.core.category import Category
from gateway.core.message import Headers
from gateway.core.outcome import Send
from gateway.core.pipeline import mask
from gateway.detectors import DETECTORS
from gateway.proxy.hop import request_fields
from gateway.ruleset.program import ANY_TRACKER
from tests.subject import program, request, sent, trackers

TRACKERS = [one for name, one in trackers().items() if name != ANY_TRACKER and "*" not in one.unsupported]
SWITCHLESS = [one for one in TRACKERS if not one.switches]  # a tracker file may say what a switch is always sent as
UNTOUCHED = {Category.STRUCTURE, Category.PROJECT_KEYS}
CHANGED = sorted({category.value for category in Category} - UNTOUCHED)
SETTLING = ("mask", "redact", "{replace: gone}", "drop", "{truncate: 3}")


@cache
def crowd():
    return tuple(people(400, seed=11))


@cache
def subject(operator: str, tracker: str):
    """Every category, a field, an element, a secret key, and what detectors find in the rest: all by one operator."""
    record = ", ".join(f"{name}: {operator}" for name in CHANGED)
    picked = [f"detect: {one.name}" for one in DETECTORS]
    picked += ["fields: ['**.note']", "select: '[data-private]'", "keys: [password, 'user*']", "pattern: 'p[a-z]+y'"]
    rules = "".join(f"  - {{name: rule {at}, {one}, with: {operator}}}\n" for at, one in enumerate(picked))
    return program(f"record: {{{record}}}\nmask:\n{rules}", tracker, default=False)


@cache
def keeping(*trackers):
    """No rule at all: every category is kept, and nobody looks for anything."""
    return program(f"record: {{{', '.join(f'{name}: keep' for name in CHANGED)}}}", *trackers, default=False)


NAMES = st.sampled_from(["note", "event", "url", "title", "ids", "a b", "données", "%7B", "x.y", "$el_text", "value"])
PLAIN = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**12), 10**12),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20),
    st.sampled_from(
        ["https://shop.example/p?q=1#a", "<p>x</p>", '{"a":1}', "a=b&c=d", "2026-11-24T08:00:00Z", "0" * 40]
    ),
)
DOCUMENTS = st.recursive(
    PLAIN,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(NAMES, inner, max_size=4)),
    max_leaves=12,
)
WAYS = {  # how a value that is found in text can stand in a document
    "a text": lambda value: value,
    "a sentence": lambda value: f"Tell {value}, please.",
    "JSON in text": lambda value: json.dumps({"t": value}),
    "JSON in JSON in text": lambda value: json.dumps({"t": json.dumps([value])}),
    "base64": lambda value: base64.b64encode(json.dumps({"t": value}).encode()).decode(),
    "gzip": lambda value: base64.b64encode(gzip.compress(value.encode(), mtime=0)).decode(),
    "a form": lambda value: f"a=1&t={quote(value, safe='')}",
    "a query": lambda value: f"https://shop.example/p?t={quote(value, safe='')}",
    "markup": lambda value: f"<p title='x'>{value}</p>",
    "a key": lambda value: {value: 1},
    "a list": lambda value: [[value]],
}  # fmt: skip


@st.composite
def requests(draw, codings=("json",), of=TRACKERS):
    """A request with what was planted in it."""
    tracker = draw(st.sampled_from(of))
    start = draw(st.integers(0, len(crowd()) - 5))
    group = crowd()[start : start + draw(st.integers(2, 4))]
    case = make_case(tracker, draw(st.sampled_from(codings)), group, draw(st.integers(0, 200)))
    if case.coding != "json":
        return case
    told = json.loads(case.inbound.body)
    beside, stranger = draw(DOCUMENTS), crowd()[start + 4]
    for name in draw(st.lists(NAMES, max_size=4, unique=True)):
        kind, way = draw(st.sampled_from(DETECTED)), draw(st.sampled_from(sorted(WAYS)))
        told.setdefault("beside", {})[f"note {name}"] = WAYS[way](stranger.values[kind])
        case.planted.append(Planted(stranger.number, kind, stranger.values[kind], way))
    told["more"] = beside
    case.inbound = replace(
        case.inbound, body=json.dumps(told, ensure_ascii=draw(st.booleans())).encode("utf-8", "replace")
    )
    return case


def leaves_as(running, inbound):
    outcome = mask(inbound, running, running.clock)
    assume(isinstance(outcome, Send))  # what is refused leaves nothing
    return outcome.masked.request


@pytest.mark.parametrize("operator", SETTLING)
@settings(max_examples=25)
@given(case=requests())
def test_masking_twice_is_masking_once(operator, case):
    running = subject(operator, case.tracker)
    once = leaves_as(running, case.inbound)
    again = replace(case.inbound, target=once.target, headers=request_fields(once.headers), body=once.body)
    twice = leaves_as(running, again)
    assert twice.body == once.body
    assert twice.target == once.target
    assert list(twice.headers) == list(once.headers)


@settings(max_examples=60)
@given(case=requests(sorted(CODINGS)))
def test_a_person_in_a_request_does_not_leave(case):
    left = leaves_as(program(), case.inbound)
    assert found(case.planted, left.target, list(left.headers), left.body) == []


@settings(max_examples=60)
@given(case=requests(sorted(CODINGS), SWITCHLESS))
def test_without_rules_a_request_keeps_its_bytes(case):
    left = sent(keeping(case.tracker), case.inbound)
    assert left.body == case.inbound.body
    assert left.target.partition("?")[2] == case.inbound.query


@settings(max_examples=150)
@given(document=DOCUMENTS, spaced=st.booleans(), escaped=st.booleans(), text=st.text(max_size=30))
def test_without_rules_any_document_and_query_keep_their_bytes(document, spaced, escaped, text):
    body = json.dumps(document, indent=1 if spaced else None, ensure_ascii=escaped).encode("utf-8", "replace")
    left = sent(
        keeping(), request(body, path=f"/e?t={quote(text)}&&=x&a", headers=Headers([("Content-Type", "text/plain")]))
    )
    assert left.body == body
    assert left.target == f"/e?t={quote(text)}&&=x&a"
