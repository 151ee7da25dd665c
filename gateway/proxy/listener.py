"""aiohttp's low-level server with what it lacks, measured: a deadline for request heads, and errors that say nothing.

A head must be complete ten seconds after its first byte (stock: a half-sent head was still open after 25 s). A request
that the parser refuses gets `HTTP/1.1 4xx`, one plain line and a closed connection, and no byte of it is logged.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from aiohttp.http import HttpVersion11
from aiohttp.http_exceptions import LineTooLong

from gateway.core.outcome import Response
from gateway.proxy.counts import Counts, Meter, Verdict
from gateway.proxy.reply import Reply, line

HEAD_SECONDS = 10.0
IDLE_SECONDS = 75.0
LINGER_SECONDS = 2.0
"""How long the rest of an unread body is read and thrown away, so that the answer arrives before the reset."""

Handle = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

_silent = logging.Logger("gateway.silent", level=logging.CRITICAL + 1)  # noqa: LOG001 - not in the tree: it must reach no handler

_UNREADABLE = line(400, "The request is not valid HTTP/1.1.")
_TOO_LONG = line(431, "The request line or a header field is too long.")
_DEFECT = line(400, "The request could not be processed and was dropped.")


class Connection(web.RequestHandler):
    """One client connection."""

    head_seconds = HEAD_SECONDS

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Starts without a deadline: an idle connection is the keep-alive timer's matter."""
        self._head_deadline: asyncio.TimerHandle | None = None
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Feeds the parser; a head that has begun and isn't complete runs against the deadline."""
        super().data_received(data)
        if self._messages or not self._awaits_head:
            self._disarm()
        elif self._head_deadline is None and data:
            self._head_deadline = self._loop.call_later(self.head_seconds, self.force_close)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Forgets the deadline with the connection."""
        self._disarm()
        super().connection_lost(exc)

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
        response = _TOO_LONG if isinstance(exc, LineTooLong) else _UNREADABLE if status == 400 else _DEFECT
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


class Listener(web.Server):
    """Makes the protocol of each connection. Handlers are not cancelled when a client leaves."""

    def __init__(self, handle: Handle, counts: Counts) -> None:
        super().__init__(handle, request_factory=_request)
        self._counts = counts

    def __call__(self) -> web.RequestHandler:
        """A protocol without decompression, access log or debug pages."""
        return Connection(
            self,
            loop=self._loop,
            keepalive_timeout=IDLE_SECONDS,
            logger=_silent,
            access_log=self._counts,  # type: ignore[arg-type]  # what `Meter` is made with
            access_log_class=Meter,
            max_line_size=8 * 1024,
            max_field_size=16 * 1024,
            max_headers=100,
            lingering_time=LINGER_SECONDS,
            auto_decompress=False,
        )

    def count(self, response: Response) -> None:
        """Counts a request that the parser refused."""
        self._counts.add(Verdict.REJECTED, "unparsable" if response.status == 400 else "too_long")


def _request(
    message: Any, payload: Any, protocol: web.RequestHandler, writer: Any, task: asyncio.Task[None]
) -> web.BaseRequest:
    if message.method == "UNKNOWN":  # aiohttp's stand-in for what it could not parse claims to be HTTP/1.0
        message = message._replace(version=HttpVersion11)
    return web.BaseRequest(message, payload, protocol, writer, task, asyncio.get_running_loop())
