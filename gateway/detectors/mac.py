"""Hardware (MAC, EUI-48) addresses: six pairs with colons or dashes, or three fours with dots.

Parts of longer fingerprints, UUIDs and hashes are none, nor dates in dashes, nor the all-zero and broadcast addresses.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from gateway.core.plugin import Context, Detector, Miss, MissReason
from gateway.core.signs import Shape
from gateway.detectors.near_miss import near_misses

_HH: Final = "[0-9A-Fa-f]{2}"
_HHHH: Final = "[0-9A-Fa-f]{4}"
_PAIRS: Final = re.compile(
    rf"(?<![0-9A-Za-z])(?<![0-9A-Fa-f][:-]){_HH}([:-])(?:{_HH}\1){{4}}{_HH}(?![0-9A-Za-z]|[:-][0-9A-Fa-f])"
)
_FOURS: Final = re.compile(rf"(?<![0-9A-Za-z.]){_HHHH}\.{_HHHH}\.{_HHHH}(?![0-9A-Za-z]|\.\w)")
_LETTER: Final = re.compile("[A-Fa-f]")
_DIGIT: Final = re.compile("[0-9]")


def _find(text: str, context: Context) -> Iterator[tuple[int, int]]:
    del context
    for match in _PAIRS.finditer(text):
        if len(set(match[0].lower()) - {":", "-"}) > 1 and (match[1] == ":" or _LETTER.search(match[0])):
            yield match.span()
    for match in _FOURS.finditer(text):
        if _LETTER.search(match[0]) and _DIGIT.search(match[0]):
            yield match.span()


_ANY: Final = re.compile(rf"{_HH}[:-]{_HH}[:-]|{_HHHH}\.{_HHHH}\.")

_LOOKS_LIKE: Final = re.compile(rf"{_HH}(?:[:-]{_HH}){{5}}|{_HHHH}\.{_HHHH}\.{_HHHH}")


def _why_not(text: str, context: Context) -> Iterator[Miss]:
    for match in near_misses(_LOOKS_LIKE, text, _find(text, context)):
        is_whole = _PAIRS.match(text, match.start()) or _FOURS.match(text, match.start())
        yield Miss(*match.span(), DETECTOR.name, MissReason.RESERVED if is_whole else MissReason.INSIDE_LONGER_TOKEN)


DETECTOR: Final = Detector(
    name="mac",
    title="hardware (MAC) address",
    label="mac",
    hint=lambda text: _ANY.search(text) is not None,
    find=_find,
    why_not=_why_not,
    shapes=(Shape.MAC,),
)
