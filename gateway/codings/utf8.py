"""UTF-8, strictly: bytes to text and back. A byte order mark is no part of the text and is put back on closing."""

from __future__ import annotations

from gateway.core.errors import Reason, Refused
from gateway.core.limits import Budget

MARK = b"\xef\xbb\xbf"


class Utf8:
    name = "utf8"

    def sniff(self, source: str | bytes) -> bool:
        return isinstance(source, bytes)

    def decode(self, source: str | bytes, budget: Budget) -> str:  # noqa: ARG002 - no larger than its source
        if not isinstance(source, bytes):
            raise Refused(Reason.BROKEN_CODING)
        try:
            return str(source.removeprefix(MARK), "utf-8")
        except UnicodeDecodeError as error:
            raise Refused(Reason.BROKEN_CODING) from error

    def encode(self, content: str | bytes, original: str | bytes) -> bytes:
        mark = MARK if isinstance(original, bytes) and original.startswith(MARK) else b""
        return mark + (content.encode("utf-8", "replace") if isinstance(content, str) else content)


UTF8 = Utf8()
