"""Datadog's click events: the name is the element's own text, and is judged by the element."""

from __future__ import annotations

import json

import pytest

from tests.recording.datadog_upload import SESSION, VIEW, segment, snapshot, upload
from tests.subject import PRIVATE, program, request, sent

FORM = 'FORM#f[action="\\/submit"][method="post"]:nth-child(10);'
CLICKS = (
    ('BUTTON#go[type="submit"]:nth-child(15);' + FORM, "text_content", "Pay now", "Pay now"),
    ("A.nav:nth-child(2);DIV;", "text_content", "Mail jo@shop.example", "Mail [email]"),
    ("P#priv.private:nth-child(3):nth-of-type(2);", "text_content", "Balance of Jo", "***"),
    ("SPAN;DIV.card.private;MAIN;", "text_content", "Balance of Jo", "***"),
    ("SPAN;DIV.private\\:x;", "text_content", "Balance", "Balance"),
    ('SPAN;DIV[data-testid="a;B [c] \\"d\\""].private;', "text_content", "Balance of Jo", "***"),
    ('INPUT#name[type="text"];LABEL:nth-child(1);' + FORM, "text_content", "Name", "Name"),
    ('INPUT#name[type="submit"];' + FORM, "text_content", "Order for Jo", "***"),
    ("TEXTAREA#address;LABEL;" + FORM, "text_content", "Address Elm Street 7", "***"),
    ("LABEL:nth-child(8);" + FORM, "text_content", "Address Elm Street 7", "***"),
    (FORM, "text_content", "Name Address Elm Street 7", "***"),
    (FORM, "standard_attribute", "checkout", "checkout"),
    ("SELECT#plan;" + FORM, "text_content", "Gold", "***"),
    ("DIV {broken", "text_content", "Balance of Jo", "***"),
    ('DIV#a[title="cut', "text_content", "Balance of Jo", "***"),
)


def click(name, path="", source="text_content", selector="", session=SESSION, view=VIEW):
    target = {
        "width": 1,
        **({"composed_path_selector": path} if path else {}),
        **({"selector": selector} if selector else {}),
    }
    return {
        "type": "action", "date": 1795500100058, "session": {"id": session, "type": "user"}, "view": {"id": view, "url": "https://shop.example/"},
        "_dd": {"action": {"target": target, "name_source": source}},
        "action": {"id": "05d0c2e0-d02c-4d37-999c-a6036c07244d", "target": {"name": name}, "type": "click"},
    }  # fmt: skip


def names(subject, *clicks):
    body = "\n".join(json.dumps(one) for one in clicks).encode()
    out = sent(subject, request(body, path="/api/v2/rum?ddsource=browser")).body
    return [json.loads(line)["action"]["target"]["name"] for line in out.split(b"\n")]


@pytest.mark.parametrize(("path", "source", "name", "expected"), CLICKS)
def test_a_click_is_named_as_far_as_its_element_may_be_read(path, source, name, expected):
    assert names(program(PRIVATE), click(name, path, source), click("order", "")) == [expected, "order"]


OLDER = {"BUTTON#go": "Pay", "#go": "***", ".private": "***", "DIV.private>SPAN": "***"}


@pytest.mark.parametrize(("selector", "expected"), OLDER.items())
def test_an_older_sdk_tells_a_selector_only(selector, expected):
    assert names(program(PRIVATE), click("Pay", selector=selector)) == [expected]


def test_an_element_that_the_recording_knows_is_judged_by_where_it_stands_there():
    """The path leaves out what stands above the page's body; the recording does not."""
    subject = program("mask: [{name: page, select: html p, with: mask}]")
    strings = [[1, "#document", "HTML", "P"], [2, "id"], [3, "news"]]
    sent(subject, upload(segment(snapshot(strings, [[None, 0], [1, 1], [1, 2, [3, 4]]]))))
    known, elsewhere = click("Late news", "P#news;"), click("Fresh bread", "P#news;", view="another")
    assert names(subject, known) == ["***"]
    assert names(subject, elsewhere) == ["Fresh bread"]


def test_what_else_the_event_tells_is_masked_as_everywhere():
    event = {
        **click("Pay", "BUTTON#go;"),
        "usr": {"id": "u-1", "email": "jo@shop.example"},
        "context": {"password": "hunter2!"},
    }
    out = json.loads(sent(program(), request(event, path="/api/v2/rum?ddsource=browser")).body)
    assert out["usr"]["email"] == "***"
    assert out["usr"]["id"] != "u-1"
    assert out["context"] == {"password": "***"}
    assert out["session"] == event["session"]
