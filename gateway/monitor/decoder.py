"""Reads a request as its tracker's backend would: every layer opened, down to leaves with places.

Nothing of the gateway's own reading, and nothing but the standard library: it is the second opinion that the verdict
rests on. It never refuses: what it can't open is a leaf as it stands, and counted. The text of every layer is kept too,
so that nothing hides between two leaves.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, unquote_plus

DEEPEST: Final = 40
LONGEST: Final = 64 * 1024 * 1024
EITHER_HEADER: Final = 47  # zlib: gzip or zlib, told by the header
_FORM: Final = re.compile(r"[\w$.%-]+=\S*")
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]{16,}={0,2}")

Place = tuple[str, ...]
Chain = tuple[str, ...]


@dataclass(slots=True)
class Reading:
    """One request, opened. `root` is the body as nested lists and maps in which every layer is opened."""

    leaves: dict[Place, str]
    texts: list[str]
    root: Any = None
    chain: Chain = ()  # the layers around the deepest value
    unread: int = 0  # how many values are neither text nor a layer


def read(target: str, headers: Iterable[tuple[str, str]], body: bytes) -> Reading:
    """A request's target, fields and body."""
    opener = _Opener()
    path, _, query = target.partition("?")
    fields = list(headers)
    opener.texts += [target, *(f"{name}: {value}" for name, value in fields)]
    root = opener.open(body, ()) if body else None
    parts = {
        "path": unquote(path),
        "query": _named((name, opener.open(value, ("query",))) for name, value in parse_qsl(query, True)),
        "header": _named((name.lower(), unquote(value)) for name, value in fields),
        "body": root,
    }
    return Reading(dict(_leaves(parts, ())), opener.texts, root, opener.deepest, opener.unread)


def _named(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Pairs as a map; a name that comes again is numbered."""
    named: dict[str, Any] = {}
    for name, value in pairs:
        same = sum(1 for other in named if other == name or other.startswith(f"{name}#"))
        named[f"{name}#{same + 1}" if same else name] = value
    return named


def _leaves(value: Any, place: Place) -> Iterator[tuple[Place, str]]:
    match value:
        case dict():
            for name, inner in value.items():
                yield (*place, "<key>", name), name
                yield from _leaves(inner, (*place, name))
        case list():
            for index, inner in enumerate(value):
                yield from _leaves(inner, (*place, f"[{index}]"))
        case None | bool():
            return
        case _:
            yield place, str(value)


class _Opener:
    """Opens values; `chain` names the layers around the one at hand."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.deepest: Chain = ()
        self.unread = 0

    def open(self, value: Any, chain: Chain) -> Any:
        if len(chain) > len(self.deepest):
            self.deepest = chain
        if len(chain) > DEEPEST:
            return value
        match value:
            case dict():
                return {name: self.open(inner, chain) for name, inner in value.items()}
            case list():
                return [self.open(inner, chain) for inner in value]
            case bytes():
                return self._bytes(value, chain)
            case str():
                return self._text(value, chain)
        return value

    def _bytes(self, data: bytes, chain: Chain) -> Any:
        inflated = _inflated(data)
        if inflated is not None:
            return self.open(inflated, (*chain, "gzip" if data[0] == 0x1F else "zlib"))
        items = self._envelope(data, chain)
        if items is not None:
            return items
        try:
            return self.open(data.decode(), chain)
        except UnicodeDecodeError:
            self.unread += 1
            text = data.decode("latin-1")
            self.texts.append(text)
            return text

    def _text(self, text: str, chain: Chain) -> Any:
        start = text.lstrip(" \t\r\n")[:1]  # bare, it would strip the first byte of packed gzip
        if start and start in '{["':
            try:
                value = json.loads(text)
            except ValueError:
                return self._lines(text, chain)
            self.texts.append(text)
            return value if value == text else self.open(value, (*chain, "json"))
        if start and start in "\x1fx":
            try:
                data = text.encode("latin-1")
            except UnicodeEncodeError:
                return text
            return text if _inflated(data) is None else self._bytes(data, (*chain, "latin1"))
        if not chain and _FORM.fullmatch(text):
            self.texts.append(text)
            return _named((name, self.open(value, ("form",))) for name, value in parse_qsl(text, True))
        if _BASE64.fullmatch(text):
            data = _from_base64(text)
            if data[:1] in (b"{", b"[") or _inflated(data) is not None:
                return self._bytes(data, (*chain, "base64"))
        return text

    def _lines(self, text: str, chain: Chain) -> Any:
        """JSON, a value a line; or the text as it stands."""
        try:
            values = [json.loads(line) for line in text.splitlines() if line.strip()]
        except ValueError:
            return text
        self.texts.append(text)
        return self.open(values, (*chain, "ndjson"))

    def _envelope(self, data: bytes, chain: Chain) -> list[Any] | None:
        """A header line; then items: a header line, and a payload by its length or to the end of the line."""
        head, _, rest = data.partition(b"\n")
        if not rest or not head.startswith(b"{"):
            return None
        chain = (*chain, "envelope")
        try:
            found: list[Any] = [json.loads(head)]
            while rest.strip(b"\n"):
                line, _, rest = rest.partition(b"\n")
                header = json.loads(line)
                if not isinstance(header, dict) or "type" not in header:
                    return None
                end = header.get("length", rest.find(b"\n") if b"\n" in rest else len(rest))
                payload, rest = rest[:end], rest[end:].removeprefix(b"\n")
                first, newline, second = payload.partition(b"\n")
                parts = [first, second] if newline and _inflated(second) is not None else [payload]
                found += [header, *(self.open(part, chain) for part in parts)]
        except (ValueError, TypeError):
            return None
        self.texts.append(data.decode("latin-1"))
        return found


def _inflated(data: bytes) -> bytes | None:
    if data[:2] != b"\x1f\x8b" and not (len(data) > 2 and data[0] & 15 == 8 and (data[0] << 8 | data[1]) % 31 == 0):
        return None
    stream = zlib.decompressobj(EITHER_HEADER)
    try:
        inflated = stream.decompress(data, LONGEST)
    except zlib.error:
        return None
    return inflated if stream.eof else None


def _from_base64(text: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(text.replace("+", "-").replace("/", "_") + "=" * (-len(text) % 4))
    except (ValueError, binascii.Error):
        return b""


def spellings(text: str) -> Iterator[str]:
    """A text, and what it says once percent signs are resolved (twice, as in an address within an address)."""
    yield text
    for _ in range(2):
        if "%" not in text and "+" not in text:
            return
        text = unquote_plus(text)
        yield text


def events_of(value: Any) -> Iterator[dict[str, Any]]:
    """The rrweb events in an opened body, wherever they stand, in order."""
    match value:
        case {"type": int(), "data": _, "timestamp": _}:
            yield value
        case dict():
            for inner in value.values():
                yield from events_of(inner)
        case list():
            for inner in value:
                yield from events_of(inner)
