"""The content coding `deflate`: zlib by RFC 9110 section 8.4.1.2, and bare deflate (RFC 1951) as many clients send it.

Bare deflate has no magic: it is read only where a Content-Encoding names it, and leaves the way it came.
"""

from __future__ import annotations

from gateway.codings.inflation import RAW_WINDOW, deflate, inflate
from gateway.codings.zlib import ZLIB
from gateway.core.errors import Reason, Refused
from gateway.core.limits import Budget


class Deflate:
    name = "deflate"

    def sniff(self, source: str | bytes) -> bool:
        return isinstance(source, bytes) and len(source) > 0

    def decode(self, source: str | bytes, budget: Budget) -> bytes:
        if not isinstance(source, bytes):
            raise Refused(Reason.BROKEN_CODING)
        if ZLIB.sniff(source):
            try:
                return ZLIB.decode(source, budget)
            except Refused as refused:
                if refused.reason is not Reason.BROKEN_CODING:
                    raise
        return inflate(source, RAW_WINDOW, budget)

    def encode(self, content: str | bytes, original: str | bytes) -> bytes:
        if ZLIB.sniff(original):
            return ZLIB.encode(content, original)
        return deflate(content.encode() if isinstance(content, str) else content, RAW_WINDOW)


DEFLATE = Deflate()
