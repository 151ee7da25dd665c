r"""New Relic's `bel.6;` and `bel.7;` events: records ended by `;`, fields by `,`, whole numbers in base 36.

    bel.7;2,1,4xy,j,,,'POST,5k,'shop.example:443,'/api/pay,i,q,,'0,!!!;5,'note,'a\,b

A text stands in full at its first use, `'` before it; later on its number in the order of first uses stands for it.
`\` escapes `,`, `;` and itself. `!` is null; behind one no comma follows, but in timings. Records of type 5 to 9 are
the attributes of the record before them. A list of maps, one a record: its type's name with its fields and attributes.

Invariant: no field is lost or moves. What is dropped becomes empty; where a text's uses part ways, the later one is
written in full again and the numbers behind it follow. A record of another type is no `bel`: its fields can't be told.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import TYPE_CHECKING, Final, NamedTuple

from gateway.core.document import Kind, Layer, Leaf, List, Map, Node

if TYPE_CHECKING:
    from gateway.core.limits import Budget


class Use(Enum):
    """How a field is written."""

    TEXT = "a text or its number"
    WHOLE = "a whole number in base 36"
    DECIMAL = "a number as JavaScript writes it, always with a point or an exponent"


class Field(NamedTuple):
    """One field of a record. `nullable` may be `!`, which ends it; `keeps_comma` where a comma follows all the same."""

    name: str
    use: Use
    nullable: bool = False
    keeps_comma: bool = False


def _fields(text: str) -> tuple[Field, ...]:
    """`name` is a text, `name#` a whole number; `?` makes it nullable, `!` nullable with a comma after it."""
    return tuple(
        Field(word.rstrip("#?!"), Use.WHOLE if "#" in word else Use.TEXT, word[-1] in "?!", word[-1] == "!")
        for word in text.split()
    )


_TIMES: Final = "children# start# end# callbackEnd# callbackDuration# "
# type → name and fields (github.com/newrelic/nr-querypack names the schemas; seen in recordings of agent 1.322)
RECORDS: Final[dict[str, tuple[str, tuple[Field, ...]]]] = {
    "1": (
        "interaction",
        _fields(
            _TIMES + "trigger initialPageURL oldURL newURL customName category#"
            " queueTime#? appTime#? oldRoute? newRoute? id nodeId firstPaint#? firstContentfulPaint#?"
        ),
    ),
    "2": (
        "ajax",
        _fields(
            _TIMES + "method status# domain path requestSize# responseSize# requestedWith#"
            " nodeId spanId? traceId? timestamp#?"
        ),
    ),
    "3": ("customEnd", _fields("time#")),
    "4": ("customTracer", _fields(_TIMES + "name time#? nodeId")),
    "a": ("apm", _fields("atts")),
    "e": ("timing", _fields("name value#! attributeCount#")),
}
_NAVIGATION: Final = "b"  # as many times as there are, each nullable
ATTRIBUTES: Final[dict[str, Use | str]] = {"5": Use.TEXT, "6": Use.DECIMAL, "7": "true", "8": "false", "9": "null"}

_HEAD: Final = re.compile(r"bel\.[67];")
_QUOTED: Final = re.compile(r"'((?:[^\\,;]|\\.)*+)", re.DOTALL)
_NUMBER: Final = re.compile(r"[0-9a-z]++", re.ASCII)
_WHOLE: Final = re.compile(r"-?[0-9a-z]{1,24}+", re.ASCII)
_NOT_FINITE: Final = re.compile(r"-?(?:NaN|Infinity)\.?")
_DECIMAL: Final = re.compile(r"-?\d{1,32}(?:\.\d{0,32})?(?:e[+-]?\d{1,4})?\.?", re.ASCII)
_LITERAL: Final = re.compile(r"-?\d+(?:\.\d*)?(?:e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)
_TO_ESCAPE: Final = re.compile(r"[,;\\]")
_DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
RECORDS_PER_CHECK: Final = 512


def to_base36(number: int) -> str:
    """As JavaScript's `toString(36)`."""
    digits = ""
    rest = abs(number)
    while rest or not digits:
        rest, digit = divmod(rest, 36)
        digits = _DIGITS[digit] + digits
    return f"-{digits}" if number < 0 else digits


