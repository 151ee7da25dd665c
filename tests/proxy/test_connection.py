"""Connections to backends over real sockets: what ends an answer, what may be used again, and what is no answer at all."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from gateway.proxy import connection
from gateway.proxy.connection import AHEAD, FIELDS, HEAD_SIZE, READ_SIZE, Failure, Kind
from gateway.proxy.pool import Origin, Pool

SECONDS = 20.0
HEAD = b"%s /e HTTP/1.1\r\nHost: x\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Backend:
    """Answers each head with the next of `answers` (the last one for ever), in as many pieces as each has."""

    def __init__(self, *answers: list[bytes], closes: bool = False) -> None:
        self.answers = list(answers)
        self.closes = closes
        self.connections = 0
        self.asked: list[bytes] = []
        self.sent = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                self.asked.append(head)
                for piece in self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]:
                    writer.write(piece)
                    await writer.drain()
                    self.sent += len(piece)
                    await asyncio.sleep(0.01)
                if self.closes:
                    break
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


def on(backend: Backend, what: Callable[[Pool, Origin], Awaitable[object]], **more: float) -> object:
    """Runs `what` with a pool and the backend's origin."""

    async def run() -> object:
        server = await asyncio.start_server(backend.serve, "127.0.0.1", 0)
        pool = Pool(**{"connect": 5.0, "read": 5.0, "renew": 60.0, "most": 8, **more})
        try:
            async with asyncio.timeout(SECONDS):
                return await what(pool, Origin("127.0.0.1", server.sockets[0].getsockname()[1], None))
        finally:
            await pool.close()
            server.close()
            await server.wait_closed()

    return asyncio.run(run())


async def get(pool: Pool, origin: Origin, method: str = "GET", body: bytes = b"") -> tuple[int, bytes]:
    answer = await pool.ask(origin, method, HEAD % method.encode(), body)
    async with answer:
        return answer.status, b"".join([piece async for piece in answer.pieces()])


