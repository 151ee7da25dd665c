"""JSON (RFC 8259), read with spans: every key and value knows where its literal stands.

Strict: what is no JSON text as a whole is None, not a guess. Nothing is normalised: number literals stay as written,
duplicate keys and lone surrogates survive. Reading loops, never recurses; nesting over `limits.depth` is
`Refused(TOO_DEEP)`.

One regular expression matches a whole item: its key, its value or the bracket that opens it, the brackets that close
behind it, and the comma. The matches follow each other without a gap, so that positions are sums of lengths: asking the
match for spans costs more than all else (measured). Strings with escapes go through the standard library's scanner.
"""

from __future__ import annotations

import re
from itertools import islice
from json import JSONDecodeError
from json.decoder import scanstring  # type: ignore[attr-defined]  # the C scanner; typeshed does not list it
from json.encoder import encode_basestring
from typing import Any

from gateway.core.document import Kind, Layer, Leaf, List, Map, Node
from gateway.core.errors import Reason, Refused
from gateway.core.limits import Budget
from gateway.native import compiled

_SPACES = " \t\n\r"
_WS = rf"[{_SPACES}]*+"
_PLAIN = r'"([^"\\\x00-\x1f]*+)"'
_ESCAPED = r'("[^"\\\x00-\x1f]*+(?:\\[^\x00-\x1f][^"\\\x00-\x1f]*+)++")'
_NUMBER = r"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?+(?:[eE][+-]?[0-9]++)?+"
_WORD = r"true|false|null"
_OTHER = rf"({_NUMBER}|{_WORD})|([{{\[])"
# groups: 1 string or key, 2 the same with escapes; 3 the colon behind a key; 4 its value, a string, 5 the same with
# escapes, 6 a number or word, 7 a bracket that opens; 8 and 9 a number, word or bracket without a key; 10 all that closes
# or parts. A place where none of this stands matches as one character without a group 10.
_ITEM = re.compile(
    f"(?:(?:{_PLAIN}|{_ESCAPED})(?:({_WS}:{_WS})(?:{_PLAIN}|{_ESCAPED}|{_OTHER}))?+|{_OTHER})"
    rf"((?:{_WS}[}}\]])*+{_WS},?+{_WS})"
    r"|[\s\S]",
    re.ASCII,
)
_SPACE = re.compile(_WS)
_SCALAR = re.compile(f"({_NUMBER})|{_WORD}", re.ASCII)

_NUMBER_LITERAL = re.compile(_NUMBER, re.ASCII)
_WORD_LITERAL = re.compile(_WORD)
_BEYOND_STRINGIFY = re.compile("[\ud800-\udfff\u2028\u2029]")

ITEMS_PER_CHECK = 4096
_CLOSED_BY = {"{": "}", "[": "]"}


def _scan(source: str, at: int) -> tuple[str, int] | None:
    """The decoded string whose opening quote is at `at`, and where its literal ends."""
    try:
        text, end = scanstring(source, at + 1, True)
    except JSONDecodeError:
        return None
    return text, end


type Read = tuple[Node, int, list[Leaf] | None]
"""A value, where it ends, and those texts in it that may open into something (None: any may)."""


def read(source: str, at: int, budget: Budget) -> tuple[Node, int] | None:
    """The JSON value that starts at `at` (after white space), and where it ends; None where there is none."""
    found = _read(source, at, budget)
    return None if found is None else found[:2]


def _read(source: str, at: int, budget: Budget) -> Read | None:
    at = _SPACE.match(source, at).end()  # type: ignore[union-attr]  # matches the empty string
    first = source[at : at + 1]
    if first == '"':
        scanned = _scan(source, at)
        return None if scanned is None else (Leaf(scanned[0], at, scanned[1]), scanned[1], None)
    if first in {"{", "["}:
        return read_container(source, at, budget)
    scalar = _SCALAR.match(source, at)
    if scalar is None:
        return None
    return Leaf(scalar[0], at, scalar.end(), Kind.NUMBER if scalar[1] else Kind.WORD), scalar.end(), None


