"""Deadlines, shares and buffers: nobody holds more of the gateway than is theirs, however slow or many they are."""

from __future__ import annotations

import contextlib
import gc
import socket
import threading
import time

import aiohttp
import pytest

from gateway.proxy.counts import Kind
from gateway.proxy.listener import Connection
from gateway.proxy.peers import Peers
from gateway.proxy.reply import Reply
from gateway.proxy.trust import Trust
from gateway.proxy.upstream import CONNECTIONS
from gateway.traffic import Verdict
from tests.wire.process import peak, running
from tests.wire.test_forwarding import END, GET, fields, status

PIECE = b"x" * 65536
LARGE = 100 * 1024 * 1024
WATCHDOG = 30.0


def until(condition) -> None:
    """Waits for what must come; a watchdog, no measure of time."""
    end = time.monotonic() + WATCHDOG
    while not condition():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.01)


def connections(stage) -> int:
    found: list[int] = []
    stage.on_loop(lambda: found.append(sum(len(one.connections) for one in stage.gateway._listeners)))
    return found[0]


def small_reader(stage) -> socket.socket:
    """A client whose system takes little on its behalf."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.settimeout(WATCHDOG)
    client.connect(("127.0.0.1", stage.port))
    return client


class Fountain:
    """Answers with 100 MB, and counts what could be sent."""

    def __init__(self, size: int = LARGE) -> None:
        self.size = size
        self.sent = 0
        self.ended = threading.Event()

    def __call__(self, connection: socket.socket) -> None:
        try:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % self.size)
            while self.sent < self.size:
                connection.sendall(PIECE)
                self.sent += len(PIECE)
        finally:
            self.ended.set()


# time


def test_a_connection_that_says_nothing_is_closed(stage, monkeypatch):
    monkeypatch.setattr("gateway.proxy.listener.IDLE_SECONDS", 0.05)
    assert stage.start().talk() == b""


def test_a_connection_that_has_said_enough_is_closed(stage, monkeypatch):
    monkeypatch.setattr("gateway.proxy.listener.IDLE_SECONDS", 0.05)
    assert stage.start().talk(GET + b"\r\n").endswith(b"ok")


@pytest.mark.parametrize("first", [b"", GET + b"\r\n"], ids=["at once", "behind a request"])
def test_a_head_that_drips_is_cut_off(stage, monkeypatch, first):
    monkeypatch.setattr("gateway.proxy.listener.Connection.head_seconds", 0.05)
    with stage.start().connect() as client:
        client.sendall(first)
        if first:
            assert status(client.recv(65536)) == 200
        client.sendall(b"GET /t/e HTTP/1.1\r\nX-A: ")
        assert is_cut_off(client)
    assert len(stage.backend.received) == bool(first)


def is_cut_off(client: socket.socket) -> bool:
    """Drips until it can't."""
    for _ in range(int(WATCHDOG * 100)):
        try:
            client.sendall(b"G")
        except OSError:
            return True
        time.sleep(0.01)
    return False


DRIPS = {
    "between its pieces": ("IDLE_SECONDS", b""),
    "in all, however steadily it drips": ("TOTAL_SECONDS", b"a"),
}


@pytest.mark.parametrize(("constant", "drop"), DRIPS.values(), ids=DRIPS)
@pytest.mark.parametrize("framing", [b"Content-Length: 99999\r\n\r\na", b"Transfer-Encoding: chunked\r\n\r\n9999\r\na"])
def test_a_body_that_takes_too_long_is_refused(stage, monkeypatch, constant, drop, framing):
    monkeypatch.setattr("gateway.proxy.body." + constant, 0.1)
    monkeypatch.setattr("gateway.proxy.listener.LINGER_SECONDS", 0.1)
    with stage.start().connect() as client:
        client.sendall(b"POST /t/e HTTP/1.1\r\nHost: x\r\n" + framing)
        stop = threading.Event()

        def drip() -> None:
            with contextlib.suppress(OSError):
                while not stop.wait(0.02):
                    client.sendall(drop)

        dripping = threading.Thread(target=drip)
        dripping.start()
        got = client.recv(65536)
        stop.set()
        dripping.join(WATCHDOG)
    assert status(got) == 408
    assert fields(got)["connection"] == "close"
    assert stage.backend.received == []


def test_a_chunk_extension_without_end_is_no_progress(stage, monkeypatch):
    monkeypatch.setattr("gateway.proxy.body.IDLE_SECONDS", 0.1)
    monkeypatch.setattr("gateway.proxy.listener.LINGER_SECONDS", 0.1)
    with stage.start().connect() as client:
        client.sendall(b"POST /t/e HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1;")
        client.settimeout(0.02)
        got = b""
        for _ in range(int(WATCHDOG / 0.02)):
            with contextlib.suppress(TimeoutError):
                got = client.recv(65536)
                break
            client.sendall(b"x")
    assert status(got) == 408


# readers


def test_a_client_that_reads_nothing_is_cut_off_and_its_backend_let_go(stage, monkeypatch):
    monkeypatch.setattr("gateway.proxy.reply.WRITE_SECONDS", 0.1)
    stage.backend.script = fountain = Fountain()
    with small_reader(stage.start()) as client:
        client.sendall(GET + END)
        assert fountain.ended.wait(WATCHDOG)
        until(lambda: connections(stage) == 0)
    assert fountain.sent < LARGE


