"""The walk: which category a value gets by where it stands, in the record shapes that trackers share."""

from __future__ import annotations

import json

import pytest

from tests.subject import PRIVATE, masked, program, refused, request

ANY = program(PRIVATE)

SHAPES = {
    "a key beside its value": ({"key": "password", "value": "x"}, {"key": "password", "value": "***"}),
    "a key beside a typed value": (
        {"key": "password", "value": {"stringValue": "x"}}, {"key": "password", "value": {"stringValue": "***"}}),
    "a name beside its value": ({"name": "email", "value": "jane"}, {"name": "email", "value": "***"}),
    "a harmless name": ({"name": "colour", "value": "red"}, {"name": "colour", "value": "red"}),
    "rows of keys and values": (
        [{"key": "user.email", "value": {"stringValue": "j"}}, {"key": "n", "value": {"intValue": 5}}],
        [{"key": "user.email", "value": {"stringValue": "***"}}, {"key": "n", "value": {"intValue": 5}}]),
    "a value and its type": ({"email": {"value": "x", "type": "string"}}, {"email": {"value": "***", "type": "string"}}),
    "a list under a key": ({"password": ["a", ["b"]]}, {"password": ["***", ["***"]]}),
    "a record under a key": ({"password": {"a": {"b": "c"}}}, {"password": {"a": {"b": "***"}}}),
    "names of structure under a sensitive key": ({"auth": {"time": "x y", "id": "z"}}, {"auth": {"time": "***", "id": "***"}}),
    "nested JSON": ({"x": '{"password":"a","b":1}'}, {"x": '{"password":"***","b":1}'}),
    "JSON in JSON in JSON": ({"x": json.dumps(json.dumps({"password": "a"}))}, {"x": json.dumps(json.dumps({"password": "***"}))}),
    "a query in a record": ({"x": "?token=abc&lang=de"}, {"x": "?token=***&lang=de"}),
    "markup in a record": ({"x": "<b class='private'>Jane</b><i>hi</i>"}, {"x": "<b class='private'>***</b><i>hi</i>"}),
    "a form in markup": ({"x": "<input value='Jane'><p>hi</p>"}, {"x": "<input value='***'><p>hi</p>"}),
    "a person": ({"x": {"email": "jane", "note": "tall"}}, {"x": {"email": "***", "note": "***"}}),
    "a person by an official number": (
        {"x": {"nom": "Zorblax", "avs": "n/a"}}, {"x": {"nom": "***", "avs": "***"}}),
    "a record in a sentence": (
        {"x": 'saving {"user": {"first_name": "Zorblax"}} failed (409)'},
        {"x": 'saving {"user": {"first_name": "***"}} failed (409)'}),
    "a record at the start of a sentence": ({"x": '{"password":"a"} was sent'}, {"x": '{"password":"***"} was sent'}),
    "a harmless record in a sentence": ({"x": 'got {"n": 1} and {"m": 2}'}, {"x": 'got {"n": 1} and {"m": 2}'}),
    "no record in a sentence": ({"x": 'a { "b c" } d {"e": '}, {"x": 'a { "b c" } d {"e": '}),
    "an exchange with a server": (
        {"x": {"method": "POST", "url": "/a", "body": "x=1", "headers": {"a": "b"}, "status": 200}},
        {"x": {"method": "POST", "url": "/a", "status": 200}}),
    "an identifying call": ({"type": "identify", "payload": {"plan": "gold"}}, {"type": "identify", "payload": {"plan": "***"}}),
    "an input's value": ({"tag": "input", "value": "typed", "label": "x"}, {"tag": "input", "value": "***", "label": "***"}),
    "a private element's text": ({"class": "private", "text": "shown"}, {"class": "private", "text": "***"}),
    "empty things": ({"a": {}, "b": [], "c": "", "password": ""}, {"a": {}, "b": [], "c": "", "password": ""}),
}  # fmt: skip


@pytest.mark.parametrize(("body", "leaves"), SHAPES.values(), ids=SHAPES)
def test_a_value_is_known_by_its_shape(body, leaves):
    assert masked(ANY, body) == leaves


FIELDS = {
    "a.b": ({"a": {"b": "x", "c": "x"}, "b": "x"}, {"a": {"b": "[f]", "c": "x"}, "b": "x"}),
    "a": ({"a": {"b": "x", "c": ["y"]}, "b": "x"}, {"a": {"b": "[f]", "c": ["[f]"]}, "b": "x"}),
    "*.b": ({"a": {"b": "x"}, "b": "x"}, {"a": {"b": "[f]"}, "b": "x"}),
    "**.b": ({"a": [{"b": "x"}], "b": "x"}, {"a": [{"b": "[f]"}], "b": "[f]"}),
    "a.**.d": ({"a": {"b": {"c": {"d": "x"}}}, "d": "x"}, {"a": {"b": {"c": {"d": "[f]"}}}, "d": "x"}),
    "a.**": ({"a": {"b": ["x"]}, "c": "x"}, {"a": {"b": ["[f]"]}, "c": "x"}),
    '"a.b".c': ({"a.b": {"c": "x"}, "a": {"b": {"c": "x"}}}, {"a.b": {"c": "[f]"}, "a": {"b": {"c": "x"}}}),
    "a.j.b": ({"a": {"j": '{"b":"x","c":"x"}'}}, {"a": {"j": '{"b":"[f]","c":"x"}'}}),
}


@pytest.mark.parametrize(("path", "row"), FIELDS.items(), ids=FIELDS)
def test_a_field_path_reads_through_lists_and_nested_documents(path, row):
    body, leaves = row
    subject = program(f"mask: [{{name: f, fields: ['{path}'], with: {{replace: '[f]'}}}}]")
    assert masked(subject, body) == leaves


@pytest.mark.parametrize(
    ("rules", "leaves"),
    [
        ("", {"auth": "***", "author": "a", "accept": "b", "access": "c", "tokens_used": 5}),
        ("mask: [{name: k, keys: [accept], with: mask}]", {"author": "a", "accept": "***", "acceptance": "x"}),
        ("mask: [{name: k, keys: [total$], with: mask}]", {"order_total": "***", "total_items": "x"}),
        (
            "mask: [{name: k, keys: [order note], with: mask}]",
            {"orderNote": "***", "order-note-2": "***", "order": "x"},
        ),
    ],
)
def test_keys_are_picked_by_whole_words(rules, leaves):
    body = {key: value if value != "***" else "plain" for key, value in leaves.items()}
    assert masked(program(rules), body) == leaves


def test_a_switch_is_always_sent_as_the_tracker_file_says():
    told = masked(program("", "sentry"), {"sdk": {"settings": {"infer_ip": "auto"}}})
    assert told == {"sdk": {"settings": {"infer_ip": "never"}}}


def test_a_large_record_is_read_within_its_time():
    from gateway.core.limits import Limits
    from tests.subject import Clock

    class Running(Clock):
        def __call__(self) -> float:
            self.now += 0.01
            return self.now

    body = {"rows": [{"a": index} for index in range(50_000)]}
    assert refused(program(clock=Running(), limits=Limits(time=0.3)), request(body)) == "too_slow"


def test_too_many_layers_are_refused():
    value = "x"
    for _ in range(12):
        value = json.dumps({"a": value})
    from gateway.core.limits import Limits

    assert refused(program(limits=Limits(layers=8, time=60.0)), request({"a": value})) == "too_deep"
    assert masked(program(), {"a": value}) == {"a": value}