def read_in_python(source: str, at: int, budget: Budget) -> Read | None:
    """The map or list whose bracket is at `at`, and where it ends."""
    depth_limit = budget.limits.depth
    make, number_kind, word_kind = Leaf, Kind.NUMBER, Kind.WORD
    same: dict[str, str] = {}  # keys repeat: one object for each makes them cheap to look up and to compare
    # what is open: `items` of the container at hand, and for each one around it (its items, start, whether a map, key)
    around: list[tuple[list[Any], int, bool, Leaf | None]] = []
    items: list[Any] = []
    start = at
    is_map = False
    key: Leaf | None = None
    node: Node
    matches = _ITEM.finditer(source, at)
    while True:
        budget.check_time()
        before = at
        for match in islice(matches, ITEMS_PER_CHECK):
            name, escaped_name, colon, text, escaped, literal, bracket, bare, bare_bracket, tail = match.groups()
            if colon is not None:
                if not is_map:
                    return None
                if name is not None:
                    end = at + len(name) + 2
                    key = make(same.setdefault(name, name), at, end)
                else:
                    scanned = _scan(source, at)
                    if scanned is None:
                        return None
                    end = scanned[1]
                    key = make(scanned[0], at, end)
                at = end + len(colon)
            elif tail is None or is_map:
                return None
            else:
                text, escaped, literal, bracket = name, escaped_name, bare, bare_bracket

            if text is not None:
                end = at + len(text) + 2
                node = make(text, at, end)
            elif literal is not None:
                end = at + len(literal)
                node = make(literal, at, end, word_kind if literal[0] in "tfn" else number_kind)
            elif escaped is not None:
                scanned = _scan(source, at)
                if scanned is None:
                    return None
                end = scanned[1]
                node = make(scanned[0], at, end)
            else:
                around.append((items, start, is_map, key))
                items, start, is_map = [], at, bracket == "{"
                at += 1
                if not tail or not tail.lstrip().startswith(_CLOSED_BY[bracket]):
                    if len(around) > depth_limit:
                        raise Refused(Reason.TOO_DEEP)
                    if tail and not tail.isspace():
                        return None
                    at += len(tail)
                    continue
                end = -1

            if end >= 0:
                items.append((key, node) if is_map else node)
                at = end
                if tail == ",":
                    at += 1
                    continue
            for mark in tail:
                at += 1
                if mark in "}]":
                    if (mark == "}") is not is_map:
                        return None
                    ended: Node = Map(items, start, at) if is_map else List(items, start, at)
                    items, start, is_map, key = around.pop()
                    if not around:
                        return ended, at, None
                    items.append((key, ended) if is_map else ended)
            if "," not in tail:
                return None
        if at == before:
            return None  # the source ended


def _too_deep() -> None:
    raise Refused(Reason.TOO_DEEP)


if compiled is not None:
    compiled.setup_document(Leaf, Map, List, Layer, Kind.TEXT, Kind.NUMBER, Kind.WORD, scanstring, _too_deep)
    _compiled_read = compiled.read_json


def read_compiled(source: str, at: int, budget: Budget) -> Read | None:
    """`read_in_python`, compiled; it tells the openable texts as well."""
    found: Read | None = _compiled_read(source, at, budget.limits.depth, budget.check_time)
    return found


read_container = read_in_python if compiled is None else read_compiled


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
        start = _SPACE.match(source).end()  # type: ignore[union-attr]  # matches the empty string
        ending = _CLOSED_BY.get(source[start : start + 1])
        if ending is not None and not source.rstrip(_SPACES).endswith(ending):
            return None  # a piece of a document: what is cut off is told by its end, before all of it is read
        value = _read(source, start, budget)
        if value is None or _SPACE.match(source, value[1]).end() != len(source):  # type: ignore[union-attr]
            return None
        layer = Layer(self.name, source, value[0], self)
        layer.openable = value[2]
        return layer

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
