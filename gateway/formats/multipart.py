"""multipart/form-data (RFC 7578): parts between boundary lines, the boundary taken from the first line.

A map with one item a part: its name, and its content as bytes, which open further on their own. A part with a file
name has one more item before it, `filename`. Boundary lines and headers stay as they came, but for edited names.
A value that holds the delimiter cannot be written: it would become parts of its own.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from gateway.core.document import Kind, Layer, Leaf, List, Map, Node
from gateway.core.errors import Reason, Refused

if TYPE_CHECKING:
    from gateway.core.limits import Budget

# RFC 2046 section 5.1.1: up to 70 characters, no space at the end
_FIRST_LINE = re.compile(rb"--([0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-])(\r?\n)")
_END_OF_HEADERS = re.compile(rb"\r?\n\r?\n")
_DISPOSITION = re.compile(rb"^content-disposition[ \t]*:[ \t]*form-data\b([^\r\n]*)", re.IGNORECASE | re.MULTILINE)
_PARAMETER = re.compile(rb";[ \t]*(name|filename)[ \t]*=[ \t]*(?:\"([^\"\r\n]*)\"|([^;\s\"]+))", re.IGNORECASE)
_ESCAPES = ((b'"', b"%22"), (b"\r", b"%0D"), (b"\n", b"%0A"))  # as the WHATWG HTML Standard writes names


class _Writer:
    name = "multipart"

    def __init__(self, delimiter: bytes) -> None:
        self._delimiter = delimiter

    def write(self, leaf: Leaf, value: str | bytes) -> bytes:
        data = value.encode("utf-8", "replace") if isinstance(value, str) else value
        if leaf.kind == Kind.BYTES:
            if self._delimiter in b"\r\n" + data:
                raise Refused(Reason.BROKEN_FORMAT)
            return data
        for raw, escaped in _ESCAPES:
            data = data.replace(raw, escaped)
        return data

    def finish(self, layer: Layer, source: str | bytes) -> str | bytes:  # noqa: ARG002 - nothing to mend
        return source


class _MultipartLayer(Layer):
    """A part goes with its headers and the boundary line before it, not from name to name."""

    __slots__ = ("parts",)

    parts: dict[int, tuple[int, int]]  # start of a content → span of its part, boundary line included

    def drop(self, holder: Map | List, index: int) -> None:
        item = holder.items[index]
        node = item[1] if isinstance(item, tuple) else item
        span = self.parts.get(node.start)
        if span is not None and isinstance(node, Leaf) and node.kind == Kind.BYTES:
            self._edits[span] = b""
            holder.dropped = {*(holder.dropped or ()), index}
        elif isinstance(node, Leaf):
            self.replace(node, "")


class Multipart(_Writer):
    def __init__(self) -> None:
        super().__init__(b"\n--")

    def sniff(self, source: str | bytes) -> bool:
        return isinstance(source, bytes) and _FIRST_LINE.match(source) is not None

    def parse(self, source: str | bytes, budget: Budget) -> Layer | None:
        first = _FIRST_LINE.match(source) if isinstance(source, bytes) else None
        if first is None or not isinstance(source, bytes):
            return None
        newline = first[2]
        delimiter = newline + b"--" + first[1]
        items: list[tuple[Leaf, Node]] = []
        parts: dict[int, tuple[int, int]] = {}
        line, at = 0, first.end()
        while True:
            budget.check_time()
            stop = source.find(delimiter, at - len(newline))
            headers = _END_OF_HEADERS.search(source, at, stop) if stop >= 0 else None
            disposition = headers and _DISPOSITION.search(source, at, headers.start())
            if not headers or not disposition:
                return None
            content = headers.end()
            names = {name[1].lower(): name for name in _PARAMETER.finditer(source, *disposition.span(1))}
            if b"name" not in names:
                return None
            if b"filename" in names:
                items.append((Leaf("filename", content, content, Kind.WORD), _parameter(names[b"filename"])))
            items.append((_parameter(names[b"name"]), Leaf("", content, stop, Kind.BYTES, source[content:stop])))
            parts[content] = (line, stop + len(newline))
            line = stop + len(newline)
            at = stop + len(delimiter)
            if source.startswith(b"--", at):
                if source[at + 2 :].strip(b"\r\n"):
                    return None
                break
            if not source.startswith(newline, at):
                return None
            at += len(newline)
        layer = _MultipartLayer(self.name, source, Map(items, 0, len(source)), _Writer(delimiter))
        layer.parts = parts
        return layer


def _parameter(match: re.Match[bytes]) -> Leaf:
    group = 2 if match[2] is not None else 3
    return Leaf(match[group].decode("utf-8", "replace"), match.start(group), match.end(group))


MULTIPART = Multipart()
