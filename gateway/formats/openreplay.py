"""OpenReplay's batches of binary messages: numbers of 7 bits a byte, strings with their length before them.

    81, version, page, first index, time, URL                      the batch's own message, without a size
    type, size (3 bytes, little-endian), fields                    every other one

A map of `batch` and `tabs`; a tab has its id and its messages, each a map of its fields by name. Messages that hold but
numbers, and change no page, are no part of the tree. A dictionary entry (34, and 50 in older trackers) is used by number
(35, 51): each use is a text of its own, claimed and edited like any other.

Invariant: sizes and lengths follow what they measure. An entry becomes what its uses become; where these part ways, the
one that differs is written out as an ordinary attribute. A message whose type or fields are not known is marked so that
it can be taken out as a whole, which its size allows.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Final, NamedTuple

from gateway.core.document import Kind, Layer, Leaf, List, Map, Node
from gateway.core.errors import Reason, Refused
from gateway.core.limits import Budget

MESSAGE: Final = "openreplay message"
"""The key under which a message says what it is; a key that no text can write."""
UNREADABLE: Final = "unreadable"
ABOUT: Final = "about"
"""The key of an unreadable message's first number: where it tells of the page, that is a node's."""
EARLIER: Final = "x"
"""What stands for a dictionary entry that an earlier batch told."""


class Shape(NamedTuple):
    """One type of message: its name, and its fields with what they are (`n` number, `b` yes or no, `s` string)."""

    name: str
    fields: tuple[tuple[Leaf, str], ...]  # the keys are the same leaves for all messages
    is_kept: bool  # whether it is part of the tree


def _shape(name: str, fields: str = "", *, is_kept: bool = False) -> Shape:
    parts = tuple((Leaf(part[:-2], 0, 0, Kind.WORD), part[-1]) for part in fields.split())
    return Shape(name, parts, is_kept or any(kind == "s" for _, kind in parts))


_TIMES: Final = "timestamp:n duration:n ttfb:n headerSize:n encodedBodySize:n decodedBodySize:n url:s initiator:s"
_EXCHANGE: Final = "method:s url:s request:s response:s status:n timestamp:n duration:n"
_BATCH, _ATTRIBUTE, _TAB = 81, 12, 118
_ENTRIES: Final = frozenset({34, 50})
_USES: Final = frozenset({35, 51})

# The names are the tracker's own (messages of trackers 14 to 19); the fields are as recordings hold them. A message whose
# fields change gets another number, so that those of older trackers stand beside the newer ones.
SHAPES: Final = {
    0: _shape("timestamp", "timestamp:n", is_kept=True),
    4: _shape("page_location", "url:s referrer:s navigationStart:n"),
    5: _shape("viewport_size", "width:n height:n"),
    6: _shape("viewport_scroll", "x:n y:n"),
    7: _shape("create_document", is_kept=True),
    8: _shape("create_element", "id:n parent:n index:n tag:s svg:b"),
    9: _shape("create_text", "id:n parent:n index:n", is_kept=True),
    10: _shape("move_node", "id:n parent:n index:n", is_kept=True),
    11: _shape("remove_node", "id:n", is_kept=True),
    12: _shape("attribute", "id:n name:s value:s"),
    13: _shape("remove_attribute", "id:n name:s"),
    14: _shape("text", "id:n textContent:s"),
    15: _shape("css", "id:n css:s"),
    16: _shape("node_scroll", "id:n x:n y:n"),
    17: _shape("input_target", "id:n label:s"),
    18: _shape("input_value", "id:n text:s mask:n"),
    19: _shape("input_checked", "id:n checked:b", is_kept=True),
    20: _shape("mouse_move", "x:n y:n"),
    21: _shape("network", f"type:s {_EXCHANGE}"),
    22: _shape("console", "level:s message:s"),
    23: _shape("page_load_timing", "a:n b:n c:n d:n e:n f:n g:n h:n i:n"),
    24: _shape("page_render_timing", "a:n b:n c:n"),
    27: _shape("custom_event", "name:s payload:s"),
    28: _shape("user_id", "userId:s"),
    29: _shape("user_anonymous_id", "anonymousId:s"),
    30: _shape("metadata", "key:s value:s"),
    34: _shape("entry", "key:n value:s"),
    35: _shape("attribute", "id:n nameKey:n valueKey:n", is_kept=True),
    37: _shape("css", "id:n css:s index:n"),
    38: _shape("css_delete_rule", "id:n index:n"),
    39: _shape("network", _EXCHANGE),
    49: _shape("performance", "a:n b:n c:n d:n"),
    50: _shape("entry", "key:n value:s"),
    51: _shape("attribute", "id:n nameKey:n valueKey:n", is_kept=True),
    53: _shape("resource", _TIMES),
    54: _shape("connection", "downlink:n type:s"),
    55: _shape("page_visibility", "hidden:b"),
    58: _shape("node_focus", "id:n"),
    60: _shape("attribute", "id:n name:s value:s url:s"),
    61: _shape("css", "id:n css:s url:s"),
    63: _shape("technical_info", "type:s value:s"),
    64: _shape("custom_event", "name:s payload:s"),
    67: _shape("css", "id:n css:s index:n url:s"),
    68: _shape("click", "id:n hesitation:n label:s selector:s x:n y:n"),
    69: _shape("click", "id:n hesitation:n label:s selector:s"),
    70: _shape("create_frame", "frame:n id:n", is_kept=True),
    71: _shape("css", "id:n css:s url:s"),
    73: _shape("css", "id:n css:s index:n url:s"),
    75: _shape("sheet_delete_rule", "id:n index:n"),
    76: _shape("sheet_add_owner", "sheet:n id:n"),
    77: _shape("sheet_remove_owner", "sheet:n id:n"),
    78: _shape("exception", "name:s message:s stack:s metadata:s"),
    83: _shape("network", f"type:s {_EXCHANGE} transferred:n"),
    85: _shape("resource", f"{_TIMES} a:n b:n c:n d:n e:n f:n g:n h:n i:n"),
    112: _shape("input_change", "id:n text:s masked:b label:s hesitation:n duration:n"),
    113: _shape("selection", "start:n end:n selection:s"),
    114: _shape("mouse_thrashing", "timestamp:n"),
    115: _shape("unbind_nodes", "percent:n"),
    116: _shape("resource", f"{_TIMES} transferred:n cached:b"),
    117: _shape("tab_change", "tab:s"),
    118: _shape("tab_data", "tab:s"),
    119: _shape("canvas_node", "id:n timestamp:n"),
    120: _shape("tag_trigger", "id:n"),
    122: _shape("page_location", "url:s referrer:s navigationStart:n documentTitle:s"),
    124: _shape("web_vitals", "name:s value:s"),
    125: _shape("incident", "id:n timestamp:n type:s label:s selector:s payload:s url:s"),
}
# what a page's own code had recorded (states of its stores, GraphQL, web sockets), fonts, long tasks
_ASIDE: Final = frozenset({40, 41, 42, 44, 45, 46, 47, 48, 57, 59, 79, 84, 121, 123})
_OF_PAGE: Final = frozenset(
    {"create_document", "create_element", "create_text", "create_frame", "move_node", "remove_node"}
    | {"attribute", "remove_attribute", "entry", "tab_data"}
)
_STARTS_RUN: Final = frozenset({"create_element"})
_IN_RUN: Final = frozenset({"attribute", "remove_attribute"})
_BETWEEN: Final = frozenset({"entry", "tab_data"})
_MARK: Final = Leaf(MESSAGE, 0, 0, Kind.WORD)
_ABOUT: Final = Leaf(ABOUT, 0, 0, Kind.WORD)
_NAME: Final = Leaf("name", 0, 0, Kind.WORD)
_VALUE: Final = Leaf("value", 0, 0, Kind.WORD)
_LONGEST_NUMBER: Final = 10  # bytes: 64 bits
_LARGEST: Final = 0xFFFFFF
_HIGH: Final = bytes(range(0x80, 0x100))
_MESSAGES_PER_CHECK: Final = 1024


def _number(source: bytes, at: int, end: int) -> tuple[int, int] | None:
    """The number at `at` and where it ends, before `end`."""
    value = shift = 0
    for position in range(at, min(end, at + _LONGEST_NUMBER)):
        byte = source[position]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position + 1
        shift += 7
    return None


def _written(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _string(source: bytes, at: int, end: int) -> Leaf | None:
    """The string whose length stands at `at`."""
    length = _number(source, at, end)
    if length is None or length[1] + length[0] > end:
        return None
    stop = length[1] + length[0]
    try:
        return Leaf(source[length[1] : stop].decode(), at, stop)
    except UnicodeDecodeError:
        return None


def _holds_numbers(payload: bytes, shape: Shape) -> bool:
    """Whether a payload is as many numbers as its fields, to its last byte."""
    if len(payload.translate(None, _HIGH)) != len(shape.fields):
        return False
    return not payload or (payload[-1] < 0x80 and len(payload) <= _LONGEST_NUMBER * len(shape.fields))


def _fields(source: bytes, at: int, end: int, shape: Shape) -> list[tuple[Leaf, Node]] | None:
    """The fields of a message, to its last byte, or None."""
    items: list[tuple[Leaf, Node]] = []
    for key, kind in shape.fields:
        leaf: Leaf | None
        if kind == "s":
            leaf = _string(source, at, end)
        elif kind == "n" and at < end and (byte := source[at]) < 0x80:
            leaf = Leaf(str(byte), at, at + 1, Kind.NUMBER)
        else:
            number = _number(source, at, end)
            if number is None or (kind == "b" and number[0] > 1):
                return None
            text = str(number[0]) if kind == "n" else ("false", "true")[number[0]]
            leaf = Leaf(text, at, number[1], Kind.NUMBER if kind == "n" else Kind.WORD)
        if leaf is None:
            return None
        items.append((key, leaf))
        at = leaf.end
    return items if at == end else None


class Whole(Map):
    """Stands for a message whose attribute or state it holds: what is dropped of it takes the message along."""

    __slots__ = ()


class Entry:
    """A string of the dictionary, as this batch tells it, and where it is used."""

    __slots__ = ("is_name", "leaf", "uses")

    def __init__(self, leaf: Leaf) -> None:
        self.leaf = leaf
        self.is_name = False  # it names attributes: it stays as it is
        self.uses: list[Use] = []


class Use:
    """An attribute whose name and value are entries: of this batch, or None where an earlier one told them."""

    __slots__ = ("entry", "message", "name", "named_by", "value")

    def __init__(self, message: Map, name: Leaf, value: Leaf, named_by: Entry | None, entry: Entry | None) -> None:
        self.message = message
        self.name = name
        self.value = value
        self.named_by = named_by
        self.entry = entry


class OpenReplayLayer(Layer):
    """Settles entries with their uses, and mends the sizes of messages, before splicing."""

    __slots__ = ("_sizes", "entries", "runs", "uses")

    def __init__(self, source: bytes, root: Map, sizes: list[tuple[int, int]]) -> None:
        super().__init__(OPENREPLAY.name, source, root, OPENREPLAY)
        self._sizes = sizes  # where the size of each message stands, and where the message ends; in order
        self.entries: dict[int, Entry] = {}  # identity of a message → the entry that it tells
        self.uses: dict[int, Use] = {}  # identity of a message → its use of entries
        self.runs: dict[int, list[Map]] = {}  # … → all messages of its run, which make or change one element at once

    def drop(self, holder: Map | List, index: int) -> None:
        """A message goes as a whole, or one of its fields is emptied: the others count on its place."""
        if isinstance(holder, Whole):
            self._edits[_span(holder)] = b""
        elif isinstance(holder, Map) and isinstance(leaf := holder.items[index][1], Leaf):
            self.replace(leaf, "")

    def close(self) -> str | bytes:
        if not self.changed:
            return self.source
        for entry in self.entries.values():
            self._settle(entry)
        for use in self.uses.values():
            if use.entry is None and self._edits.pop(_span(use.value), None) is not None and not self._is_gone(use):
                self._edits[_span(use.message)] = self._attribute(use)
        self._mend()
        return super().close()

    def _is_gone(self, use: Use) -> bool:
        return _span(use.message) in self._edits

    def _settle(self, entry: Entry) -> None:
        """Writes what became of the uses of an entry: into the entry where they agree, or one by one."""
        left = [use for use in entry.uses if not self._is_gone(use)]
        before = entry.leaf.value
        wanted = [use.value.value for use in left]
        if entry.uses and not entry.is_name and before not in wanted:
            self.replace(entry.leaf, wanted[0] if wanted else "")
        for use in entry.uses:
            self._edits.pop(_span(use.value), None)
        for use in left:
            if use.value.value != entry.leaf.value:
                self._edits[_span(use.message)] = self._attribute(use)

    def _attribute(self, use: Use) -> bytes:
        """The use as a message that holds its name and value itself."""
        node_id = use.message.items[1][1]
        number = self.source[node_id.start : node_id.end]
        strings = [OPENREPLAY.write(leaf, leaf.value) for leaf in (use.name, use.value)]
        payload = b"".join([number if isinstance(number, bytes) else b"", *strings])
        return _written(_ATTRIBUTE) + _size(len(payload)) + payload

    def _mend(self) -> None:
        starts = [at for at, _ in self._sizes]
        grown: dict[int, int] = {}
        for (start, end), literal in self._edits.items():
            at = bisect_right(starts, start) - 1
            if at >= 0 and start > starts[at] and end <= self._sizes[at][1]:
                grown[at] = grown.get(at, 0) + len(literal) - (end - start)
        for at, more in grown.items():
            place, end = self._sizes[at]
            if more:
                self._edits[place, place + 3] = _size(end - place - 3 + more)


def _span(node: Node) -> tuple[int, int]:
    return node.start, node.end


def _size(length: int) -> bytes:
    if length > _LARGEST:
        raise Refused(Reason.TOO_LARGE)
    return length.to_bytes(3, "little")


class OpenReplay:
    name = "openreplay"

    def sniff(self, source: str | bytes) -> bool:
        return isinstance(source, bytes) and source[:2] == bytes((_BATCH, 1))

    def parse(self, source: str | bytes, budget: Budget) -> Layer | None:
        if not isinstance(source, bytes) or not self.sniff(source):
            return None
        reading = _Reading(source)
        at = reading.batch()
        if at is None:
            return None
        while at < len(source):
            budget.check_time()
            for _ in range(_MESSAGES_PER_CHECK):
                stop = reading.message(at)
                if stop is None:
                    return None
                at = stop
                if at == len(source):
                    break
        return reading.layer()

    def write(self, leaf: Leaf, value: str | bytes) -> bytes:
        data = value.encode("utf-8", "replace") if isinstance(value, str) else value
        if leaf.kind is Kind.TEXT:
            return _written(len(data)) + data
        if leaf.kind is Kind.WORD:
            return b"\x01" if data == b"true" else b"\x00"
        return _written(int(data)) if data.isdigit() and len(data) < 20 else b"\x00"

    def finish(self, layer: Layer, source: str | bytes) -> str | bytes:  # noqa: ARG002 - mended before splicing
        return source


OPENREPLAY: Final = OpenReplay()


class _Reading:
    """What has been read of one batch."""

    def __init__(self, source: bytes) -> None:
        self.source = source
        self.head: list[tuple[Leaf, Node]] = []
        self.tabs: list[Node] = []
        self.messages: list[Node] = []
        self.tab: Leaf | None = None
        self.sizes: list[tuple[int, int]] = []
        self.entries: dict[int, Entry] = {}  # by the dictionary's own key; a later one wins
        self.told: dict[int, Entry] = {}
        self.uses: dict[int, Use] = {}
        self.runs: dict[int, list[Map]] = {}
        self.run: tuple[str, list[Map]] = ("", [])

    def batch(self) -> int | None:
        """The batch's own message; where it ends."""
        at = 1
        for name in ("version", "page", "first", "time"):
            number = _number(self.source, at, len(self.source))
            if number is None:
                return None
            self.head.append((Leaf(name, at, at, Kind.WORD), Leaf(str(number[0]), at, number[1], Kind.NUMBER)))
            at = number[1]
        url = _string(self.source, at, len(self.source))
        if url is None:
            return None
        self.head.append((Leaf("url", at, at, Kind.WORD), url))
        return url.end

    def message(self, start: int) -> int | None:
        """One message; where it ends, or None where it ends nowhere."""
        source = self.source
        kind = _number(source, start, len(source))
        if kind is None or kind[1] + 3 > len(source):
            return None
        size_at = kind[1]
        body = size_at + 3
        end = body + int.from_bytes(source[size_at:body], "little")
        if end > len(source):
            return None
        shape = SHAPES.get(kind[0])
        if shape is not None and not shape.is_kept and _holds_numbers(source[body:end], shape):
            return end
        fields = _fields(source, body, end, shape) if shape is not None and shape.is_kept else None
        name = UNREADABLE if fields is None or shape is None else shape.name
        if name == UNREADABLE and kind[0] not in _ASIDE and (shape is None or shape.name in _OF_PAGE):
            about = _number(source, body, end)
            fields = [(_ABOUT, Leaf(str(about[0]), body, about[1], Kind.NUMBER))] if about is not None else None
        mark = (_MARK, Leaf(name, start, start, Kind.WORD))
        message = Map([mark, *(fields or [])], start, end)
        if name != UNREADABLE:
            self._note(kind[0], message)
            self._follow(name, message)
        self.sizes.append((size_at, end))
        self.messages.append(message)
        return end

    def _note(self, kind: int, message: Map) -> None:
        """What a message says of others: the tab they belong to, the entries that they use."""
        items = message.items
        if kind == _TAB and isinstance(tab := items[1][1], Leaf):
            if self.tab is not None and self.tab.value != tab.value:
                self._close_tab()
            self.tab = tab
        elif kind in _ENTRIES and isinstance(value := items[2][1], Leaf):
            self.entries[_key(items[1][1])] = self.told[id(message)] = Entry(value)
        elif kind in _USES:
            name_at, value_at = items[2][1], items[3][1]
            named_by, entry = self.entries.get(_key(name_at)), self.entries.get(_key(value_at))
            name = Leaf(named_by.leaf.value if named_by is not None else "", *_span(name_at))
            value = Leaf(entry.leaf.value if entry is not None else EARLIER, *_span(value_at))
            use = self.uses[id(message)] = Use(message, name, value, named_by, entry)
            if named_by is not None:
                named_by.is_name = True
            if entry is not None:
                entry.uses.append(use)
            items += ((_NAME, name), (_VALUE, value))

    def _follow(self, name: str, message: Map) -> None:
        """Keeps together what is said of one element without another one between."""
        if name in _STARTS_RUN or name in _IN_RUN:
            node = message.items[1][1]
            node_id = node.value if isinstance(node, Leaf) else ""
            if name in _STARTS_RUN or node_id != self.run[0]:
                self.run = (node_id, [])
            self.run[1].append(message)
            self.runs[id(message)] = self.run[1]
        elif name not in _BETWEEN:
            self.run = ("", [])

    def _close_tab(self) -> None:
        messages = self.messages
        first = messages[0].start if messages else len(self.source)
        end = messages[-1].end if messages else first
        tab = self.tab
        told = Leaf(tab.value, tab.start, tab.end) if tab is not None else Leaf("", first, first)
        items: list[tuple[Leaf, Node]] = [
            (Leaf("tab", first, first, Kind.WORD), told),
            (Leaf("messages", first, first, Kind.WORD), List(messages, first, end)),
        ]
        self.tabs.append(Map(items, first, end))
        self.messages = []

    def layer(self) -> OpenReplayLayer:
        self._close_tab()
        end = self.head[-1][1].end
        items: list[tuple[Leaf, Node]] = [
            (Leaf("batch", 0, 0, Kind.WORD), Map(self.head, 0, end)),
            (Leaf("tabs", end, end, Kind.WORD), List(self.tabs, end, len(self.source))),
        ]
        root = Map(items, 0, len(self.source))
        layer = OpenReplayLayer(self.source, root, self.sizes)
        layer.entries, layer.uses, layer.runs = self.told, self.uses, self.runs
        return layer


def _key(node: Node) -> int:
    return int(node.value) if isinstance(node, Leaf) else -1
