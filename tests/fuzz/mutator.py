"""Mutations that keep a JSON document a document: bytes flipped in one mostly break its syntax, and go no further.

A document is found wherever it stands in the input (in a part of a multipart body, in a line, behind a head).
"""

from __future__ import annotations

import json
import random
from copy import deepcopy
from typing import Any

VALUES: tuple[Any, ...] = (
    None, True, 0, -1, 1.5, 2**53, 10**40, 1e308, "", "x", "\ud800", "0", "\x1f\x8b\x08", "ann@example.org",
    "4111 1111 1111 1111", "https://x.example/?q=1#y", "<p class=private>z</p>", '{"a":"ann@example.org"}', "%7B%7D",
    "eyJhIjoiYW5uQGV4YW1wbGUub3JnIn0=", [], {}, [[]], {"": ""}, "a" * 300,
)  # fmt: skip
_DECODER = json.JSONDecoder()
_TRIES = 24


def find(text: str, chance: random.Random) -> tuple[Any, int, int] | None:
    """A JSON object or array that stands in `text`, and where."""
    marks = [at for at, c in enumerate(text[:65536]) if c in "{["]
    for at in (marks[:1] + chance.sample(marks, min(len(marks), _TRIES))) if marks else ():
        try:
            value, end = _DECODER.raw_decode(text, at)
        except (ValueError, RecursionError):
            continue
        if end - at > 2:
            return value, at, end
    return None


def mutate(data: bytes, seed: int) -> bytes | None:
    """`data` with one document in it changed in one to four places; None where it holds none."""
    chance = random.Random(seed)
    text = data.decode("latin-1")
    found = find(text, chance)
    if found is None:
        return None
    value, start, end = found
    for _ in range(chance.choice((1, 1, 2, 4))):
        value = _change(value, chance)
    written = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return (text[:start] + written + text[end:]).encode("latin-1", "backslashreplace")


def _change(root: Any, chance: random.Random) -> Any:
    """Changes one node in place, or returns another root."""
    places = list(_places(root))
    if not places:
        return deepcopy(chance.choice(VALUES))
    holder, key = chance.choice(places)
    other, its = chance.choice(places)
    match chance.randrange(9):
        case 0 | 1:
            holder[key] = deepcopy(chance.choice(VALUES))
        case 2:
            del holder[key]
        case 3:
            holder[key] = deepcopy(other[its])
        case 4:
            holder[key] = [holder[key]]
        case 5:
            holder[key] = json.dumps(holder[key])
        case 6 if isinstance(holder, list):
            holder.insert(key, deepcopy(holder[key]))
        case 6:
            holder[f"{key}{chance.choice(('2', '', 'Id', '.x'))}"] = holder[key]
        case 7 if isinstance(holder[key], int):
            holder[key] += chance.choice((-1, 1, 7, -1000, 65536))
        case 7 if isinstance(holder[key], str):
            at = chance.randrange(len(holder[key]) + 1)
            holder[key] = holder[key][:at] + str(chance.choice(VALUES)) + holder[key][at:]
        case _:
            holder[key] = {"a": holder[key]}
    return root


def _places(root: Any) -> Any:
    pending = [root]
    while pending:
        node = pending.pop()
        items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
        for key, value in items:
            yield node, key
            pending.append(value)
