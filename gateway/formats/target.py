"""A request target in one text, `/path?a=b` (RFC 9112 section 3.2): where a proxy is told what to ask for in its place.

A map of two: `path`, with what stands before it, and `query`, which opens further as a query. Read on demand only: the
tracker file names the parameter, since most texts of this shape are links.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.core.document import Kind, Layer, Leaf, Map

if TYPE_CHECKING:
    from gateway.core.limits import Budget


class Target:
    name = "target"

    def sniff(self, source: str | bytes) -> bool:
        return isinstance(source, str) and "?" in source

    def parse(self, source: str | bytes, budget: Budget) -> Layer | None:  # noqa: ARG002 - two parts
        if not isinstance(source, str) or "?" not in source:
            return None
        mark, end = source.index("?"), len(source)
        path = (Leaf("path", 0, 0, Kind.WORD), Leaf(source[:mark], 0, mark))
        query = (Leaf("query", mark + 1, mark + 1, Kind.WORD), Leaf(source[mark + 1 :], mark + 1, end))
        return Layer(self.name, source, Map([path, query], 0, end), self)

    def write(self, leaf: Leaf, value: str | bytes) -> str:
        text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
        return text if leaf.start else text.replace("?", "%3F")

    def finish(self, layer: Layer, source: str | bytes) -> str | bytes:  # noqa: ARG002 - nothing to mend
        return source


TARGET = Target()
