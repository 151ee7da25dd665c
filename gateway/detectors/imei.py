"""IMEIs (3GPP TS 23.003): 15 digits with a Luhn check, printed 35-209900-176148-1 too, beside a word or key that says
so.

Without such a word 15 digits are an order number; a card of 15 digits is `payment_card`'s.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from gateway.core.plugin import Context, Detector, Miss, MissReason
from gateway.core.signs import Shape
from gateway.detectors.beside import Words
from gateway.detectors.payment_card import has_luhn

_NUMBER: Final = re.compile(
    r"(?<![^\W_])\d{2}[ -/]?\d{6}[ -/]?\d{6}[ -/]?\d{1,2}(?![^\W_]|\.\d)|(?<![^\W_])\d{14}(?![^\W_])"
)
_WORDS: Final = Words(
    dict.fromkeys(
        ("imei", "imei1", "imeis", "imeisv", "imei number", "device imei", "meid", "imei nummer", "handset id"), (True,)
    )
)
_DIGITS: Final = re.compile(r"\d")


def _judged(text: str, context: Context) -> Iterator[tuple[int, int, MissReason | None]]:
    """Every number of this form, with why it is none."""
    has_key = bool(_WORDS.of_keys(context.keys))
    for match in _NUMBER.finditer(text):
        digits = "".join(_DIGITS.findall(match[0]))
        is_checked = len(digits) != 15 or has_luhn(
            digits
        )  # 14 lack the check digit, 16 end with the software's version
        if has_key or _WORDS.beside(text, match.start())[0]:
            yield *match.span(), None if is_checked else MissReason.CHECKSUM_FAILED
        elif is_checked and len(digits) == 15:
            yield *match.span(), MissReason.NEEDS_A_WORD


def _find(text: str, context: Context) -> Iterator[tuple[int, int]]:
    for start, end, reason in _judged(text, context):
        if reason is None:
            yield start, end


def _why_not(text: str, context: Context) -> Iterator[Miss]:
    for start, end, reason in _judged(text, context):
        if reason is not None:
            yield Miss(start, end, DETECTOR.name, reason)


DETECTOR: Final = Detector(
    name="imei",
    title="device number (IMEI)",
    label="imei",
    hint=lambda text: _NUMBER.search(text) is not None,
    find=_find,
    why_not=_why_not,
    shapes=(Shape.IMEI,),
    beside=_WORDS.forms,
    keyed=(Shape.DIGITS_14,),
    named=lambda keys: bool(_WORDS.of_keys(keys)),
)
