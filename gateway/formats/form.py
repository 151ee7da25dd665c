"""Forms, `a=b&c=d` (the WHATWG URL Standard's application/x-www-form-urlencoded), and the query of a URL.

Only edited names and values are encoded again: separators, empty pairs, a missing `=` and a leading `?` stay. Names
and values are decoded as UTF-8, or as latin-1 where they are no UTF-8. Several lines of forms (as Google Analytics
sends them) are a list of maps.

`FORM` takes for a form only what nobody would read as prose; `QUERY` reads anything.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote_from_bytes, unquote_to_bytes

from gateway.core.document import Kind, Layer, Leaf, List, Map, Node

if TYPE_CHECKING:
    from gateway.core.limits import Budget

_LINE = re.compile(r"[^\r\n]++")
_PAIR = re.compile(r"([^&=]*+)(=?)([^&]*+)(?:&|\Z)")
_FORM_LINE = re.compile(
    r"\??[\w.$\[\]%+-]{1,128}+=[^&\s\"<>{}\\^`]*+(?:&+[\w.$\[\]%+-]{1,128}+(?:=[^&\s\"<>{}\\^`]*+)?)*+&*+", re.ASCII
)
_MARKS_LEFT_RAW = re.compile(r"[^\w%+&=#;\s\"<>]", re.ASCII)
ALWAYS_RAW = "-._*"
PAIRS_PER_CHECK = 4096


def _decode(raw: str) -> str:
    if "%" not in raw and "+" not in raw:
        return raw
    spaced = raw.replace("+", " ")
    if "%" not in spaced:
        return spaced
    data = unquote_to_bytes(spaced.encode("utf-8", "surrogatepass"))
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


class _Writer:
    """Encodes as the source does: space as `+` or `%20`, and the marks raw that the value had raw."""

    def __init__(self, name: str, source: str) -> None:
        self.name = name
        self._source = source
        self._space = "%20" if "%20" in source and "+" not in source else "+"

    def write(self, leaf: Leaf, value: str | bytes) -> str:
        raw = self._source[leaf.start : leaf.end]
        marks = "".join(sorted({mark for mark in _MARKS_LEFT_RAW.findall(raw) if mark.isascii()}))
        data = value.encode("utf-8", "replace") if isinstance(value, str) else value
        literal = quote_from_bytes(data, safe=ALWAYS_RAW + marks).replace("%20", self._space)
        return f"={literal}" if leaf.kind == Kind.WORD and literal else literal

    def finish(self, layer: Layer, source: str | bytes) -> str | bytes:  # noqa: ARG002 - nothing to mend
        return source


def _pairs(source: str, start: int, end: int, budget: Budget) -> Map:
    """The pairs of one line. Without `=`, a value is of kind WORD: what is written there brings the `=` along."""
    items: list[tuple[Leaf, Node]] = []
    at = start + (source.startswith("?", start, end))
    while at < end:
        if not len(items) % PAIRS_PER_CHECK:
            budget.check_time()
        pair = _PAIR.match(source, at, end)
        if pair is None:  # cannot be: all parts may be empty
            break
        name, equals, value = pair.groups()
        if name or equals:
            kind = Kind.TEXT if equals else Kind.WORD
            items.append(
                (
                    Leaf(_decode(name), pair.start(1), pair.end(1)),
                    Leaf(_decode(value), pair.start(3), pair.end(3), kind),
                )
            )
        at = pair.end()
    return Map(items, start, end)


def _first(source: str) -> int:
    """Where the first line stands that is not empty."""
    return len(source) - len(source.lstrip("\r\n"))


class Query:
    name = "query"

    def sniff(self, source: str | bytes) -> bool:
        return isinstance(source, str)

    def parse(self, source: str | bytes, budget: Budget) -> Layer | None:
        if not isinstance(source, str):
            return None
        return Layer(self.name, source, _pairs(source, 0, len(source), budget), _Writer(self.name, source))

    def write(self, leaf: Leaf, value: str | bytes) -> str:
        return _Writer(self.name, "").write(leaf, value)

    def finish(self, layer: Layer, source: str | bytes) -> str | bytes:  # noqa: ARG002 - nothing to mend
        return source


class Form(Query):
    name = "form"

    def sniff(self, source: str | bytes) -> bool:
        return isinstance(source, str) and _FORM_LINE.match(source, _first(source)) is not None

    def parse(self, source: str | bytes, budget: Budget) -> Layer | None:
        if not isinstance(source, str):
            return None
        maps: list[Node] = []
        for line in _LINE.finditer(source):
            if not _FORM_LINE.fullmatch(source, line.start(), line.end()):
                return None
            maps.append(_pairs(source, line.start(), line.end(), budget))
        if not maps:
            return None
        root = maps[0] if len(maps) == 1 else List(maps, 0, len(source))
        return Layer(self.name, source, root, _Writer(self.name, source))


QUERY = Query()
FORM = Form()
