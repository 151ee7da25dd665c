"""Compressed bytes packed into a string, one code point below 256 a byte, as rrweb's packer and PostHog do.

This is not UTF-8 of the bytes: the string goes back the same way. Only a string that begins as gzip or zlib does
is taken for packed.
"""

from __future__ import annotations

from gateway.codings.zlib import is_header
from gateway.core.errors import Reason, Refused
from gateway.core.limits import Budget

GZIP_MAGIC = "\x1f\x8b\x08"


class Latin1:
    name = "latin1"

    def sniff(self, source: str | bytes) -> bool:
        return (
            isinstance(source, str)
            and len(source) >= 6
            and (source.startswith(GZIP_MAGIC) or is_header(ord(source[0]), ord(source[1])))
        )

    def decode(self, source: str | bytes, budget: Budget) -> bytes:  # noqa: ARG002 - as large as its source
        if not isinstance(source, str) or not self.sniff(source):
            raise Refused(Reason.BROKEN_CODING)
        try:
            return source.encode("latin-1")
        except UnicodeEncodeError as error:
            raise Refused(Reason.BROKEN_CODING) from error

    def encode(self, content: str | bytes, original: str | bytes) -> str:  # noqa: ARG002 - the packing has no variants
        return content.decode("latin-1") if isinstance(content, bytes) else content


LATIN1 = Latin1()
