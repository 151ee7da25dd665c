"""Reads Datadog's replay segments for the judge: each string under the name of what it is for, each number resolved.

Written from the vendor's published schema, and shares nothing with the gateway. `expand` turns one segment into a plain
document, so that what was sent and what arrived can be compared place by place. `Page` plays the segments of a view into
a tree, the table of strings running on, and raises `UnplayableError` at whatever a player would stumble over.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass, field

EARLIER = "<earlier {}>"  # a string that another segment has told

# objects are lists of pairs, as the judge's decoder reads them
Pairs = list[tuple[str, object]]

ADD_STRING, ADD_NODE, REMOVE, ATTRIBUTE, TEXT, ADD_STYLE, ADD_STRINGS, VALUE, SELECTION = 0, 1, 2, 3, 4, 7, 11, 12, 13
NUMBERS = frozenset({2, 5, 6, 8, 9, 10})


class UnplayableError(ValueError):
    """What no player could read."""


def is_number(slot: object) -> bool:
    """A numeral, as the decoder keeps it, or a number."""
    return isinstance(slot, int) or (isinstance(slot, str) and type(slot) is not str)


def get(pairs: object, key: str) -> object:
    found = [value for name, value in pairs if name == key] if isinstance(pairs, list) else []
    return found[-1] if found else None


def is_segment(pairs: Pairs) -> bool:
    """Whether an object is a segment with changes in it."""
    if not any(name == "records" for name, _ in pairs):
        return False
    records = get(pairs, "records")
    return isinstance(records, list) and any(is_change(record) for record in records)


def is_change(record: object) -> bool:
    """Whether a record holds changes, as they came."""
    if not isinstance(record, list) or not all(isinstance(item, tuple) for item in record):
        return False
    data = get(record, "data")
    if str(get(record, "type")) not in {"2", "12"} or not isinstance(data, list) or not data:
        return False
    return all(isinstance(op, list) and op and not isinstance(op[0], tuple) for op in data)


@dataclass(slots=True)
class Strings:
    """The table of strings: known as a whole once a full snapshot was seen."""

    rows: list[str] = field(default_factory=list)
    is_known: bool = False

    def text(self, slot: object) -> str:
        """What stands where a string is wanted."""
        if isinstance(slot, list):
            slot = get(slot, "string")
        if not is_number(slot):
            if not isinstance(slot, str):
                raise UnplayableError(f"no string: {slot!r}")
            return slot
        at = int(str(slot))
        if not self.is_known:
            return EARLIER.format(at)
        if not 0 <= at < len(self.rows):
            raise UnplayableError(f"string {at} of {len(self.rows)}")
        return self.rows[at]

    def take(self, code: int, items: list[object]) -> None:
        """The strings of an op that appends some."""
        for item in items:
            told = item[1:] if code == ADD_STRINGS and isinstance(item, list) else [item]
            for row in told:
                if type(row) is not str:
                    raise UnplayableError(f"no string to append: {row!r}")
                self.rows.append(row)


def expand(segment: Pairs, pairs: type[Pairs]) -> Pairs:
    """The segment with each change as an object of named parts; `pairs` is the type of an object."""
    strings = Strings()
    found = pairs()
    for name, value in segment:
        if name == "records" and isinstance(value, list):
            found.append((name, [_record(record, strings, pairs) if is_change(record) else record for record in value]))
        else:
            found.append((name, value))
    return found


def _record(record: Pairs, strings: Strings, pairs: type[Pairs]) -> Pairs:
    if str(get(record, "type")) == "2":
        strings.rows, strings.is_known = [], True
    found = pairs()
    for name, value in record:
        changes = value if name == "data" and isinstance(value, list) else None
        found.append((name, [_op(op, strings, pairs) for op in changes] if changes is not None else value))
    return found


def _op(op: object, strings: Strings, pairs: type[Pairs]) -> Pairs:
    if not isinstance(op, list) or not op:
        raise UnplayableError(f"no op: {op!r}")
    code, items = int(str(op[0])), op[1:]
    if code in {ADD_STRING, ADD_STRINGS}:
        before = len(strings.rows)
        strings.take(code, items)
        return pairs([("op", op[0]), ("appended", str(len(strings.rows) - before))])
    return pairs([("op", op[0]), ("items", [_named(code, item, strings, pairs) for item in items])])


def _named(code: int, item: object, strings: Strings, pairs: type[Pairs]) -> object:
    if code in NUMBERS:
        return item
    if not isinstance(item, list) or not item:
        raise UnplayableError(f"no item of op {code}: {item!r}")
    if code == ADD_NODE:
        name = strings.text(item[1])
        found = pairs([("position", item[0]), ("tagName", name)])
        if name.startswith("#"):
            found.append(("textContent", [strings.text(slot) for slot in item[2:]]))
        elif name.startswith("<"):
            found.append(("unknown", item[2:]))
        else:
            found.append(("attributes", _attributes(item[2:], strings, pairs)))
        return found
    if code == ATTRIBUTE:
        return pairs([("node", item[0]), ("attributes", _attributes(item[1:], strings, pairs))])
    if code == TEXT:
        return pairs([("node", item[0]), ("textContent", strings.text(item[1]))])
    if code == VALUE:
        return pairs([("node", item[0]), ("nodeName", "?"), ("value", strings.text(item[1]))])
    if code == SELECTION:
        return pairs([("isChecked", " ".join(map(str, item)))])
    if code == ADD_STYLE:
        rules = item[0] if isinstance(item[0], list) and not any(isinstance(x, tuple) for x in item[0]) else [item[0]]
        media = item[1] if len(item) > 1 and isinstance(item[1], list) else []
        return pairs([("cssText", [strings.text(rule) for rule in rules]), ("media", [strings.text(m) for m in media])])
    raise UnplayableError(f"unknown op {code}")


def _attributes(items: list[object], strings: Strings, pairs: type[Pairs]) -> Pairs:
    found = pairs()
    for pair in items:
        if not isinstance(pair, list) or not pair:
            raise UnplayableError(f"no attribute: {pair!r}")
        found.append((strings.text(pair[0]), strings.text(pair[1]) if len(pair) > 1 else None))
    return found


# ---- playing


@dataclass(slots=True)
class Node:
    """One node of the page."""

    name: str
    parent: int | None
    attributes: dict[str, str] = field(default_factory=dict)
    text: str = ""
    value: str | None = None


@dataclass(slots=True)
class Page:
    """One view, played."""

    nodes: list[Node] = field(default_factory=list)
    strings: Strings = field(default_factory=Strings)
    values: list[tuple[int, str]] = field(default_factory=list)  # each that was typed: node and text
    texts: list[tuple[int, str]] = field(default_factory=list)  # each text that was changed

    def play(self, segment: dict[str, object]) -> None:
        """Takes one segment, as JSON has it."""
        records = segment["records"]
        if not isinstance(records, list):
            raise UnplayableError("no records")
        if segment["records_count"] != len(records):
            raise UnplayableError("another number of records")
        for record in records:
            if record["type"] == 2:
                self.nodes, self.strings = [], Strings([], is_known=True)
            if record["type"] in {2, 12}:
                for op in record["data"]:
                    self._op(op)

    def _op(self, op: list[object]) -> None:
        code, items = op[0], op[1:]
        if code in {ADD_STRING, ADD_STRINGS}:
            self.strings.take(int(str(code)), items)
            return
        for item in items:
            if code == ADD_NODE and isinstance(item, list):
                self._add(item)
            elif code == ATTRIBUTE and isinstance(item, list):
                for pair in item[1:]:
                    self._node(item[0]).attributes[self._text(pair[0])] = self._text(pair[1]) if len(pair) > 1 else ""
            elif code == TEXT and isinstance(item, list):
                self._node(item[0]).text = self._text(item[1])
                self.texts.append((int(str(item[0])), self._text(item[1])))
            elif code == VALUE and isinstance(item, list):
                self._node(item[0]).value = self._text(item[1])
                self.values.append((int(str(item[0])), self._text(item[1])))
            elif code == SELECTION and isinstance(item, list):
                for node in item[1:]:
                    self._node(node)
            elif code == ADD_STYLE and isinstance(item, list):
                for rule in item[0] if isinstance(item[0], list) else [item[0]]:
                    self._text(rule)

    def _add(self, item: list[object]) -> None:
        at, step = len(self.nodes), item[0]
        if step is None:
            parent = None
        elif not isinstance(step, int):
            raise UnplayableError(f"no position: {step!r}")
        elif step > 0:
            self._node(at - step)
            parent = at - step
        else:
            parent = self._node(at + step if step else at - 1).parent
        node = Node(self._text(item[1]), parent)
        if node.name == "#text":
            node.text = self._text(item[2])
        elif not node.name.startswith("#"):
            for pair in item[2:]:
                if not isinstance(pair, list):
                    raise UnplayableError(f"no attribute: {pair!r}")
                node.attributes[self._text(pair[0])] = self._text(pair[1])
        self.nodes.append(node)

    def _node(self, number: object) -> Node:
        at = int(str(number))
        if not 0 <= at < len(self.nodes):
            raise UnplayableError(f"node {at} of {len(self.nodes)}")
        return self.nodes[at]

    def _text(self, slot: object) -> str:
        if isinstance(slot, dict):
            return str(slot["string"])
        if isinstance(slot, int):
            if not 0 <= slot < len(self.strings.rows):
                raise UnplayableError(f"string {slot} of {len(self.strings.rows)}")
            return self.strings.rows[slot]
        if not isinstance(slot, str):
            raise UnplayableError(f"no string: {slot!r}")
        return slot


def read_replay(body: bytes) -> dict[str, object]:
    """The segment of one upload, with its sizes checked against what is told of it."""
    line = body.split(b"\r\n", 1)[0]
    parts: dict[str, bytes] = {}
    for part in body.split(line)[1:-1]:
        head, _, content = part.partition(b"\r\n\r\n")
        parts[head.partition(b'name="')[2].partition(b'"')[0].decode()] = content.removesuffix(b"\r\n")
    stream = zlib.decompressobj()
    raw = stream.decompress(parts["segment"])
    if not stream.eof or stream.unused_data:
        raise UnplayableError("a stream that does not end where the part ends")
    event = json.loads(parts["event"])
    if (event["raw_segment_size"], event["compressed_segment_size"]) != (len(raw), len(parts["segment"])):
        raise UnplayableError("sizes that are not those of the segment")
    segment: dict[str, object] = json.loads(raw)
    if any(segment[key] != event[key] for key in segment if key != "records"):
        raise UnplayableError("an event that tells of another segment")
    return segment
