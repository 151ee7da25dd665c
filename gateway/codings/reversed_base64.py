"""Base64 written backwards: some SDKs turn a body's text round so that blockers do not read it.

Only what begins as JSON does (`{"`, `[{`, `["`) is taken for it; everything else of that look is an id or plain base64.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.codings.base64 import BASE64
from gateway.core.errors import Reason, Refused

if TYPE_CHECKING:
    from gateway.core.limits import Budget

_ENDS = ("Jye", "s3W", "JyW")  # how `{"`, `[{` and `["` end when their base64 is turned round


class ReversedBase64:
    name = "base64-reversed"

    def sniff(self, source: str | bytes) -> bool:
        text = source if isinstance(source, str) else source[-3:].decode("latin-1")
        return text.endswith(_ENDS) and BASE64.sniff(source[::-1])

    def decode(self, source: str | bytes, budget: Budget) -> bytes:
        if not self.sniff(source):
            raise Refused(Reason.BROKEN_CODING)
        return BASE64.decode(source[::-1], budget)

    def encode(self, content: str | bytes, original: str | bytes) -> str | bytes:
        return BASE64.encode(content, original[::-1])[::-1]


REVERSED_BASE64 = ReversedBase64()
