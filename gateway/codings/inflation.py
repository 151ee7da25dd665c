"""Bounded decompression, shared by the codings over deflate (RFC 1950, 1951, 1952).

Input goes in by slices and output comes out by steps, each counted against the budget before the next is asked for: a
bomb ends in `Refused(TOO_LARGE)` after at most one step over the limit, however it is nested or cut into members.
"""

from __future__ import annotations

from typing import Protocol, cast

from isal import igzip_lib, isal_zlib

from gateway.core.errors import Reason, Refused
from gateway.core.limits import Budget

INPUT_SLICE = 64 * 1024  # small, so that the unread rest of a slice is cheap to hand over again
OUTPUT_STEP = 256 * 1024
MOST_MEMBERS = 1024  # of one gzip stream; a member costs time even when it is empty

BROKEN = cast("type[Exception]", igzip_lib.IsalError)  # its stub declares an instance
GZIP_WINDOW, ZLIB_WINDOW, RAW_WINDOW = 31, 15, -15


class _Inflater(Protocol):
    eof: bool
    unused_data: bytes
    unconsumed_tail: bytes

    def decompress(self, data: bytes, max_length: int = 0, /) -> bytes: ...


def inflate_member(source: bytes, start: int, window: int, budget: Budget, into: list[bytes]) -> tuple[int, bool]:
    """Inflates one stream that starts at `start`, appending to `into`.

    Returns where reading stopped and whether the stream came to its proper end. Raises `Refused`.
    """
    inflater: _Inflater = isal_zlib.decompressobj(wbits=window)
    at = start
    size = len(source)
    while at < size:
        data = source[at : at + INPUT_SLICE]
        at += len(data)
        while True:
            step = min(OUTPUT_STEP, budget.decoded + 1)
            try:
                piece = inflater.decompress(data, step)
            except BROKEN as error:
                raise Refused(Reason.BROKEN_CODING) from error
            budget.spend_decoded(len(piece))
            budget.check_time()
            if piece:
                into.append(piece)
            if inflater.eof:
                return at - len(inflater.unused_data), True
            data = inflater.unconsumed_tail
            if not data and len(piece) < step:
                break
    return at, False


def inflate(source: bytes, window: int, budget: Budget, *, flushed_is_end: bool = False) -> bytes:
    """The whole of `source` as one stream; anything left over, or missing, is `Refused(BROKEN_CODING)`.

    With `flushed_is_end`, a stream that stops at a flush boundary (an empty stored block) counts as ended.
    """
    pieces: list[bytes] = []
    at, ended = inflate_member(source, 0, window, budget, pieces)
    if at != len(source) or not (ended or (flushed_is_end and source.endswith(b"\x00\x00\xff\xff"))):
        raise Refused(Reason.BROKEN_CODING)
    return b"".join(pieces)


def deflate(content: bytes, window: int) -> bytes:
    """One finished stream. The level is isal's default: near zlib's -1 in size at a quarter of its time."""
    packed: bytes = isal_zlib.compress(content, wbits=window)
    return packed
