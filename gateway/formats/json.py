"""JSON (RFC 8259), read with spans: every key and value knows where its literal stands.

Strict: what is no JSON text as a whole is None, not a guess. Nothing is normalised: number literals stay as written,
duplicate keys and lone surrogates survive. Reading loops, never recurses; nesting over `limits.depth` is
`Refused(TOO_DEEP)`.

One regular expression matches a whole member or element with its delimiter. Strings without escapes are slices;
all others go through the standard library's scanner, which decodes in C.
"""

from __future__ import annotations

import re
from json import JSONDecodeError
from json.decoder import scanstring  # type: ignore[attr-defined]  # the C scanner; typeshed does not list it
from json.encoder import encode_basestring
from typing import Any

from gateway.core.document import Kind, Layer, Leaf, List, Map, Node
from gateway.core.errors import Reason, Refused
from gateway.core.limits import Budget

_WS = r"[ \t\n\r]*+"
_PLAIN = r'"([^"\\\x00-\x1f]*+)"'
_NUMBER = r"(-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?+(?:[eE][+-]?[0-9]++)?+)"
_WORD = r"(true|false|null)"
_EMPTY = rf"(\{{{_WS}\}}|\[{_WS}\])"
_OPENED = r"([{\[])"
# groups: 1 key (empty in a list), 2 string, 3 number, 4 word, 5 empty container, 6 container that goes on
_ITEM = "(?:{0}{5}{6}|{1}{5}{6}|{2}{5}{6}|{3}{5}{6}|{4})"
_MEMBER = re.compile(
    f"{_WS}{_PLAIN}{_WS}:{_WS}" + _ITEM.format(_PLAIN, _NUMBER, _WORD, _EMPTY, _OPENED, _WS, "[,}]"), re.ASCII
)
_ELEMENT = re.compile(f"{_WS}()" + _ITEM.format(_PLAIN, _NUMBER, _WORD, _EMPTY, _OPENED, _WS, r"[,\]]"), re.ASCII)
STRING, NUMBER, WORD, EMPTY, OPENED = range(2, 7)

# the slow path: a key or value with escapes
_KEY_START = re.compile(rf"{_WS}(?=\")")
_COLON = re.compile(rf"{_WS}:{_WS}")
_VALUE_START = re.compile(_WS)
_BARE = re.compile(f"(){_PLAIN}|{_NUMBER}|{_WORD}|{_EMPTY}|{_OPENED}", re.ASCII)
_DELIMITER = {True: re.compile(f"{_WS}[,}}]"), False: re.compile(rf"{_WS}[,\]]")}

_NUMBER_LITERAL = re.compile(_NUMBER, re.ASCII)
_WORD_LITERAL = re.compile(_WORD)
_BEYOND_STRINGIFY = re.compile("[\ud800-\udfff\u2028\u2029]")

ITEMS_PER_CHECK = 4096
_NOTHING = Leaf("", 0, 0)


def _scan(source: str, at: int) -> tuple[str, int] | None:
    """The decoded string whose opening quote is at `at`, and where its literal ends."""
    try:
        text, end = scanstring(source, at + 1, True)
    except JSONDecodeError:
        return None
    return text, end


