"""Draws a document as it came beside the one that leaves, opened through all layers, with the changes where they are.

The left side is the document that the pipeline worked on, as it was before its first edit; the right side is what
leaves, opened again from its bytes: what is shown is what left, not what was meant to. The two are walked together; a
change finds its place by the leaf that it was made to.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

from gateway.core.document import Document, Layer, Leaf, List, Map, Node
from gateway.core.document import Kind as On
from gateway.insight.rows import Bounds, Kind, Line, Piece, Row
from gateway.recording.interned import Use

_STEP = "  "


@dataclass(frozen=True, slots=True)
class Cut:
    """One change in one leaf: its number, where it begins in the value (-1: it is the whole), both texts."""

    number: int
    at: int
    before: str
    after: str


@dataclass(slots=True)
class Earlier:
    """A document as it was before anything was changed in it: what each leaf held and opened into, by identity."""

    children: dict[int, Layer] = field(default_factory=dict)
    values: dict[int, str] = field(default_factory=dict)
    sizes: dict[int, int] = field(default_factory=dict)  # of bytes

    def remember(self, document: Document) -> None:
        """Takes down all leaves. Called again as more is opened: what a leaf held at first stays, what it opened into not."""
        for layer in document.layers:
            for leaf in _all_leaves(layer.root):
                self.values.setdefault(id(leaf), leaf.value)
                if leaf.kind is On.BYTES:
                    self.sizes.setdefault(id(leaf), len(leaf.data))
                if leaf.child is not None:
                    self.children[id(leaf)] = leaf.child
                else:
                    self.children.pop(id(leaf), None)


def _all_leaves(root: Node) -> Iterator[Leaf]:
    pending: list[Node] = [root]
    while pending:
        node = pending.pop()
        if isinstance(node, Leaf):
            yield node
        elif isinstance(node, Map):
            for key, value in node.items:
                yield key
                pending.append(value)
        else:
            pending += node.items


class Drawing:
    """Rows of one part of a request. `cuts` are the changes by the identity of the leaf, map or list they were made to."""

    def __init__(
        self,
        earlier: Earlier,
        cuts: Mapping[int, Sequence[Cut]],
        bounds: Bounds,
        open_chain: Callable[[str], Layer | None] = lambda _: None,
    ) -> None:
        self._earlier = earlier
        self._cuts = cuts
        self._bounds = bounds
        self._open_chain = open_chain

    def rows(self, before: Node, after: Node | None) -> Iterator[Row]:
        """Both documents, from their roots. The layers down to what they hold are told elsewhere."""
        names, one, mark = self._enter(before, 0)
        other = self._follow(after, names)[1] if after is not None else None
        if isinstance(one, Leaf) != isinstance(other, Leaf):
            return self._pair(before, after, 0, None, None, 0)
        return self._pair(one, other, 0, None, None, mark)

    # both sides

    def _pair(
        self, before: Node | None, after: Node | None, depth: int, name: Leaf | None, named: Leaf | None, mark: int
    ) -> Iterator[Row]:
        if before is None or after is None:
            mark = mark or self._mark(before)
            lines = self._alone(before, depth, name, mark, earlier=True) if before is not None else ()
            news = self._alone(after, depth, named, mark, earlier=False) if after is not None else ()
            yield from (Row(old or (), new or ()) for old, new in zip_longest(lines, news))
            return
        names, one, mark = self._enter(before, mark)
        others, other = self._follow(after, names)
        if isinstance(one, Leaf) and isinstance(other, Leaf):
            key, new_key = self._keys(name, named)
            left, right = self._values(one, other, mark)
            margin = Piece(_STEP * depth)
            yield Row((margin, *key, *_layers(names), *left), (margin, *new_key, *_layers(others), *right))
        elif isinstance(one, Leaf) or isinstance(other, Leaf) or type(one) is not type(other) or self._is_deep(depth):
            lines = self._alone(before, depth, name, mark, earlier=True)
            news = self._alone(after, depth, named, mark, earlier=False)
            yield from (Row(old or (), new or ()) for old, new in zip_longest(lines, news))
        else:
            key, new_key = self._keys(name, named)
            margin = Piece(_STEP * depth)
            first, last = ("{", "}") if isinstance(one, Map) else ("[", "]")
            if not one.items and not other.items:
                first, last = first + last, ""
            yield Row(
                (margin, *key, *_layers(names), Piece(first, mark)),
                (margin, *new_key, *_layers(others), Piece(first, mark)),
            )
            for item, new, old_name, new_name, index in _aligned(one, other):
                gone = self._mark_of_item(one, index) if new is None else 0
                yield from self._pair(item, new, depth + 1, old_name, new_name, mark or gone)
            if last:
                yield Row((margin, Piece(last, mark)), (margin, Piece(last, mark)))

    def _values(self, one: Leaf, other: Leaf, mark: int) -> tuple[Line, Line]:
        """The two sides of one value, with the changes in it."""
        value, after = self._earlier.values.get(id(one), one.value), other.value
        if one.kind is On.BYTES or other.kind is On.BYTES:
            old, new = self._binary(one, earlier=True), self._binary(other, earlier=False)
            mark = mark if old != new else 0
            return (Piece(old, mark),), (Piece(new, mark),)
        return self._changed(one, value, after, mark, one.kind is On.TEXT, other.kind is On.TEXT)

    def _changed(
        self, leaf: Leaf, value: str, after: str, mark: int, quoted: bool, new_quoted: bool
    ) -> tuple[Line, Line]:
        if value == after and not mark:
            line = self._text(value, [], quoted=quoted)
            return line, line
        cuts = sorted(self._cuts.get(id(leaf), ()), key=lambda cut: cut.at)
        spans = spans_of(value, after, cuts)
        if spans is not None:
            return self._text(value, spans[0], quoted=quoted), self._text(after, spans[1], quoted=new_quoted)
        number = mark or (cuts[0].number if cuts else 0)
        kind: Kind = "value" if number else "follows"
        left = self._text(value, [(0, len(value), number)], quoted=quoted, kind=kind)
        return left, self._text(after, [(0, len(after), number)], quoted=new_quoted, kind=kind)

    def _keys(self, name: Leaf | None, named: Leaf | None) -> tuple[Line, Line]:
        if name is None or named is None:
            return _key(name.value if name else None, 0), _key(named.value if named else None, 0)
        value = self._earlier.values.get(id(name), name.value)
        if value == named.value:
            return _key(value, 0), _key(value, 0)
        left, right = self._changed(name, value, named.value, 0, quoted=True, new_quoted=True)
        return (*left, Piece(": ")), (*right, Piece(": "))

    # one side

    def _alone(self, node: Node, depth: int, name: Leaf | None, mark: int, *, earlier: bool) -> Iterator[Line]:
        if earlier:
            names, node, mark = self._enter(node, mark)
        else:
            names, node = self._follow(node, [])
        title = None if name is None else name.value
        if earlier and name is not None:
            title = self._earlier.values.get(id(name), name.value)
        head = (Piece(_STEP * depth), *_key(title, 0), *_layers(names))
        if isinstance(node, Leaf):
            value = self._earlier.values.get(id(node), node.value) if earlier else node.value
            if node.kind is On.BYTES:
                yield (*head, Piece(self._binary(node, earlier=earlier), mark))
            else:
                spans = [(0, len(value), mark)] if mark else []
                yield (*head, *self._text(value, spans, quoted=node.kind is On.TEXT))
            return
        opening, closing = ("{", "}") if isinstance(node, Map) else ("[", "]")
        if not node.items:
            yield (*head, Piece(opening + closing, mark))
            return
        if self._is_deep(depth):
            yield (*head, Piece(f"{opening} … {closing}", mark, "cut"))
            return
        yield (*head, Piece(opening, mark))
        for item in node.items:
            key, value_node = item if isinstance(item, tuple) else (None, item)
            yield from self._alone(value_node, depth + 1, key, mark, earlier=earlier)
        yield (Piece(_STEP * depth), Piece(closing, mark))

    def _text(self, value: str, spans: Sequence[Span], *, quoted: bool, kind: Kind = "value") -> Line:
        line = write_spans(value, spans, self._bounds, quoted=quoted, kind=kind)
        return (Piece('"'), *line, Piece('"')) if quoted else line

    # ways down

    def _enter(self, node: Node, mark: int) -> tuple[list[str], Node, int]:
        """What a node of the earlier document opened into, by which layers, and the change that took it as a whole."""
        names: list[str] = []
        mark = mark or self._mark(node)
        while isinstance(node, Leaf) and (child := self._earlier.children.get(id(node))) is not None:
            names.append(child.name)
            node = child.root
            mark = mark or (self._mark(node) if not isinstance(node, Leaf) or id(node) in self._earlier.children else 0)
        return names, node, mark

    def _follow(self, node: Node, names: Sequence[str]) -> tuple[list[str], Node]:
        """The same of what leaves; an element chain is opened where one was."""
        found: list[str] = []
        while isinstance(node, Leaf):
            child = node.child
            if child is None and len(found) < len(names) and names[len(found)] == "elements_chain":
                child = self._open_chain(node.value)
            if child is None:
                break
            found.append(child.name)
            node = child.root
        return found, node

    def _mark(self, node: Node | None) -> int:
        """The change that took a node as a whole."""
        if node is None:
            return 0
        is_text = isinstance(node, Leaf) and id(node) not in self._earlier.children
        return next((cut.number for cut in self._cuts.get(id(node), ()) if cut.at < 0 and not is_text), 0)

    def _mark_of_item(self, holder: Map | List, index: int) -> int:
        item = holder.items[index] if 0 <= index < len(holder.items) else None
        node = item[1] if isinstance(item, tuple) else item
        cuts = self._cuts.get(id(node), ())
        return cuts[0].number if cuts else 0

    def _binary(self, leaf: Leaf, *, earlier: bool) -> str:
        if leaf.kind is not On.BYTES:
            return _safe(self._earlier.values.get(id(leaf), leaf.value) if earlier else leaf.value)
        size = self._earlier.sizes.get(id(leaf), len(leaf.data)) if earlier else len(leaf.data)
        return f"({size} bytes)"

    def _is_deep(self, depth: int) -> bool:
        return depth >= self._bounds.depth


def _aligned(
    one: Map | List, other: Map | List
) -> Iterator[tuple[Node | None, Node | None, Leaf | None, Leaf | None, int]]:
    """The items of two maps or lists: before, after, both names, the index before. What is gone has no after."""
    left = list(one.items)
    right = list(other.items)
    gone = one.dropped or set()
    kept = [at for at in range(len(left)) if at not in gone]
    if len(kept) != len(right):
        kept = list(range(min(len(left), len(right))))  # whoever writes this format drops in its own way
    partner = dict(zip(kept, right, strict=False))
    for at, item in enumerate(left):
        new = partner.get(at)
        name, node = item if isinstance(item, tuple) else (None, item)
        new_name, new_node = new if isinstance(new, tuple) else (None, new)
        yield node, new_node, name, new_name, at
    for item in right[len(kept) :]:
        new_name, new_node = item if isinstance(item, tuple) else (None, item)
        yield None, new_node, None, new_name, -1


type Span = tuple[int, int, int]


def spans_of(value: str, after: str, cuts: Sequence[Cut]) -> tuple[list[Span], list[Span]] | None:
    """Where the changes stand in both texts; None where they do not make the one of the other."""
    if not cuts or any(cut.at < 0 for cut in cuts):
        return None
    left: list[Span] = []
    right: list[Span] = []
    written: list[str] = []
    at = length = 0
    for cut in cuts:
        if cut.at < at or value[cut.at : cut.at + len(cut.before)] != cut.before:
            return None
        written += [value[at : cut.at], cut.after]
        length += cut.at - at
        left.append((cut.at, cut.at + len(cut.before), cut.number))
        right.append((length, length + len(cut.after), cut.number))
        length += len(cut.after)
        at = cut.at + len(cut.before)
    written.append(value[at:])
    return (left, right) if "".join(written) == after else None


def write_spans(value: str, spans: Sequence[Span], bounds: Bounds, *, quoted: bool, kind: Kind = "value") -> Line:
    """A value with the spans that a change picked; of a long one what stands around them."""
    pieces: list[Piece] = []
    write = _escaped if quoted else _safe
    most = bounds.around if len(value) > bounds.text else bounds.text
    at = 0
    for start, end, number in spans:
        pieces += _plain(value[at:start], most, write, is_first=at == 0, is_last=False)
        written = value[start:end]
        pieces.append(Piece(write(written[: bounds.text]), number, kind))
        if len(written) > bounds.text:
            pieces.append(Piece(f"…({len(written)} characters)", number, "cut"))
        at = end
    pieces += _plain(value[at:], most, write, is_first=at == 0, is_last=True)
    return tuple(pieces)


def cuts_of_leaf(leaf: Leaf) -> Iterator[int]:
    """The identities by which a changed leaf stands in its document: a use of a table's string stands in two places."""
    yield id(leaf)
    if isinstance(leaf, Use):
        yield from (id(site) for site in leaf.sites)
        if leaf.entry is not None:
            yield id(leaf.entry.leaf)


def _key(name: str | None, mark: int) -> Line:
    if name is None:
        return ()
    return (Piece(f'"{_escaped(name)}"', mark, "value" if mark else "key"), Piece(": "))


def _layers(names: Sequence[str]) -> Line:
    return (Piece(f"{' › '.join(names)} ", 0, "layer"),) if names else ()


def _plain(text: str, most: int, write: Callable[[str], str], *, is_first: bool, is_last: bool) -> Iterator[Piece]:
    """What stands between two changes, or before the first and after the last one."""
    head = 0 if is_first and not is_last else most
    tail = 0 if is_last else most
    if len(text) <= head + tail:
        if text:
            yield Piece(write(text))
        return
    if head:
        yield Piece(write(text[:head]))
    yield Piece(f"…({len(text) - head - tail} characters)…", 0, "cut")
    if tail:
        yield Piece(write(text[-tail:]))


def _escaped(text: str) -> str:
    return _safe(json.dumps(text, ensure_ascii=False)[1:-1])


def _safe(text: str) -> str:
    """Text that any encoding of Unicode can write: half of a surrogate pair as its escape."""
    return text.encode("utf-8", "backslashreplace").decode()
