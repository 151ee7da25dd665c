"""What operators keep of a value: its kind on the wire, and its separators.

A number is replaced by a number, a word by a word, and nothing by nothing: an empty value and null stay as they are,
since there is nothing in them to hide and a reader may tell them from a value.
"""

from __future__ import annotations

import string
from collections.abc import Callable
from unicodedata import category

from gateway.core.document import Kind
from gateway.core.plugin import Situation

NUMBER = "0"
WORDS = {"true": "false", "false": "false"}  # what a masked word becomes; any other is null

_ASCII_SEPARATORS = frozenset(string.punctuation + string.whitespace)


def is_separator(char: str) -> bool:
    """Whether `char` only parts others: punctuation, signs and spaces. Emoji and combining marks are content."""
    return char in _ASCII_SEPARATORS if char.isascii() else category(char)[0] in "PZ"


def hidden(value: str, kind: Kind) -> str:
    """The value that stands for any number or word that must not be seen."""
    return NUMBER if kind is Kind.NUMBER else WORDS.get(value, "null")


def for_text(run: Callable[[str], str]) -> Callable[[str, Situation], str]:
    """An operator's function that runs on text; numbers and words become the one that hides them."""

    def operate(value: str, situation: Situation) -> str:
        if not value:
            return value
        if situation.kind is Kind.TEXT:
            return run(value)
        return hidden(value, situation.kind)

    return operate
