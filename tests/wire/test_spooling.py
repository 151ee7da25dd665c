"""Traces of events whose backend is away: answered as accepted, kept, and delivered as they were when it is back."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
import time

import pytest

from gateway.core.errors import Reason
from gateway.core.masked import seal
from gateway.core.message import Headers, Outbound
from gateway.core.outcome import Refuse, Response, Send
from gateway.core.report import Report
from gateway.proxy.routes import Ingest
from gateway.spool.embedded import EmbeddedStore
from gateway.spool.quarantine import Pen, Quarantine
from gateway.spool.seal import QUARANTINE, RECORDS, Sealer
from gateway.spool.store import Dropped, State
from gateway.trackers.schema import OptedOut
from tests.spool.making import RING
from tests.wire.conftest import OK, SECONDS, Backend

PAGE = b"Origin: https://shop.example\r\n"
ACCEPTED = OptedOut(path="/e*", status=200, headers={"content-type": "application/json"}, body='{"kept":1}')
INGEST = {"rrweb": Ingest(("/e", "/e/*"), (ACCEPTED,))}


class SessionMasker:
    """Stands for the pipeline: what came leaves as it is, and the body's first word tells the session."""

    def mask(self, inbound):
        request = Outbound(inbound.method, inbound.target, inbound.headers, inbound.body)
        return Send(seal(request, "0" * 64), Report(tracker="rrweb"), None, inbound.body.partition(b" ")[0])


def post(body: bytes, path: bytes = b"/e", more: bytes = PAGE) -> bytes:
    return b"POST /t%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%sContent-Length: %d\r\n\r\n%s" % (
        path,
        more,
        len(body),
        body,
    )


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def bodies(backend):
    return [raw.partition(b"\r\n\r\n")[2] for raw in backend.received]


def until(condition):
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.fixture
def store(tmp_path):
    return EmbeddedStore(tmp_path / "spool.db", Sealer(RING, RECORDS), limit=1 << 20, keep=3600)


@pytest.fixture
def away():
    """A port where nobody listens, and what brings a backend up there."""
    holder = socket.socket()
    holder.bind(("127.0.0.1", 0))
    port = holder.getsockname()[1]
    holder.close()
    with contextlib.ExitStack() as stack:

        def come_back():
            made = Backend(address=("127.0.0.1", port))
            stack.callback(made.close)
            return made

        yield port, come_back


def start(stage, store, port=None, **route):
    upstream = {"upstream": f"http://127.0.0.1:{port}"} if port else {}
    one = stage.route(ingest=INGEST, **upstream, **route)
    return stage.start(masker=SessionMasker(), routes=(one,), store=store)


def test_an_event_is_accepted_while_its_backend_is_away_and_delivered_as_it_was(stage, store, away):
    port, come_back = away
    start(stage, store, port)
    body = b"s1 " + bytes(range(256))
    got = stage.talk(post(body, b"/e/x?a=%2Fb&&c", PAGE + b"X-A: 1\r\nContent-Type: a/b\r\nX-A: 2\r\n"))
    assert status(got) == 200
    assert got.endswith(b'{"kept":1}')
    assert b"Access-Control-Allow-Origin: https://shop.example" in got
    assert b"content-type: application/json" in got
    assert stage.gateway.delivery.numbers.records == 1
    backend = come_back()
    until(lambda: backend.received)
    head, _, arrived = backend.received[0].partition(b"\r\n\r\n")
    assert arrived == body
    assert head.startswith(b"POST /e/x?a=%2Fb&&c HTTP/1.1\r\n")
    assert head.count(b"X-A: ") == 2
    until(lambda: stage.gateway.delivery.numbers.records == 0)
    assert len(backend.received) == 1


@pytest.mark.parametrize("path", [b"/flags", b"/other/e"])
def test_a_set_up_call_does_not_wait(stage, store, away, path):
    start(stage, store, away[0])
    assert status(stage.talk(post(b"s1 body", path))) == 502
    assert stage.gateway.delivery.numbers.records == 0


def test_what_is_no_http_does_not_wait(stage, store, away):
    class Bad:
        def mask(self, inbound):
            request = Outbound("POST", "/e", Headers([("X A", "b")]))
            return Send(seal(request, "0" * 64), Report(tracker="rrweb"))

    stage.start(masker=Bad(), routes=(stage.route(ingest=INGEST),), store=store)
    assert status(stage.talk(post(b"s1 body"))) == 502
    assert stage.gateway.delivery.numbers.records == 0


