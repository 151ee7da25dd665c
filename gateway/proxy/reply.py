"""Answers as they go back: our own lines and the backend's streamed ones, framed by us, without a brand.

aiohttp adds a `Server` and guesses a `Content-Type`; neither was in the answer, so neither leaves. A client that does
not take the next piece in time is cut off: it would hold what waits for it for as long as it likes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator
from http import HTTPStatus

from aiohttp import web

from gateway.core.message import Headers
from gateway.core.outcome import Response
from gateway.policy.answers import line
from gateway.proxy.framing import Rejection

WRITE_SECONDS = 60.0
"""How long a client may take for the next piece of an answer; with what the system buffers, about 1 KB a second."""

_PIECE = 64 * 1024

HSTS = ("Strict-Transport-Security", "max-age=31536000")


class Reply(web.StreamResponse):
    """A response with exactly the given fields, besides framing and `Date`."""

    def __init__(self, status: int, headers: Headers, body: bytes | None = None) -> None:
        super().__init__(status=status)
        for name, value in headers:
            self.headers.add(name, value)
        self._whole = body
        if body is not None and status not in {204, 304}:
            self.headers["Content-Length"] = str(len(body))

    async def _prepare_headers(self) -> None:
        if self._req is not None and ("Transfer-Encoding" in self._req.headers or "Upgrade" in self._req.headers):
            # measured on aiohttp 3.14.5: the trailers of a chunked request become fields of the connection's next one,
            # and what was sent right behind an Upgrade field is never read
            self.force_close()
        had_type = "Content-Type" in self.headers
        await super()._prepare_headers()
        self.headers.popall("Server", None)
        if not had_type:
            self.headers.popall("Content-Type", None)

    async def write(self, data: bytes | bytearray | memoryview) -> None:
        """Writes one piece, or cuts the client off: ConnectionResetError."""
        await self._in_time(super().write(data))

    async def write_eof(self, data: bytes = b"") -> None:
        """Ends the answer, with the whole body where there is one."""
        whole, self._whole = self._whole, None
        if whole and not self._must_be_empty_body:
            for piece in _pieces(whole):
                await self.write(piece)
        await self._in_time(super().write_eof(data))

    async def _in_time(self, writing: Awaitable[None]) -> None:
        try:
            async with asyncio.timeout(WRITE_SECONDS):
                await writing
        except TimeoutError:
            if self._req is not None and self._req.transport is not None:
                self._req.transport.abort()
            raise ConnectionResetError from None


class Gone(web.StreamResponse):
    """In place of an answer to a client that is not there any more, or that gets no further byte."""

    body_length = 0

    async def prepare(self, request: web.BaseRequest) -> None:
        """Nothing is written: the connection is at its end."""
        del request
        raise ConnectionResetError


def _pieces(whole: bytes) -> Iterator[memoryview]:
    view = memoryview(whole)
    return (view[at : at + _PIECE] for at in range(0, len(view), _PIECE))


def raw(response: Response) -> bytes:
    """An answer's bytes, for a connection that ends with it and was never served."""
    fields = [*response.headers, ("Content-Length", str(len(response.body))), ("Connection", "close")]
    head = "".join(f"{name}: {value}\r\n" for name, value in fields)
    return f"HTTP/1.1 {response.status} {HTTPStatus(response.status).phrase}\r\n{head}\r\n".encode() + response.body


def rejection_line(rejection: Rejection) -> Response:
    """The answer to a rejected request."""
    more = {405: [("Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")], 503: [("Retry-After", "2")]}
    return line(rejection.status, rejection.line, *more.get(rejection.status, []))
