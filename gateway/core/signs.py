"""Signs of a text: what it holds that a detector cannot do without, told in one pass by the compiled twin.

Without the twin nothing is told, and every text is read in full. A sign that is not there is surely not there; one that is
may be nothing. Texts that may read as something else than is written (escapes, other scripts) have no signs: they are read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import IntEnum
from typing import Final

from gateway.native import compiled

UNTOLD: Final = -1
"""What `signs` says of a text that has to be read to know."""


class Shape(IntEnum):
    """A sign by its form; its number is its bit. Between the digits of one number up to three blanks or signs may stand."""

    DIGITS_4 = 0
    DIGITS_6 = 1
    DIGITS_9 = 2
    DIGITS_12 = 3
    DIGITS_14 = 4
    EXPONENT = 5  # 1e5
    AT_SIGN = 6
    COLON = 7
    COLONS = 8  # two or more
    QUESTION = 9
    ACCOUNT = 10  # two letters and two digits, as IBANs begin
    DECIMAL = 11  # four decimals
    QUAD = 12  # 1.2.3.4
    PAIRS = 13  # hexadecimal pairs or fours with signs between
    LETTERED = 14  # digits with letters among them, as national ids have
    DATED = 15  # three numbers with signs between, or four digits
    SLASH_FIRST = 16  # begins with `/`, `?` or `#`


_FIRST_LITERAL: Final = len(Shape)


def _untold(text: str) -> int:  # noqa: ARG001 - as the twin
    return UNTOLD


signs: Callable[[str], int] = _untold if compiled is None else compiled.signs

URL_SIGNS: Final = 1 << Shape.COLON | 1 << Shape.QUESTION | 1 << Shape.SLASH_FIRST
"""Without one of these there is no URL in a text."""


class Needs:
    """Which signs each of some readers needs, as bits: one of its shapes or literals has to be there."""

    def __init__(self, rows: Sequence[tuple[Sequence[Shape], Sequence[str], Sequence[str]]]) -> None:
        """A row: shapes, literals, and literals whose case counts for nothing. Made once: it tells the twin its literals."""
        self.masks: list[int] = []
        told: list[tuple[str, bool, int]] = []
        for number, (shapes, literals, folded) in enumerate(rows):
            bit = _FIRST_LITERAL + number
            told += [(literal, False, bit) for literal in literals]
            told += [(literal.lower(), True, bit) for literal in folded]
            self.masks.append(sum(1 << shape for shape in shapes) | (1 << bit if literals or folded else 0))
        if compiled is not None:
            compiled.setup_signs(told)
