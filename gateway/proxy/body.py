"""Reading a request's body whole, within a size and within time. Masking needs all of it; nothing is streamed through.

A body over the limit is not read to its end. A body that stops half way, or whose framing breaks, is dropped: no part
of it is ever masked or forwarded.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from gateway.proxy.framing import BODY_BROKEN, BODY_TOO_LARGE, BODY_TOO_SLOW, Rejection

IDLE_SECONDS = 15.0
TOTAL_SECONDS = 300.0


class BodyRejected(Exception):  # noqa: N818 - reads as what happened: `except BodyRejected`
    """The body is not going to be read (further)."""

    def __init__(self, rejection: Rejection) -> None:
        super().__init__(rejection.reason)
        self.rejection = rejection


async def read_body(request: web.BaseRequest, limit: int, take_room: Callable[[int], None]) -> bytes:
    """The whole body. Raises `BodyRejected`, or ConnectionError where the client went away.

    `take_room` is told of every piece's size before it is kept, and may raise `BodyRejected` itself.
    """
    if not request.body_exists:
        return b""
    length = request.content_length
    if length is not None and length > limit:
        raise BodyRejected(BODY_TOO_LARGE)
    pieces: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(TOTAL_SECONDS):
            while True:
                async with asyncio.timeout(IDLE_SECONDS):
                    piece = await request.content.readany()
                if not piece:
                    break
                size += len(piece)
                if size > limit:
                    raise BodyRejected(BODY_TOO_LARGE)
                take_room(len(piece))
                pieces.append(piece)
    except TimeoutError:
        raise BodyRejected(BODY_TOO_SLOW) from None
    except (web.RequestPayloadError, HttpProcessingError):
        raise BodyRejected(BODY_BROKEN) from None
    if length is not None and size != length:
        raise BodyRejected(BODY_BROKEN)
    return b"".join(pieces)
