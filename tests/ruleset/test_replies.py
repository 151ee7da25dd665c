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


def plan(settings=None, ids=None, **more):
    edits = [
        ReplyEdit(
            path=("*",),
            set={literal: tuple(map(parse_path, paths)) for literal, paths in (settings or {}).items()},
            **more,
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


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe\x00binary\x00", gzip.compress(b"x", mtime=0)[:-3]])
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


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('{"a": {"level": "light", "z":1}}', '{"a": {"level": "medium", "z":1}}'),
        ('{"a": {"level": "conservative"}}', None),
        ('{"a": {}}', None),
        ('{"a": {"level": null}}', None),
    ],
)
def test_a_field_that_asks_for_more_already_stays(before, after):
    edit = plan({'"medium"': ["a.level"]}, instead_of=('"light"',)).edit(before.encode(), JSON, [], {})
    assert (edit.decode() if edit is not None else None) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('{"rules": []}', '{"rules": [{"s":1}]}'),
        ('{"rules": [{"s":2}, 3]}', '{"rules": [{"s":1},{"s":2}, 3]}'),
        ('{"rules": null}', '{"rules": [{"s":1}]}'),
        ('{"ok":true}', '{"rules":[{"s":1}],"ok":true}'),
        ("[]", None),
    ],
)
def test_a_value_is_added_to_a_list(before, after):
    edit = plan(add={'{"s":1}': (parse_path("rules"),)}).edit(before.encode(), JSON, [], {})
    assert (edit.decode() if edit is not None else None) == after


def reply_to(method, path, body, rules="", tracker=""):
    send = mask(Inbound(method, path, Headers()), program(rules, *([tracker] if tracker else [])), time.monotonic)
    edit = send.reply.edit(json.dumps(body).encode(), JSON, [], {}) if send.reply is not None else None
    return json.loads(edit) if edit is not None else body


SETUP = "/rec/setup-recording/website"
RULES = {
    "ok": True,
    "recordingAllowed": True,
    "recordingRules": [{"selector": ".x", "type": "exclude"}],
    "consent": {"ip": True},
}


def test_smartlooks_set_up_reply_gets_a_rule_for_inputs_before_the_projects_own():
    told = reply_to("POST", SETUP, RULES)
    assert [rule["type"] for rule in told["recordingRules"]] == ["mask", "exclude"]
    assert "textarea" in told["recordingRules"][0]["selector"]
    assert told["recordingAllowed"] is True
    assert told["consent"]["ip"] is False
    kept = reply_to("POST", SETUP, RULES, "record: {form_inputs: keep}")
    assert kept["recordingRules"] == RULES["recordingRules"]


def test_datadogs_remote_configuration_masks_inputs_unless_it_asks_for_more():
    def told(level, rules=""):
        return reply_to("GET", "/v1/0e008b1b.json", {"rum": level}, rules, "datadog")["rum"]

    assert told({"defaultPrivacyLevel": "allow"}) == {"defaultPrivacyLevel": "mask-user-input"}
    assert told({"defaultPrivacyLevel": "mask"}) == {"defaultPrivacyLevel": "mask"}
    assert told({"sessionSampleRate": 20}) == {"sessionSampleRate": 20}
    assert told({"enablePrivacyForActionName": False}) == {"enablePrivacyForActionName": True}
    assert told({"defaultPrivacyLevel": "allow"}, "record: {form_inputs: keep}") == {"defaultPrivacyLevel": "allow"}


def test_amplitudes_remote_configuration_masks_inputs_and_leaves_bodies_out():
    privacy = {
        "defaultMaskLevel": "light",
        "unmaskSelector": ["*"],
        "urlMaskLevels": [{"match": "*", "maskLevel": "light"}],
    }
    replay = {
        "sr_privacy_config": privacy,
        "sr_logging_config": {"network": {"enabled": True, "body": {"request": True, "response": True}}},
    }
    told = reply_to("GET", "/config/key", {"configs": {"sessionReplay": replay}})["configs"]["sessionReplay"]
    assert told["sr_privacy_config"] == {
        "defaultMaskLevel": "medium", "unmaskSelector": [], "urlMaskLevels": [{"match": "*", "maskLevel": "medium"}],
    }  # fmt: skip
    assert told["sr_logging_config"]["network"] == {"enabled": True, "body": {"request": False, "response": False}}
    strict = {
        "configs": {"sessionReplay": {"sr_privacy_config": {"defaultMaskLevel": "conservative", "unmaskSelector": []}}}
    }
    assert reply_to("GET", "/config/key", strict) == strict
