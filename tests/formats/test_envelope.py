"""Lengths follow their payloads; lines of JSON are no envelope."""

import json

import pytest

from gateway.core.limits import Budget, Limits
from gateway.formats.envelope import ENVELOPE


def parse(source):
    return ENVELOPE.parse(source, Budget(Limits(), lambda: 0.0))


SOURCE = b'{"dsn":"d"}\n{"type":"attachment", "length": 5 }\na\nb\nc\n{"type":"event"}\n{"m":1}'


def test_payloads_are_cut_by_length_or_by_line():
    items = parse(SOURCE).root.get("items").items
    assert [item.get("payload").data for item in items] == [b"a\nb\nc", b'{"m":1}']


@pytest.mark.parametrize("payload", [b"", b"longer than it was", b"a\nb\nc", "é\n".encode()])
def test_a_length_follows_its_payload(payload):
    layer = parse(SOURCE)
    layer.replace(layer.root.get("items").items[0].get("payload"), payload)
    written = layer.close()
    assert b'{"type":"attachment", "length": %d }\n%s\n{"type"' % (len(payload), payload) in written
    assert parse(written).root.get("items").items[0].get("payload").data == payload


def test_a_length_follows_where_the_header_was_edited_too():
    layer = parse(SOURCE)
    item = layer.root.get("items").items[0]
    layer.replace(item.get("header"), '{"length":5,"filename":"[file]","type":"attachment"}')
    layer.replace(item.get("payload"), b"12345678")
    assert b'{"length":8,"filename":"[file]","type":"attachment"}\n12345678\n' in layer.close()


def test_a_payload_without_length_stays_on_its_line():
    layer = parse(SOURCE)
    layer.replace(layer.root.get("items").items[1].get("payload"), b'{"m":\n2}')
    assert layer.close().endswith(b'{"type":"event"}\n{"m": 2}')


def test_an_item_goes_with_its_header():
    layer = parse(SOURCE)
    layer.drop(layer.root.get("items"), 0)
    assert layer.close() == b'{"dsn":"d"}\n{"type":"event"}\n{"m":1}'


@pytest.mark.parametrize(
    "source",
    [
        b'{"type":"view"}\n{"type":"action"}\n{"a":1}',
        b'{"date":1}\n{"type":"view","view":{"id":1}}\n{"a":1}',
        b'{"a":1}\n[1]\n',
        b'{"a":1}\n',
        b'{}\n{"type":"a","length":9}\nshort\n',
        b'{}\n{"type":"a","length":-1}\nx\n',
        b'{}\n{"type":"a","length":1e1}\n0123456789\n',
        b'{}\n{"type":"a","length":3}\nlonger\n',
        b'{}\n{"type":"a","length":1,"length":2}\nab\n',
        b'{}\n{"type":1}\nx\n',
    ],
)
def test_what_is_no_envelope_is_none(source):
    assert parse(source) is None


def test_all_headers_are_json_still():
    layer = parse(SOURCE)
    assert json.loads(layer.root.get("header").value) == {"dsn": "d"}
