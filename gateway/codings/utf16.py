"""UTF-16 and UTF-32, by byte order mark or by charset label; closes with the same byte order and mark.

A label alone does not make it so: a body labelled utf-16 whose bytes are ASCII would be read as ideographs here and as
ASCII by a backend that ignores labels. JSON, forms and markup in these encodings always hold NUL bytes; without one,
the source is refused.
"""

from __future__ import annotations

from typing import Literal

from gateway.core.errors import Reason, Refused
from gateway.core.limits import Budget

# UTF-32 first: its little-endian mark begins with that of UTF-16
MARKS: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xfe\x00\x00", "utf-32-le"),
    (b"\x00\x00\xfe\xff", "utf-32-be"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)


class Utf16:
    """`default` is the byte order where there is no mark (RFC 2781 section 4.3: big-endian for a bare `utf-16`)."""

    def __init__(self, name: str, default: Literal["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"]) -> None:
        self.name = name
        self._default = default

    def sniff(self, source: str | bytes) -> bool:
        return isinstance(source, bytes) and any(source.startswith(mark) for mark, _ in MARKS)

    def _variant(self, source: str | bytes) -> tuple[bytes, str]:
        width = self._default[:6]
        for mark, encoding in MARKS:
            if (
                isinstance(source, bytes)
                and source.startswith(mark)
                and (self.name == "utf16" or encoding[:6] == width)
            ):
                return mark, encoding
        return b"", self._default

    def decode(self, source: str | bytes, budget: Budget) -> str:
        if not isinstance(source, bytes):
            raise Refused(Reason.BROKEN_CODING)
        mark, encoding = self._variant(source)
        if len(source) > len(mark) and b"\x00" not in source[len(mark) :]:
            raise Refused(Reason.BROKEN_CODING)
        budget.spend_decoded(len(source))
        try:
            return str(source[len(mark) :], encoding)
        except UnicodeDecodeError as error:
            raise Refused(Reason.BROKEN_CODING) from error

    def encode(self, content: str | bytes, original: str | bytes) -> bytes:
        mark, encoding = self._variant(original)
        return mark + (content.encode(encoding, "replace") if isinstance(content, str) else content)


UTF16 = Utf16("utf16", "utf-16-be")
UTF16_LE = Utf16("utf16le", "utf-16-le")
UTF16_BE = Utf16("utf16be", "utf-16-be")
UTF32 = Utf16("utf32", "utf-32-be")
UTF32_LE = Utf16("utf32le", "utf-32-le")
UTF32_BE = Utf16("utf32be", "utf-32-be")
