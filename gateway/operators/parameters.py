"""Reads an operator's YAML parameters: one clear line for each mistake, with the nearest known name.

Never guesses: an unknown parameter or a value of the wrong type is an error, as it would mask less than meant.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches


def nearest(word: str, known: Iterable[str]) -> str:
    """What to add to a message: the nearest known word, or all of them."""
    names = list(known)
    close = get_close_matches(word.lower(), names, n=1)
    if close:
        return f"did you mean '{close[0]}'?"
    return f"known: {', '.join(names)}" if names else "it takes none"


def check_names(operator: str, given: Mapping[str, object], known: Iterable[str]) -> None:
    """Raises ValueError for the first parameter that the operator does not know."""
    names = list(known)
    for name in given:
        if name not in names:
            raise ValueError(f"{operator} has no parameter '{name}'; {nearest(str(name), names)}")


def read_count(operator: str, given: Mapping[str, object], name: str, *, least: int, most: int) -> int | None:
    """A whole number from `least` to `most`, or None where the parameter isn't given."""
    if name not in given:
        return None
    value = given[name]
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise ValueError(f"{operator}: {name} must be a whole number from {least} to {most}")
    return value


def read_text(operator: str, given: Mapping[str, object], name: str) -> str | None:
    """Text, or None where the parameter isn't given."""
    if name not in given:
        return None
    value = given[name]
    if not isinstance(value, str):
        raise ValueError(f"{operator}: {name} must be text; put it in quotes")  # noqa: TRY004 - one error kind for users
    return value


def read_choice(operator: str, given: Mapping[str, object], name: str, choices: tuple[str, ...]) -> str | None:
    """One of `choices`, or None where the parameter isn't given."""
    value = read_text(operator, given, name)
    if value is not None and value not in choices:
        raise ValueError(f"{operator}: {name} must be one of {', '.join(choices)}; {nearest(value, choices)}")
    return value