def test_order_holds_within_a_session_and_other_sessions_overtake(stage, store):
    stage.backend.script = b"HTTP/1.1 503 Busy\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"
    start(stage, store)
    assert status(stage.talk(post(b"s1 0"))) == 200
    stage.backend.script = OK
    assert status(stage.talk(post(b"s1 1"))) == 200
    until(lambda: stage.gateway.delivery.numbers.records == 0)
    got = stage.talk(post(b"s1 2"))
    assert got.endswith(b"ok")  # the backend's own answer again
    assert [body for body in bodies(stage.backend) if body.startswith(b"s1")] == [b"s1 0", b"s1 0", b"s1 1", b"s1 2"]


@pytest.mark.parametrize(
    ("answer", "passes"),
    [
        (b"HTTP/1.1 429 Slow\r\nContent-Length: 0\r\n\r\n", False),
        (b"HTTP/1.1 502 Bad\r\nContent-Length: 0\r\n\r\n", False),
        (b"HTTP/1.1 504 Late\r\nContent-Length: 0\r\n\r\n", False),
        (b"garbage\r\n\r\n", False),
        (b"HTTP/1.1 500 Broken\r\nContent-Length: 0\r\n\r\n", True),
        (b"HTTP/1.1 400 Wrong\r\nContent-Length: 0\r\n\r\n", True),
    ],
)
def test_an_answer_that_means_not_now_is_no_answer_for_the_browser(stage, store, answer, passes):
    stage.backend.script = answer
    start(stage, store)
    got = stage.talk(post(b"s1 body"))
    assert (status(got) != 200) is passes
    assert stage.gateway.delivery.numbers.records == (0 if passes else 1)


def test_a_backend_that_does_not_answer_in_time(stage, store):
    go_on = threading.Event()
    stage.backend.script = lambda connection: go_on.wait(SECONDS) and None
    one = stage.route(ingest=INGEST)
    stage.start(masker=SessionMasker(), routes=(one,), store=store, read=0.3)
    assert status(stage.talk(post(b"s1 body"))) == 200
    assert stage.gateway.delivery.numbers.records == 1
    stage.backend.script = OK
    go_on.set()


def test_a_backend_whose_certificate_does_not_hold_gets_nothing_and_loses_nothing(
    stage, store, upstream_authority, tmp_path
):
    import ssl

    import trustme

    _, trusted = upstream_authority
    stranger = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(stranger)
    backend = Backend(stranger)
    try:
        start(stage, store, tls=trusted, upstream=backend.url.replace("http:", "https:"))
        assert status(stage.talk(post(b"s1 body"))) == 200
        assert stage.gateway.delivery.numbers.records == 1
        assert backend.received == []
    finally:
        backend.close()


def test_a_queued_route_answers_before_the_backend_does(stage, store):
    go_on = threading.Event()

    def script(connection):
        assert go_on.wait(SECONDS)
        connection.sendall(OK)

    stage.backend.script = script
    start(stage, store, is_queued=True)
    for number in range(3):
        got = stage.talk(post(b"s1 %d" % number))
        assert got.endswith(b'{"kept":1}')
    go_on.set()
    until(lambda: stage.gateway.delivery.numbers.records == 0)
    assert bodies(stage.backend) == [b"s1 0", b"s1 1", b"s1 2"]


def test_what_the_backend_will_never_take_is_dropped_and_counted(stage, store):
    stage.backend.script = b"HTTP/1.1 400 Wrong\r\nContent-Length: 0\r\n\r\n"
    start(stage, store, is_queued=True)
    assert status(stage.talk(post(b"s1 body"))) == 200
    until(lambda: stage.gateway.delivery.numbers.records == 0)
    assert stage.gateway.delivery.numbers.dropped[Dropped.ANSWER] == 1
    assert len(stage.backend.received) == 1


