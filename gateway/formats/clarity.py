r"""Clarity's payloads: JSON arrays in which a value's position is its name.

    {"e": [version, sequence, …, URL], "a": [[time, code, …], …], "p": [[time, code, …], …]}

A map of `e`, a map by name, and of `rows`, which are those of `a` and `p` in the order of their times. Rows of code 5
and 6 hold nodes one behind the other: numbers (node, parent, previous; negative where a text is but its length), then a
tag, attributes as `name=value`, and a text. A list of numbers among them stands for tokens of the same row by position.
Each such *use* is a text of its own, claimed and edited like any other; an attribute's leaf is its value alone.

Invariant: rows keep their tokens and their order. What is edited is edited in its place, and what refers to it follows;
where uses of a token part ways, its row is written anew: the other use in full, and the positions behind it counted on.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from gateway.core.document import Kind, Layer, Leaf, List, Map, Node
from gateway.core.limits import Budget
from gateway.core.opening import leaves
from gateway.formats.json import JSON, write_string

ROW: Final = "clarity row"
"""The key under which a row says its code; a key that no text can write."""
UNREADABLE: Final = "unreadable"
TEXT_TAG: Final = "*T"
DOM_CODES: Final = frozenset({5, 6})
_ENVELOPE: Final = (
    "version", "sequence", "start", "duration", "projectId", "userId", "sessionId", "pageNum", "upload", "end",
    "platform", "url",
)  # fmt: skip
_LEAST_ENVELOPE: Final = 8
_VERSION: Final = re.compile(r"\d{1,4}\.\d{1,4}\.\d{1,4}[\w.-]{0,32}")
_MOST_NUMBERS: Final = 3
_BOX: Final = re.compile(r"#[0-9a-z]{1,8}\.[0-9a-z]{1,8}")
_EMPTY: Final = {Kind.TEXT: "", Kind.NUMBER: "0", Kind.WORD: "null", Kind.BYTES: ""}
_GONE: Final = "data-masked="
_LENGTH: Final = "a"  # ten characters, as a text that was masked at its source tells its length


class Part(Leaf):
    """The value of an attribute: a part of a string's literal."""

    __slots__ = ()


class Told(Leaf):
    """A value that stands nowhere in the source: it is read, and never written."""

    __slots__ = ()


class Token:
    """One token of a row: written in full, or a reference to an earlier one. Without a `leaf`, it is never edited."""

    __slots__ = ("is_gone", "leaf", "name", "node", "target", "text")

    def __init__(self, node: Leaf, text: str, target: Token | None) -> None:
        self.node = node
        self.text = text
        self.target = target
        self.name: str | None = None  # an attribute's
        self.leaf: Leaf | None = None
        self.is_gone = False

    @property
    def written(self) -> str:
        """What it is by now."""
        if self.is_gone:
            return _GONE
        if self.leaf is None:
            return self.text
        return self.leaf.value if self.name is None else f"{self.name}={self.leaf.value}"


class DomNode(NamedTuple):
    """One node of a row."""

    numbers: tuple[int, ...]
    tag: str
    attributes: list[tuple[str, Token]]
    texts: list[Token]


class Attributes(Map):
    """Attributes of one node by name, with their tokens: one that is dropped becomes another, which tells nothing."""

    __slots__ = ("tokens",)

    def __init__(self, pairs: list[tuple[str, Token]]) -> None:
        items: list[tuple[Leaf, Node]] = []
        self.tokens: list[Token] = []
        for name, token in pairs:
            if token.leaf is not None:
                items.append((Leaf(name, token.leaf.start, token.leaf.start), token.leaf))
                self.tokens.append(token)
        super().__init__(items, 0, 0)


class _DomRow:
    """A row of nodes: its tokens by position, those of a list of references under the list's."""

    __slots__ = ("nodes", "row", "tokens")

    def __init__(self, row: List) -> None:
        self.row = row
        self.tokens: list[list[Token] | None] = [None, None]  # None for a number
        self.nodes: list[DomNode] = []


