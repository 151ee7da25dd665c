"""Sentry's envelope: a header line, then for each item a header line and a payload.

Where an item header has a `length`, the payload is that many bytes and a newline (or the end); where not, it runs to
the newline. A map of `header` and `items`, each a map of `header` and `payload`. Headers are text that opens as JSON.

On closing, each `length` that is there is set to the payload's new size, whatever was edited, the header included.
A payload without one stays on one line. Told from lines of JSON by its headers: the first has no `type`, each item's
has one, and a `length` or plain values only.
"""

from __future__ import annotations

import re

from gateway.core.document import Kind, Layer, Leaf, List, Map, Node
from gateway.core.limits import Budget, Limits
from gateway.formats.json import JSON, read

LONGEST_HEADER = 64 * 1024
_LENGTH = re.compile(r"0|[1-9][0-9]{0,17}", re.ASCII)


def _header(source: bytes, start: int, budget: Budget) -> tuple[str, int, Map] | None:
    """The header line at `start`: its text, its end and its content."""
    end = source.find(b"\n", start, start + LONGEST_HEADER)
    if end < 0:
        end = len(source)
    if end - start >= LONGEST_HEADER or not source.startswith(b"{", start):
        return None
    try:
        line = source[start:end].decode()
    except UnicodeDecodeError:
        return None
    layer = JSON.parse(line, budget)
    if layer is None or not isinstance(layer.root, Map):
        return None
    return line, end, layer.root


def _lengths(header: Map) -> list[Leaf]:
    return [
        value
        for key, value in header.items
        if key.value == "length" and isinstance(value, Leaf) and value.kind == Kind.NUMBER
    ]


class _EnvelopeLayer(Layer):
    """Knows which headers speak of which payload's length, and mends them before splicing."""

    __slots__ = ("lengthy",)

    lengthy: list[tuple[Leaf, Leaf]]  # (item header, payload)

    def close(self) -> str | bytes:
        if self.changed:
            for header, payload in self.lengthy:
                self._mend(header, payload)
        return super().close()

    def _now(self, leaf: Leaf) -> bytes:
        literal = self._edits.get((leaf.start, leaf.end))
        if literal is None:
            literal = self.source[leaf.start : leaf.end]
        return literal.encode() if isinstance(literal, str) else literal

    def _mend(self, header: Leaf, payload: Leaf) -> None:
        before = self._now(header)
        text = before.decode("utf-8", "replace")
        length = str(len(self._now(payload)))
        value = read(text, 0, Budget(Limits(), lambda: 0.0))  # a header is short: no clock needed
        if value is None or not isinstance(value[0], Map):
            return
        for leaf in reversed(_lengths(value[0])):
            text = text[: leaf.start] + length + text[leaf.end :]
        if text.encode() != before:
            self._edits[header.start, header.end] = text.encode()


class _Writer:
    name = "envelope"

    def __init__(self, sized: set[int]) -> None:
        self._sized = sized  # starts of the payloads that have a length

    def write(self, leaf: Leaf, value: str | bytes) -> bytes:
        if leaf.kind == Kind.WORD:
            return b""
        data = value.encode("utf-8", "replace") if isinstance(value, str) else value
        if leaf.kind == Kind.BYTES and leaf.start in self._sized:
            return data
        return data.replace(b"\n", b" ")

    def finish(self, layer: Layer, source: str | bytes) -> str | bytes:  # noqa: ARG002 - mended before splicing
        return source


class Envelope(_Writer):
    def __init__(self) -> None:
        super().__init__(set())

    def sniff(self, source: str | bytes) -> bool:
        return isinstance(source, bytes) and source.startswith(b"{") and b"\n" in source

    def parse(self, source: str | bytes, budget: Budget) -> Layer | None:
        if not isinstance(source, bytes):
            return None
        head = _header(source, 0, budget)
        if head is None or any(key.value == "type" for key, _ in head[2].items):
            return None
        line, at, _ = head
        items: list[Node] = []
        lengthy: list[tuple[Leaf, Leaf]] = []
        at += 1
        while at < len(source):
            if source.startswith(b"\n", at):
                at += 1
                continue
            budget.check_time()
            item = _header(source, at, budget)
            if item is None:
                return None
            text, end, content = item
            lengths = _lengths(content)
            if not _is_item_header(content, lengths):
                return None
            start = min(end + 1, len(source))
            if lengths:
                length = lengths[-1].value
                stop = start + int(length) if _LENGTH.fullmatch(length) else -1
                if len(lengths) > 1 or not start <= stop <= len(source) or source[stop : stop + 1] not in {b"", b"\n"}:
                    return None
            else:
                newline = source.find(b"\n", start)
                stop = newline if newline >= 0 else len(source)
            header = Leaf(text, at, end)
            payload = Leaf("", start, stop, Kind.BYTES, source[start:stop])
            if lengths:
                lengthy.append((header, payload))
            pair: list[tuple[Leaf, Node]] = [
                (Leaf("header", at, at, Kind.WORD), header),
                (Leaf("payload", start, start, Kind.WORD), payload),
            ]
            items.append(Map(pair, at, stop))
            at = stop + 1
        if not items:
            return None
        first, last = items[0].start, items[-1].end
        root = Map(
            [
                (Leaf("header", 0, 0, Kind.WORD), Leaf(line, 0, head[1])),
                (Leaf("items", first, first, Kind.WORD), List(items, first, last)),
            ],
            0,
            len(source),
        )
        layer = _EnvelopeLayer(self.name, source, root, _Writer({payload.start for _, payload in lengthy}))
        layer.lengthy = lengthy
        return layer


def _is_item_header(content: Map, lengths: list[Leaf]) -> bool:
    kind = content.get("type")
    return (
        isinstance(kind, Leaf)
        and kind.kind == Kind.TEXT
        and (bool(lengths) or all(isinstance(value, Leaf) for _, value in content.items))
    )


ENVELOPE = Envelope()
