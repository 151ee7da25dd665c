"""What of an attribute's value selectors can tell: all that leaves this process of it, so that shared state holds no text.

A selector compares a value with literals that the site's owner wrote. So a value is reduced to the pieces of it that
equal such literals, at the places where they stand (first, inside, a word, last), between marks that no literal holds:
every comparison comes out on the reduced value as on the value itself. A name that a later record may ask for (`id`) has
a keyed fingerprint beside that.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import Any, Final

from cssselect2 import parser

_APART: Final = "\0"  # in no CSS literal (CSS Syntax 3, section 3.3) and in no attribute (HTML, section 13.2.5.36)
_PRINTS: Final = {byte: 0x10_0000 + byte for byte in range(256)}
"""Fingerprints are written in private characters, which no literal has part of."""

_CLOSED: Final = frozenset(
    {"", "true", "false", "plaintext-only"}
    | set(
        "button checkbox color date datetime-local email file hidden image month number password radio range reset search "
        "submit tel text time url week".split()
    )
)
"""Values with a meaning of their own: states, and the types of fields. Of nobody."""
_TAG: Final = re.compile(r"[a-z*#][a-z0-9]{0,31}(?:[-:._][a-z0-9]{1,31}){0,4}", re.ASCII)
_MARKUP: Final = re.compile(
    r"(?:[a-z]+>)?[*#]?[a-z][a-z0-9]{0,31}(?:[-:._][a-z0-9]{1,31}){0,6}", re.ASCII | re.IGNORECASE
)
_LONGEST: Final = 512
_MOST_KNOWN: Final = 16_384  # values whose reduction is not worked out again


class Reduced(str):
    """A reduced value: compares, with what selectors ask for, as the value did."""

    __slots__ = ()

    @property
    def print(self) -> str:
        """The fingerprint of the name that it stands for; empty where it has none."""
        return self.split(_APART, 2)[1] if _APART in self else ""


def name_of(value: str) -> str:
    """What an element with this `id` is known by."""
    return (value.print or value) if isinstance(value, Reduced) else value


class Vocabulary:
    """The literals of a program's selectors. `key` keys fingerprints; `digest` tells one vocabulary from another."""

    def __init__(self, selectors: Iterable[str], names: Iterable[str], key: bytes) -> None:
        """`names` are the attributes that are kept for selectors."""
        self._key = blake2b(b"names of elements", key=key[:64], digest_size=32).digest()
        self._tags: set[str] = set()
        self._exact: set[str] = set()
        self._words: set[str] = set()
        self._first: set[str] = set()
        self._last: set[str] = set()
        self._inside: set[str] = set()
        self.names = frozenset(names)
        selectors = list(selectors)
        for css in selectors:
            for one in parser.parse(css):
                for part in _parts(one):
                    self._learn(part)
        self._memo: dict[tuple[str, bool], Reduced | None] = {}
        told = "\0".join([*sorted(set(selectors)), "", *sorted(self.names)])
        self.digest = blake2b(told.encode(), key=self._key, digest_size=16).digest()

    def _learn(self, part: object) -> None:
        match part:
            case parser.IDSelector():
                self._exact.add(part.ident.lower())
            case parser.ClassSelector():
                self._words.add(part.class_name.lower())
            case parser.LocalNameSelector():
                self._tags.add(part.lower_local_name)
            case parser.FunctionalPseudoClassSelector():  # `:nth-child(2 of .x)`
                self._words |= {
                    str(token.value).lower() for token in part.arguments if token.type in ("ident", "string", "hash")
                }
            case parser.AttributeSelector() if part.operator is not None:
                literal = part.value.lower()
                kinds = {"=": self._exact, "~=": self._words, "^=": self._first, "$=": self._last, "*=": self._inside}
                if part.operator == "|=":
                    self._exact.add(literal)
                    self._first.add(f"{literal}-")
                elif literal or part.operator == "=":
                    kinds[part.operator].add(literal)

    @staticmethod
    def word(written: str) -> Reduced:
        """What `reduce` made, as it was written."""
        return Reduced(written)

    def is_name(self, text: str) -> bool:
        """Whether a text is a name of markup: a tag's or an attribute's."""
        return _MARKUP.fullmatch(text) is not None or text.lower() in self.names

    def fingerprint(self, name: str) -> str:
        """A keyed fingerprint of a name, in characters that no literal has part of."""
        digest = blake2b(name.encode("utf-8", "surrogatepass"), key=self._key, digest_size=12).digest()
        return digest.decode("latin-1").translate(_PRINTS)

    def tag(self, tag: str) -> str:
        """A tag, or what stands for one that is none."""
        return tag if _TAG.fullmatch(tag) or tag in self._tags else "?-" if "-" in tag else "?"

    def reduce(self, value: str, *, is_name: bool = False) -> Reduced | None:
        """What of a value may leave; None where that can't be told. With `is_name` its fingerprint stands beside it."""
        if isinstance(value, Reduced):
            return value
        memo = self._memo
        if (value, is_name) in memo:
            return memo[value, is_name]
        if len(memo) > _MOST_KNOWN:
            memo.clear()
        memo[value, is_name] = reduced = self._reduce(value, is_name=is_name)
        return reduced

    def _reduce(self, value: str, *, is_name: bool) -> Reduced | None:
        folded = value.lower()
        if folded in self._exact or folded in _CLOSED:
            return Reduced(value)
        value = value.replace(_APART, "\ufffd")
        if len(folded) != len(value):
            return None
        first = max((len(one) for one in self._first if folded.startswith(one)), default=0)
        last = max((len(one) for one in self._last if folded.endswith(one)), default=0)
        inside = dict.fromkeys(value[at : at + len(one)] for one in sorted(self._inside) for at in _places(folded, one))
        words = dict.fromkeys(word for word in value.split() if word.lower() in self._words)
        told = self.fingerprint(value) if is_name else ""
        if not (first or last or inside or words or told):
            return Reduced(_APART)
        parts = [
            value[:first],
            told,
            *inside,
            f" {f' {_APART} '.join(words)} ",
            value[len(value) - last :] if last else "",
        ]
        reduced = Reduced(_APART.join(parts))
        return reduced if len(reduced) <= 2 * _LONGEST else None


def _places(text: str, part: str) -> Iterator[int]:
    at = text.find(part)
    while at >= 0:
        yield at
        at = text.find(part, at + 1)


def _parts(node: Any) -> Iterator[object]:
    """Every simple selector, however deep."""
    pending = [node]
    while pending:
        one = pending.pop()
        if isinstance(one, (list, tuple)):
            pending.extend(one)
        elif type(one).__module__ == parser.__name__:
            yield one
            pending.extend(vars(one).values())
