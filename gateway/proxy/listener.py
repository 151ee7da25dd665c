"""aiohttp's low-level server with what it lacks, measured: deadlines, a share for each address, errors that say nothing.

A head must be complete ten seconds after its first byte (stock: a half-sent head was still open after 25 s), and a
closing connection must have taken what it was sent within a minute (stock: never cut off). A request that the parser
refuses gets `HTTP/1.1 4xx`, one plain line and a closed connection, and no byte of it is logged.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, cast

from aiohttp import web
from aiohttp.http import HttpVersion10, HttpVersion11
from aiohttp.http_exceptions import LineTooLong

from gateway.core.outcome import Response
from gateway.policy.answers import line
from gateway.proxy import reply as answers
from gateway.proxy.counts import Counts, Meter
from gateway.proxy.framing import CONNECTIONS, ODD_VERSION
from gateway.proxy.peers import Peers
from gateway.proxy.reply import Reply, raw, rejection_line
from gateway.traffic import Verdict

LINE_SIZE = 8 * 1024
FIELD_SIZE = 16 * 1024
HEAD_SECONDS = 10.0
IDLE_SECONDS = 75.0
LINGER_SECONDS = 2.0
"""How long the rest of an unread body is read and thrown away, so that the answer arrives before the reset."""

Handle = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

_silent = logging.Logger("gateway.silent", level=logging.CRITICAL + 1)  # noqa: LOG001 - not in the tree: it must reach no handler

_UNREADABLE = line(400, "The request is not valid HTTP/1.1.")
_LINE_TOO_LONG = line(414, "The request line is too long.")
_FIELD_TOO_LONG = line(431, "A header field is too long.")
_DEFECT = line(400, "The request could not be processed and was dropped.")


class Connection(web.RequestHandler):
    """One client connection."""

    head_seconds = HEAD_SECONDS

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Starts without a deadline: an idle connection is the keep-alive timer's matter. One too many is closed."""
        self._head_deadline: asyncio.TimerHandle | None = None
        self._end: asyncio.TimerHandle | None = None
        self._wire: asyncio.Transport | None = cast(asyncio.Transport, transport)
        self._peer = peer_of(self._wire)
        self._counted = isinstance(self._manager, Listener) and self._manager.lets_in(self._peer)
        if self._counted:
            super().connection_made(transport)
        else:
            self._force_close = True  # nothing that comes is read
            self._wire.write(raw(rejection_line(CONNECTIONS)))
            self._wire.close()
            self._must_end()

    async def start(self) -> None:
        """Serves until the connection ends, which then must not take for ever."""
        try:
            await super().start()
        finally:
            self._must_end()

    def force_close(self) -> None:
        """Closes, and sees to it that the connection is gone soon after."""
        super().force_close()
        self._must_end()

    def data_received(self, data: bytes) -> None:
        """Feeds the parser; a head that has begun and isn't complete runs against the deadline."""
        super().data_received(data)
        if self._messages or not self._awaits_head:
            self._disarm()
        elif self._head_deadline is None and data:
            self._head_deadline = self._loop.call_later(self.head_seconds, self.force_close)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Forgets the deadlines with the connection."""
        self._wire = None
        self._disarm()
        if self._end is not None:
            self._end.cancel()
        if self._counted and isinstance(self._manager, Listener):
            self._manager.let_out(self._peer)
        super().connection_lost(exc)

    def close(self) -> None:
        """Ends once what is under way is answered, and at once where nothing is (stock: only when it is cut off)."""
        is_idle = self._awaits_head
        super().close()
        if is_idle and self.transport is not None:
            self.transport.close()

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """Says nothing: the exception's text holds the bytes of the request."""

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """One plain line for what the parser refused; for what went wrong in the middle of an answer, the end of it."""
        del message
        if request.writer.output_size > 0:
            raise ConnectionResetError
        response = _told(exc) or (_UNREADABLE if status == 400 else _DEFECT)
        manager = self._manager
        if isinstance(manager, Listener):
            manager.count(response)
        reply = Reply(response.status, response.headers, response.body)
        reply.force_close()
        return reply

    @property
    def _awaits_head(self) -> bool:
        return self._waiter is not None and not self._waiter.done()

    def _disarm(self) -> None:
        if self._head_deadline is not None:
            self._head_deadline.cancel()
            self._head_deadline = None

    def _must_end(self) -> None:
        """A transport closes once all is written, and a client that takes nothing would never let it."""
        if self._wire is not None and self._end is None:
            self._end = self._loop.call_later(answers.WRITE_SECONDS, self._wire.abort)


def _told(exc: BaseException | None) -> Response | None:
    if not isinstance(exc, LineTooLong):
        return None
    return _LINE_TOO_LONG if exc.args[1:2] == (LINE_SIZE,) else _FIELD_TOO_LONG


def peer_of(transport: asyncio.BaseTransport | None) -> str:
    """The address at the other end, empty where there is none (any more)."""
    name = transport.get_extra_info("peername") if transport is not None else None
    return str(name[0]) if isinstance(name, tuple) and name else ""


class Listener(web.Server):
    """Makes the protocol of each connection. Handlers are not cancelled when a client leaves."""

    def __init__(self, handle: Handle, counts: Counts, peers: Peers) -> None:
        super().__init__(handle, request_factory=_request)
        self._counts = counts
        self._peers = peers

    def __call__(self) -> web.RequestHandler:
        """A protocol without decompression, access log or debug pages."""
        return Connection(
            self,
            loop=self._loop,
            keepalive_timeout=IDLE_SECONDS,
            logger=_silent,
            access_log=self._counts,  # type: ignore[arg-type]  # what `Meter` is made with
            access_log_class=Meter,
            max_line_size=LINE_SIZE,
            max_field_size=FIELD_SIZE,
            max_headers=100,
            lingering_time=LINGER_SECONDS,
            auto_decompress=False,
        )

    def lets_in(self, peer: str) -> bool:
        """Whether this address may have a further connection."""
        if self._peers.enter(peer):
            return True
        self._counts.add(Verdict.REJECTED, CONNECTIONS.reason)
        return False

    def let_out(self, peer: str) -> None:
        """A connection that was let in has ended."""
        self._peers.leave(peer)

    def count(self, response: Response) -> None:
        """Counts a request that the parser refused."""
        self._counts.add(Verdict.REJECTED, "unparsable" if response.status == 400 else "too_long")


def _request(
    message: Any, payload: Any, protocol: web.RequestHandler, writer: Any, task: asyncio.Task[None]
) -> web.BaseRequest:
    if message.method == "UNKNOWN":  # aiohttp's stand-in for what it could not parse claims to be HTTP/1.0
        message = message._replace(version=HttpVersion11)
    elif message.version not in {HttpVersion10, HttpVersion11}:
        # nothing of it counts; it is answered as HTTP/1.1, or the answer would claim to be what it can't be
        message = message._replace(version=HttpVersion11, raw_headers=((ODD_VERSION.encode(), b""),))
    return web.BaseRequest(message, payload, protocol, writer, task, asyncio.get_running_loop())
