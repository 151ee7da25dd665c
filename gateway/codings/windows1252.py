"""windows-1252, which the WHATWG Encoding Standard also reads where a label says iso-8859-1, latin1 or us-ascii.

Total: the five bytes without a character map to the control character of the same number. A character that the
encoding lacks leaves as `?`.
"""

from __future__ import annotations

import codecs

from gateway.core.errors import Reason, Refused
from gateway.core.limits import Budget

_TABLE = "".join(
    chr(byte) if byte in {0x81, 0x8D, 0x8F, 0x90, 0x9D} else bytes([byte]).decode("cp1252") for byte in range(256)
)
_MAP = codecs.charmap_build(_TABLE)


class Windows1252:
    name = "windows1252"

    def sniff(self, source: str | bytes) -> bool:
        return isinstance(source, bytes)

    def decode(self, source: str | bytes, budget: Budget) -> str:  # noqa: ARG002 - as many characters as bytes
        if not isinstance(source, bytes):
            raise Refused(Reason.BROKEN_CODING)
        return codecs.charmap_decode(source, "strict", _TABLE)[0]

    def encode(self, content: str | bytes, original: str | bytes) -> bytes:  # noqa: ARG002 - the encoding has no variants
        return codecs.charmap_encode(content, "replace", _MAP)[0] if isinstance(content, str) else content


WINDOWS1252 = Windows1252()
