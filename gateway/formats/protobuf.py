"""Protocol Buffers wire format (protobuf.dev/programming-guides/encoding), read by a schema that is a table of facts.

A message is a map, its fields named as in the JSON mapping; a repeated field is one list, where its first one stood.
Text and ids (as hex digits) are text leaves, numbers number leaves, other bytes open further. Lengths are mended from
the inside out; what nobody edits keeps its bytes, overlong varints included.

Invariant: nothing is passed on unread. `unknown` holds the fields that the schema doesn't know, which whoever sends
must cut out; a known one of another wire type, a second one of a single field, a length beyond the end is no such
message.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from enum import IntEnum
from typing import Final, NamedTuple

from gateway.core.document import Kind, Layer, Leaf, List, Map, Node
from gateway.core.errors import Reason, Refused
from gateway.core.limits import Budget


class Wire(IntEnum):
    """The low three bits of a tag; groups (3 and 4) are not read."""

    VARINT = 0
    FIXED64 = 1
    LENGTH = 2
    FIXED32 = 5


class Field(NamedTuple):
    """One field of a message: its JSON name, a scalar's name or a message's, whether it may be there more than once."""

    name: str
    type: str
    repeated: bool = False


type Messages = Mapping[str, Mapping[int, Field]]

TEXT, ID, BYTES, BOOL = "string", "id", "bytes", "bool"
_VARINTS: Final = ("uint", "int", "sint", BOOL)
_FIXED: Final[dict[str, tuple[Wire, str]]] = {
    "fixed64": (Wire.FIXED64, "<Q"), "sfixed64": (Wire.FIXED64, "<q"), "double": (Wire.FIXED64, "<d"),
    "fixed32": (Wire.FIXED32, "<I"), "float": (Wire.FIXED32, "<f"),
}  # fmt: skip
_WIDTH: Final = {Wire.FIXED64: 8, Wire.FIXED32: 4}
_WIRE: Final = {**dict.fromkeys(_VARINTS, Wire.VARINT), **{name: wire for name, (wire, _) in _FIXED.items()}}
_LONGEST_VARINT: Final = 10
_ALL_BITS: Final = (1 << 64) - 1
FIELDS_PER_CHECK: Final = 2048


def read_varint(source: bytes, at: int, end: int) -> tuple[int, int]:
    """The varint at `at` and where it ends; (0, 0) where there is none before `end`."""
    value = 0
    for place in range(at, min(end, at + _LONGEST_VARINT)):
        byte = source[place]
        value |= (byte & 0x7F) << 7 * (place - at)
        if byte < 0x80:
            return value & _ALL_BITS, place + 1
    return 0, 0


def write_varint(value: int) -> bytes:
    """The shortest varint; negative numbers as 64 bits."""
    value &= _ALL_BITS
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    written.append(value)
    return bytes(written)


class _Writer:
    """Knows the type of each leaf by its span."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.types: dict[tuple[int, int], str] = {}

    def write(self, leaf: Leaf, value: str | bytes) -> bytes:
        kind = self.types.get((leaf.start, leaf.end))
        if kind is None:
            return b""  # a field's name, which stands nowhere
        if isinstance(value, bytes):
            return value if kind in (TEXT, BYTES) else b""
        if kind in (TEXT, BYTES):
            return value.encode("utf-8", "surrogatepass")
        if kind == ID:
            try:
                return bytes.fromhex(value)
            except ValueError:
                return b""
        return _write_number(kind, value)

    def finish(self, layer: Layer, source: str | bytes) -> str | bytes:  # noqa: ARG002 - lengths are mended on closing
        return source


def _write_number(kind: str, value: str) -> bytes:
    """A number as its type has it; 0 for what is none."""
    if kind == BOOL:
        return b"\1" if value == "true" else b"\0"
    try:
        if kind in ("double", "float"):
            return struct.pack(_FIXED[kind][1], float(value))
        whole = int(value)
        if kind == "sint":
            whole = whole << 1 if whole >= 0 else (-whole << 1) - 1
        return write_varint(whole) if kind in _VARINTS else struct.pack(_FIXED[kind][1], whole)
    except (ValueError, OverflowError, struct.error):
        return b"\0" * _WIDTH.get(_WIRE[kind], 1)


