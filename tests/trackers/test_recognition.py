"""Which tracker made a request: by its most telling entry, never by its Content-Type."""

from __future__ import annotations

import json

import pytest

from gateway.codings import BY_CHARSET, BY_CONTENT_CODING, CODINGS
from gateway.core.limits import Budget, Limits
from gateway.core.opening import Opener
from gateway.formats import FORMATS
from gateway.trackers.path import parse_path
from gateway.trackers.recognition import Recogniser, exists
from tests.subject import request, trackers

OPENER = Opener(CODINGS, FORMATS, BY_CONTENT_CODING, BY_CHARSET)


def opened(body):
    return OPENER.open_body(json.dumps(body).encode(), "", [], Budget(Limits(), lambda: 0.0)).root


FOUND = {
    "posthog by its path and body": ("/e/", {}, {"api_key": "x", "event": "y", "distinct_id": "z"}, "posthog"),
    "sentry by its path": ("/api/1/envelope/", {}, None, "sentry"),
    "sentry by its query": ("/x", {"sentry_key": "a"}, None, "sentry"),
    "segment by its path and body": (
        "/v1/t",
        {},
        {"messageId": "a", "writeKey": "b", "type": "track", "event": "x"},
        "segment",
    ),
    "rrweb by its body": ("/anywhere", {}, {"events": [{"type": 4, "data": {"href": "x"}, "timestamp": 1}]}, "rrweb"),
    "nobody": ("/anywhere", {}, {"a": 1}, None),
    "nobody without a body": ("/anywhere", {}, None, None),
}


@pytest.mark.parametrize(("path", "query", "body", "name"), FOUND.values(), ids=FOUND)
@pytest.mark.parametrize("content_type", ["", "application/json", "text/plain", "image/png"])
def test_a_tracker_is_found_by_what_tells_most(path, query, body, name, content_type):
    inbound = request(b"", path=path, headers=[("Content-Type", content_type)])
    root = None if body is None else opened(body)
    found = Recogniser(file for one, file in trackers().items() if one != "_any")(inbound, query, root)
    assert (found.tracker if found else None) == name


EXISTS = {
    "a": ({"a": 1}, True),
    "a.b": ({"a": {"c": 1}}, False),
    "events.type": ({"events": [{"x": 1}, {"type": 2}]}, True),
    "**.deep": ({"a": [{"b": {"deep": 0}}]}, True),
    "a.*.c": ({"a": {"x": {"c": None}}}, True),
    "nested.b": ({"nested": '{"b":1}'}, True),
    "**.nothing": ({"a": {"b": {"c": {}}}}, False),
}


@pytest.mark.parametrize(("path", "row"), EXISTS.items(), ids=EXISTS)
def test_a_field_is_there_or_not(path, row):
    body, is_there = row
    assert exists(opened(body), parse_path(path)) is is_there


def test_looking_for_a_field_ends_in_the_widest_document():
    wide = opened({f"k{number}": {f"m{other}": 1 for other in range(20)} for number in range(2000)})
    assert exists(wide, parse_path("**.x")) is False