def read(source: str, at: int, budget: Budget) -> tuple[Node, int] | None:
    """The JSON value that starts at `at` (after white space), and where it ends; None where there is none."""
    depth_limit = budget.limits.depth
    member, element, make, number, word = _MEMBER.match, _ELEMENT.match, Leaf, Kind.NUMBER, Kind.WORD
    at = _VALUE_START.match(source, at).end()  # type: ignore[union-attr]  # matches the empty string
    first = source[at : at + 1]
    if first == '"':
        scanned = _scan(source, at)
        return None if scanned is None else (Leaf(scanned[0], at, scanned[1]), scanned[1])
    bare = _BARE.match(source, at)
    if bare is None:
        return None
    if bare.lastindex != OPENED:
        return _closed(source, bare), bare.end()

    # what is open: `items` of the container at hand, and for each one around it (its items, start, whether a map, key)
    around: list[tuple[list[Any], int, bool, Leaf | None]] = []
    items: list[Any] = []
    start = at
    is_map = first == "{"
    at += 1
    key: Leaf | None = None
    node: Node = _NOTHING
    kind: int
    while True:
        budget.check_time()
        for _ in range(ITEMS_PER_CHECK):
            match = member(source, at) if is_map else element(source, at)
            if match is None:
                slow = _read_escaped(source, at, is_map=is_map)
                if slow is None:
                    return None
                key, escaped, at = slow
                if escaped is None:
                    kind = OPENED
                else:
                    kind = STRING
                    items.append((key, escaped) if is_map else escaped)
            else:
                kind = match.lastindex or 0
                at = match.end()
                low, high = match.span(kind)
                if kind == STRING:
                    node = make(source[low:high], low - 1, high + 1)
                elif kind == NUMBER:
                    node = make(source[low:high], low, high, number)
                elif kind == WORD:
                    node = make(source[low:high], low, high, word)
                elif kind == EMPTY:
                    node = Map([], low, high) if source[low] == "{" else List([], low, high)
                if is_map:
                    start_of_key, end_of_key = match.span(1)
                    key = make(source[start_of_key:end_of_key], start_of_key - 1, end_of_key + 1)
                    if kind != OPENED:
                        items.append((key, node))
                elif kind != OPENED:
                    items.append(node)

            if kind == OPENED:
                around.append((items, start, is_map, key))
                if len(around) >= depth_limit:
                    raise Refused(Reason.TOO_DEEP)
                start = at - 1
                items = []
                is_map = source[start] == "{"
                continue

            while source[at - 1] != ",":
                ended: Node = Map(items, start, at) if is_map else List(items, start, at)
                if not around:
                    return ended, at
                items, start, is_map, key = around.pop()
                items.append((key, ended) if is_map else ended)
                delimiter = _DELIMITER[is_map].match(source, at)
                if delimiter is None:
                    return None
                at = delimiter.end()


def _closed(source: str, match: re.Match[str]) -> Node:
    """The node of a match that is a whole value."""
    kind = match.lastindex or 0
    low, high = match.span(kind or 0)
    if kind == EMPTY:
        return Map([], low, high) if source[low] == "{" else List([], low, high)
    return Leaf(source[low:high], low, high, Kind.NUMBER if kind == NUMBER else Kind.WORD)


def _read_escaped(source: str, at: int, *, is_map: bool) -> tuple[Leaf | None, Node | None, int] | None:
    """One member or element, piece by piece: key, value (None where a container goes on), and where to read on."""
    key = None
    if is_map:
        quote = _KEY_START.match(source, at)
        scanned = quote and _scan(source, quote.end())
        colon = scanned and _COLON.match(source, scanned[1])
        if not quote or not scanned or not colon:
            return None
        key = Leaf(scanned[0], quote.end(), scanned[1])
        at = colon.end()
    else:
        at = _VALUE_START.match(source, at).end()  # type: ignore[union-attr]  # matches the empty string
    node: Node
    if source.startswith('"', at):
        scanned = _scan(source, at)
        if scanned is None:
            return None
        node = Leaf(scanned[0], at, scanned[1])
    else:
        bare = _BARE.match(source, at)
        if bare is None:
            return None
        if bare.lastindex == OPENED:
            return key, None, bare.end()
        node = _closed(source, bare)
    delimiter = _DELIMITER[is_map].match(source, node.end)
    return delimiter and (key, node, delimiter.end())


def write_string(value: str) -> str:
    """The literal that JSON.stringify writes; U+2028 and U+2029 escaped, so that it is a script's literal as well."""
    literal = encode_basestring(value)
    if literal.isascii():
        return literal
    return _BEYOND_STRINGIFY.sub(lambda beyond: f"\\u{ord(beyond[0]):04x}", literal)


class Json:
    name = "json"

    def sniff(self, source: str | bytes) -> bool:
        if not isinstance(source, str):
            return False
        first = source[:64].lstrip(" \t\n\r")[:1]
        return not first or first in '{["-0123456789tfn'

    def parse(self, source: str | bytes, budget: Budget) -> Layer | None:
        if not isinstance(source, str):
            return None
        value = read(source, 0, budget)
        if value is None or _VALUE_START.match(source, value[1]).end() != len(source):  # type: ignore[union-attr]
            return None
        return Layer(self.name, source, value[0], self)

    def write(self, leaf: Leaf, value: str | bytes) -> str:
        text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
        if leaf.kind == Kind.NUMBER and _NUMBER_LITERAL.fullmatch(text):
            return text
        if leaf.kind == Kind.WORD and _WORD_LITERAL.fullmatch(text):
            return text
        return write_string(text)

    def finish(self, layer: Layer, source: str | bytes) -> str | bytes:  # noqa: ARG002 - nothing to mend
        return source


JSON = Json()
