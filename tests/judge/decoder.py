"""Opens a recorded request as deep as it goes: into leaves, each a place and a value of its own type; keys are leaves too.

Owns nothing of the gateway's and imports nothing of it: were both to share one mistake, the judge would not see it. Only the
standard library. It never refuses: what it can't open is a leaf of kind `binary`, and what only may be a layer (a path
segment, a query value of a URL in a text) is given besides the whole, marked `part`, for the search but not for comparisons.
The text of every opened layer is kept as well, so that nothing hides between two leaves.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal
from urllib.parse import unquote, unquote_plus

from tests.judge import bel_reader, clarity_reader, datadog_reader, openreplay_reader, otlp_reader

if TYPE_CHECKING:
    from tests.judge.recorded import Request

Place = tuple[str, ...]
Kind = Literal["key", "string", "number", "bool", "null", "binary"]

DEEPEST = 60
FEWEST_BASE64 = 16
LONGEST_INFLATED = 64 * 1024 * 1024

WINDOW_GZIP, WINDOW_ZLIB, WINDOW_RAW = 31, 15, -15

BASE64_TEXT = re.compile(r"[A-Za-z0-9+/_-]{16,}={0,2}")
HEX_TEXT = re.compile(r"[0-9a-fA-F-]+")
FORM_PAIR = re.compile(r"[^=&\s]{1,200}=[^&\s]*")
FORM_TEXT = re.compile(r"[\w$.\[\]%-]{1,120}=[^&\s]*(?:&[\w$.\[\]%-]{1,120}(?:=[^&\s]*)?)*")
URL_TEXT = re.compile(r"(?:[a-z][a-z0-9+.-]{1,20}:)?//?[^\s<>\"]*", re.IGNORECASE)
DATA_URL = re.compile(r"data:([^,;\s]*)((?:;[^,;]*)*),(.*)", re.DOTALL)
JWT_TEXT = re.compile(r"[\w-]{8,}\.[\w-]{4,}\.[\w-]*")


@dataclass(frozen=True, slots=True)
class Leaf:
    """One value: where it stands, of what kind it is, and its text as it was written (a number keeps its numeral)."""

    place: Place
    kind: Kind
    text: str
    part: bool = False


@dataclass(frozen=True, slots=True)
class Layer:
    """The whole text of one layer, as it was before being taken apart."""

    place: Place
    text: str


@dataclass(slots=True)
class Decoded:
    leaves: list[Leaf] = field(default_factory=list)
    layers: list[Layer] = field(default_factory=list)

    def values(self) -> list[Leaf]:
        """The leaves that stand for themselves: each value once."""
        return [leaf for leaf in self.leaves if not leaf.part]


class Numeral(str):
    """A JSON number, as written."""

    __slots__ = ()


class Pairs(list[tuple[str, object]]):
    """A JSON object with its order and its duplicate keys."""


def decode(request: Request) -> Decoded:
    """All leaves of one request. First part of a place: path, query, header, cookie or body."""
    opened = _Opening()
    path, _, query = request.target.partition("?")
    for index, segment in enumerate(path.split("/")[1:]):
        opened.text(("path", f"[{index}]"), unquote(segment))
    opened.layer(("path",), path)
    if query:
        opened.form(("query",), query)
    for name, value in request.headers:
        lower = name.lower()
        opened.layer(("header", lower), value)
        opened.key(("header", lower), name)
        if lower == "cookie":
            opened.cookies(value)
        else:
            opened.header(("header", lower), value)
    if request.body:
        opened.body(request.body, request.header("content-type").lower(), request.header("content-type"))
    return opened.result


def parse_json(text: str) -> object:
    """JSON without loss; raises ValueError."""
    try:
        return json.loads(
            text, object_pairs_hook=Pairs, parse_int=Numeral, parse_float=Numeral, parse_constant=Numeral, strict=False
        )
    except RecursionError as error:
        raise ValueError("too deep") from error


def looks_like_zlib(data: bytes) -> bool:
    """RFC 1950, 2.2: deflate with a window of at most 32 KiB, and a check that makes it a multiple of 31."""
    return len(data) > 2 and data[0] & 15 == 8 and data[0] >> 4 <= 7 and (data[0] * 256 + data[1]) % 31 == 0


def inflate(data: bytes, window: int) -> tuple[bytes, bytes, bool] | None:
    """What inflates of the data, what stands after it, and whether the stream had an end; None if nothing does."""
    stream = zlib.decompressobj(window)
    try:
        out = stream.decompress(data, LONGEST_INFLATED)
    except zlib.error:
        stream, out = zlib.decompressobj(window), b""
        try:
            for start in range(0, len(data), 32):
                out += stream.decompress(data[start : start + 32], LONGEST_INFLATED)
        except zlib.error:
            if not out:
                return None
    return out, stream.unused_data, stream.eof


def is_readable(text: str) -> bool:
    """Whether nearly all of it is printable."""
    strange = sum(1 for char in text[:4000] if not char.isprintable() and char not in "\n\r\t")
    return strange * 50 <= len(text[:4000])


def from_base64(text: str) -> bytes | None:
    """The bytes of a text that is base64 or base64url, padded or not."""
    bare = text.rstrip("=").replace("-", "+").replace("_", "/")
    if len(bare) % 4 == 1:
        return None
    try:
        return base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None


class _Opening:
    """The walk: each method opens one kind of layer at a place and adds what it finds."""

    def __init__(self) -> None:
        self.result = Decoded()
        self.inside_part = False

    # what it finds

    def leaf(self, place: Place, kind: Kind, text: str, *, part: bool = False) -> None:
        self.result.leaves.append(Leaf(place, kind, text, part or self.inside_part))

    def key(self, place: Place, name: str) -> None:
        self.leaf((*place, "{key}"), "key", name)
        if "?" in name or "=" in name:
            self.parts((*place, "{key}"), name)

    def layer(self, place: Place, text: str) -> None:
        self.result.layers.append(Layer(place, text))

    # bytes

    def body(self, data: bytes, kind: str, spelled: str) -> None:
        place = ("body",)
        self.layer(place, data.decode("latin-1"))
        boundary = re.search(r'boundary="?([^";,\s]+)', spelled, re.IGNORECASE)
        if boundary:
            self.multipart(place, data, boundary[1].encode("latin-1"))
        elif data.startswith(b"--") and (line := data.split(b"\n", 1)[0].strip()) and data.count(line) > 1:
            self.multipart(place, data, line[2:])
        elif "protobuf" in kind and data[:2] != b"\x1f\x8b":
            self.protobuf(place, data)
        else:
            self.octets(place, data, protobuf="protobuf" in kind)

    def octets(self, place: Place, data: bytes, *, protobuf: bool = False) -> None:
        if not data:
            return
        if len(place) > DEEPEST:
            self.leaf(place, "binary", data.decode("latin-1"))
            return
        for name, window, fits in (
            ("<gzip>", WINDOW_GZIP, data[:2] == b"\x1f\x8b"),
            ("<zlib>", WINDOW_ZLIB, looks_like_zlib(data)),
        ):
            found = inflate(data, window) if fits else None
            if found and found[0]:
                inner, rest, _ = found
                if protobuf:
                    self.protobuf((*place, name), inner)
                else:
                    self.octets((*place, name), inner)
                self.octets((*place, "<rest>"), rest)
                return
        batch = openreplay_reader.read(data)
        text = batch or self.decoded_text(data) or self.packed_json(data)
        if text is not None:
            self.text((*place, "<openreplay>") if batch else place, text)
            return
        if self.envelope(place, data) or self.lines_then_bytes(place, data):
            return
        raw = inflate(data, WINDOW_RAW) if len(data) >= 16 else None
        if raw and raw[2] and not raw[1] and self.decoded_text(raw[0]):
            self.octets((*place, "<deflate>"), raw[0])
            return
        self.leaf(place, "binary", data.decode("latin-1"))
        for number, run in enumerate(re.findall(rb"[\x20-\x7e]{5,}", data)):
            self.leaf((*place, f"<run {number}>"), "string", run.decode("ascii"), part=True)

    @staticmethod
    def decoded_text(data: bytes) -> str | None:
        if data[:2] in {b"\xff\xfe", b"\xfe\xff"}:
            try:
                return data.decode("utf-16")
            except UnicodeDecodeError:
                return None
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            return None
        return text if is_readable(text) else None

    @staticmethod
    def packed_json(data: bytes) -> str | None:
        """JSON that is mostly packed strings isn't printable, but JSON all the same."""
        try:
            text = data.decode()
            parse_json(text)
        except ValueError:
            return None
        return text

    def lines_then_bytes(self, place: Place, data: bytes) -> bool:
        """A line of JSON, then anything: a replay item's payload."""
        head, newline, rest = data.partition(b"\n")
        if not newline or not head.startswith(b"{"):
            return False
        try:
            parse_json(head.decode())
        except ValueError:
            return False
        self.text((*place, "<head>"), head.decode())
        self.octets((*place, "<tail>"), rest)
        return True

    def envelope(self, place: Place, data: bytes) -> bool:
        """A header line; then items, each a header line with a type and a payload, by its length or to the newline."""
        head, newline, _ = data.partition(b"\n")
        if not newline or not head.startswith(b"{"):
            return False
        items: list[tuple[bytes, bytes]] = []
        at = len(head) + 1
        while at < len(data):
            end = data.find(b"\n", at)
            end = len(data) if end < 0 else end
            line = data[at:end]
            if not line.strip():
                at = end + 1
                continue
            try:
                item = json.loads(line)
            except ValueError:
                return False
            if not isinstance(item, dict) or not isinstance(item.get("type"), str):
                return False
            length, start = item.get("length"), end + 1
            if isinstance(length, int):
                stop = start + length
            else:
                stop = data.find(b"\n", start)
                stop = len(data) if stop < 0 else stop
            items.append((line, data[start:stop]))
            at = stop
        if not items:
            return False
        try:
            header = head.decode()
            parse_json(header)
        except ValueError:
            return False
        self.text((*place, "<envelope>"), header)
        for index, (line, payload) in enumerate(items):
            self.text((*place, f"<item {index}>"), line.decode())
            if b"\n" in payload and self.lines_then_bytes((*place, f"<payload {index}>"), payload):
                continue
            self.octets((*place, f"<payload {index}>"), payload)
        return True

    def multipart(self, place: Place, data: bytes, boundary: bytes) -> None:
        for index, part in enumerate(data.split(b"--" + boundary)):
            head, gap, content = part.partition(b"\r\n\r\n")
            if not gap:
                if part.strip(b"-\r\n "):
                    self.octets((*place, f"<between {index}>"), part)
                continue
            content = content.removesuffix(b"\r\n")
            fields = head.decode("utf-8", "replace").strip()
            name = re.search(r'name="([^"]*)"', fields)
            inner = (*place, f"<part {name[1] if name else index}>")
            for line in fields.splitlines():
                self.leaf((*inner, "<field>", line.partition(":")[0].lower()), "string", line)
            self.octets(inner, content)

    def protobuf(self, place: Place, data: bytes) -> None:
        """OpenTelemetry by its schema; else length-delimited fields are opened as messages where they parse as such, or as text."""
        known = otlp_reader.read(data)
        if known is not None:
            self.text((*place, "<otlp>"), known)
            return
        fields = read_protobuf(data)
        if fields is None:
            self.octets(place, data)
            return
        for index, (number, value) in enumerate(fields):
            inner = (*place, f"#{number}[{index}]")
            if isinstance(value, int):
                self.leaf(inner, "number", str(value))
            elif (text := self.decoded_text(value)) is not None:
                self.text(inner, text)
            elif len(place) < DEEPEST:
                self.protobuf(inner, value)

    # text

    def text(self, place: Place, text: str) -> None:
        """A text: opened if it is, wholly, some known layer; else a leaf, with its likely parts besides."""
        if len(place) > DEEPEST or len(text) < 2:
            self.leaf(place, "string", text)
        elif (events := bel_reader.read(text)) is not None:
            self.json((*place, "<bel>"), events)
        elif not (
            self.json(place, text)
            or self.packed(place, text)
            or self.base64(place, text)
            or self.whole_form(place, text)
            or self.percent(place, text)
        ):
            self.leaf(place, "string", text)
            self.parts(place, text)

    def json(self, place: Place, text: str) -> bool:
        bare = text.strip()
        if bare[:1] not in {"{", "[", '"'}:
            return False
        try:
            value = parse_json(bare)
        except ValueError:
            return self.envelope(place, text.encode("utf-8", "surrogatepass")) or self.lines(place, text)
        if isinstance(value, str) and value == text:
            return False
        self.layer((*place, "<json>"), text)
        self.value((*place, "<json>"), value)
        return True

    def lines(self, place: Place, text: str) -> bool:
        found: list[object] = []
        for line in text.split("\n"):
            if line.strip():
                try:
                    found.append(parse_json(line))
                except ValueError:
                    return False
        if len(found) < 2:
            return False
        self.layer((*place, "<lines>"), text)
        for index, value in enumerate(found):
            self.value((*place, "<lines>", f"[{index}]"), value)
        return True

    def value(self, place: Place, value: object) -> None:
        match value:
            case Pairs() if not self.inside_part and datadog_reader.is_segment(value):
                self.inside_part = True  # as it stands, for the search
                self.value(place, value)
                self.inside_part = False
                self.value(place, datadog_reader.expand(value, Pairs))
            case Pairs() if not self.inside_part and clarity_reader.is_payload(value):
                self.inside_part = True
                self.value(place, value)
                self.inside_part = False
                self.value(place, clarity_reader.expand(value, Pairs))
            case Pairs():
                seen: dict[str, int] = {}
                addresses = 0
                for name, inner in value:
                    # a key that is an address may be masked itself: its rank among its like is what names the place
                    if "://" in name or name.startswith("/"):
                        step, addresses = f"*{addresses}", addresses + 1
                    else:
                        seen[name] = seen.get(name, 0) + 1
                        step = name if seen[name] == 1 else f"{name}#{seen[name]}"
                    self.key((*place, step), name)
                    self.value((*place, step), inner)
            case list():
                for index, inner in enumerate(value):
                    self.value((*place, f"[{index}]"), inner)
            case bool():
                self.leaf(place, "bool", str(value).lower())
            case None:
                self.leaf(place, "null", "null")
            case Numeral():
                self.leaf(place, "number", str(value))
            case str():
                self.text(place, value)

    def packed(self, place: Place, text: str) -> bool:
        """Compressed bytes, one a character."""
        if ord(text[0]) not in {0x1F, 0x78} or len(text) < 8:
            return False
        try:
            data = text.encode("latin-1")
        except UnicodeEncodeError:
            return False
        window = WINDOW_GZIP if data[:2] == b"\x1f\x8b" else WINDOW_ZLIB
        if window == WINDOW_ZLIB and not looks_like_zlib(data):
            return False
        found = inflate(data, window)
        if not found or not found[0]:
            return False
        self.octets((*place, "<packed>"), found[0])
        self.octets((*place, "<packed rest>"), found[1])
        return True

    def base64(self, place: Place, text: str) -> bool:
        """Base64 of a layer replaces the leaf; base64 of mere text stands besides it, since it may be chance."""
        bare = text.strip()
        bare = bare[::-1] if bare.endswith(("Jye", "s3W", "JyW")) else bare  # some write it backwards
        if not BASE64_TEXT.fullmatch(bare) or HEX_TEXT.fullmatch(bare):
            return False
        data = from_base64(bare)
        if not data:
            return False
        inner = (*place, "<base64>")
        if data[:2] == b"\x1f\x8b" or looks_like_zlib(data):
            window = WINDOW_GZIP if data[:2] == b"\x1f\x8b" else WINDOW_ZLIB
            found = inflate(data, window)
            if found and found[0] and found[2]:
                self.octets(inner, data)
                return True
        plain = self.decoded_text(data)
        if plain is None:
            return False
        if plain[:1] in {"{", "[", "%"}:
            self.text(inner, plain)
            return True
        self.leaf(inner, "string", plain, part=True)
        return False

    def whole_form(self, place: Place, text: str) -> bool:
        if (place == ("body",) and FORM_TEXT.fullmatch(text)) or (text.count("&") >= 2 and FORM_TEXT.fullmatch(text)):
            self.form((*place, "<form>"), text)
            return True
        return False

    def percent(self, place: Place, text: str) -> bool:
        if not re.match(r"%(?:7B|5B|22|25)", text, re.IGNORECASE):
            return False
        plain = unquote(text)
        if plain == text:
            return False
        try:
            parse_json(plain)
        except ValueError:
            if not plain.startswith("%"):
                return False
        self.text((*place, "<percent>"), plain)
        return True

    def form(self, place: Place, text: str) -> None:
        self.layer(place, text)
        seen: dict[str, int] = {}
        for pair in text.split("&"):
            if not pair:
                continue
            name, _, value = pair.partition("=")
            name = unquote_plus(name)
            seen[name] = seen.get(name, 0) + 1
            step = (*place, name if seen[name] == 1 else f"{name}#{seen[name]}")
            self.key(step, name)
            self.text(step, unquote_plus(value))

    def cookies(self, value: str) -> None:
        for pair in value.split(";"):
            name, _, inner = pair.strip().partition("=")
            self.key(("cookie", name), name)
            self.text(("cookie", name), unquote(inner))

    def header(self, place: Place, value: str) -> None:
        scheme, _, rest = value.partition(" ")
        if scheme.lower() in {"basic", "bearer"} and rest:
            self.leaf(place, "string", value)
            data = from_base64(rest.strip())
            if data and (plain := self.decoded_text(data)):
                self.leaf((*place, "<base64>"), "string", plain, part=True)
        else:
            self.text(place, value)

    def parts(self, place: Place, text: str) -> None:
        """What may be a value of its own inside a text that isn't a layer: for the search only."""
        if self.inside_part or len(place) > DEEPEST:
            return
        self.inside_part = True
        try:
            data_url = DATA_URL.fullmatch(text)
            if data_url:
                if "base64" in data_url[2] and (data := from_base64(re.sub(r"\s", "", data_url[3]))):
                    self.octets((*place, "<data>"), data)
                else:
                    self.text((*place, "<data>"), unquote(data_url[3]))
            elif URL_TEXT.fullmatch(text) or text.startswith(("?", "#")):
                self.address(place, text)
            elif JWT_TEXT.fullmatch(text):
                for index, piece in enumerate(text.split(".")[:2]):
                    self.text((*place, f"<jwt {index}>"), piece)
            elif FORM_PAIR.fullmatch(text):
                self.form((*place, "<pair>"), text)
        finally:
            self.inside_part = False

    def address(self, place: Place, text: str) -> None:
        front, _, fragment = text.partition("#")
        path, _, query = front.partition("?")
        for index, segment in enumerate(path.split("/")):
            if segment:
                self.leaf((*place, f"<segment {index}>"), "string", unquote(segment), part=True)
        if query:
            self.form((*place, "<query>"), query)
        if fragment:
            self.text((*place, "<fragment>"), unquote(fragment))


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data) and shift < 70:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
    raise ValueError("no varint")


def read_protobuf(data: bytes) -> list[tuple[int, int | bytes]] | None:
    """The fields of a message, or None where the bytes are none."""
    fields: list[tuple[int, int | bytes]] = []
    at = 0
    try:
        while at < len(data):
            tag, at = read_varint(data, at)
            number, wire = tag >> 3, tag & 7
            if number == 0:
                return None
            if wire == 0:
                value, at = read_varint(data, at)
                fields.append((number, value))
                continue
            if wire == 2:
                size, at = read_varint(data, at)
            elif wire in {1, 5}:
                size = 8 if wire == 1 else 4
            else:
                return None
            if at + size > len(data):
                return None
            chunk = data[at : at + size]
            fields.append((number, chunk if wire == 2 else int.from_bytes(chunk, "little")))
            at += size
    except ValueError:
        return None
    return fields