class _Region(NamedTuple):
    """Content with a length before it: a message, a text, a packed list. `around` is the region that holds it."""

    length: int
    start: int
    end: int
    around: int


class ProtobufLayer(Layer):
    """Takes out whole fields, tags included, and mends the length of all that hold an edit."""

    __slots__ = ("fields", "owners", "regions", "unknown")

    regions: list[_Region]
    unknown: list[tuple[int, int]]  # spans of fields that the schema doesn't know
    fields: dict[int, list[tuple[int, int]]]  # id of a node → spans of its fields
    owners: dict[tuple[int, int], int]  # span of a leaf or a field → the region that it stands in

    def drop(self, holder: Map | List, index: int) -> None:
        item = holder.items[index]
        node = item[1] if isinstance(item, tuple) else item
        for span in self.fields[id(node)]:
            self._edits[span] = b""
        holder.dropped = {*(holder.dropped or ()), index}

    def cut_unknown(self) -> None:
        """Records that the fields which the schema doesn't know go."""
        for span in self.unknown:
            self._edits[span] = b""

    def close(self) -> str | bytes:
        source = self.source
        if not self.changed or isinstance(source, str):
            return source
        edits: list[tuple[int, int, bytes]] = []
        grown = [0] * (len(self.regions) + 1)  # the last is the whole
        reached = 0
        for (start, end), literal in sorted(self._edits.items(), key=lambda one: (one[0][0], -one[0][1])):
            if end <= reached and start < reached:
                continue  # inside a field that goes as a whole
            data = literal if isinstance(literal, bytes) else b""
            edits.append((start, end, data))
            grown[self.owners[start, end]] += len(data) - (end - start)
            reached = end
        for at in range(len(self.regions) - 1, -1, -1):
            region = self.regions[at]
            if grown[at]:
                length = write_varint(region.end - region.start + grown[at])
                edits.append((region.length, region.start, length))
                grown[region.around] += grown[at] + len(length) - (region.start - region.length)
        pieces: list[bytes] = []
        reached = 0
        for start, end, data in sorted(edits, key=lambda one: one[:2]):
            pieces += (source[reached:start], data)
            reached = end
        pieces.append(source[reached:])
        return b"".join(pieces)


class _Frame(NamedTuple):
    """A message that is being read."""

    fields: Mapping[int, Field]
    start: int
    end: int
    region: int
    items: list[tuple[Leaf, Node]]
    lists: dict[int, List]
    seen: set[int]


