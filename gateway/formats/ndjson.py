"""Lines of JSON: two values or more, each ended by LF, CR LF, CR or the end. Blank lines stay.

A single value is JSON, not lines of it.
"""

from __future__ import annotations

import re

from gateway.core.document import Layer, Leaf, List, Node
from gateway.core.limits import Budget
from gateway.formats.json import JSON, read

_BLANK = re.compile(r"[ \t\r\n]*+")
_END_OF_LINE = re.compile(r"[ \t]*+(?:[\r\n][ \t\r\n]*+|\Z)")


class Ndjson:
    name = "ndjson"

    def sniff(self, source: str | bytes) -> bool:
        return isinstance(source, str) and JSON.sniff(source) and ("\n" in source or "\r" in source)

    def parse(self, source: str | bytes, budget: Budget) -> Layer | None:
        if not isinstance(source, str):
            return None
        items: list[Node] = []
        at = _BLANK.match(source).end()  # type: ignore[union-attr]  # matches the empty string
        while at < len(source):
            value = read(source, at, budget)
            end = value and _END_OF_LINE.match(source, value[1])
            if not value or not end:
                return None
            items.append(value[0])
            at = end.end()
        if len(items) < 2:
            return None
        return Layer(self.name, source, List(items, items[0].start, items[-1].end), self)

    def write(self, leaf: Leaf, value: str | bytes) -> str:
        return JSON.write(leaf, value)

    def finish(self, layer: Layer, source: str | bytes) -> str | bytes:  # noqa: ARG002 - nothing to mend
        return source


NDJSON = Ndjson()
