"""IBANs (ISO 13616): country, length, structure and mod 97 must agree; spaces, dashes and dots between are read over.

The length comes from the country, so letters or digits glued to an IBAN don't hide it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from string import ascii_uppercase
from typing import Final

from stdnum import iban, numdb

from gateway.core.plugin import Context, Detector, Miss, MissReason
from gateway.core.signs import Shape
from gateway.detectors.near_miss import near_misses

_PART: Final = re.compile(r"(\d+)!([nac])")
_CLASSES: Final = {"n": r"\d", "a": "[A-Za-z]", "c": "[0-9A-Za-z]"}
_GAP: Final = r"[ \t.-]{0,2}"


def _form(country: str, structure: str) -> re.Pattern[str]:
    """A country's IBAN with gaps between, from its structure in SWIFT's registry: `4!a6!n8!n`."""
    signs = [_CLASSES[kind] for size, kind in _PART.findall(structure) for _ in range(int(size))]
    return re.compile(_GAP.join([country[0], country[1], r"\d", r"\d", *signs]), re.IGNORECASE)


def _structures() -> dict[str, str]:
    """SWIFT's registry as python-stdnum brings it."""
    registry = numdb.get("iban")
    found = ((one + other, registry.info(one + other)[0][1]) for one in ascii_uppercase for other in ascii_uppercase)
    return {country: told["bban"] for country, told in found if "bban" in told}


_STRUCTURES: Final = _structures()
_FORMS: Final = {country: _form(country, structure) for country, structure in _STRUCTURES.items()}
LENGTHS: Final = {
    country: 4 + sum(int(size) for size, _ in _PART.findall(structure)) for country, structure in _STRUCTURES.items()
}
"""Characters of an IBAN by its country."""
_START: Final = re.compile(r"[A-Za-z]{2}[ .-]?\d[ .-]?\d(?=[ .-]{0,2}[0-9A-Za-z])")
_VALUES: Final = str.maketrans({letter: str(10 + value) for value, letter in enumerate(ascii_uppercase)})
_GAPS: Final = str.maketrans("", "", " \t.-")


def _find(text: str, context: Context) -> Iterator[tuple[int, int]]:
    del context
    start = _START.search(text)
    while start:
        at = start.start()
        form = _FORMS.get(text[at : at + 2].upper())
        whole = form.match(text, at) if form else None
        if whole and _is_valid(whole[0].translate(_GAPS).upper()):
            yield whole.span()
            at = whole.end() - 1
        start = _START.search(text, at + 1)


_LOOKS_LIKE: Final = re.compile(r"(?<![^\W_])[A-Z]{2}\d\d(?:[ .-]?[0-9A-Z]){10,30}(?![^\W_])")


def _why_not(text: str, context: Context) -> Iterator[Miss]:
    for match in near_misses(_LOOKS_LIKE, text, _find(text, context)):
        start, end = match.span()
        form = _FORMS.get(match[0][:2])
        if form is None:
            reason = MissReason.NOT_ISSUED
        else:
            reason = MissReason.CHECKSUM_FAILED if form.match(text, start) else MissReason.WRONG_LENGTH
        yield Miss(start, end, DETECTOR.name, reason)


def _is_valid(number: str) -> bool:
    # stdnum goes last: it costs many times the checksum, and 96 of 97 candidates fail that
    digits = (number[4:] + number[:4]).translate(_VALUES)
    return digits.isdecimal() and int(digits) % 97 == 1 and bool(iban.is_valid(number))


DETECTOR: Final = Detector(
    name="iban",
    title="bank account (IBAN)",
    label="iban",
    hint=lambda text: _START.search(text) is not None,
    find=_find,
    why_not=_why_not,
    shapes=(Shape.ACCOUNT,),
)
