"""The judge's own reading of Clarity's arrays: every position by its name, every reference resolved, or an error."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

HEAD = "version sequence start duration projectId visitorId sessionId pageNum upload end platform url".split()
CLICK = "target n n n n n n n text link hash n n n n tagName class id n".split()
DIMENSIONS: Final = {
    0: "userAgent",
    1: "url",
    2: "referrer",
    3: "title",
    22: "platform",
    23: "platformVersion",
    24: "brands",
}
FIELDS = frozenset({"input", "textarea", "select", "option"})
NODES = frozenset({5, 6})
VERSION = re.compile(r"\d+\.\d+\.\d+")

Pair = tuple[str, object]
Make = "Callable[[list[Pair]], object]"


class BrokenError(ValueError):
    """These arrays are no such payload."""


def is_payload(value: list[Pair]) -> bool:
    told = dict(value)
    head = told.get("e")
    return (
        isinstance(head, list)
        and len(head) >= 8
        and isinstance(head[0], str)
        and VERSION.fullmatch(head[0]) is not None
    )


def resolve(row: list[object]) -> list[object]:
    """The tokens of a row, references replaced by what they stand for; numbers are numerals (texts of a type of their own)."""
    out: list[object] = []
    for token in row:
        if isinstance(token, list):
            for reference in token:
                place = int(str(reference))
                if not 0 <= place < len(row) or type(row[place]) is not str:
                    raise BrokenError
                out.append(row[place])
        else:
            out.append(token)
    return out


def nodes(row: list[object], make: Callable[[list[Pair]], object]) -> list[object]:
    """The nodes of a row: each begins with numbers, and goes on with strings."""
    found: list[object] = []
    numbers: list[object] = []
    strings: list[str] = []
    for token in [*resolve(row)[2:], None]:
        if type(token) is str:
            strings.append(token)
            continue
        if strings:
            found.append(node(numbers, strings, make))
            numbers, strings = [], []
        if token is not None:
            numbers.append(token)
    if numbers or strings:
        raise BrokenError
    return found


def node(numbers: list[object], strings: list[str], make: Callable[[list[Pair]], object]) -> object:
    if not 1 <= len(numbers) <= 3:
        raise BrokenError
    tag, *rest = strings
    attributes: list[Pair] = []
    told: list[Pair] = [*zip(("id", "parent", "previous"), numbers, strict=False), ("tagName", tag)]
    for index, token in enumerate(rest):
        name, equals, value = token.partition("=")
        if tag == "*T" and str(numbers[0]).startswith("-"):  # the length of what was typed
            attributes.append(("value", token))
        elif tag == "*T" or not equals or (tag == "STYLE" and index == len(rest) - 1 and "{" in token):
            told.append(("textContent", token))
        else:
            attributes.append((name, value))
    return make([*told, ("attributes", make(attributes))])


def line(row: list[object], make: Callable[[list[Pair]], object]) -> object:
    """A row of anything else, by names where its code is known."""
    code = int(str(row[1]))
    if code == 1:
        names = [DIMENSIONS.get(int(str(key)), f"dimension {key}") for key in row[2::2]]
        return make([("time", row[0]), *zip(names, row[3::2], strict=True)])
    if code == 34:
        traits = make([(str(key), value) for key, value in zip(row[2::2], row[3::2], strict=True)])
        return make([("time", row[0]), ("user", traits)])
    if code in {27, 42}:
        at = 3 if code == 27 else 4
        typed: list[Pair] = [("value", row[at])]
        if code == 42:
            typed.append(("value", row[5]))
        return make(
            [("time", row[0]), ("target", row[2]), ("attributes", make(typed)), ("rest", row[3:at] + row[at + 2 :])]
        )
    if code == 9:
        parts: list[Pair] = [(f"n{index}" if name == "n" else name, row[2 + index]) for index, name in enumerate(CLICK)]
        if dict(parts)["tagName"] in FIELDS:
            parts = [
                ("attributes", make([("value", value)])) if name == "text" else (name, value) for name, value in parts
            ]
        return make([("time", row[0]), *parts])
    return row


def expand(value: list[Pair], make: Callable[[list[Pair]], object]) -> object:
    """A payload by names."""
    told: list[Pair] = []
    for key, content in value:
        if key == "e" and isinstance(content, list):
            told.append((key, make([*zip(HEAD, content, strict=False), ("more", content[len(HEAD) :])])))
        elif key in {"a", "p"} and isinstance(content, list):
            told.append((key, [nodes(row, make) if int(str(row[1])) in NODES else line(row, make) for row in content]))
        else:
            told.append((key, content))
    return make(told)
