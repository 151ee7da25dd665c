"""Documents: what a body is once it is opened, and how edits get back into its bytes.

A *layer* is one coding or format over one source (str or bytes). A format's layer is a tree of `Map`, `List` and `Leaf`
whose nodes know where they stand in the source; a coding's layer is a single `Leaf` that holds the decoded content.
A leaf that itself decodes, wholly, has a `child` layer: nested documents form one tree, walked without knowing formats.

Invariant: an edit replaces the bytes of one leaf (or removes one item of a map or list); all others stay as they came.
A layer without edits closes to the very object it was opened from.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from enum import IntEnum
from typing import Protocol


class Kind(IntEnum):
    """What a leaf is on the wire. Operators keep the kind: a number is replaced by a number."""

    TEXT = 0
    NUMBER = 1  # `value` is the literal as written: 1e3 stays 1e3
    WORD = 2  # true, false, null
    BYTES = 3  # `data` holds it, `value` is empty


class Leaf:
    """One value or key: decoded `value`, its span in the layer's source, and what it opened into."""

    __slots__ = ("child", "data", "end", "kind", "start", "value")

    def __init__(self, value: str, start: int, end: int, kind: Kind = Kind.TEXT, data: bytes = b"") -> None:
        self.value = value
        self.start = start
        self.end = end
        self.kind = kind
        self.data = data
        self.child: Layer | None = None


class Map:
    """Ordered pairs; duplicate keys are kept, since a reader on the other side may take either."""

    __slots__ = ("dropped", "end", "items", "start")

    def __init__(self, items: list[tuple[Leaf, Node]], start: int, end: int) -> None:
        self.items = items
        self.start = start
        self.end = end
        self.dropped: set[int] | None = None

    def get(self, key: str) -> Node | None:
        """The last item of this name, as JSON readers take it (opened: a nested document's root)."""
        for name, node in reversed(self.items):
            if name.value == key:
                return opened(node)
        return None


class List:
    """Items in order."""

    __slots__ = ("dropped", "end", "items", "start")

    def __init__(self, items: list[Node], start: int, end: int) -> None:
        self.items = items
        self.start = start
        self.end = end
        self.dropped: set[int] | None = None


Node = Map | List | Leaf
_GONE = Map([], 0, 0)


def opened(node: Node) -> Node:
    """The root of what a leaf opened into, through any number of layers; the node itself where it opened into none."""
    while isinstance(node, Leaf) and node.child is not None:
        node = node.child.root
    return node


class Writer(Protocol):
    """A format's or coding's other half: how a new value is written at a leaf's place."""

    name: str

    def write(self, leaf: Leaf, value: str | bytes) -> str | bytes:
        """The literal that stands in the source for `value` (of the source's own type), quotes and escapes included."""
        ...

    def finish(self, layer: Layer, source: str | bytes) -> str | bytes:
        """Last touch after splicing: mended lengths, re-encoding. Most return `source` as it is."""
        ...


class Layer:
    """One opened coding or format. `parent` is the leaf (and its layer) that this one was found in.

    `openable` are those of its texts that may open into something, in order, where its format knows; None: any of them may.
    """

    __slots__ = ("_edits", "_trimmed", "name", "openable", "parent", "root", "source", "writer")

    def __init__(self, name: str, source: str | bytes, root: Node, writer: Writer) -> None:
        self.name = name
        self.source = source
        self.root = root
        self.writer = writer
        self.parent: tuple[Layer, Leaf] | None = None
        self.openable: list[Leaf] | None = None
        self._edits: dict[tuple[int, int], str | bytes] = {}  # by span: an empty leaf may stand where another starts
        self._trimmed: list[Map | List] = []

    @property
    def changed(self) -> bool:
        """Whether closing yields something else than the source."""
        return bool(self._edits or self._trimmed)

    def replace(self, leaf: Leaf, value: str | bytes) -> None:
        """Records that `leaf` becomes `value`; a later call for it wins. The leaf's child layer is discarded."""
        leaf.child = None
        if isinstance(value, bytes):
            leaf.data = value
        else:
            leaf.value = value
        self._edits[leaf.start, leaf.end] = self.writer.write(leaf, value)

    def write_literal(self, node: Node, literal: str | bytes) -> None:
        """Records that the whole of `node` becomes `literal`, written by the caller in the format's own syntax."""
        self._edits[node.start, node.end] = literal

    def insert(self, at: int, literal: str | bytes) -> None:
        """Records that `literal`, written by the caller in the format's own syntax, comes to stand at a place."""
        self._edits[at, at] = literal

    def drop(self, holder: Map | List, index: int) -> None:
        """Records that one item of `holder` goes, with its separator."""
        if holder.dropped is None:
            holder.dropped = set()
            self._trimmed.append(holder)
        holder.dropped.add(index)

    def close(self) -> str | bytes:
        """The source with all edits spliced in. Call children first (`Document.close` does)."""
        if not self.changed:
            return self.source
        edits = [(start, end, literal) for (start, end), literal in self._edits.items()]
        # cuts first: what is edited and dropped is dropped, where it is the only item of its list too
        spans = sorted([*self._cuts(), *edits], key=lambda span: (span[0], -span[1]))
        source = self.source
        pieces: list[str | bytes] = []
        at = 0
        for start, end, literal in spans:
            if start < at:
                continue  # inside something that goes as a whole
            pieces.append(source[at:start])
            pieces.append(literal)
            at = end
        pieces.append(source[at:])
        empty: str | bytes = "" if isinstance(source, str) else b""
        return self.writer.finish(self, empty.join(pieces))  # type: ignore[arg-type]  # all of the source's own type

    def gone(self) -> list[tuple[int, int]]:
        """The spans of the source that are replaced or dropped, in order and apart from each other."""
        merged: list[tuple[int, int]] = []
        for start, end in sorted([*self._edits, *((start, end) for start, end, _ in self._cuts())]):
            if merged and start < merged[-1][1]:
                merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
            else:
                merged.append((start, end))
        return merged

    def _cuts(self) -> Iterator[tuple[int, int, str | bytes]]:
        nothing: str | bytes = "" if isinstance(self.source, str) else b""
        for holder in self._trimmed:
            gone = holder.dropped or set()
            starts = [item[0].start if isinstance(item, tuple) else item.start for item in holder.items]
            ends = [item[1].end if isinstance(item, tuple) else item.end for item in holder.items]
            last = len(starts) - 1
            index = 0
            while index <= last:
                if index not in gone:
                    index += 1
                    continue
                first = index
                while index + 1 <= last and index + 1 in gone:
                    index += 1
                if index < last:
                    yield starts[first], starts[index + 1], nothing
                elif first > 0:
                    yield ends[first - 1], ends[index], nothing
                else:
                    yield starts[first], ends[index], nothing
                index += 1


