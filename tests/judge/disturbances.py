"""What networks, retries and trackers do to a recorded run: bodies cut into two requests, order lost, requests sent twice.

Owns nothing of the gateway's and imports nothing of it. A cut body stays what its tracker would send: both halves are whole
documents of the format, lengths and counts in them are right, and batches are numbered anew. A body whose list has one entry,
or none that this module knows, stays as it is.
"""

from __future__ import annotations

import base64
import gzip
import json
import re
import zlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote_plus

from tests.judge.decoder import decode, read_varint
from tests.judge.openreplay_reader import BrokenError, messages

if TYPE_CHECKING:
    from tests.judge.recorded import Request

Run = tuple["Request", ...]
Entries = list[Any]
Pack = Callable[[bytes], bytes]
Where = Callable[[Entries], int]

# the lists that a batch may be cut in, by tracker: the first of them that is there and has two entries; `*` is the first entry
LISTS: dict[str, tuple[str, ...]] = {
    "amplitude": ("events",),
    "faro": ("events", "exceptions", "measurements"),
    "highlight": ("events.events", "resourceSpans.*.scopeSpans", "resourceMetrics.*.scopeMetrics"),
    "hyperdx": ("resourceSpans.*.scopeSpans", "resourceSpans.*.scopeSpans.*.spans"),
    "mixpanel": ("",),
    "newrelic": ("", "ins", "err", "xhr"),
    "posthog": ("", "*.properties.$snapshot_data", "batch"),
    "rrweb": ("events",),
    "segment": ("batch",),
    "snowplow": ("data",),
}
OF_LINES = ("datadog",)
BUILDS_PAGE = frozenset({7, 8, 9, 12, 14, 34, 35, 60, 61, 70})  # OpenReplay tells a snapshot in many messages
TAGS = frozenset({"html", "head"})
LOG_RECORDS = (1, 2, 2)  # numbers of the fields that lead to OpenTelemetry's log records: request, group, part


def middle(entries: Entries) -> int:
    return len(entries) // 2


def after_largest(entries: Entries) -> int:
    """Behind the page's first snapshot, which no other entry outweighs."""
    sizes = [len(entry) if isinstance(entry, bytes) else len(json.dumps(entry)) for entry in entries]
    return sizes.index(max(sizes)) + 1


# ---- runs


def cut(run: Run, tracker: str, where: Where = middle) -> Run:
    """Each body cut into two requests where the tracker sends a list."""
    pieces: list[Request] = []
    for request in run:
        halves = _halves(request, tracker, where)
        pieces += [
            _numbered(replace(half, name=f"{request.name}{mark}"), tracker, number)
            for number, (mark, half) in enumerate(zip("ab", halves, strict=False))
        ]
    return tuple(pieces)


def swapped(run: Run) -> Run:
    """Each two neighbours in each other's place."""
    return tuple(request for at in range(0, len(run), 2) for request in reversed(run[at : at + 2]))


def repeated(run: Run) -> Run:
    """Each request again, as after an answer that was lost: half of them at once, half after the next one."""
    again: list[Request] = []
    late: Request | None = None
    for at, request in enumerate(run):
        again.append(request)
        again += [replace(late, name=f"{late.name} again")] if late else []
        late = request if at % 2 else None
        again += [] if late else [replace(request, name=f"{request.name} again")]
    return (*again, replace(late, name=f"{late.name} again")) if late else tuple(again)


def after_the_page(run: Run) -> int:
    """How many requests it takes until the page's first snapshot has been sent; half of them where none is."""
    for at, request in enumerate(run, 1):
        if any(leaf.text.lower() in TAGS for leaf in decode(request).values() if leaf.place[0] == "body"):
            return at
    return len(run) // 2


# ---- bodies


def _halves(request: Request, tracker: str, where: Where) -> tuple[Request, ...]:
    body, pack = _unpacked(request.body)
    kind = request.header("content-type")
    if "boundary=" in kind:
        halves = _cut_segment(body, where)
    elif body[:2] == b"\x51\x01":
        return _cut_messages(request, body, pack, where)
    elif "protobuf" in kind:
        halves = _cut_field(body, LOG_RECORDS, where)
    elif tracker == "sentry":
        halves = _cut_envelope(body, where)
    elif body[:5] == b"data=":
        wrapped = base64.b64decode(unquote_plus(body[5:].decode()))
        halves = [
            b"data=" + quote(base64.b64encode(one), safe="").encode() for one in _cut_text(wrapped, tracker, where)
        ]
    else:
        halves = _cut_text(body, tracker, where)
    if len(halves) < 2:
        return (request,)
    return tuple(replace(request, body=pack(half)) for half in halves)


