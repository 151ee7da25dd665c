"""A text that is percent-encoded as a whole: JSON (`%7B%22…`) or a URL (`https%3A%2F%2F…`), once or several times over.

Closing encodes the same characters as the original did. Escapes that are no UTF-8 are not of this coding.
"""

from __future__ import annotations

import re
from urllib.parse import quote_from_bytes, unquote_to_bytes

from gateway.core.errors import Reason, Refused
from gateway.core.limits import Budget

# a JSON object, array or string, or a URL's scheme; `25` is the percent sign itself, encoded once more
_START = re.compile(r"%(?:25)*+(?:7B|5B|22)|https?%(?:25)*+3A%(?:25)*+2F%(?:25)*+2F", re.IGNORECASE | re.ASCII)
_WHOLE = re.compile(r"(?:[A-Za-z0-9._~!*'()@:$,;/+\[\]|-]|%[0-9A-Fa-f]{2})*+", re.ASCII)
_RAW_MARKS = re.compile(r"[^A-Za-z0-9%]", re.ASCII)
_ESCAPED_LOWER = re.compile(r"%(?=[0-9a-f]{2})(?:[0-9][a-f]|[a-f][0-9a-f])", re.ASCII)
_ESCAPE = re.compile(r"%[0-9A-F]{2}", re.ASCII)
ALWAYS_RAW = "-._~"  # unreserved, RFC 3986 section 2.3


class Percent:
    name = "percent"

    def sniff(self, source: str | bytes) -> bool:
        return isinstance(source, str) and _START.match(source) is not None

    def decode(self, source: str | bytes, budget: Budget) -> str:
        if not isinstance(source, str) or not self.sniff(source) or not _WHOLE.fullmatch(source):
            raise Refused(Reason.BROKEN_CODING)
        budget.spend_decoded(len(source))
        try:
            return unquote_to_bytes(source).decode("utf-8")
        except UnicodeDecodeError as error:
            raise Refused(Reason.BROKEN_CODING) from error

    def encode(self, content: str | bytes, original: str | bytes) -> str:
        text = original if isinstance(original, str) else original.decode("latin-1")
        raw = "".join(sorted(set(_RAW_MARKS.findall(text)))) + ALWAYS_RAW
        data = content.encode("utf-8", "replace") if isinstance(content, str) else content
        encoded = quote_from_bytes(data, safe=raw)
        if _ESCAPED_LOWER.search(text):
            encoded = _ESCAPE.sub(lambda escape: escape[0].lower(), encoded)
        return encoded


PERCENT = Percent()