class Reader:
    """Reads one body by one schema."""

    def __init__(self, name: str, messages: Messages, source: bytes, budget: Budget) -> None:
        self._messages = messages
        self._source = source
        self._budget = budget
        self._writer = _Writer(name)
        self._layer = ProtobufLayer(name, source, Map([], 0, len(source)), self._writer)
        self._layer.regions = []
        self._layer.fields = {}
        self._layer.owners = {}
        self._layer.unknown = []

    def read(self, message: str) -> ProtobufLayer | None:
        """The layer, or None where the whole source is not one `message`."""
        source, layer = self._source, self._layer
        root = Map([], 0, len(source))
        layer.root = root
        frames = [_Frame(self._messages[message], 0, len(source), -1, root.items, {}, set())]
        at = count = 0
        while frames:
            frame = frames[-1]
            if at == frame.end:
                frames.pop()
                continue
            count += 1
            if count % FIELDS_PER_CHECK == 0:
                self._budget.check_time()
            tag, content = read_varint(source, at, frame.end)
            wire, number = tag & 7, tag >> 3
            if not content or not number:
                return None
            length = content
            if wire == Wire.LENGTH:
                size, content = read_varint(source, length, frame.end)
                end = content + size
                if not content:
                    return None
            elif wire == Wire.VARINT:
                _, end = read_varint(source, content, frame.end)
            else:
                end = content + _WIDTH.get(Wire(wire), 0) if wire in (Wire.FIXED64, Wire.FIXED32) else 0
            if not content <= end <= frame.end or (end == content and wire != Wire.LENGTH):
                return None
            span = (at, end)
            layer.owners[span] = frame.region
            field = frame.fields.get(number)
            at = end
            if field is None:
                if len(frames) == 1:
                    return None
                layer.unknown.append(span)
                continue
            region = frame.region
            if wire == Wire.LENGTH:
                layer.regions.append(_Region(length, content, end, region))
                region = len(layer.regions) - 1
            node = self._node(field, wire, content, end, region)
            if node is None or not self._place(frame, number, field, node, span):
                return None
            if isinstance(node, Map):
                if len(frames) >= self._budget.limits.depth:
                    raise Refused(Reason.TOO_DEEP)
                frames.append(_Frame(self._messages[field.type], content, end, region, node.items, {}, set()))
                at = content
        return layer

    def _place(self, frame: _Frame, number: int, field: Field, node: Node, span: tuple[int, int]) -> bool:
        """Hangs a field into its message; False where a single field is there a second time."""
        fields = self._layer.fields
        name = Leaf(field.name, span[0], span[0], Kind.WORD)
        if not field.repeated:
            fields[id(node)] = [span]
            frame.items.append((name, node))
            new = number not in frame.seen
            frame.seen.add(number)
            return new
        held = frame.lists.get(number)
        if held is None:
            held = frame.lists[number] = List([], *span)
            frame.items.append((name, held))
            fields[id(held)] = []
        if isinstance(node, List):  # packed: one field holds many
            held.items += node.items
            for item in node.items:
                fields[id(item)] = [span]
        else:
            held.items.append(node)
            fields[id(node)] = [span]
        held.end = span[1]
        fields[id(held)].append(span)
        return True

    def _node(self, field: Field, wire: int, start: int, end: int, region: int) -> Node | None:
        """The field's value; a message comes empty. None where it is not of the field's type."""
        kind, source = field.type, self._source
        if kind in self._messages:
            return Map([], start, end) if wire == Wire.LENGTH else None
        if kind in (TEXT, ID, BYTES):
            if wire != Wire.LENGTH:
                return None
            data = source[start:end]
            if kind == BYTES:
                leaf = Leaf("", start, end, Kind.BYTES, data)
            elif kind == ID:
                leaf = Leaf(data.hex(), start, end)
                if len(data) not in (0, 8, 16):
                    return None
            else:
                try:
                    leaf = Leaf(data.decode("utf-8", "surrogatepass"), start, end)
                except UnicodeDecodeError:
                    return None
            return self._own(leaf, kind, region)
        if wire == Wire.LENGTH and field.repeated:
            return self._packed(kind, start, end, region)
        return self._number(kind, start, end, region) if wire == _WIRE[kind] else None

    def _packed(self, kind: str, start: int, end: int, region: int) -> List | None:
        numbers: list[Node] = []
        at = start
        while at < end:
            stop = at + _WIDTH[_WIRE[kind]] if kind in _FIXED else read_varint(self._source, at, end)[1]
            if not at < stop <= end:
                return None
            numbers.append(self._number(kind, at, stop, region))
            at = stop
        return List(numbers, start, end)

    def _number(self, kind: str, start: int, end: int, region: int) -> Leaf:
        source = self._source
        if kind in _FIXED:
            value = struct.unpack_from(_FIXED[kind][1], source, start)[0]
            text = repr(value) if isinstance(value, int) or math.isfinite(value) else "0"
            return self._own(Leaf(text, start, end, Kind.NUMBER), kind, region)
        whole, _ = read_varint(source, start, end)
        if kind == BOOL:
            return self._own(Leaf("true" if whole else "false", start, end, Kind.WORD), kind, region)
        if kind == "sint":
            whole = whole >> 1 ^ -(whole & 1)
        elif kind == "int" and whole >> 63:
            whole -= 1 << 64
        return self._own(Leaf(str(whole), start, end, Kind.NUMBER), kind, region)

    def _own(self, leaf: Leaf, kind: str, region: int) -> Leaf:
        span = (leaf.start, leaf.end)
        self._writer.types[span] = kind
        self._layer.owners[span] = region
        return leaf
