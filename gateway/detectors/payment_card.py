"""Payment card numbers of all brands: issuer range, length and Luhn must agree.

Reads runs of digits, in the groupings that cards are printed in, glued to letters, or as a JSON number in any notation.
A longer run, a decimal, a UUID or a hexadecimal id is none, and no range begins with 1 but for those left out: Unix
times in milli- and microseconds do. Lengths that hardly any card has count only beside a word that says card.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from gateway.core.plugin import Context, Detector, Miss, MissReason
from gateway.core.signs import Shape
from gateway.detectors.near_miss import near_misses

# first digits (from, to) → lengths. Sources: ISO/IEC 7812 registrations as the brands publish them
_BRANDS: Final[tuple[tuple[str, str, str, tuple[int, ...]], ...]] = (
    ("Visa", "4", "4", (13, 16, 19)),
    ("Mastercard", "51", "55", (16,)),
    ("Mastercard", "2221", "2720", (16,)),
    ("American Express", "34", "34", (15,)),
    ("American Express", "37", "37", (15,)),
    ("Diners Club", "300", "305", (14, 16, 19)),
    ("Diners Club", "3095", "3095", (14, 16, 19)),
    ("Diners Club", "36", "36", (14, 16, 19)),
    ("Diners Club", "38", "39", (14, 16, 19)),
    ("Discover", "6011", "6011", (16, 19)),
    ("Discover", "644", "649", (16, 19)),
    ("Discover, RuPay", "65", "65", (16, 19)),
    ("JCB", "3528", "3589", (16, 17, 18, 19)),
    ("JCB", "1800", "1800", (15,)),
    ("JCB", "2131", "2131", (15,)),
    ("UnionPay", "62", "62", (16, 17, 18, 19)),
    ("UnionPay", "81", "81", (16, 17, 18, 19)),
    ("RuPay", "60", "60", (16,)),
    ("RuPay", "82", "82", (16,)),
    ("RuPay", "508", "508", (16,)),
    ("Maestro", "50", "50", (12, 13, 14, 15, 16, 17, 18, 19)),
    ("Maestro", "56", "58", (12, 13, 14, 15, 16, 17, 18, 19)),
    ("Maestro", "63", "63", (12, 13, 14, 15, 16, 17, 18, 19)),
    ("Maestro", "67", "69", (12, 13, 14, 15, 16, 17, 18, 19)),
    ("Mir", "2200", "2205", (16, 17, 18, 19)),
    ("Troy", "9792", "9792", (16,)),
    ("Humo", "9860", "9860", (16,)),
    ("Uzcard", "8600", "8600", (16,)),
)
_BY_FIRST: Final = {
    digit: tuple((low, high, lengths) for _, low, high, lengths in _BRANDS if low[0] <= digit <= high[0])
    for digit in "0123456789"
}
RANGES: Final = [
    (low.encode(), high.encode(), sum(1 << length for length in lengths)) for _, low, high, lengths in _BRANDS
]
"""First digits (from, to) with the lengths as bits."""
_DOUBLED: Final = bytes.maketrans(b"0123456789", b"0246813579")
_RARE: Final = frozenset({12, 13, 17, 18})  # bar codes and snowflake ids have these lengths
_GROUPINGS: Final = frozenset({
    (4, 4, 4, 4), (4, 6, 5), (4, 6, 4), (4, 4, 4, 4, 3), (6, 10), (6, 13), (8, 8), (4, 4, 5), (4, 4, 4, 3), (4, 12),
})  # fmt: skip
_LEAST_EXACT: Final = 12  # characters: shorter numbers with an exponent are round, not somebody's
_BEGUN: Final = frozenset(one[:size] for one in _GROUPINGS for size in range(1, len(one) + 1))
_HEX_LENGTHS: Final = frozenset({24, 32, 40, 48, 56, 64, 96, 128})

_DIGITS: Final = re.compile(r"\d+")
_GAP: Final = re.compile(r"[ \t._/·-]{1,3}")
_NUMBER: Final = re.compile(r"(?<![\w.])\d{1,20}(?:\.\d{1,20})?[eE][+-]?\d{1,2}(?![\w.])")
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_HEX: Final = re.compile(r"[0-9a-fA-F]+")
_WORD: Final = re.compile(
    r"(?:\b|_)(?:card|cc|credit|debit|visa|maestro|mastercard|pan|ccnum|cardnumber|karte|kartennummer|carte|tarjeta)(?:\b|_)",
    re.IGNORECASE,
)
_KEYS: Final = frozenset({"card", "cc", "pan", "credit", "debit", "cardnumber", "ccnumber", "maestro", "visa"})
_NEAR: Final = 32


def _hint(text: str) -> bool:
    return _ENOUGH.search(text) is not None


_ENOUGH: Final = re.compile(r"(?:\d[ \t._/·-]{0,3}){12}|\d[eE][+-]?\d")


def has_luhn(digits: str) -> bool:
    """Whether the last digit is Luhn's check digit of the others (ISO/IEC 7812-1)."""
    signs = digits.encode()
    return (sum(signs[::-2]) + sum(signs[-2::-2].translate(_DOUBLED)) - ord("0") * len(signs)) % 10 == 0


