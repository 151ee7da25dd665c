"""A set-up reply tells the SDK to mask at its source and to come back here; what can't be read stays as it came."""

from __future__ import annotations

import gzip
import json
import time

import pytest

from gateway.codings import BY_CHARSET, BY_CONTENT_CODING, CODINGS
from gateway.core.limits import Limits
from gateway.core.message import Headers, Inbound
from gateway.core.opening import Opener
from gateway.core.pipeline import mask
from gateway.formats import FORMATS
from gateway.ruleset.replies import ReplyPlan, ids_to_map_back
from gateway.trackers.path import parse_path
from gateway.trackers.schema import ReplyEdit
from tests.subject import program

OPENER = Opener(CODINGS, FORMATS, BY_CONTENT_CODING, BY_CHARSET)
JSON = "application/json; charset=utf-8"


def plan(settings=None, ids=None):
    edits = [
        ReplyEdit(
            path=("*",), set={literal: tuple(map(parse_path, paths)) for literal, paths in (settings or {}).items()}
        )
    ]
    return ReplyPlan(OPENER, Limits(), time.monotonic, edits, ids or {})


def edited(text, settings=None, ids=None, hosts=None, encodings=()):
    body = text.encode() if isinstance(text, str) else text
    return plan(settings, ids).edit(body, JSON, encodings, hosts or {})


@pytest.mark.parametrize(
    ("before", "settings", "after"),
    [
        ('{"a": {"on": true}, "z":1}', {"false": ["a.on"]}, '{"a": {"on": false}, "z":1}'),
        ('{"a": {"x": 1}}', {"false": ["a.on"]}, '{"a": {"on":false,"x": 1}}'),
        ('{"a": {}}', {"false": ["a.on"]}, '{"a": {"on":false}}'),
        ('{"a": false}', {"true": ["a.on"]}, None),
        ('{"b": 1}', {"true": ["a.on"]}, None),
        ('{"a": {"m": {"t": "*"}}}', {'{"i":true}': ["a.m"], "true": ["a.m.i"]}, '{"a": {"m": {"i":true,"t": "*"}}}'),
        ('{"a": {}}', {'{"i":true}': ["a.m"], "true": ["a.m.i"]}, '{"a": {"m":{"i":true}}}'),
        ('{"a": null}', {'{"i":true}': ["a"]}, '{"a": {"i":true}}'),
        ('[{"on": 1}, {"on": 2}]', {"0": ["on"]}, '[{"on": 0}, {"on": 0}]'),
    ],
)
def test_a_field_is_set_where_its_holder_stands_and_all_else_stays(before, settings, after):
    came = edited(before, settings)
    assert (came.decode() if came is not None else None) == after


def test_an_id_that_the_backend_gives_back_is_the_visitors_own_again():
    told = '{"userUUID":"0c9a-hashed-1234","n":1}'
    assert edited(told, ids={"0c9a-hashed-1234": "7f00-own-9999"}) == b'{"userUUID":"7f00-own-9999","n":1}'


def test_a_short_or_odd_pseudonym_is_not_looked_for():
    assert ids_to_map_back({"ab": "cd", "x y": "z", "same-same": "same-same", "long-enough": "own"}) == {
        "long-enough": "own"
    }


def test_the_backends_address_becomes_the_one_the_browser_used():
    hosts = {"https://backend.example": "https://shop.example/t"}
    assert edited('{"u":"https://backend.example/s/"}', hosts=hosts) == b'{"u":"https://shop.example/t/s/"}'


def test_a_coded_reply_comes_back_plain():
    body = gzip.compress(b'{"a":{"on":true}}')
    assert edited(body, {"false": ["a.on"]}, encodings=["gzip"]) == b'{"a":{"on":false}}'


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe\x00binary\x00", gzip.compress(b"x")[:-3]])
def test_what_cannot_be_read_stays_as_it_came(body):
    assert edited(body, {"false": ["a.on"]}) is None


@pytest.mark.parametrize(
    ("content_type", "is_read"),
    [
        (JSON, True), ("text/javascript", True), ("application/javascript", True), ("text/plain", True),
        ("application/problem+json", True), ("image/gif", False), ("text/html", False), ("", False),
    ],
)  # fmt: skip
def test_only_set_up_replies_and_scripts_are_read(content_type, is_read):
    assert plan().reads(content_type) is is_read


def test_a_kept_category_is_left_to_the_sdk():
    keeps = program("record: {form_inputs: keep, data_logs: keep}")
    send = mask(Inbound("GET", "/array/phc_test/config", Headers()), keeps, time.monotonic)
    assert send.reply is None


def test_posthogs_set_up_reply_masks_inputs_at_the_source():
    send = mask(Inbound("GET", "/array/phc_test/config", Headers()), program(), time.monotonic)
    body = b'{"token":"phc_test","sessionRecording":{"endpoint":"/s/","networkPayloadCapture":{"recordBody":true}}}'
    told = json.loads(send.reply.edit(body, JSON, [], {}))
    assert told["sessionRecording"]["masking"] == {"maskAllInputs": True}
    assert told["sessionRecording"]["networkPayloadCapture"]["recordBody"] is False
    assert told["sessionRecording"]["endpoint"] == "/s/"