class ClarityLayer(Layer):
    """Brings references in line with what they refer to, before splicing."""

    __slots__ = ("_rows", "_sized", "nodes")

    def __init__(self, source: str, root: Map, rows: list[_DomRow]) -> None:
        super().__init__(CLARITY.name, source, root, CLARITY)
        self._rows = rows
        self._sized: set[int] = set()
        self.nodes: dict[int, list[DomNode]] = {}  # identity of a row's map → its nodes
        for row in rows:
            for node in row.nodes:
                if node.numbers[0] < 0 and node.tag == TEXT_TAG:
                    self._sized.update(id(token.leaf) for token in node.texts)

    def replace(self, leaf: Leaf, value: str | bytes) -> None:
        if not isinstance(leaf, Told):
            super().replace(leaf, _LENGTH if id(leaf) in self._sized else value)

    def is_length(self, leaf: Leaf) -> bool:
        """Whether a text was masked at its source: it tells its length, in base 36."""
        return id(leaf) in self._sized

    def drop(self, holder: Map | List, index: int) -> None:
        """What stands at a position is emptied; only what has a name of its own goes."""
        item = holder.items[index]
        node = item[1] if isinstance(item, tuple) else item
        if isinstance(holder, Attributes):
            token = holder.tokens[index]
            token.is_gone = True
            self._edits[token.node.start, token.node.end] = write_string(_GONE)
        elif holder is self.root:
            super().drop(holder, index)
        else:
            for leaf in leaves(node):
                self.replace(leaf, _EMPTY[leaf.kind])

    def close(self) -> str | bytes:
        if not self.changed:
            return self.source
        for row in self._rows:
            if self._settle(row):
                self._edits[row.row.start, row.row.end] = self._anew(row)
        return super().close()

    def _settle(self, row: _DomRow) -> bool:
        """Takes back the edits of references, which follow what they refer to; whether one of them must not."""
        parts_ways = False
        for tokens in row.tokens:
            for token in tokens or ():
                if token.target is not None:
                    self._edits.pop((token.node.start, token.node.end), None)
                    parts_ways = parts_ways or token.written != token.target.written
        return parts_ways

    def _anew(self, row: _DomRow) -> str:
        out: list[str] = []
        places: dict[int, int] = {}  # identity of a token → where it stands now
        for item, tokens in zip(row.row.items, row.tokens, strict=True):
            if tokens is None:
                out.append(str(self.source[item.start : item.end]))
                continue
            references: list[str] = []
            for token in tokens:
                if token.target is not None and token.written == token.target.written:
                    references.append(str(places[id(token.target)]))
                    continue
                if references:
                    out.append(f"[{','.join(references)}]")
                    references = []
                places[id(token)] = len(out)
                is_same = token.target is None and token.written == token.text
                out.append(str(self.source[item.start : item.end]) if is_same else write_string(token.written))
            if references:
                out.append(f"[{','.join(references)}]")
        return f"[{','.join(out)}]"


class Clarity:
    name = "clarity"

    def sniff(self, source: str | bytes) -> bool:
        return isinstance(source, str) and source[:64].lstrip(" \t\r\n")[:1] == "{" and '"e"' in source

    def parse(self, source: str | bytes, budget: Budget) -> Layer | None:
        if not isinstance(source, str) or not self.sniff(source):
            return None
        read = JSON.parse(source, budget)
        if read is None or not is_payload(read.root) or not isinstance(read.root, Map):
            return None
        items: list[tuple[Leaf, Node]] = []
        rows: list[_DomRow] = []
        nodes: dict[int, list[DomNode]] = {}
        names: set[str] = set()
        told: list[tuple[int, bool, Node]] = []
        for key, value in read.root.items:
            if key.value in names:
                return None  # which of two counts is the backend's secret
            names.add(key.value)
            if key.value == "e" and isinstance(value, List):
                items.append((key, _envelope(value)))
            elif key.value in ("a", "p") and isinstance(value, List):
                for row in value.items:
                    budget.check_time()
                    told.append((_time(row), key.value == "a", _row(source, row, rows, nodes)))
                items.append((key, List([], value.start, value.end)))
            else:
                items.append((key, value))
        first = read.root.start + 1
        in_time = List([row for _, _, row in sorted(told, key=lambda one: one[:2])], first, first)
        items.insert(0, (Leaf("rows", first, first, Kind.WORD), in_time))
        layer = ClarityLayer(source, Map(items, read.root.start, read.root.end), rows)
        layer.nodes = nodes
        return layer

    def write(self, leaf: Leaf, value: str | bytes) -> str:
        literal = JSON.write(leaf, value)
        return literal[1:-1] if isinstance(leaf, Part) else literal

    def finish(self, layer: Layer, source: str | bytes) -> str | bytes:  # noqa: ARG002 - mended before splicing
        return source


CLARITY: Final = Clarity()


def is_payload(root: Node) -> bool:
    """Whether a JSON value has the shape of a payload, whatever its rows hold."""
    if not isinstance(root, Map):
        return False
    envelope = next((value for key, value in root.items if key.value == "e"), None)
    if not isinstance(envelope, List) or len(envelope.items) < _LEAST_ENVELOPE:
        return False
    first, second = envelope.items[:2]
    return (
        isinstance(first, Leaf)
        and first.kind is Kind.TEXT
        and _VERSION.fullmatch(first.value) is not None
        and isinstance(second, Leaf)
        and second.kind is Kind.NUMBER
        and any(key.value in ("a", "p") and isinstance(value, List) for key, value in root.items)
    )