def is_issued(digits: str) -> bool:
    """Whether some brand has numbers of this range and length."""
    return any(
        len(digits) in lengths and low <= digits[: len(low)] <= high for low, high, lengths in _BY_FIRST[digits[0]]
    )


def is_card(digits: str) -> bool:
    """Whether these digits are a card number of some brand."""
    return is_issued(digits) and has_luhn(digits)


def _find(text: str, context: Context) -> Iterator[tuple[int, int]]:
    for match in _NUMBER.finditer(text):
        if len(match[0]) < _LEAST_EXACT:
            continue
        value = Decimal(match[0])
        if value == value.to_integral_value() and is_card(str(int(value))):
            yield match.span()
    runs = [match.span() for match in _DIGITS.finditer(text)]
    uuids = [match.span() for match in _UUID.finditer(text)]
    has_key = not _KEYS.isdisjoint(context.keys)
    index = passed = 0
    while index < len(runs):
        start, end = runs[index]
        while passed < len(uuids) and uuids[passed][1] <= start:
            passed += 1
        if passed < len(uuids) and uuids[passed][0] <= start:
            index += 1
            continue
        taken = _grouped(text, runs, index) if (end - start,) in _BEGUN and _BY_FIRST[text[start]] else 0
        if taken:
            index += taken
            yield start, runs[index - 1][1]
            continue
        index += 1
        if not 12 <= end - start <= 19 or _is_decimal(text, start, end) or not is_card(text[start:end]):
            continue
        if _is_in_hex(text, start, end):
            continue
        if end - start in _RARE and not has_key and not _WORD.search(text, max(0, start - _NEAR), start):
            continue
        yield start, end


_LOOKS_LIKE: Final = re.compile(r"\d(?:[ \t._/·-]{0,3}\d){11,22}")


def _why_not(text: str, context: Context) -> Iterator[Miss]:
    for match in near_misses(_LOOKS_LIKE, text, _find(text, context)):
        start, end = match.span()
        digits = "".join(filter(str.isdecimal, match[0]))
        if len(digits) > 19:
            reason = MissReason.WRONG_LENGTH
        elif not is_issued(digits):
            reason = MissReason.NOT_ISSUED
        elif not has_luhn(digits):
            reason = MissReason.CHECKSUM_FAILED
        elif _is_decimal(text, start, end):
            reason = MissReason.MEASURE_LIKE
        elif len(digits) in _RARE:
            reason = MissReason.NEEDS_A_WORD
        else:
            reason = MissReason.INSIDE_LONGER_TOKEN
        yield Miss(start, end, DETECTOR.name, reason)


def _grouped(text: str, runs: list[tuple[int, int]], first: int) -> int:
    """How many runs from `first` on make one card number as printed; 0 for none."""
    lengths: tuple[int, ...] = ()
    taken = 0
    for index in range(first, len(runs)):
        start, end = runs[index]
        lengths = (*lengths, end - start)
        if lengths not in _BEGUN or (index > first and not _GAP.fullmatch(text, runs[index - 1][1], start)):
            break
        if index == first + 1 and end - start > 6 and text[start - 1] == ".":
            break  # a decimal
        if lengths in _GROUPINGS and is_card("".join(text[a:b] for a, b in runs[first : index + 1])):
            taken = len(lengths)
    return taken


def _is_decimal(text: str, start: int, end: int) -> bool:
    """Whether the digits are the fraction of a number, or its whole part before a fraction other than zeros."""
    if text[start - 1 : start] == "." and (start < 2 or not text[start - 2].isalpha()):
        return start < 2 or text[start - 2].isdigit() or not text[start - 2].strip()
    if text[end : end + 1] != ".":
        return False
    fraction = _DIGITS.match(text, end + 1)
    return fraction is not None and fraction[0].strip("0") != ""


def _is_in_hex(text: str, start: int, end: int) -> bool:
    low = max(0, start - 128)
    before = _HEX.match(text[low:start][::-1])
    after = _HEX.match(text, end, end + 128)
    left = start - (len(before[0]) if before else 0)
    right = after.end() if after else end
    if right - left not in _HEX_LENGTHS:
        return False
    return not text[max(0, left - 1) : left].isalnum() and not text[right : right + 1].isalnum()


DETECTOR: Final = Detector(
    name="payment_card",
    title="payment card",
    label="card",
    hint=_hint,
    find=_find,
    why_not=_why_not,
    shapes=(Shape.CARD,),
)