class Document:
    """All layers of one source, outermost first. The shape that the pipeline walks.

    `opaque` lists leaves that hold what cannot be read (binary, truncated gzip): they must be dropped or refused.
    """

    __slots__ = ("_lengths", "layers", "opaque", "source")

    def __init__(self, source: str | bytes) -> None:
        self.source = source
        self.layers: list[Layer] = []
        self.opaque: list[tuple[Layer, Leaf]] = []
        self._lengths: list[tuple[Layer, Leaf, Leaf, int]] = []

    @property
    def root(self) -> Node | None:
        """The innermost root of the outermost layers, or None where nothing opened."""
        return opened(self.layers[0].root) if self.layers else None

    def add(self, layer: Layer, parent: tuple[Layer, Leaf] | None) -> None:
        """Appends a layer that was found in `parent`."""
        layer.parent = parent
        if parent is not None:
            parent[1].child = layer
        self.layers.append(layer)

    def release(self) -> None:
        """Ends the document: its layers hold nothing any more, so that nothing in it refers to itself."""
        for layer in self.layers:
            layer.parent = layer.openable = None
            layer.root = _GONE
        self.layers, self.opaque, self._lengths = [], [], []

    def measure(self, layer: Layer, leaf: Leaf, part: Leaf) -> None:
        """Says that the number in `leaf` is the length of `part`, bytes elsewhere: it is written anew with them."""
        self._lengths.append((layer, leaf, part, len(part.data)))

    def close(self, told: Callable[[str], None] | None = None) -> str | bytes:
        """Closes all layers in reverse; each changed one is written into the leaf it came from.

        `told` is given the text of every layer that is still part of the document, for a last look at what leaves.
        """
        closed: str | bytes = self.source
        parts = {id(part) for _, _, part, _ in self._lengths}
        waiting: list[Layer] = []
        left = self._left()
        for layer in reversed(self.layers):  # what is measured is closed before what tells its length
            if id(layer) not in left:
                continue
            if parts and not parts.isdisjoint(_above(layer)):
                self._close(layer, told)
            else:
                waiting.append(layer)
        for layer, leaf, part, before in self._lengths:
            if len(part.data) != before:
                layer.replace(leaf, str(len(part.data)))
        for layer in waiting:
            closed = self._close(layer, told, closed)
        return closed

    def _left(self) -> set[int]:
        """The layers that are still part of the document, by identity: none above them was replaced or dropped."""
        left: set[int] = set()
        gone: dict[int, list[tuple[int, int]]] = {}
        for layer in self.layers:
            if layer.parent is not None:
                holder, leaf = layer.parent
                if id(holder) not in left or leaf.child is not layer:
                    continue
                if holder.changed:
                    if id(holder) not in gone:
                        gone[id(holder)] = holder.gone()
                    spans = gone[id(holder)]
                    at = bisect_right(spans, (leaf.start, len(holder.source))) - 1
                    if at >= 0 and leaf.end <= spans[at][1]:
                        continue
            left.add(id(layer))
        return left

    @staticmethod
    def _close(layer: Layer, told: Callable[[str], None] | None, otherwise: str | bytes = "") -> str | bytes:
        """One layer, written into its leaf; `otherwise` where it is no part of the document any more."""
        if layer.parent is not None and layer.parent[1].child is not layer:
            return otherwise
        closed = layer.close()
        if told is not None and isinstance(layer.source, str) and isinstance(closed, str):
            told(closed)
        if layer.parent is not None and layer.changed:
            holder, leaf = layer.parent
            holder.replace(leaf, closed)
        return closed


def _above(layer: Layer) -> Iterator[int]:
    """The leaves that a layer stands in, by identity."""
    while layer.parent is not None:
        layer, leaf = layer.parent
        yield id(leaf)
