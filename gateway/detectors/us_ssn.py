"""US social security numbers: 536-22-8725 with an area, group and serial that are given out.

Spaces or no separators at all count only beside a word or key that says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from gateway.core.plugin import Context, Detector

_NUMBER: Final = re.compile(
    r"(?<!\d)(?<!\d[.-])(?<![A-Za-z]-)(?!000|666|9)\d{3}([ -]?)(?!00)\d{2}\1(?!0000)\d{4}(?!\d|[.-]\d|-\w)"
)
_WORD: Final = re.compile(
    r"(?<![a-z])(?:ssn|social[ _-]?security|tax[ _-]?(?:payer[ _-]?)?id|itin)(?![a-z])", re.IGNORECASE
)
_NEAR: Final = 40
_KEYS: Final = frozenset({"ssn", "socialsecurity", "itin"})


def _find(text: str, context: Context) -> Iterator[tuple[int, int]]:
    has_key = not _KEYS.isdisjoint(context.keys) or {"social", "security"} <= set(context.keys)
    for match in _NUMBER.finditer(text):
        if match[1] == "-" or has_key or _WORD.search(text, max(0, match.start() - _NEAR), match.start()):
            yield match.span()


_ANY: Final = re.compile(r"\d{3}[ -]?\d{2}[ -]?\d{4}")

DETECTOR: Final = Detector(
    name="us_ssn",
    title="US social security number",
    label="ssn",
    hint=lambda text: _ANY.search(text) is not None,
    find=_find,
)
