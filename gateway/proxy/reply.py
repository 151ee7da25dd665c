"""Answers as they go back: our own lines and the backend's streamed ones, framed by us, without a brand.

aiohttp adds a `Server` and guesses a `Content-Type`; neither was in the answer, so neither leaves.
"""

from __future__ import annotations

from aiohttp import web

from gateway.core.message import Headers
from gateway.core.outcome import Response
from gateway.proxy.framing import Rejection

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
        if self._req is not None and "Transfer-Encoding" in self._req.headers:
            # measured on aiohttp 3.14.5: the trailers of a chunked request become fields of the connection's next one
            self.force_close()
        had_type = "Content-Type" in self.headers
        await super()._prepare_headers()
        self.headers.popall("Server", None)
        if not had_type:
            self.headers.popall("Content-Type", None)

    async def write_eof(self, data: bytes = b"") -> None:
        """Ends the answer, with the whole body where there is one."""
        whole, self._whole = self._whole, None
        if whole and not self._must_be_empty_body:
            await self.write(whole)
        await super().write_eof(data)


def line(status: int, text: str, *more: tuple[str, str]) -> Response:
    """An answer of one plain line."""
    fields = Headers([("Content-Type", "text/plain; charset=utf-8"), ("Cache-Control", "no-store"), *more])
    return Response(status, fields, f"{text}\n".encode())


def rejection_line(rejection: Rejection) -> Response:
    """The answer to a rejected request."""
    more = {405: [("Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")], 503: [("Retry-After", "2")]}
    return line(rejection.status, rejection.line, *more.get(rejection.status, []))
