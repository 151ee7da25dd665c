"""US social security numbers: 536-22-8725 with an area, group and serial that are given out.

Spaces or no separators at all count only beside a word or key that says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from gateway.core.plugin import Context, Detector, Miss, MissReason
from gateway.core.signs import Shape

_NUMBER: Final = re.compile(
    r"(?<!\d)(?<!\d[.-])(?<![A-Za-z]-)(?!000|666|9)\d{3}([ -]?)(?!00)\d{2}\1(?!0000)\d{4}(?!\d|[.-]\d|-\w)"
)
_WORD: Final = re.compile(
    r"(?<![a-z])(?:ssn|social[ _-]?security|tax[ _-]?(?:payer[ _-]?)?id|itin)(?![a-z])", re.IGNORECASE
)
_NEAR: Final = 40
_KEYS: Final = frozenset({"ssn", "socialsecurity", "itin"})


def _find(text: str, context: Context) -> Iterator[tuple[int, int]]:
    has_key = _is_named(context.keys)
    for match in _NUMBER.finditer(text):
        if match[1] == "-" or has_key or _WORD.search(text, max(0, match.start() - _NEAR), match.start()):
            yield match.span()


def _is_named(keys: tuple[str, ...]) -> bool:
    return not _KEYS.isdisjoint(keys) or {"social", "security"} <= set(keys)


_ANY: Final = re.compile(r"\d{3}[ -]?\d{2}[ -]?\d{4}")

_LOOKS_LIKE: Final = re.compile(r"(?<!\d)\d{3}([ -]?)\d{2}\1\d{4}(?!\d)")


def _why_not(text: str, context: Context) -> Iterator[Miss]:
    hits = set(_find(text, context))
    for match in _LOOKS_LIKE.finditer(text):
        if match.span() in hits:
            continue
        digits = "".join(filter(str.isdecimal, match[0]))
        if digits[:3] in {"000", "666"} or digits[0] == "9" or digits[3:5] == "00" or digits[5:] == "0000":
            reason = MissReason.NOT_ISSUED
        elif _NUMBER.match(text, match.start()):
            reason = MissReason.NEEDS_A_WORD
        else:
            reason = MissReason.INSIDE_LONGER_TOKEN
        yield Miss(*match.span(), DETECTOR.name, reason)


DETECTOR: Final = Detector(
    name="us_ssn",
    title="US social security number",
    label="ssn",
    hint=lambda text: _ANY.search(text) is not None,
    find=_find,
    why_not=_why_not,
    shapes=(Shape.SSN,),
    keyed=(Shape.NINE,),
    named=_is_named,
)