class _Token(NamedTuple):
    """One written field: `first` is the number of the text it stands for, -1 where it stands in full or is no text."""

    leaf: Leaf
    use: Use
    first: int
    was: str


class _Writer:
    name = "bel"

    def write(self, leaf: Leaf, value: str | bytes) -> str:  # noqa: ARG002 - BelLayer writes all fields when it closes
        return ""

    def finish(self, layer: Layer, source: str | bytes) -> str | bytes:  # noqa: ARG002 - BelLayer writes all fields when it closes
        return source


class BelLayer(Layer):
    """Writes all fields anew when one of them changed: what stands behind them may change its number."""

    __slots__ = ("tokens",)

    tokens: list[_Token]

    def drop(self, holder: Map | List, index: int) -> None:
        item = holder.items[index]
        pending: list[Node] = [item[1] if isinstance(item, tuple) else item]
        while pending:
            node = pending.pop()
            if isinstance(node, Leaf):
                self.replace(node, "")
            else:
                pending += [one[1] if isinstance(one, tuple) else one for one in node.items]

    def close(self) -> str | bytes:
        source = self.source
        if not self.changed or isinstance(source, bytes):
            return source
        texts: list[tuple[int, str]] = []  # of each text that the source has in full: its number and itself, as of now
        count = 0
        pieces: list[str] = []
        at = 0
        for leaf, use, first, was in self.tokens:
            pieces.append(source[at : leaf.start])
            at = leaf.end
            written = source[leaf.start : leaf.end]
            if use is not Use.TEXT:
                pieces.append(written if leaf.value == was else _write_number(leaf.value, use))
            elif first < 0:
                texts.append((count, leaf.value))
                count += 1
                pieces.append(written if leaf.value == was else _quote(leaf.value))
            elif leaf.value == texts[first][1]:
                pieces.append(to_base36(texts[first][0]))
            elif leaf.value:
                count += 1
                pieces.append(_quote(leaf.value))
        pieces.append(source[at:])
        return "".join(pieces)


def _quote(value: str) -> str:
    return "'" + _TO_ESCAPE.sub(r"\\\g<0>", value)


def _write_number(value: str, use: Use) -> str:
    """A number as its field has it; nothing (which is 0) or `0.` for what is none."""
    if use is Use.WHOLE:
        return to_base36(int(value)) if re.fullmatch(r"-?\d{1,32}", value, re.ASCII) and int(value) else ""
    if not _LITERAL.fullmatch(value):
        return "0."
    return value if "." in value else f"{value}."


