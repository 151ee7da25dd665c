"""A sentence around a record: `could not save {"user": {"name": "Ann"}} (409)`, as console lines and errors have it.

A list of the text before, the record as JSON, and the text behind it: keys in a sentence say as much as in a document.
The first record counts; what comes behind it stays text.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from gateway.core.document import Kind, Layer, Leaf, List, Map, Node
from gateway.formats.json import JSON, read

if TYPE_CHECKING:
    from gateway.core.limits import Budget

_BEGINNING: Final = re.compile(r'\{\s{0,64}"')
_INSIDE: Final = re.compile(r'(?:[\[{,]|"\s{0,8}:)\s{0,16}\Z')
_NEAR: Final = 32
_MOST_TRIED: Final = 4  # beginnings: each is read to where it breaks off


class _Writer:
    name = "message"

    def __init__(self, plain: set[int]) -> None:
        self._plain = plain  # starts of the texts around the record

    def write(self, leaf: Leaf, value: str | bytes) -> str | bytes:
        if leaf.kind is Kind.TEXT and leaf.start in self._plain:
            return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
        return JSON.write(leaf, value)

    def finish(self, layer: Layer, source: str | bytes) -> str | bytes:  # noqa: ARG002 - nothing to mend
        return source


class Message:
    name = "message"

    def sniff(self, source: str | bytes) -> bool:
        return isinstance(source, str) and "{" in source and _BEGINNING.search(source) is not None

    def parse(self, source: str | bytes, budget: Budget) -> Layer | None:
        if not isinstance(source, str):
            return None
        at = -1
        for _ in range(_MOST_TRIED):
            begun = _BEGINNING.search(source, at + 1)
            if begun is None:
                return None
            at = begun.start()
            if _INSIDE.search(source, max(0, at - _NEAR), at):
                continue  # a part of a record that is cut off: the keys around it would be lost
            found = read(source, at, budget)
            if found is not None and isinstance(found[0], Map):
                return self._around(source, *found)
        return None

    @staticmethod
    def _around(source: str, record: Node, end: int) -> Layer:
        items: list[Node] = [record]
        plain: set[int] = set()
        if record.start:
            items.insert(0, Leaf(source[: record.start], 0, record.start))
            plain.add(0)
        if end < len(source):
            items.append(Leaf(source[end:], end, len(source)))
            plain.add(end)
        return Layer(Message.name, source, List(items, 0, len(source)), _Writer(plain))

    def write(self, leaf: Leaf, value: str | bytes) -> str | bytes:
        return _Writer({leaf.start}).write(leaf, value)

    def finish(self, layer: Layer, source: str | bytes) -> str | bytes:  # noqa: ARG002 - nothing to mend
        return source


MESSAGE = Message()
