"""Whatever goes wrong, nothing is forwarded that is not masked: the real rules behind real sockets, one event a row."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace

import pytest

from gateway import config
from gateway.ruleset.judge import Judge
from tests.plans import plan_of
from tests.wire.mutations import bombs
from tests.wire.test_forwarding import END, status

SECRET = "jane.doe@example.org"
GOOD = json.dumps({"event": "seen", "properties": {"note": f"write to {SECRET}"}}).encode()
DEEP = b'{"a":' * 2000 + b"1" + b"}" * 2000


@pytest.fixture
def serve(stage, tmp_path):
    """The shipped rules in front of the backend; every further field of the configuration as given."""

    def start(more: str = "", **plan: object):
        file = tmp_path / "gateway.yaml"
        file.write_text(
            "listen: 127.0.0.1:0\ntls: {mode: off}\nmasking_key: file:masking.key\n"
            f"{more}routes:\n  - {{path: /t/, upstream: {stage.backend.url!r}}}\n"
        )
        configuration = config.load(file)
        made = plan_of(configuration)
        return stage.start(masker=made.masker, routes=plan.pop("routes", made.routes), limits=made.limits)

    return start


def post(body: bytes, *fields: bytes) -> bytes:
    head = b"POST /t/e/ HTTP/1.1\r\nHost: shop.example\r\nContent-Length: %d\r\n" % len(body)
    return head + b"".join(one + b"\r\n" for one in fields) + END + body


JSON = b"Content-Type: application/json"
EVENTS = {
    "who objects": (post(GOOD, JSON, b"Sec-GPC: 1"), {200}),
    "a coding that nobody knows": (post(GOOD, JSON, b"Content-Encoding: compress"), {400, 415}),
    "a charset that nobody knows": (post(GOOD, b"Content-Type: application/json; charset=x-unknown"), {400, 415}),
    "an opaque body": (post(bytes(range(256)) * 4, b"Content-Type: application/octet-stream"), {400, 415}),
    "a body that is cut": (post(gzip.compress(GOOD)[:-12], JSON, b"Content-Encoding: gzip"), {400, 415}),
    "depth": (post(DEEP, JSON), {400, 413, 415}),
    "size": (post(b'{"a":"' + b"x" * 5000 + b'"}', JSON), {413}),
    **{
        f"bomb {number}, {coding.decode()}": (post(body, JSON, b"Content-Encoding: " + coding), {400, 413, 415, 422})
        for number, (coding, body) in enumerate(bombs())
        if len(body) < 4096
    },
}


@pytest.mark.parametrize(("raw", "codes"), EVENTS.values(), ids=EVENTS)
def test_what_cannot_be_masked_is_not_forwarded_and_harms_nothing_else(serve, stage, raw, codes):
    serve("limits: {body: 4KiB}\n")
    assert status(stage.talk(raw)) in codes
    assert stage.backend.received == []
    assert status(stage.talk(post(GOOD, JSON))) == 200
    (arrived,) = stage.backend.received
    assert SECRET.encode() not in arrived


def test_a_defect_while_masking_forwards_nothing(serve, stage, monkeypatch):
    def fail(*_):
        raise ZeroDivisionError(SECRET)

    serve()
    monkeypatch.setattr(Judge, "settle", fail)
    got = stage.talk(post(GOOD, JSON))
    assert 400 <= status(got) < 500
    assert SECRET.encode() not in got
    assert stage.backend.received == []


def test_a_time_that_is_over_forwards_nothing(serve, stage):
    serve("limits: {time: 10ms}\n")
    many = json.dumps([{"event": "seen", "properties": {f"note {n}": SECRET}} for n in range(5000)]).encode()
    assert 400 <= status(stage.talk(post(many, JSON))) < 500
    assert stage.backend.received == []


@pytest.mark.parametrize("kind", ["down", "of another protocol"])
def test_a_backend_that_cannot_be_had_is_told(serve, stage, kind):
    if kind == "down":
        stage.backend.close()
    stage.backend.script, stage.backend.closes = b"220 smtp.example\r\n\r\n", True
    serve()
    got = stage.talk(post(GOOD, JSON))
    assert status(got) == 502
    assert SECRET.encode() not in got + b"".join(stage.backend.received)


def test_a_route_that_is_switched_off_forwards_nothing(serve, stage):
    serve(routes=(replace(stage.route(), record=False),))
    assert status(stage.talk(post(GOOD, JSON))) == 200
    assert stage.backend.received == []