def _unpacked(body: bytes) -> tuple[bytes, Pack]:
    if body[:2] == b"\x1f\x8b":
        return gzip.decompress(body), lambda data: gzip.compress(data, mtime=0)
    if body[:1] == b"\x78" and not body.startswith(b"x="):
        return zlib.decompress(body), zlib.compress
    return body, bytes


def _written(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def _cut_text(body: bytes, tracker: str, where: Where) -> list[bytes]:
    try:
        document = json.loads(body)
    except ValueError:
        return _cut_lines(body, where) if tracker in OF_LINES else [body]
    if tracker == "clarity":
        return _cut_marks(document, where)
    data = document.get("variables", {}).get("data") if isinstance(document, dict) else None
    if isinstance(data, str):
        inner = _cut_text(gzip.decompress(base64.b64decode(data)), tracker, where)
        texts = [base64.b64encode(gzip.compress(one, mtime=0)).decode() for one in inner]
        return [_written({**document, "variables": {**document["variables"], "data": text}}) for text in texts]
    for path in LISTS.get(tracker, ()):
        entries = document
        for step in filter(None, path.split(".")):
            entries = _step(entries, step)
        if isinstance(entries, list) and 0 < (at := where(entries)) < len(entries):
            everything = list(entries)
            halves = []
            for half in (everything[:at], everything[at:]):
                entries[:] = half
                halves.append(_written(document))
            return halves
    return [body]


def _step(value: object, step: str) -> Any:
    if step == "*":
        return value[0] if isinstance(value, list) and value else None
    return value.get(step) if isinstance(value, dict) else None


def _cut_lines(body: bytes, where: Where) -> list[bytes]:
    lines = body.split(b"\n")
    at = where(list(lines)) if body.startswith(b"{") else 0
    return [b"\n".join(lines[:at]), b"\n".join(lines[at:])] if 0 < at < len(lines) else [body]


def _cut_marks(document: dict[str, Any], where: Where) -> list[bytes]:
    """Clarity: the page goes ahead (its references reach back within one payload), or else half of what was done on it."""
    page, done = document.get("p") or [], document.get("a") or []
    at = where(done) if done and not page else 0
    first, second = (done[:at], done[at:]) if at else ([], done)
    if not second or not (page or first):
        return [_written(document)]
    later = {**document, "e": [document["e"][0], document["e"][1] + 1, *document["e"][2:]], "a": second, "p": []}
    return [_written({**document, "a": first, "p": page}), _written(later)]


def _cut_envelope(body: bytes, where: Where) -> list[bytes]:
    """Sentry: the recording is cut, what describes it goes with both halves."""
    found = re.search(rb'\{"type":"replay_recording","length":(\d+)\}\n', body)
    if found is None:
        return [body]
    end = found.end() + int(found[1])
    number, _, packed = body[found.end() : end].partition(b"\n")
    is_packed = packed[:1] == b"\x78"
    events = json.loads(zlib.decompress(packed) if is_packed else packed)
    at = where(events)
    if not 0 < at < len(events):
        return [body]
    halves = []
    for half in (events[:at], events[at:]):
        written = _written(half)
        payload = number + b"\n" + (zlib.compress(written) if is_packed else written)
        item = b'{"type":"replay_recording","length":%d}\n' % len(payload)
        halves.append(body[: found.start()] + item + payload + body[end:])
    return halves


def _cut_segment(body: bytes, where: Where) -> list[bytes]:
    """Datadog: the records of a segment, and the metadata beside them that counts and measures."""
    line = body.split(b"\r\n", 1)[0]
    heads, contents = [], []
    for part in body.split(line)[1:-1]:
        head, _, content = part.partition(b"\r\n\r\n")
        heads.append(head)
        contents.append(content.removesuffix(b"\r\n"))
    segment, event = json.loads(zlib.decompress(contents[0])), json.loads(contents[1])
    records = segment["records"]
    at = where(records)
    if not 0 < at < len(records):
        return [body]
    halves = []
    for number, half in enumerate((records[:at], records[at:])):
        told = {
            "records_count": len(half),
            "start": half[0]["timestamp"],
            "end": half[-1]["timestamp"],
            "has_full_snapshot": any(record["type"] == 2 for record in half),
            "index_in_view": 2 * segment["index_in_view"] + number,
        }
        written = _written({"records": half, **{k: told.get(k, v) for k, v in segment.items() if k != "records"}})
        packed = zlib.compress(written)
        sizes = {"raw_segment_size": len(written), "compressed_segment_size": len(packed)}
        beside = _written({key: {**told, **sizes}.get(key, value) for key, value in event.items()})
        parts = zip(heads, (packed, beside), strict=True)
        halves.append(
            b"".join(line + head + b"\r\n\r\n" + content + b"\r\n" for head, content in parts) + line + b"--\r\n"
        )
    return halves


def _cut_messages(request: Request, body: bytes, pack: Pack, where: Where) -> tuple[Request, ...]:
    """OpenReplay: at a message's border, below a head of its own; the query says how many bytes there are."""
    try:
        (_, head), *rest = messages(body)
    except BrokenError:
        return (request,)
    numbered = groupby(enumerate(rest), key=lambda one: -1 if one[1][0] in BUILDS_PAGE else one[0])
    stretches = [[message for _, message in group] for _, group in numbered]
    at = where([b"".join(payload for _, payload in stretch) for stretch in stretches])
    at = sum(map(len, stretches[:at]))
    if not 0 < at < len(rest):
        return (request,)
    halves = (rest[:at], rest[at:])
    return tuple(_batch(request, head, half, pack, number, number * at) for number, half in enumerate(halves))


def _batch(
    request: Request, head: bytes, half: Sequence[tuple[int, bytes]], pack: Pack, number: int, later: int
) -> Request:
    written = b"".join(_varint(kind) + len(payload).to_bytes(3, "little") + payload for kind, payload in half)
    body = pack(_varint(81) + _head(head, later) + written)
    told = re.sub(
        r"batch=(\d+)_(\d+)_\d+_", lambda m: f"batch={m[1]}_{2 * int(m[2]) + number}_{len(body)}_", request.target
    )
    return replace(request, target=told, body=body)


def _head(head: bytes, later: int) -> bytes:
    """A batch's head whose first message is that much later: version, page, first message, and the rest."""
    version, at = read_varint(head, 0)
    page, at = read_varint(head, at)
    first, at = read_varint(head, at)
    return _varint(version) + _varint(page) + _varint(first + later) + head[at:]


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def _cut_field(data: bytes, path: tuple[int, ...], where: Where) -> list[bytes]:
    """A message of Protocol Buffers, one of its repeated fields cut; the fields on the way there hold lengths."""
    fields: list[tuple[int, bytes, bytes]] = []  # number, as it stands, content
    at = 0
    while at < len(data):
        start = at
        tag, at = read_varint(data, at)
        size, at = read_varint(data, at)  # all fields on the way are told by length
        fields.append((tag >> 3, data[start : at + size], data[at : at + size]))
        at += size
    wanted = [index for index, (number, _, _) in enumerate(fields) if number == path[0]]
    if len(path) == 1:
        if not 0 < (cut_at := where([fields[index][2] for index in wanted])) < len(wanted):
            return [data]
        groups = wanted[:cut_at], wanted[cut_at:]
        return [
            b"".join(whole for index, (number, whole, _) in enumerate(fields) if number != path[0] or index in group)
            for group in groups
        ]
    for index in wanted:
        halves = _cut_field(fields[index][2], path[1:], where)
        if len(halves) > 1:
            beside = b"".join(whole for number, whole, _ in fields if number != path[0])
            before = b"".join(fields[other][1] for other in wanted if other < index)
            after = b"".join(fields[other][1] for other in wanted if other > index)
            told = [_varint(path[0] << 3 | 2) + _varint(len(half)) + half for half in halves]
            return [beside + before + told[0], beside + told[1] + after]
    return [data]


# ---- numbers of batches

NUMBERS_IN_QUERY = {"mixpanel": re.compile(r"(?<=[?&]seq=)\d+")}
NUMBERS_IN_BODY = {"sentry": re.compile(rb'(?<="segment_id":)\d+')}


def _numbered(request: Request, tracker: str, number: int) -> Request:
    """A batch's own number, doubled: between each two there is room for one more."""
    query, body = NUMBERS_IN_QUERY.get(tracker), NUMBERS_IN_BODY.get(tracker)
    if query is not None:
        return replace(request, target=query.sub(lambda m: str(2 * int(m[0]) + number), request.target))
    if body is not None:
        return replace(request, body=_renumbered(request.body, body, number))
    return request


def _renumbered(body: bytes, pattern: re.Pattern[bytes], number: int) -> bytes:
    """Numbers in an envelope, and the lengths of the items that hold them."""
    out, grown = pattern.sub(lambda m: b"%d" % (2 * int(m[0]) + number), body), b'"type":"replay_recording","length":'
    if grown in out:
        more = sum(
            len(new) - len(old)
            for old, new in zip(_after(body, grown, pattern), _after(out, grown, pattern), strict=True)
        )
        out = re.sub(re.escape(grown) + rb"(\d+)", lambda m: grown + b"%d" % (int(m[1]) + more), out)
    return out


def _after(body: bytes, mark: bytes, pattern: re.Pattern[bytes]) -> list[bytes]:
    return pattern.findall(body[body.index(mark) :])
