"""Backends that misbehave: cut answers, drips, answers too early, connections that close as we write."""

from __future__ import annotations

import contextlib
import socket
import threading

import pytest

from tests.wire.conftest import OK
from tests.wire.cuts import ANSWERS, ENDS, cut, reset, verdict
from tests.wire.test_forwarding import END, GET, fields, status


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("framing", ANSWERS)
def test_an_answer_that_is_cut_off_never_looks_whole(stage, framing, end):
    """At sampled bytes, and at each of the last and of those where the head ends; all of them: `python -m tests.wire.cuts`."""
    stage.start()
    size = len(ANSWERS[framing])
    head = ANSWERS[framing].index(b"\r\n\r\n")
    offsets = {*range(0, size, 97), *range(head - 1, head + 6), *range(size - 8, size + 1)}
    found = {offset: cut(stage, framing, end, offset) for offset in sorted(offsets)}
    assert {offset: what for offset, what in found.items() if what not in {"whole", "broken off", "502"}} == {}
    assert found[0] == "502"


def test_an_answer_that_drips_arrives_whole(stage):
    def script(connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in ANSWERS["chunks"]:
            connection.send(bytes([byte]))

    stage.backend.script = script
    assert verdict(stage.start().talk(GET + END)) == "whole"


def test_an_answer_that_comes_before_the_request_is_read_ends_it_one_way_or_the_other(stage):
    """The backend does not wait for five megabytes to say no."""

    def serve(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection, contextlib.suppress(ConnectionResetError):
            connection.recv(1000)
            connection.sendall(b"HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno")
            reset(connection)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = threading.Thread(target=serve, args=(listener,))
        serving.start()
        stage.start(routes=(stage.route(upstream=f"http://127.0.0.1:{listener.getsockname()[1]}"),))
        size = 5 * 1024 * 1024
        got = stage.talk(b"POST /t/e HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n" % size + END + b"a" * size)
        serving.join(10)
    assert status(got) in {413, 502}


class Stale:
    """Answers the first request of a connection; resets or closes it as the next one arrives."""

    def __init__(self, end) -> None:
        self.end = end
        self.seen: set[int] = set()
        self.struck = 0

    def __call__(self, connection: socket.socket) -> None:
        if self.struck or connection.fileno() not in self.seen:
            self.seen.add(connection.fileno())
            connection.sendall(OK)
        else:
            self.struck += 1
            self.end(connection)


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_a_get_on_a_connection_that_has_just_closed_is_asked_again(stage, end):
    stage.backend.script = stale = Stale(end)
    stage.start()
    assert status(stage.talk(GET + END)) == 200
    assert status(stage.talk(GET + END)) == 200
    assert stale.struck == 1
    assert len(stage.backend.received) == 3


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_a_post_is_never_sent_twice(stage, end):
    """The backend may have taken it: only it could know (RFC 9110 section 9.2.2)."""
    stage.backend.script = stale = Stale(end)
    stage.start()
    post = b"POST /t/e HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n" + END + b"a"
    assert status(stage.talk(post)) == 200
    assert status(stage.talk(post)) == 502
    assert stale.struck == 1
    assert len(stage.backend.received) == 2


def test_a_head_that_never_ends_is_a_502(stage):
    stage.backend.script = (
        b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: %s\r\n" % (n, b"v" * 7000) for n in range(200)) + b"\r\n"
    )
    assert status(stage.start().talk(GET + END)) == 502


def test_an_answer_of_bare_line_feeds_is_framed_anew(stage):
    stage.backend.script = b"HTTP/1.1 200 OK\nX-A: b\n\nas long as it is"
    stage.backend.closes = True
    got = stage.start().talk(GET + END)
    assert status(got) in {200, 502}
    if status(got) == 200:
        assert fields(got)["transfer-encoding"] == "chunked"
        assert got.endswith(b"\r\n0\r\n\r\n")
