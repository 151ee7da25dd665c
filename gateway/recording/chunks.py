"""Recorded events that were cut over several log records (HyperDX cuts at 950 KiB): joined, read, split again.

Facts: the body of an OTLP log record is one rrweb event as JSON, or a piece of it; `rr-web.event` numbers the event,
`rr-web.chunk` the piece (from 1), `rr-web.total-chunks` says how many there are. Pieces of one event stand in one list.

Invariant: no piece leaves unread. One whose partners are not in the same request is emptied, and the page that it
belonged to is forgotten: what follows is masked until the next full snapshot.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from gateway.core.document import Document, Kind, Layer, Leaf, List, Map, Node
from gateway.recording.claim import PlaceLike, Scene

EVENT: Final = "rr-web.event"
CHUNK: Final = "rr-web.chunk"
TOTAL: Final = "rr-web.total-chunks"
_MOST_CHUNKS: Final = 4096
_NEAR: Final = 200  # characters in which a comma is looked for, so that no piece begins in the middle of a word

type Piece = tuple[Layer, Leaf]
type OpenJson = Callable[[Layer, Leaf], bool]


class Cut(Map):
    """What stands for a piece that cannot be read: an event of its own, which makes the page unknown."""

    __slots__ = ()


def recognises(record: Map) -> bool:
    """Whether a record stands for a piece that was emptied."""
    return type(record) is Cut


class Reader:
    """Forgets the page."""

    def __init__(self, scene: Scene) -> None:
        self.mirror = scene.mirror

    def read(self, layer: Layer, event: Map, place: PlaceLike) -> None:  # noqa: ARG002 - as all readers
        """Something happened to the page that nobody here knows."""
        self.mirror.reset()
        self.mirror.known = False


class _Silent:
    """Writes nothing: for layers that only hold a place."""

    name = "json"

    def write(self, leaf: Leaf, value: str | bytes) -> str | bytes:  # noqa: ARG002 - nothing is written
        return ""

    def finish(self, layer: Layer, source: str | bytes) -> str | bytes:  # noqa: ARG002 - nothing to mend
        return source


class _Joined:
    """Splits what the joined event became among its pieces' leaves, in proportion to what they held."""

    name = "joined"

    def __init__(self, pieces: list[Piece]) -> None:
        self._pieces = pieces
        self._sizes = [len(leaf.value) for _, leaf in pieces]

    def write(self, leaf: Leaf, value: str | bytes) -> str:  # noqa: ARG002 - the one leaf is the whole
        text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
        parts = split(text, self._sizes)
        for (layer, other), part in zip(self._pieces[1:], parts[1:], strict=True):
            layer.replace(other, part)
        return parts[0]

    def finish(self, layer: Layer, source: str | bytes) -> str | bytes:  # noqa: ARG002 - nothing to mend
        return source


def split(text: str, sizes: list[int]) -> list[str]:
    """`text` in as many parts as there are sizes, in proportion to them; each ends behind a comma if one is near."""
    whole = sum(sizes) or 1
    parts: list[str] = []
    at = told = 0
    for size in sizes[:-1]:
        told += size
        end = max(at, len(text) * told // whole)
        comma = text.rfind(",", max(at, end - _NEAR), end)
        if comma >= 0:
            end = comma + 1
        if "\ud800" <= text[end - 1 : end] <= "\udbff":
            end -= 1  # the first half of a surrogate pair
        parts.append(text[at : max(at, end)])
        at = max(at, end)
    parts.append(text[at:])
    return parts


def join(document: Document, open_json: OpenJson) -> int:
    """Joins the pieces of each event and opens what they make; how many pieces had to be emptied."""
    emptied = 0
    for layer in list(document.layers):
        for records in _record_lists(layer.root):
            events: dict[str, list[tuple[int, int, Leaf]]] = {}
            for record in records.items:
                told = _told(record)
                if told is not None:
                    event, chunk, total, leaf = told
                    events.setdefault(event, []).append((chunk, total, leaf))
            for pieces in events.values():
                pieces.sort(key=lambda piece: piece[0])
                leaves = [leaf for _, _, leaf in pieces]
                if not _is_complete(pieces) or not _open(document, layer, leaves, open_json):
                    emptied += len(leaves)
                    _empty(document, layer, leaves)
    return emptied


def _is_complete(pieces: list[tuple[int, int, Leaf]]) -> bool:
    total = pieces[0][1]
    return [(chunk, of) for chunk, of, _ in pieces] == [(at, total) for at in range(1, total + 1)]


def _open(document: Document, layer: Layer, leaves: list[Leaf], open_json: OpenJson) -> bool:
    first, *others = leaves
    whole = Leaf("".join(leaf.value for leaf in leaves), 0, len(first.value))
    joined = Layer(_Joined.name, first.value, whole, _Joined([(layer, leaf) for leaf in leaves]))
    document.add(joined, (layer, first))
    if not open_json(joined, whole):
        return False
    _forget_opaque(document, leaves)
    for leaf in others:
        leaf.child = Layer(_Silent.name, leaf.value, Map([], 0, 0), _Silent())
    return True


def _empty(document: Document, layer: Layer, leaves: list[Leaf]) -> None:
    for leaf in leaves:
        layer.replace(leaf, "")
        leaf.child = Layer(_Silent.name, "", Cut([], 0, 0), _Silent())
    _forget_opaque(document, leaves)


def _forget_opaque(document: Document, leaves: list[Leaf]) -> None:
    known = {id(leaf) for leaf in leaves}
    document.opaque = [entry for entry in document.opaque if id(entry[1]) not in known]


def _record_lists(root: Node) -> Iterator[List]:
    for resource in _items(root, "resourceLogs"):
        for scope in _items(resource, "scopeLogs"):
            records = scope.get("logRecords") if isinstance(scope, Map) else None
            if isinstance(records, List):
                yield records


def _items(node: Node, key: str) -> list[Node]:
    held = node.get(key) if isinstance(node, Map) else None
    return held.items if isinstance(held, List) else []


def _told(record: Node) -> tuple[str, int, int, Leaf] | None:
    """Event, chunk, total and body of a record that is a piece, or that names an event which does not read as one."""
    if not isinstance(record, Map):
        return None
    numbers: dict[str, str] = {}
    for row in _items(record, "attributes"):
        key = row.get("key") if isinstance(row, Map) else None
        value = row.get("value") if isinstance(row, Map) else None
        if isinstance(key, Leaf) and key.value in (EVENT, CHUNK, TOTAL) and isinstance(value, Map) and value.items:
            number = value.items[-1][1]
            numbers[key.value] = number.value if isinstance(number, Leaf) else ""
    body = _raw(_raw(record, "body"), "stringValue")
    if not numbers or not isinstance(body, Leaf) or body.kind is not Kind.TEXT:
        return None
    chunk, total = _whole(numbers.get(CHUNK, "1")), _whole(numbers.get(TOTAL, "1"))
    if total == 1 and body.child is not None and isinstance(body.child.root, (Map, List)):
        return None
    return numbers.get(EVENT, ""), chunk, total, body


def _raw(node: Node | None, key: str) -> Node | None:
    """As `Map.get`, but not what a text opened into."""
    if isinstance(node, Map):
        for name, value in reversed(node.items):
            if name.value == key:
                return value
    return None


def _whole(number: str) -> int:
    """A count, which trackers write as a fraction too; 0 for what is none."""
    try:
        value = float(number)
    except ValueError:
        return 0
    return int(value) if 0 <= value <= _MOST_CHUNKS and value == int(value) else 0
