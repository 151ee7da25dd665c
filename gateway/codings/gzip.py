"""gzip (RFC 1952): one member or several, which readers join.

Trailing bytes that are no member, and a truncated member, are refused; an edited stream leaves as one member without
the original's name and time.
"""

from __future__ import annotations

from gateway.codings.inflation import GZIP_WINDOW, MOST_MEMBERS, deflate, inflate_member
from gateway.core.errors import Reason, Refused
from gateway.core.limits import Budget

MAGIC = b"\x1f\x8b\x08"  # ID1, ID2, CM = deflate


class Gzip:
    name = "gzip"

    def sniff(self, source: str | bytes) -> bool:
        return isinstance(source, bytes) and source.startswith(MAGIC)

    def decode(self, source: str | bytes, budget: Budget) -> bytes:
        if not isinstance(source, bytes):
            raise Refused(Reason.BROKEN_CODING)
        pieces: list[bytes] = []
        at = 0
        for _ in range(MOST_MEMBERS):
            if not source.startswith(MAGIC, at):
                raise Refused(Reason.BROKEN_CODING)
            at, ended = inflate_member(source, at, GZIP_WINDOW, budget, pieces)
            if not ended:
                raise Refused(Reason.BROKEN_CODING)
            if at == len(source):
                return b"".join(pieces)
        raise Refused(Reason.TOO_LARGE)

    def encode(self, content: str | bytes, original: str | bytes) -> bytes:  # noqa: ARG002 - the container has no variants
        return deflate(content.encode() if isinstance(content, str) else content, GZIP_WINDOW)


GZIP = Gzip()
