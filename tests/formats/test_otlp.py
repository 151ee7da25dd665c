"""OpenTelemetry's requests: keys as in JSON, told by their bytes alone, each read to the last byte or not at all."""

import json

import pytest

from gateway.core.document import Kind, List, Map
from gateway.core.limits import Budget, Limits
from gateway.formats.otlp import OTLP
from tests.formats.otlp_message import attributes, count, logs, moment, part, record, row, spans
from tests.judge import otlp_reader
from tests.subject import program, refused, request, sent

TYPE = ("Content-Type", "application/x-protobuf")
TRACE, SPAN = bytes(range(16)), bytes(range(8))


def parse(source):
    return OTLP.parse(source, Budget(Limits(), lambda: 0.0))


def shown(node):
    if isinstance(node, Map):
        return {key.value: shown(value) for key, value in node.items}
    if isinstance(node, List):
        return [shown(item) for item in node.items]
    return node.data if node.kind is Kind.BYTES else node.value


def test_logs_read_as_their_json_does():
    source = logs(record("hello", part(9, TRACE), part(10, SPAN), level="info"), service__name="shop")
    assert shown(parse(source).root) == {
        "resourceLogs": [
            {
                "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]},
                "scopeLogs": [
                    {
                        "scope": {"name": "rum.rr-web", "version": "4.0.0"},
                        "logRecords": [
                            {
                                "timeUnixNano": "1795500168685000000",
                                "body": {"stringValue": "hello"},
                                "attributes": [{"key": "level", "value": {"stringValue": "info"}}],
                                "traceId": TRACE.hex(),
                                "spanId": SPAN.hex(),
                            }
                        ],
                    }
                ],
            }
        ]
    }


def test_traces_and_metrics_are_told_from_logs_by_what_is_in_them():
    traces = spans(part(1, TRACE) + part(2, SPAN) + part(5, "click") + count(6, 1) + moment(7, 5) + attributes(9, a=1))
    point = part(1, attributes(7, a="b") + moment(3, 5) + b"\x21" + bytes(8))
    metrics = part(1, part(2, part(2, part(1, "page.load") + part(3, "ms") + part(5, point))))
    assert [key.value for key, _ in parse(traces).root.items] == ["resourceSpans"]
    assert [key.value for key, _ in parse(metrics).root.items] == ["resourceMetrics"]


@pytest.mark.parametrize(
    "source", [b"", b"\n", b"\n\x05abc", b"\x0a\x02hi", b'\n{"a":1}', b"\x12\x00", b"hello", "\n\x00"]
)
def test_other_bytes_are_left_alone(source):
    assert parse(source) is None


def typed_in(outbound):
    return json.loads(otlp_reader.read(outbound.body))


VALUES = {
    "text": "mail ann@example.org", "list": ["x", "ann@example.org"], "map": {"userEmail": "bob@example.org", "n": 1},
    "number": 7, "real": 0.5, "yes": True,
}  # fmt: skip


def test_values_of_every_type_are_masked_and_the_rest_stays():
    out = typed_in(sent(program(), request(logs(record("hi", **VALUES)), path="/v1/logs", headers=[TYPE])))
    told = out["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0]["attributes"]
    assert [one["value"] for one in told] == [
        {"stringValue": "mail [email]"},
        {"arrayValue": {"values": [{"stringValue": "x"}, {"stringValue": "[email]"}]}},
        {
            "kvlistValue": {
                "values": [
                    {"key": "userEmail", "value": {"stringValue": "***"}},
                    {"key": "n", "value": {"intValue": 1}},
                ]
            }
        },
        {"intValue": 7},
        {"doubleValue": 0.5},
        {"boolValue": True},
    ]


def test_json_and_protobuf_are_masked_alike():
    told = {
        "location.href": "https://shop.example/a?token=abc",
        "userEmail": "ann@example.org",
        "note": "+1 415 555 0132",
    }
    rows = [{"key": key, "value": {"stringValue": value}} for key, value in told.items()]
    as_json = {"resourceSpans": [{"scopeSpans": [{"spans": [{"name": "x", "attributes": rows}]}]}]}
    binary = spans(part(5, "x") + b"".join(part(9, row(key, value)) for key, value in told.items()))
    subject = program()
    one = json.loads(
        sent(subject, request(as_json, path="/v1/traces", headers=[("Content-Type", "application/json")])).body
    )
    other = typed_in(sent(subject, request(binary, path="/v1/traces", headers=[TYPE])))
    assert one == other
    assert "ann@example.org" not in json.dumps(one)


def test_a_field_of_a_later_version_is_cut_out_and_the_rest_goes_on():
    source = logs(record("hello", part(99, "ann@example.org"), level="info"))
    out = sent(program(), request(source, path="/v1/logs", headers=[TYPE]))
    assert out.body == logs(record("hello", level="info"))


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (logs(record("hello"))[:-1], "broken_format"),
        (b"plain text", "broken_format"),
        (logs(record("hello", photo=b"\x00\xff\xfe\x01")), "opaque"),
    ],
)
def test_what_is_claimed_and_cannot_be_read_does_not_leave(body, reason):
    assert refused(program(), request(body, path="/v1/logs", headers=[TYPE])) == reason


def test_a_body_without_a_claim_is_told_by_its_bytes():
    out = sent(program(), request(logs(record("to ann@example.org")), path="/v1/logs"))
    assert out.body == logs(record("to [email]"))
