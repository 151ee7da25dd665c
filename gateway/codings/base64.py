"""Base64 (RFC 4648): standard or URL alphabet, with or without padding, in one line or wrapped.

Closing keeps alphabet, padding and line ends. Digits and hex digits alone are ids, never base64. Whether a text that
could be base64 is base64, its content tells: the opener keeps only what opens further or reads as text.
"""

from __future__ import annotations

import binascii
import re

from gateway.core.errors import Reason, Refused
from gateway.core.limits import Budget

SHORTEST = 16
_WHOLE = re.compile(
    r"(?:[A-Za-z0-9+/]|\r?\n(?!\Z))*+={0,2}(?:\r?\n)?|(?:[A-Za-z0-9_-]|\r?\n(?!\Z))*+={0,2}(?:\r?\n)?", re.ASCII
)
_HEX = re.compile(r"[0-9a-f]+|[0-9A-F]+", re.ASCII)
_NEWLINE = re.compile(r"\r?\n")
_TO_STANDARD = str.maketrans("-_", "+/")
_TO_URL = str.maketrans("+/", "-_")


def _text(source: str | bytes) -> str:
    return source if isinstance(source, str) else source.decode("latin-1")


class Base64:
    name = "base64"

    def sniff(self, source: str | bytes) -> bool:
        if len(source) < SHORTEST:
            return False
        text = _text(source)
        return _WHOLE.fullmatch(text) is not None and _HEX.fullmatch(text) is None

    def decode(self, source: str | bytes, budget: Budget) -> bytes:
        if not self.sniff(source):
            raise Refused(Reason.BROKEN_CODING)
        budget.spend_decoded(len(source) * 3 // 4)
        packed = _NEWLINE.sub("", _text(source)).translate(_TO_STANDARD)
        bare = packed.rstrip("=")
        padding = -len(bare) % 4
        if padding == 3 or len(packed) - len(bare) not in {0, padding}:
            raise Refused(Reason.BROKEN_CODING)
        return binascii.a2b_base64(bare + "=" * padding)

    def encode(self, content: str | bytes, original: str | bytes) -> str | bytes:
        text = _text(original)
        packed = binascii.b2a_base64(content.encode() if isinstance(content, str) else content, newline=False).decode()
        bare = _NEWLINE.sub("", text)
        if "-" in bare or "_" in bare:
            packed = packed.translate(_TO_URL)
        if len(bare) % 4:  # only an unpadded source has a length that padding would have changed
            packed = packed.rstrip("=")
        if first := _NEWLINE.search(text):
            width = max(first.start(), 1)
            lines = [packed[at : at + width] for at in range(0, len(packed), width)]
            packed = first[0].join(lines) + (first[0] if text.endswith("\n") else "")
        return packed if isinstance(original, str) else packed.encode()


BASE64 = Base64()
