"""Which signs each detector of the room needs, told to the compiled twin once and asked for every text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

from gateway.core.plugin import Detector
from gateway.core.signs import SCHEMES, UNTOLD, Literal, Shape
from gateway.detectors import iban, payment_card
from gateway.native import compiled

_FIRST_LITERAL: Final = len(Shape)


def _as_read(text: str) -> bytes:
    """As the twin sees it: a letter of another script is one byte."""
    return bytes(ord(one) if one.isascii() else 0x80 for one in text)


class Needs:
    """The signs of which a text must have one for a detector to find anything, as bits."""

    def __init__(self, detectors: Sequence[Detector]) -> None:
        """Made once: it tells the twin what to look for."""
        rows: list[tuple[bytes, bool, int, int]] = []
        phrases: list[tuple[bytes, int]] = []
        self._plain: dict[int, int] = {}
        self._keyed: list[tuple[Detector, int]] = []
        for number, one in enumerate(detectors):
            bit = _FIRST_LITERAL + number
            rows += _rows(one.literals, bit, folded=False) + _rows(one.folded, bit, folded=True)
            phrases += [(phrase.encode(), one.shapes[0]) for phrase in one.beside if phrase.isascii()]
            mask = sum(1 << shape for shape in one.shapes) | (1 << bit if one.literals or one.folded else 0)
            # by identity: a detector of the same name from elsewhere is read always
            self._plain[id(one)] = mask or UNTOLD
            if one.keyed:
                self._keyed.append((one, sum(1 << shape for shape in one.keyed)))
        rows += [(_as_read(scheme + ":"), True, int(Shape.URL), 0) for scheme in SCHEMES]
        if compiled is not None:
            accounts = [(country.encode(), length) for country, length in iban.LENGTHS.items()]
            compiled.setup_signs(rows, phrases, accounts, payment_card.RANGES)
        self.of = lru_cache(maxsize=1024)(self._of)

    def _of(self, keys: tuple[str, ...]) -> tuple[dict[int, int], int]:
        """Each detector's signs, by its identity, beside these words of keys; and all of them."""
        masks = dict(self._plain)
        for one, mask in self._keyed:
            if one.named is not None and one.named(keys):
                masks[id(one)] |= mask
        every = 0
        for mask in masks.values():
            every |= mask
        return masks, every

    def wanted(self, detectors: Iterable[Detector], keys: tuple[str, ...], told: int) -> list[tuple[int, Detector]]:
        """Those of `detectors`, with their places, that may find something where these signs were told."""
        masks = self.of(keys)[0]
        return [one for one in enumerate(detectors) if (mask := masks.get(id(one[1]), UNTOLD)) == UNTOLD or mask & told]


def _rows(literals: Iterable[Literal], bit: int, *, folded: bool) -> list[tuple[bytes, bool, int, int]]:
    return [(_as_read(text), folded, bit, tail) for text, tail in literals]
