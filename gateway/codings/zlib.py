"""zlib (RFC 1950): a two-byte header that checks, deflate, Adler-32.

`x` is 0x78, so text may look like a header: only a source that inflates to its very end is zlib. Recorders that flush
at page hide never finish their stream; one that stops at a flush boundary is read, and leaves finished when edited.
"""

from __future__ import annotations

from gateway.codings.inflation import ZLIB_WINDOW, deflate, inflate
from gateway.core.errors import Reason, Refused
from gateway.core.limits import Budget

DEFLATE, LARGEST_WINDOW, PRESET_DICTIONARY = 8, 7, 0x20


def is_header(first: int, second: int) -> bool:
    """Whether two bytes are CMF and FLG of a stream without preset dictionary (RFC 1950 section 2.2)."""
    return (
        first & 15 == DEFLATE
        and first >> 4 <= LARGEST_WINDOW
        and not second & PRESET_DICTIONARY
        and (first << 8 | second) % 31 == 0
    )


class Zlib:
    name = "zlib"

    def sniff(self, source: str | bytes) -> bool:
        return isinstance(source, bytes) and len(source) >= 6 and is_header(source[0], source[1])

    def decode(self, source: str | bytes, budget: Budget) -> bytes:
        if not isinstance(source, bytes) or not self.sniff(source):
            raise Refused(Reason.BROKEN_CODING)
        return inflate(source, ZLIB_WINDOW, budget, flushed_is_end=True)

    def encode(self, content: str | bytes, original: str | bytes) -> bytes:  # noqa: ARG002 - the container has no variants
        return deflate(content.encode() if isinstance(content, str) else content, ZLIB_WINDOW)


ZLIB = Zlib()
