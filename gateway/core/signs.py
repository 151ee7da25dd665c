"""Signs of a text: what it holds that a detector cannot do without, told in one pass by the compiled twin.

Without the twin nothing is told, and every text is read in full. A sign that is not there is surely not there; one that is
may be nothing. Texts that may read as something else than is written (escapes, most other scripts) have no signs: they are
read first, and the reading has some (`signs_read`).
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import Final

from gateway.native import compiled

UNTOLD: Final = -1
"""What `signs` says of a text that has to be read to know."""


class Shape(IntEnum):
    """A sign by its form; its number is its bit. Between the digits of one number up to three blanks or signs may stand."""

    URL = 0  # begins with `/`, `?` or `#`, or holds a scheme, or a question mark with something behind
    CARD = 1  # issuer range, length and Luhn
    ACCOUNT = 2  # country, length and check digits of an IBAN
    SSN = 3  # 536-22-8725, or nine digits near a word that says so
    NINE = 4  # nine digits, or 536 22 8725
    ID = 5  # a form that stands alone, or a number beside a word for it
    DIGITS_6 = 6
    LETTERED = 7  # digits with letters among them, as national ids have
    IMEI = 8  # its form, and a number beside a word for it
    DIGITS_14 = 9  # an IMEI's form
    BIRTH = 10  # a number beside a word of birth
    DATED = 11  # three numbers with signs between, or four digits
    PLACE = 12  # two numbers of four decimals, or one beside a word for an axis
    DECIMAL = 13  # four decimals
    PHONE = 14  # + or 00 and seven digits, or a number beside a word for it
    IPV6 = 15  # :: or six colons among hexadecimal digits
    QUAD = 16  # 1.2.3.4 as an address may be
    MAC = 17
    EMAIL = 18  # an @ between a name and a host


NAMED: Final = -1
"""What stands behind a literal, in place of a number of signs: the rest of a name and a sign that assigns (`ord: `, `ord" =`)."""
SPACED: Final = -2
"""The same: a blank, a colon or a quotation mark."""

type Literal = tuple[str, int]
"""A text to look for, and how many letters, digits and signs of keys (`._+/=-`) stand behind it at least."""


def _untold(text: str) -> int:  # noqa: ARG001 - as the twin
    return UNTOLD


signs: Callable[[str], int] = _untold if compiled is None else compiled.signs
signs_read: Callable[[str], int] = _untold if compiled is None else compiled.signs_read
"""The signs of what is a reading already."""

URL_SIGN: Final = 1 << Shape.URL
"""Without it there is no URL in a text."""
SCHEMES: Final = (
    "data", "blob", "javascript", "filesystem", "view-source", "about", "mailto", "tel", "sms", "callto", "geo", "urn",
)  # fmt: skip
"""Those that make a URL without a slash behind them."""
