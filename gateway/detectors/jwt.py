"""JSON web tokens (RFC 7519): three parts of base64url with dots, the first an object; encrypted ones have five.

A token that lost its signature, as cut log lines do, is one too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from gateway.core.plugin import Context, Detector

_DOTTED: Final = re.compile(r"[A-Za-z0-9_.=-]{16,}+")
_OBJECT: Final = ("eyJ", "ewo", "eyA", "ewA")  # `{"`, `{` and white space
_LEAST: Final = 8


def _find(text: str, context: Context) -> Iterator[tuple[int, int]]:
    del context
    for match in _DOTTED.finditer(text):
        parts = match[0].split(".")
        at = match.start()
        until = 0
        for index, part in enumerate(parts):
            head = part.find(_OBJECT[0])
            taken = _taken(parts, index, head) if head >= 0 and index >= until else 0
            if taken:
                until = index + taken
                yield at + head, at + sum(map(len, parts[index:until])) + taken - 1
            at += len(part) + 1


def _taken(parts: list[str], index: int, head: int) -> int:
    """How many parts from `index` on belong to one token; 0 for none."""
    if len(parts[index]) - head < _LEAST or index + 1 >= len(parts):
        return 0
    if parts[index + 1].startswith(_OBJECT) and len(parts[index + 1]) >= _LEAST:
        return min(3, len(parts) - index)
    if len(parts) - index >= 5 and len(parts[index + 2]) >= _LEAST:  # RFC 7516
        return 5
    is_signed = len(parts) - index >= 3 and len(parts[index + 1]) >= _LEAST and len(parts[index + 2]) >= 2 * _LEAST
    return 3 if is_signed else 0


DETECTOR: Final = Detector(
    name="jwt",
    title="JSON web token",
    label="jwt",
    hint=lambda text: _OBJECT[0] in text,
    find=_find,
    literals=((_OBJECT[0], 5 + 1 + _LEAST),),
)