def test_a_client_that_never_takes_the_end_of_an_answer_does_not_keep_its_connection(stage, monkeypatch):
    monkeypatch.setattr("gateway.proxy.reply.WRITE_SECONDS", 0.1)
    stage.backend.script = Fountain(32 * 1024 * 1024)
    with small_reader(stage.start()) as client:
        until(lambda: connections(stage) == 1)
        listener = stage.gateway._listeners[0]
        # as if all of it were below the mark at which writing waits
        stage.on_loop(lambda: [one.set_write_buffer_limits(1 << 30) for one in listener._connections.values()])
        client.sendall(GET + END)
        until(lambda: connections(stage) == 0)


def test_a_slow_reader_slows_the_backend_down_and_gets_everything(stage):
    stage.backend.script = fountain = Fountain()
    with small_reader(stage.start()) as client:
        client.sendall(GET + END)
        got = client.recv(1000)
        before = -1
        while before != fountain.sent:  # until nothing moves any more
            before = fountain.sent
            time.sleep(0.3)
        assert before < LARGE // 2
        size = len(got.partition(b"\r\n\r\n")[2])
        while piece := client.recv(1 << 20):
            size += len(piece)
    assert size == LARGE


def test_a_large_answer_takes_no_more_memory_than_a_small_one(backend, tmp_path):
    with running(tmp_path, f"  - {{path: /t/, upstream: {backend.url!r}}}\n") as gateway:
        for size in (1024 * 1024, LARGE):
            backend.script = Fountain(size)
            before = peak(gateway.pid)
            with socket.create_connection(("127.0.0.1", gateway.port), timeout=WATCHDOG) as client:
                client.sendall(GET + END)
                got = 0
                while piece := client.recv(1 << 20):
                    got += len(piece)
            assert got > size
    assert gateway.peak - before < 16 * 1024


LEAVING = {
    "before a word": b"",
    "in the head": b"GET /t/e HT",
    "in the body": b"POST /t/e HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf",
    "in the answer": GET + END,
    "behind an answer": b"GET /elsewhere HTTP/1.1\r\nHost: x\r\n\r\n",
}


@pytest.fixture
def no_collection():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("said", LEAVING.values(), ids=LEAVING)
@pytest.mark.usefixtures("no_collection")
def test_who_leaves_leaves_nothing_behind(stage, said):
    """Not even for the garbage collector, which comes late: what a connection held is large, and many leave at once."""
    stage.backend.script = Fountain()
    stage.start()
    many = 10
    for _ in range(many):
        with small_reader(stage) as client:
            client.sendall(said)
            if b"elsewhere" in said or (b"/t/e HTTP/1.1" in said and b"POST" not in said):
                assert client.recv(1)  # it was there; with its answer given it may be closed before anyone counts
            else:
                until(lambda: connections(stage) == 1)
        until(lambda: connections(stage) == 0)
    alive = [one for one in gc.get_objects() if isinstance(one, (Connection, Reply, aiohttp.StreamReader))]
    assert len(alive) < many


# shares


def test_an_address_has_its_share_of_connections_and_gets_it_back(stage):
    stage.start(connections=2)
    with stage.connect() as one, stage.connect():
        until(lambda: connections(stage) == 2)
        got = stage.talk(GET + END)
        assert status(got) == 503
        assert fields(got)["retry-after"] == "2"
        assert stage.backend.received == []
        one.close()
        until(lambda: connections(stage) == 1)
        assert status(stage.talk(GET + END)) == 200
    until(lambda: len(stage.gateway._peers) == 0)
    assert stage.gateway.counts.total[Kind("", Verdict.REJECTED, "connections")] == 1


def test_another_address_has_its_own_share(stage):
    stage.start(connections=1)
    with stage.connect():
        until(lambda: connections(stage) == 1)
        with socket.create_connection(("127.0.0.1", stage.port), 10, source_address=("127.0.0.2", 0)) as other:
            other.sendall(GET + END)
            assert status(other.recv(65536)) == 200


def test_a_trusted_proxy_has_many_visitors_and_no_limit(stage):
    stage.start(connections=1, trust=Trust.of(["127.0.0.0/8"]))
    with stage.connect(), stage.connect(), stage.connect():
        until(lambda: connections(stage) == 3)
        assert status(stage.talk(GET + END)) == 200


def test_one_address_cannot_hold_all_connections_to_a_backend(stage):
    """A slow reader holds one as long as its answer lasts."""
    share = stage.start().plan.at_most("203.0.113.7")
    assert share * 4 < CONNECTIONS


def test_connections_are_counted_by_what_one_visitor_has():
    peers = Peers(lambda _: 1)
    assert peers.enter("2001:db8:0:1::1")
    assert not peers.enter("2001:db8:0:1:ffff::2")  # the same /64
    assert peers.enter("2001:db8:0:2::1")
    assert peers.enter("203.0.113.7")
    assert not peers.enter("::ffff:203.0.113.7")
    peers.leave("203.0.113.7")
    assert peers.enter("203.0.113.7")
    assert len(peers) == 3