class _Reader:
    """Reads one payload. Each method starts at `at` and moves it; False or None where the source is no `bel`."""

    def __init__(self, source: str, at: int) -> None:
        self.source = source
        self.at = at
        self.tokens: list[_Token] = []
        self.texts: list[str] = []

    def records(self, budget: Budget) -> list[Node] | None:
        """All records up to the end."""
        source = self.source
        found: list[Node] = []
        attributes: Map | None = None
        count = 0
        while True:
            count += 1
            if count % RECORDS_PER_CHECK == 0:
                budget.check_time()
            start = self.at
            if not self._is_end():
                kind = source[start]
                self.at += 1
                if kind in ATTRIBUTES:
                    if attributes is None or not self._attribute(kind, attributes):
                        return None
                elif (record := self._record(kind, start)) is None:
                    return None
                else:
                    attributes = record[1]
                    found.append(record[0])
                if not self._is_end():
                    return None
            if self.at >= len(source):
                return found
            self.at += 1

    def _is_end(self) -> bool:
        return self.at >= len(self.source) or self.source[self.at] == ";"

    def _comma(self) -> bool:
        if self.source.startswith(",", self.at):
            self.at += 1
            return True
        return False

    def _record(self, kind: str, start: int) -> tuple[Map, Map] | None:
        attributes = Map([], start, start)
        if kind == _NAVIGATION:
            fields = self._times()
            name = "navigation"
        elif kind in RECORDS:
            name, described = RECORDS[kind]
            fields = self._described(described)
            if fields is not None:
                attributes.start = attributes.end = self.at
                fields.append((_name("attributes", self.at), attributes))
        else:
            return None
        if fields is None:
            return None
        return Map([(_name(name, start), Map(fields, start, self.at))], start, self.at), attributes

    def _described(self, described: tuple[Field, ...]) -> list[tuple[Leaf, Node]] | None:
        items: list[tuple[Leaf, Node]] = []
        needs_comma = True
        for field in described:
            if needs_comma and not self._comma():
                return None
            needs_comma = True
            if field.nullable and self.source.startswith("!", self.at):
                self.at += 1
                needs_comma = field.keeps_comma
                continue
            leaf = self._text() if field.use is Use.TEXT else self._number(field.use)
            if leaf is None:
                return None
            if leaf.end > leaf.start:  # an empty field is none
                items.append((_name(field.name, leaf.start), leaf))
        return items

    def _times(self) -> list[tuple[Leaf, Node]] | None:
        items: list[tuple[Leaf, Node]] = []
        if not self._comma():
            return None
        while True:
            if self.source.startswith("!", self.at):
                self.at += 1
                if self._is_end():
                    return items
                continue
            leaf = self._number(Use.WHOLE)
            if leaf is None:
                return None
            if leaf.end > leaf.start:
                items.append((_name("time", leaf.start), leaf))
            if self._is_end():
                return items
            if not self._comma():
                return None

    def _attribute(self, kind: str, attributes: Map) -> bool:
        if not self._comma():
            return False
        key = self._text()
        if key is None:
            return False
        use = ATTRIBUTES[kind]
        if isinstance(use, str):
            value: Leaf | None = Leaf(use, self.at, self.at, Kind.WORD)
        elif self._comma():
            value = self._text() if use is Use.TEXT else self._number(use)
        else:
            value = Leaf("", self.at, self.at, Kind.WORD)  # an empty text, which has neither a comma nor a number
        if value is None:
            return False
        attributes.items.append((key, value))
        attributes.end = self.at
        return True

    def _text(self) -> Leaf | None:
        start = self.at
        quoted = _QUOTED.match(self.source, start)
        if quoted is not None:
            self.at = quoted.end()
            value = _ESCAPE.sub(r"\1", quoted[1]) if "\\" in quoted[1] else quoted[1]
            self.texts.append(value)
            return self._token(Leaf(value, start, self.at), Use.TEXT)
        number = _NUMBER.match(self.source, start)
        if number is None:
            return Leaf("", start, start, Kind.WORD)
        first = int(number[0], 36) if len(number[0]) <= 8 else len(self.texts)
        if first >= len(self.texts):
            return None  # stands for nothing
        self.at = number.end()
        return self._token(Leaf(self.texts[first], start, self.at), Use.TEXT, first)

    def _number(self, use: Use) -> Leaf | None:
        start = self.at
        other = _NOT_FINITE.match(self.source, start)
        if other is not None:
            self.at = other.end()
            return Leaf(other[0], start, self.at, Kind.WORD)
        number = (_WHOLE if use is Use.WHOLE else _DECIMAL).match(self.source, start)
        if number is None:
            return Leaf("", start, start, Kind.WORD) if use is Use.WHOLE else None
        self.at = number.end()
        value = str(int(number[0], 36)) if use is Use.WHOLE else number[0].removesuffix(".")
        return self._token(Leaf(value, start, self.at, Kind.NUMBER), use)

    def _token(self, leaf: Leaf, use: Use, first: int = -1) -> Leaf:
        self.tokens.append(_Token(leaf, use, first, leaf.value))
        return leaf


def _name(name: str, at: int) -> Leaf:
    return Leaf(name, at, at, Kind.WORD)


class Bel(_Writer):
    def sniff(self, source: str | bytes) -> bool:
        return isinstance(source, str) and _HEAD.match(source) is not None

    def parse(self, source: str | bytes, budget: Budget) -> Layer | None:
        head = _HEAD.match(source) if isinstance(source, str) else None
        if head is None or not isinstance(source, str):
            return None
        reader = _Reader(source, head.end())
        records = reader.records(budget)
        if records is None:
            return None
        layer = BelLayer(self.name, source, List(records, head.end(), len(source)), _Writer())
        layer.tokens = reader.tokens
        return layer


BEL = Bel()