def _envelope(envelope: List) -> Map:
    """The envelope by name; and the page within its session as one more value, which is never written."""
    items: list[tuple[Leaf, Node]] = []
    for index, value in enumerate(envelope.items):
        name = _ENVELOPE[index] if index < len(_ENVELOPE) else "extra"
        items.append((Leaf(name, value.start, value.start, Kind.WORD), value))
    session, number = envelope.items[6], envelope.items[7]
    if isinstance(session, Leaf) and isinstance(number, Leaf):
        page = Told(f"{session.value}.{number.value}", number.end, number.end)
        items.append((Leaf("page", number.end, number.end, Kind.WORD), page))
    return Map(items, envelope.start, envelope.end)


def _time(row: Node) -> int:
    time = _whole(row.items[0]) if isinstance(row, List) and row.items else None
    return 0 if time is None else time


def _row(source: str, row: Node, rows: list[_DomRow], nodes: dict[int, list[DomNode]]) -> Map:
    code = (
        row.items[1].value
        if isinstance(row, List) and len(row.items) > 1 and isinstance(row.items[1], Leaf)
        else UNREADABLE
    )
    told: Node = row
    read: _DomRow | None = None
    if isinstance(row, List) and code.isdecimal() and int(code) in DOM_CODES:
        read = _dom_row(source, row)
        if read is None:
            code = UNREADABLE
        else:
            tokens = [token for part in read.tokens for token in part or ()]
            told = List([token.leaf for token in tokens if token.leaf is not None], row.start, row.end)
            rows.append(read)
    mark = (Leaf(ROW, row.start, row.start, Kind.WORD), Leaf(code, row.start, row.start, Kind.WORD))
    found = Map([mark, (Leaf("values", row.start, row.start, Kind.WORD), told)], row.start, row.end)
    if read is not None:
        nodes[id(found)] = read.nodes
    return found


def _dom_row(source: str, row: List) -> _DomRow | None:
    """The nodes of a row, or None where one of its tokens is none."""
    read = _DomRow(row)
    numbers: list[int] = []
    strings: list[Token] = []
    for item in row.items[2:]:
        if isinstance(item, Leaf) and item.kind is Kind.NUMBER:
            number = _whole(item)
            if number is None:
                return None
            if strings:
                if not _end_node(source, read, numbers, strings):
                    return None
                numbers, strings = [], []
            numbers.append(number)
            read.tokens.append(None)
            continue
        tokens = _tokens(read, item)
        if tokens is None or not numbers:
            return None
        strings += tokens
        read.tokens.append(tokens)
    if (numbers or strings) and not _end_node(source, read, numbers, strings):
        return None
    return read


def _tokens(read: _DomRow, item: Node) -> list[Token] | None:
    """The tokens of one item of a row: itself, or those that it refers to."""
    if isinstance(item, Leaf):
        return [Token(item, item.value, None)] if item.kind is Kind.TEXT else None
    if not isinstance(item, List) or not item.items:
        return None
    found: list[Token] = []
    for reference in item.items:
        index = _whole(reference)
        target = read.tokens[index] if index is not None and 0 <= index < len(read.tokens) else None
        if target is None or len(target) != 1 or target[0].target is not None or not isinstance(reference, Leaf):
            return None
        found.append(Token(reference, target[0].text, target[0]))
    return found


def _whole(node: Node) -> int | None:
    if isinstance(node, Leaf) and node.kind is Kind.NUMBER and len(node.value) < 18:
        try:
            return int(node.value)
        except ValueError:
            return None
    return None


def _end_node(source: str, read: _DomRow, numbers: list[int], strings: list[Token]) -> bool:
    if not 1 <= len(numbers) <= _MOST_NUMBERS or not strings:
        return False
    tag = strings[0].text
    node = DomNode(tuple(numbers), tag, [], [])
    last = len(strings) - 1
    for at in range(1, last + 1):
        token = strings[at]
        name, equals, value = token.text.partition("=")
        is_sheet = tag == "STYLE" and at == last and "{" in token.text
        if tag != TEXT_TAG and equals and name and not is_sheet:
            token.name = name
            if not _give_part(source, token, value):
                return False
            node.attributes.append((name, token))
        elif _BOX.fullmatch(token.text) is None or at == last:
            token.leaf = Leaf(token.text, token.node.start, token.node.end)
            node.texts.append(token)
    read.nodes.append(node)
    return True


def _give_part(source: str, token: Token, value: str) -> bool:
    """The leaf of an attribute's value: a part of its literal, or the reference."""
    node = token.node
    if token.target is not None:
        token.leaf = Leaf(value, node.start, node.end)
        return True
    equals = source.find("=", node.start, node.end)
    if source[node.start + 1 : equals] != token.name:
        return False  # a name with escapes in it
    token.leaf = Part(value, equals + 1, node.end - 1)
    return True
