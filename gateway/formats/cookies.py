"""The value of a Cookie field (RFC 6265 section 4.2.1), read as user agents and servers of all ages write it.

Pairs are split at `;` alone, spaces around names and values are no part of them, quotes stand outside of a value,
and a pair without `=` is a value without a name. Cookie values have no escapes: `%` stays as it is.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from gateway.core.document import Kind, Layer, Leaf, Map, Node

if TYPE_CHECKING:
    from gateway.core.limits import Budget

_OUTSIDE_COOKIE_OCTETS = re.compile(r"[^\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]")


def _escape(mark: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in mark[0].encode("utf-8", "replace"))


class _Writer:
    name = "cookies"

    def __init__(self) -> None:
        self.without_equals: set[int] = set()  # starts of names, and of values without one

    def write(self, leaf: Leaf, value: str | bytes) -> str:
        """Characters outside of cookie-octet are percent-encoded, the way sites do."""
        if leaf.kind == Kind.WORD:
            return ""
        text = value.decode("latin-1") if isinstance(value, bytes) else value
        literal = _OUTSIDE_COOKIE_OCTETS.sub(_escape, text)
        return literal.replace("=", "%3D") if leaf.start in self.without_equals else literal

    def finish(self, layer: Layer, source: str | bytes) -> str | bytes:  # noqa: ARG002 - nothing to mend
        return source


class Cookies(_Writer):
    def sniff(self, source: str | bytes) -> bool:
        return isinstance(source, str)

    def parse(self, source: str | bytes, budget: Budget) -> Layer | None:
        if not isinstance(source, str):
            return None
        budget.check_time()
        writer = _Writer()
        items: list[tuple[Leaf, Node]] = []
        at = 0
        for piece in source.split(";"):
            pair = piece.strip(" \t")
            start = at + len(piece) - len(piece.lstrip(" \t"))
            at += len(piece) + 1
            if not pair:
                continue
            name, equals, value = pair.partition("=")
            if not equals:
                writer.without_equals.add(start)
                items.append((Leaf("", start, start, Kind.WORD), Leaf(pair, start, start + len(pair))))
                continue
            writer.without_equals.add(start)
            end = start + len(pair)
            low = end - len(value.lstrip(" \t"))
            high = end
            if high - low >= 2 and source[low] == source[high - 1] == '"':
                low, high = low + 1, high - 1
            items.append(
                (Leaf(name.rstrip(" \t"), start, start + len(name.rstrip(" \t"))), Leaf(source[low:high], low, high))
            )
        return Layer(self.name, source, Map(items, 0, len(source)), writer)


COOKIES = Cookies()