async def twice(pool: Pool, origin: Origin) -> list[tuple[int, bytes]]:
    return [await get(pool, origin), await get(pool, origin)]


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
REUSED = {
    "a length": [OK],
    "byte by byte": [bytes([byte]) for byte in OK],
    "chunks": [CHUNKED, b"1\r\no\r\n", b"1;a=b\r\nk\r\n0\r\nX-Trailer: 1\r\n\r\n"],
    "chunks whose sizes are padded": [CHUNKED, b"1  \r\no\r\n1\r\nk\r\n0\r\n\r\n"],
    "interim answers before it": [b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: </a>\r\n\r\n" + OK],
    "HTTP/1.0 that stays": [b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok"],
}


@pytest.mark.parametrize("answer", REUSED.values(), ids=REUSED)
def test_a_connection_is_used_again_after_a_whole_answer(answer):
    backend = Backend(answer)
    assert on(backend, twice) == [(200, b"ok")] * 2
    assert backend.connections == 1


CLOSED = {
    "it says so": [b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"],
    "HTTP/1.0": [b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok"],
    "more than the answer": [OK + b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad"],
}


@pytest.mark.parametrize("answer", CLOSED.values(), ids=CLOSED)
def test_a_connection_is_not_used_again(answer):
    backend = Backend(answer)
    assert on(backend, twice) == [(200, b"ok")] * 2
    assert backend.connections == 2


def test_an_answer_without_a_length_ends_with_its_connection():
    backend = Backend([b"HTTP/1.1 200 OK\r\n\r\n", b"as long ", b"as it is"], closes=True)
    assert on(backend, get) == (200, b"as long as it is")


@pytest.mark.parametrize("status", [204, 304])
def test_what_has_no_body_has_none(status):
    backend = Backend([b"HTTP/1.1 %d Nothing\r\nContent-Length: 5\r\n\r\n" % status])
    assert on(backend, twice) == [(status, b"")] * 2


def test_an_answer_to_head_has_no_body_whatever_its_length_says():
    async def ask(pool: Pool, origin: Origin) -> object:
        return [await get(pool, origin, "HEAD"), await get(pool, origin)]

    assert on(Backend([b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"], [OK]), ask) == [(200, b""), (200, b"ok")]


NO_ANSWERS = {
    "nothing": [b""],
    "half a head": [b"HTTP/1.1 200 OK\r\nContent-"],
    "no HTTP": [b"nonsense\r\n\r\n"],
    "HTTP/2": [b"HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nok"],
    "101": [b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"],
    "interim answers without end": [b"HTTP/1.1 100 Continue\r\n\r\n" * 99],
    "two lengths": [b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok"],
    "a length and chunks": [b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
    "compressed chunks": [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"],
    "chunks of HTTP/1.0": [b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
    "a folded field": [b"HTTP/1.1 200 OK\r\nX-A: b\r\n c\r\nContent-Length: 2\r\n\r\nok"],
    "a NUL in a field": [b"HTTP/1.1 200 OK\r\nX-A: b\0\r\nContent-Length: 2\r\n\r\nok"],
    "too many fields": [b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * (FIELDS + 1) + b"Content-Length: 2\r\n\r\nok"],
    "a field without end": [b"HTTP/1.1 200 OK\r\nX-A: ", *([b"b" * READ_SIZE] * (2 + HEAD_SIZE // READ_SIZE))],
}


@pytest.mark.parametrize("answer", NO_ANSWERS.values(), ids=NO_ANSWERS)
def test_what_is_no_answer_is_a_failure(answer):
    async def ask(pool: Pool, origin: Origin) -> object:
        with pytest.raises(Failure) as failure:
            await get(pool, origin)
        return failure.value.kind

    assert on(Backend(answer, closes=True), ask) is Kind.PROTOCOL


CUT = {
    "of its length": [b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok"],
    "in a chunk": [CHUNKED, b"3\r\nok"],
    "before the last chunk": [CHUNKED, b"2\r\nok\r\n"],
    "in the trailers": [CHUNKED, b"2\r\nok\r\n0\r\nX-T"],
}


@pytest.mark.parametrize("answer", CUT.values(), ids=CUT)
def test_an_answer_that_breaks_off_is_never_whole(answer):
    async def ask(pool: Pool, origin: Origin) -> object:
        async with await pool.ask(origin, "GET", HEAD % b"GET", b"") as answer:
            assert answer.status == 200
            with pytest.raises(Failure) as failure:
                async for _ in answer.pieces():
                    pass
        return failure.value.kind

    assert on(Backend(answer, closes=True), ask) is Kind.PROTOCOL


def test_a_backend_that_is_silent_is_late():
    async def ask(pool: Pool, origin: Origin) -> object:
        with pytest.raises(Failure) as failure:
            await get(pool, origin)
        return failure.value.kind

    assert on(Backend([]), ask, read=0.05) is Kind.LATE
    assert on(Backend([b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok"]), ask, read=0.05) is Kind.LATE


def test_nobody_there_is_down():
    async def ask(pool: Pool, origin: Origin) -> object:
        with pytest.raises(Failure) as failure:
            await get(pool, origin._replace(host="127.0.0.2"))
        return failure.value.kind

    assert on(Backend([OK]), ask) is Kind.DOWN


def test_a_reader_who_is_slow_leaves_the_rest_in_the_socket(monkeypatch):
    whole = 64 * 1024 * 1024
    backend = Backend([b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % whole, *([bytes(1024 * 1024)] * 64)])
    most = 0
    plain = connection.Connection.on_body

    def on_body(self: connection.Connection, body: bytes) -> None:
        nonlocal most
        plain(self, body)
        most = max(most, self._ahead)

    monkeypatch.setattr(connection.Connection, "on_body", on_body)

    async def ask(pool: Pool, origin: Origin) -> object:
        async with await pool.ask(origin, "GET", HEAD % b"GET", b"") as answer:
            await asyncio.sleep(0.5)
            assert backend.sent < whole  # it can't be rid of it
            return sum([len(piece) async for piece in answer.pieces()])

    assert on(backend, ask) == whole
    assert 0 < most <= AHEAD + READ_SIZE


def test_a_large_body_goes_out_whole_and_an_early_answer_ends_it():
    class Patient(Backend):
        async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            self.asked.append(await reader.readexactly(5_000_000))
            writer.write(OK)
            writer.close()

    class Hasty(Backend):
        async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
            await writer.drain()
            await asyncio.sleep(0.2)
            writer.close()

    body = bytes(range(250)) * 20_000

    async def ask(pool: Pool, origin: Origin) -> object:
        return await get(pool, origin, "POST", body)

    patient = Patient([])
    assert on(patient, ask) == (200, b"ok")
    assert patient.asked == [body]
    assert on(Hasty([]), ask) == (413, b"no")


def test_only_what_may_be_sent_twice_is_sent_again_on_a_connection_that_closed():
    class Leaves(Backend):
        """Closes instead of answering a connection's second request."""

        async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            for answer in (OK, b""):
                self.asked.append(await reader.readuntil(b"\r\n\r\n"))
                writer.write(answer)
            writer.close()

    async def ask(pool: Pool, origin: Origin) -> object:
        assert [await get(pool, origin) for _ in range(2)] == [(200, b"ok")] * 2
        with pytest.raises(Failure) as failure:
            await get(pool, origin, "POST")
        return failure.value.untouched

    backend = Leaves()
    assert on(backend, ask) is True
    assert [head.split()[0] for head in backend.asked] == [b"GET", b"GET", b"GET", b"POST"]


def test_a_backend_that_speaks_unasked_is_left():
    class Talks(Backend):
        async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.connections += 1
            await reader.readuntil(b"\r\n\r\n")
            writer.write(OK)
            await asyncio.sleep(0.05)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
            assert await reader.read() == b""
            writer.close()

    async def ask(pool: Pool, origin: Origin) -> object:
        first = await get(pool, origin)
        await asyncio.sleep(0.2)
        return [first, await get(pool, origin)]

    backend = Talks([])
    assert on(backend, ask) == [(200, b"ok")] * 2
    assert backend.connections == 2


def test_connections_are_renewed():
    backend = Backend([OK])

    async def ask(pool: Pool, origin: Origin) -> object:
        first = await get(pool, origin)
        await asyncio.sleep(0.1)
        return [first, await get(pool, origin)]

    assert on(backend, ask, renew=0.05) == [(200, b"ok")] * 2
    assert backend.connections == 2


def test_there_are_never_more_than_may_be_and_one_that_idles_makes_room():
    backend, other = Backend([OK]), Backend([OK])

    async def ask(pool: Pool, origin: Origin) -> object:
        server = await asyncio.start_server(other.serve, "127.0.0.1", 0)
        elsewhere = Origin("127.0.0.1", server.sockets[0].getsockname()[1], None)
        first = await get(pool, origin)
        second = await get(pool, elsewhere)  # the first one's connection idles, and is the only one there may be
        async with await pool.ask(elsewhere, "GET", HEAD % b"GET", b"") as held:
            with pytest.raises(Failure) as failure:
                await get(pool, origin)
            third = b"".join([piece async for piece in held.pieces()])
        server.close()
        return first, second, third, failure.value.kind

    assert on(backend, ask, most=1, connect=0.2) == ((200, b"ok"), (200, b"ok"), b"ok", Kind.UNCONNECTED)
