"""IMEIs (3GPP TS 23.003): 15 digits with a Luhn check, printed 35-209900-176148-1 too, beside a word or key that says so.

Without such a word 15 digits are an order number; a card of 15 digits is `payment_card`'s.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from stdnum import luhn

from gateway.core.plugin import Context, Detector, Miss, MissReason
from gateway.detectors.beside import Words

_NUMBER: Final = re.compile(r"(?<![^\W_])\d{2}[ -/]?\d{6}[ -/]?\d{6}[ -/]?\d{1,2}(?![^\W_]|\.\d)|(?<![^\W_])\d{14}(?![^\W_])")
_WORDS: Final = Words(
    dict.fromkeys(
        ("imei", "imei1", "imeis", "imeisv", "imei number", "device imei", "meid", "imei nummer", "handset id"), (True,)
    )
)
_DIGITS: Final = re.compile(r"\d")


def _find(text: str, context: Context) -> Iterator[tuple[int, int]]:
    for miss in _looked_at(text, context):
        if miss.reason is None:
            yield miss.start, miss.end


class _Look:
    __slots__ = ("end", "reason", "start")

    def __init__(self, start: int, end: int, reason: MissReason | None) -> None:
        self.start, self.end, self.reason = start, end, reason


def _looked_at(text: str, context: Context) -> Iterator[_Look]:
    """Every number of this form, with why it is none."""
    has_key = bool(_WORDS.of_keys(context.keys))
    for match in _NUMBER.finditer(text):
        digits = "".join(_DIGITS.findall(match[0]))
        reason = None
        if not (has_key or _WORDS.beside(text, match.start())[0]):
            if len(digits) != 15 or not luhn.is_valid(digits):
                continue
            reason = MissReason.NEEDS_A_WORD
        elif len(digits) == 15 and not luhn.is_valid(digits):
            reason = MissReason.CHECKSUM_FAILED
        yield _Look(*match.span(), reason)


def _why_not(text: str, context: Context) -> Iterator[Miss]:
    for look in _looked_at(text, context):
        if look.reason is not None:
            yield Miss(look.start, look.end, DETECTOR.name, look.reason)


DETECTOR: Final = Detector(
    name="imei",
    title="device number (IMEI)",
    label="imei",
    hint=lambda text: _NUMBER.search(text) is not None,
    find=_find,
    why_not=_why_not,
)
