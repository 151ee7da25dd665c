"""Reads a request as its tracker's backend would: every layer opened, down to leaves with places.

Nothing of the gateway's own reading, and nothing but the standard library: it is the second opinion that the verdict rests
on. It never refuses: what it can't open is a leaf as it stands. The text of every layer is kept too, so that nothing
hides between two leaves.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, unquote_plus

DEEPEST: Final = 40
LONGEST: Final = 64 * 1024 * 1024
EITHER_HEADER: Final = 47  # zlib: gzip or zlib, told by the header
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]{16,}={0,2}")

Place = tuple[str, ...]


@dataclass(slots=True)
class Reading:
    """One request, opened. `root` is the body as nested lists and maps in which every layer is opened."""

    leaves: dict[Place, str] = field(default_factory=dict)
    texts: list[str] = field(default_factory=list)
    root: Any = None


def read(target: str, headers: list[tuple[str, str]], body: bytes) -> Reading:
    """A request's target, fields and body."""
    reading = Reading()
    opener = _Opener(reading.texts)
    path, _, query = target.partition("?")
    reading.texts += [target, *(f"{name}: {value}" for name, value in headers)]
    reading.root = opener.open(body, 0) if body else None
    parts = {
        "path": unquote(path),
        "query": [[name, opener.open(value, 1)] for name, value in parse_qsl(query, keep_blank_values=True)],
        "header": [[name.lower(), unquote(value)] for name, value in headers],
        "body": reading.root,
    }
    for place, text in _leaves(parts, ()):
        reading.leaves[place] = text
    return reading


def _leaves(value: Any, place: Place) -> Iterator[tuple[Place, str]]:
    match value:
        case dict():
            for name, inner in value.items():
                yield (*place, "<key>", name), name
                yield from _leaves(inner, (*place, name))
        case list():
            seen: dict[str, int] = {}
            for index, inner in enumerate(value):
                match inner:
                    case [str(name), held] if place in (("query",), ("header",)):
                        seen[name] = seen.get(name, 0) + 1
                        yield from _leaves(held, (*place, name if seen[name] == 1 else f"{name}#{seen[name]}"))
                    case _:
                        yield from _leaves(inner, (*place, f"[{index}]"))
        case None | bool():
            return
        case _:
            yield place, str(value)


class _Opener:
    def __init__(self, texts: list[str]) -> None:
        self._texts = texts

    def open(self, value: Any, depth: int) -> Any:
        if depth > DEEPEST:
            return value
        match value:
            case dict():
                return {name: self.open(inner, depth) for name, inner in value.items()}
            case list():
                return [self.open(inner, depth) for inner in value]
            case bytes():
                return self._bytes(value, depth)
            case str():
                return self._text(value, depth)
        return value

    def _bytes(self, data: bytes, depth: int) -> Any:
        inflated = _inflated(data)
        if inflated is not None:
            return self.open(inflated, depth + 1)
        lines = self._envelope(data, depth)
        if lines is not None:
            return lines
        try:
            return self.open(data.decode(), depth)
        except UnicodeDecodeError:
            text = data.decode("latin-1")
            self._texts.append(text)
            return text

    def _text(self, text: str, depth: int) -> Any:
        start = text.lstrip()[:1]
        if start and start in '{["':
            try:
                value = json.loads(text)
            except ValueError:
                return text
            if value != text:
                self._texts.append(text)
                return self.open(value, depth + 1)
        elif start in ("\x1f", "x"):
            try:
                inflated = _inflated(text.encode("latin-1"))
            except UnicodeEncodeError:
                return text
            if inflated is not None:
                return self.open(inflated, depth + 1)
        elif depth == 0 and "=" in text and re.fullmatch(r"[\w$.%-]+=[^\s]*", text):
            self._texts.append(text)
            return [[name, self.open(value, depth + 1)] for name, value in parse_qsl(text, keep_blank_values=True)]
        elif _BASE64.fullmatch(text):
            data = _from_base64(text)
            if data[:1] in (b"{", b"[") or _inflated(data) is not None:
                return self.open(data, depth + 1)
        return text

    def _envelope(self, data: bytes, depth: int) -> list[Any] | None:
        """A header line; then items: a header line, and a payload by its length or to the end of the line."""
        head, _, rest = data.partition(b"\n")
        if not rest or not head.startswith(b"{"):
            return None
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
                found += [header, *(self.open(part, depth + 1) for part in parts)]
        except (ValueError, TypeError):
            return None
        self._texts.append(data.decode("latin-1"))
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
