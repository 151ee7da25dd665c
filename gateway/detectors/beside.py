"""Words beside a number: what a number without a telling form needs before a detector takes it for somebody's.

A phrase is found by its letters, in any case and however its words are joined (`Steuer-ID`, `steuerId`, `steuer_id`),
right before the number with at most three other words between, or in the words of the field's key. Work per number is
bounded.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from gateway.core.reading import read

_NEAR: Final = 48
_MOST_BETWEEN: Final = 3
_MOST_JOINED: Final = 5
_TOKEN: Final = re.compile(r"[^\W\d_](?:[^\W\d_]|[\u0900-\u0dff\u0e00-\u0eff])*")  # vowel signs are no letters to `re`
_UNBROKEN: Final = re.compile(r"[^\d;|]{2,}")  # run over the reversed text before a number
_LETTERS: Final = re.compile(r"[^\d;|]{2}")  # the least that a word may be
_CAMEL: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")
_JOINT: Final = re.compile(r"[\s.:=#\"'()\[{_°º>~\\-]{0,8}(?=[^\W\d_])")  # run over the reversed text too
FILLERS: Final = frozenset(
    """a al am at card carte de del den der des det die du el er es est for home il in is ist it kart karte la lautet
    le me mein meine mi min mijn mon my n na nel no now nr num number numero numéro número nummer o of on op our
    the to um under unter us value van was work""".split()
)
_TRAILERS: Final = frozenset({"number", "no", "nr", "value", "nummer", "num"})


def folded(phrase: str) -> str:
    """A phrase's letters in lower case, nothing between."""
    return "".join(_TOKEN.findall(phrase)).lower()


def bare(phrase: str) -> str:
    """The same without accents, as people type it."""
    plain = unicodedata.normalize("NFKD", phrase)
    return "".join(one for one in plain if not "\u0300" <= one < "\u0370").replace("ı", "i")


class Words[T]:
    """Phrases with what each stands for. `beside` and `of_keys` answer with those found, the nearest first."""

    def __init__(self, phrases: Mapping[str, tuple[T, ...]]) -> None:
        found: dict[str, tuple[T, ...]] = {}
        for phrase, told in phrases.items():
            for form in {folded(phrase), folded(bare(phrase)), folded(read(phrase).text)}:
                found[form] = tuple(dict.fromkeys((*found.get(form, ()), *told)))
        self._by_phrase = found
        self.forms = tuple(found)
        """Every phrase's letters, in lower case."""
        self.of_keys = lru_cache(maxsize=1024)(self._of_keys)

    def beside(self, text: str, start: int) -> tuple[tuple[T, ...], bool]:
        """What the phrase before text[start] stands for, and whether only fillers stand between."""
        if not _LETTERS.match(text, max(0, start - 2), start):
            return (), False
        before = text[max(0, start - _NEAR) : start]
        if before.isspace():
            return (), False
        tail = _UNBROKEN.match(before[::-1])
        if tail is None:
            return (), False
        tokens: list[str] = _TOKEN.findall(tail[0][::-1])
        is_tight = _JOINT.match(tail[0]) is not None
        for back in range(min(_MOST_BETWEEN + 1, len(tokens))):
            last = len(tokens) - back
            found = self._ending(tokens, last)
            if found:
                return found, is_tight
            is_tight = is_tight and tokens[last - 1].lower() in FILLERS
        return (), False

    def _ending(self, tokens: list[str], last: int) -> tuple[T, ...]:
        """What the longest phrase that ends with token `last` - 1 stands for."""
        joined = ""
        best: tuple[T, ...] = ()
        for at in range(last - 1, max(-1, last - 1 - _MOST_JOINED), -1):
            joined = tokens[at].lower() + joined
            best = self._by_phrase.get(joined, best)
        if not best and not tokens[last - 1].islower():
            parts = _CAMEL.split(tokens[last - 1])[-_MOST_JOINED:]
            while len(parts) > 1 and parts[-1].lower() in _TRAILERS:
                parts.pop()
            for at in range(len(parts)):
                found = self._by_phrase.get("".join(parts[at:]).lower())
                if found:
                    return found
        return best

    def _of_keys(self, keys: tuple[str, ...]) -> tuple[T, ...]:
        """What the phrases in a key's words stand for."""
        found: list[T] = []
        for at in range(len(keys)):
            joined = ""
            for word in keys[at : at + _MOST_JOINED]:
                joined += word
                found += self._by_phrase.get(joined, ())
        return tuple(dict.fromkeys(found))