def test_what_waits_goes_out_after_a_restart(stage, store, away, tmp_path):
    from tests.wire.conftest import Stage

    port, come_back = away
    start(stage, store, port)
    for number in range(5):
        assert status(stage.talk(post(b"s1 %d" % number))) == 200
    stage.stop()
    stage._thread = None
    backend = come_back()
    second = Stage(backend)
    try:
        again = EmbeddedStore(tmp_path / "spool.db", Sealer(RING, RECORDS), limit=1 << 20, keep=3600)
        second.start(masker=SessionMasker(), routes=(second.route(ingest=INGEST),), store=again)
        until(lambda: len(backend.received) == 5)
        assert bodies(backend) == [b"s1 %d" % number for number in range(5)]
    finally:
        second.stop()


def test_a_full_spool_asks_to_come_back_later(stage, tmp_path, away):
    small = EmbeddedStore(tmp_path / "spool.db", Sealer(RING, RECORDS), limit=65_536, keep=3600)
    port, come_back = away
    start(stage, small, port)
    answers = [stage.talk(post(b"s%d " % number + b"." * 9000)) for number in range(9)]
    kept = sum(status(one) == 200 for one in answers)
    assert 3 < kept < 9
    for refused in answers[kept:]:
        assert status(refused) == 503
        assert re.search(rb"\r\nRetry-After: \d+\r\n", refused)
        assert b"Access-Control-Allow-Origin" in refused
    assert stage.gateway.delivery.numbers.state is State.FULL
    assert "spool_full" in [trouble.reason for trouble in stage.gateway.troubles()]
    samples = {sample.metric: sample.value for sample in stage.gateway.samples() if not sample.labels}
    assert samples["gateway_spool_bytes"] <= samples["gateway_spool_limit_bytes"] == 65_536
    assert [one.value for one in stage.gateway.samples() if one.metric == "gateway_spool_records"] == [kept]
    backend = come_back()
    until(lambda: stage.gateway.delivery.numbers.records == 0)
    assert len(backend.received) == kept
    assert stage.talk(post(b"s1 body")).endswith(b"ok")


def test_without_a_spool_browsers_are_told(stage, away):
    one = stage.route(ingest=INGEST, upstream=f"http://127.0.0.1:{away[0]}")
    stage.start(masker=SessionMasker(), routes=(one,))
    assert status(stage.talk(post(b"s1 body"))) == 502


class Unreadable:
    def __init__(self, reason):
        self.reason = reason

    def mask(self, inbound):
        return Refuse(self.reason, Response(415), "rrweb")


@pytest.mark.parametrize(
    ("reason", "path", "quarantines", "code"),
    [
        (Reason.OPAQUE, b"/e", True, 200),
        (Reason.BROKEN_CODING, b"/e", True, 200),
        (Reason.OPAQUE, b"/e", False, 415),
        (Reason.OPAQUE, b"/flags", True, 415),
        (Reason.UNRECOGNISED, b"/e", True, 415),
    ],
)
def test_what_cannot_be_read_is_kept_where_the_route_says_so(stage, store, tmp_path, reason, path, quarantines, code):
    sealer = Sealer(RING, QUARANTINE)
    quarantine = Quarantine(tmp_path / "quarantine.db", sealer, limit=1 << 20, keep=60)
    route = stage.route(ingest=INGEST, quarantines=quarantines)
    stage.start(masker=Unreadable(reason), routes=(route,), store=store, quarantine=quarantine)
    assert status(stage.talk(post(b"s1 jane.doe@example.com", path))) == code
    stage.stop()
    stage._thread = None
    assert stage.backend.received == []
    assert (tmp_path / "quarantine.db").exists() is (code == 200)
    if code == 200:
        pen = Pen(tmp_path / "quarantine.db", sealer, limit=1 << 20, keep=60)
        ((_, kept, why),) = pen.requests()
        pen.close()
        assert (kept.body, kept.target, kept.route, why) == (b"s1 jane.doe@example.com", "/e", "t", reason.value)
        assert b"jane.doe" not in (tmp_path / "quarantine.db").read_bytes()


def test_a_loop_is_recognised_after_the_spool_too(stage, store, away):
    port, come_back = away
    start(stage, store, port)
    assert status(stage.talk(post(b"s1 body", more=b"Via: 1.1 gateway-01234567\r\n"))) == 200
    backend = come_back()
    until(lambda: backend.received)
    (via,) = backend.heads[0]["via"]
    assert via.startswith("1.1 gateway-01234567, 1.1 gateway-")
