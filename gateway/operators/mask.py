"""mask: `***`, whatever the length; or character by character where a rule asks to keep some at an end.

Character by character keeps separators, so that `4111 1111 1111 1111` becomes `**** **** **** 1111`. It never keeps
more than half of a value's letters and digits (keep_last has its share first), and a value that is mostly separators is
masked as a whole, since they are its content.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gateway.core.plugin import Operator, Situation
from gateway.operators.parameters import check_names, read_count, read_text
from gateway.operators.shapes import for_text, is_separator

LENGTH = 3
MASKED = "*" * LENGTH
PARAMETERS = {
    "keep_last": "how many letters or digits stay at the end, at most half of them",
    "keep_first": "how many letters or digits stay at the start, at most half of them together with keep_last",
    "character": "what stands for a masked character, * unless told",
}


def mask_text(text: str) -> str:
    """`***` for anything but nothing."""
    return MASKED if text else text


def _mask_between(text: str, first: int, last: int, character: str) -> str:
    places = [at for at, char in enumerate(text) if char == character or not is_separator(char)]
    if 2 * len(places) < len(text):
        return character * LENGTH
    half = len(places) // 2
    last = min(last, half)
    first = min(first, half - last)
    chars = list(text)
    for at in places[first : len(places) - last]:
        chars[at] = character
    return "".join(chars)


def _prepare(given: Mapping[str, object]) -> Callable[[str, Situation], str]:
    check_names("mask", given, PARAMETERS)
    last = read_count("mask", given, "keep_last", least=0, most=64) or 0
    first = read_count("mask", given, "keep_first", least=0, most=64) or 0
    character = read_text("mask", given, "character")
    if character is None:
        character = MASKED[0]
    if len(character) != 1 or not character.isprintable() or character.isspace():
        raise ValueError("mask: character must be one visible character")
    if first or last:
        return for_text(lambda text: _mask_between(text, first, last, character))
    return for_text(lambda _text: character * LENGTH)


MASK = Operator(name="mask", strength=60, parameters=PARAMETERS, prepare=_prepare)
