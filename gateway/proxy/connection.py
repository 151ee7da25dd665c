"""One connection to a backend: HTTP/1.1 as httptools (llhttp) reads it, one exchange after the other.

All connections of a loop read into one buffer, and one whose reader is `AHEAD` behind reads no further: 2,000 browsers that
hardly read hold 2,000 times that, and not what a socket has at hand. What is no HTTP, or breaks off, is a `Failure`, never a
shorter answer.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from enum import StrEnum
from types import TracebackType
from typing import Final, Self, cast

import httptools

from gateway.core.message import Headers

READ_SIZE: Final = 64 * 1024
AHEAD: Final = 64 * 1024
"""Bytes of an answer that are read before somebody wants them; one reading may go past it."""

HEAD_SIZE: Final = 64 * 1024
FIELDS: Final = 128
INTERIM: Final = 8
"""Answers of 1xx before the final one (RFC 9110 section 15.2)."""

PIECE: Final = 64 * 1024
"""Bytes of a large body that are written at once, so that other connections get their turn."""

ANSWER_SECONDS: Final = 600.0
"""How long an answer may take from its head to its end."""

Pairs = tuple[tuple[bytes, bytes], ...]


class Kind(StrEnum):
    """What went wrong on the way to a backend and back; also the word that is counted."""

    DOWN = "upstream_down"  # no address, or nobody there
    UNTRUSTED = "upstream_tls"
    UNCONNECTED = "connect_timeout"
    LATE = "upstream_timeout"
    PROTOCOL = "upstream_protocol"  # no HTTP, or it broke off
    PROXY = "egress_proxy"


class Failure(Exception):  # noqa: N818 - what it is
    """No answer, or no whole one. `untouched`: not a byte of an answer had come on a connection that was used before."""

    def __init__(self, kind: Kind, *, untouched: bool = False) -> None:
        super().__init__(kind)
        self.kind = kind
        self.untouched = untouched


class Connection(asyncio.BufferedProtocol):
    """A connection and its exchange, if one is under way. `lost` is called once, when it is gone."""

    def __init__(self, buffer: memoryview, lost: Callable[[Connection], None], read: float) -> None:
        """`read`: seconds that the backend may be silent, or not take what is sent."""
        self._loop = asyncio.get_running_loop()
        self._buffer = buffer
        self._lost = lost
        self._seconds = read
        self._transport: asyncio.Transport | None = None
        self._can_write: asyncio.Future[None] | None = None
        self._is_full = False
        self.since = self._loop.time()
        self.idle_since = self.since
        self.uses = 0
        self._failure: Failure | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self._reset(is_head=False)

    def _reset(self, *, is_head: bool) -> None:
        self._is_head = is_head
        self._came: asyncio.Future[None] | None = None  # done once the head is there, or never will be
        self._waiter: asyncio.Future[None] | None = None
        self._fed = 0
        self._interim = 0
        self._pairs: list[tuple[bytes, bytes]] = []
        self._pieces: deque[bytes] = deque()
        self._ahead = 0
        self._until_end = False  # the answer's body is what comes until the connection closes
        self._is_whole = False
        self._has_surplus = False
        self._stays = False
        self.status = 0

    # the transport's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called once it is connected, TLS and all."""
        self._transport = cast(asyncio.Transport, transport)

    def get_buffer(self, sizehint: int) -> memoryview:
        """The one buffer: what is read is copied out of it before anything else is read."""
        del sizehint
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Reads what came."""
        if self._parser is None:
            self._fail(Kind.PROTOCOL)  # a backend that speaks unasked
            return
        self._fed += nbytes
        if self.status == 0 and self._fed > HEAD_SIZE + READ_SIZE:
            self._fail(Kind.PROTOCOL)
            return
        try:
            self._parser.feed_data(self._buffer[:nbytes])
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            if self._is_whole:
                self._has_surplus = True
            else:
                self._fail(Kind.PROTOCOL)

    def eof_received(self) -> bool:
        """The backend sends no more: nor do we."""
        return False

    def connection_lost(self, exc: BaseException | None) -> None:
        """An answer without a length is whole with a proper end; any other one broke off."""
        self._transport = None
        if self._parser is not None and not self._is_whole:
            if self.status and self._until_end and exc is None:
                self._is_whole = True
            else:
                self._failure = self._failure or Failure(Kind.PROTOCOL, untouched=self.uses > 1 and self._fed == 0)
        self._wake()
        self._lost(self)

    def pause_writing(self) -> None:
        """The backend takes no more for now."""
        self._is_full = True

    def resume_writing(self) -> None:
        """It does again."""
        self._is_full = False
        if self._can_write is not None and not self._can_write.done():
            self._can_write.set_result(None)

    # the parser's side

    def on_message_begin(self) -> None:
        """Nothing may follow an answer."""
        self._has_surplus = self._has_surplus or self._is_whole

    def on_header(self, name: bytes, value: bytes) -> None:
        """A field of the head, or a trailer, which nobody asked for."""
        if self.status == 0:
            self._pairs.append((name, value))
            if len(self._pairs) > FIELDS:
                raise ValueError("too many fields")

    def on_headers_complete(self) -> None:
        """The head is there: how long the body is, is what `httptools` will say; what it would guess is refused."""
        parser = self._parser
        if parser is None or self._has_surplus:
            return
        status = parser.get_status_code()
        if self._fed > HEAD_SIZE + READ_SIZE or parser.get_http_version() not in {"1.0", "1.1"}:
            raise ValueError("no head that is read here")
        if status < 200:
            self._interim += 1
            self._pairs.clear()
            if status == 101 or self._interim > INTERIM:
                raise ValueError("no final answer")
            return
        fields = [(name.lower(), value.strip().lower()) for name, value in self._pairs]
        codings = [value for name, value in fields if name == b"transfer-encoding"]
        if codings and (codings != [b"chunked"] or parser.get_http_version() == "1.0"):
            raise ValueError("a framing that is not read here")  # RFC 9112 section 6.1
        has_length = any(name == b"content-length" for name, _ in fields)
        self._until_end = not codings and not has_length
        self.status = status
        if self._is_head or status in {204, 304}:
            self._is_whole = True
        self._wake()

    def on_body(self, body: bytes) -> None:
        """A piece of the body, for whoever reads; too much of it, and the socket waits."""
        if self._is_whole or self._has_surplus:
            self._has_surplus = True
            return
        self._pieces.append(body)
        self._ahead += len(body)
        if self._ahead > AHEAD and self._transport is not None:
            self._transport.pause_reading()
        self._wake()

    def on_message_complete(self) -> None:
        """The end; of an answer of 1xx, not the one that counts."""
        if self.status and self._parser is not None:
            self._is_whole = True
            self._stays = self._parser.should_keep_alive()  # of this message: it is told now or never
            self._wake()

    # the asker's side

    @property
    def is_usable(self) -> bool:
        """Whether a further exchange may begin on it."""
        return self._transport is not None and not self._transport.is_closing() and self._failure is None

    async def ask(self, head: bytes, body: bytes, *, is_head: bool) -> Answer:
        """Sends a request and waits for the head of its answer. Raises `Failure`. `is_head`: the method is HEAD."""
        self._reset(is_head=is_head)
        self.uses += 1
        parser = self._parser = httptools.HttpResponseParser(self)
        # what backends are known to send, and what can't mislead anybody: the answer is framed anew
        parser.set_dangerous_leniencies(
            lenient_data_after_close=True, lenient_optional_cr_before_lf=True, lenient_spaces_after_chunk_size=True
        )
        self._came = self._loop.create_future()
        try:
            await self._send(head, body)
            async with asyncio.timeout(self._seconds):
                await self._came
        except TimeoutError:
            self.abort()
            raise Failure(Kind.LATE) from None
        except BaseException:
            self.abort()
            raise
        if not self.status:
            self.abort()
            raise self._failure or Failure(Kind.PROTOCOL)
        return Answer(self, self.status, tuple(self._pairs))

    async def _send(self, head: bytes, body: bytes) -> None:
        """Writes; an answer that comes before all is written ends the writing, and the connection with it."""
        assert self._came is not None
        if self._transport is None:
            return
        if len(body) <= PIECE:
            self._transport.write(head + body)
            return
        self._transport.write(head)
        view = memoryview(body)
        for at in range(0, len(view), PIECE):
            if self._came.done() or self._transport is None:
                self._has_surplus = True
                return
            self._transport.write(view[at : at + PIECE])
            if self._is_full:
                self._can_write = self._loop.create_future()
                async with asyncio.timeout(self._seconds):
                    await self._can_write
            else:
                await asyncio.sleep(0)

    async def read(self, until: float) -> bytes:
        """What came of the body, empty at its end. Raises `Failure` where it broke off, or took longer than `until`."""
        while not self._pieces:
            if self._is_whole:
                return b""
            if self._failure is not None:
                raise self._failure
            self._waiter = self._loop.create_future()
            try:
                async with asyncio.timeout_at(min(until, self._loop.time() + self._seconds)):
                    await self._waiter
            except TimeoutError:
                self.abort()
                raise Failure(Kind.LATE) from None
        piece = b"".join(self._pieces) if len(self._pieces) > 1 else self._pieces[0]
        self._pieces.clear()
        self._ahead = 0
        self._read_on()
        return piece

    def release(self) -> bool:
        """The exchange is over. Whether another may follow; if not, the connection is closed."""
        self._parser = None
        is_left = (
            self.is_usable
            and self._stays
            and self._is_whole
            and not self._has_surplus
            and not self._is_head  # httptools can't be told that no body follows
            and not self._until_end
        )
        self._pieces.clear()
        if not is_left:
            self.abort()
        self._read_on()
        return is_left

    def abort(self) -> None:
        """Ends it now."""
        if self._transport is not None:
            self._transport.abort()

    def _read_on(self) -> None:
        if self._transport is not None and self.is_usable and not self._transport.is_reading():
            self._transport.resume_reading()

    def _fail(self, kind: Kind) -> None:
        self._failure = Failure(kind)
        self._wake()
        self.abort()

    def _wake(self) -> None:
        is_over = self._failure is not None or self._transport is None
        for future in (
            self._came if self.status or is_over else None,
            self._waiter,
            self._can_write if self.status or is_over else None,
        ):
            if future is not None and not future.done():
                future.set_result(None)


class Answer:
    """A backend's answer, of which the head is there. To be used with `async with`, which gives the connection back."""

    def __init__(self, connection: Connection, status: int, raw_headers: Pairs) -> None:
        self._connection = connection
        self._until = asyncio.get_running_loop().time() + ANSWER_SECONDS
        self.status = status
        self.raw_headers = raw_headers
        self.on_end: Callable[[], object] = connection.release

    @property
    def headers(self) -> Headers:
        """The fields as text."""
        return Headers((name.decode("latin-1"), value.decode("latin-1")) for name, value in self.raw_headers)

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body as it comes. Raises `Failure` where it breaks off."""
        while piece := await self._connection.read(self._until):
            yield piece

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Needs no more of it."""
        end, self.on_end = self.on_end, _nothing
        end()


def _nothing() -> None:
    return None
