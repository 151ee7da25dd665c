"""Finds the rrweb events in the bodies of a run, as the tracker's backend would: rrweb's own transport, PostHog, Sentry.

Not the gateway's code. Packed events stay strings: the player opens them with rrweb's own `unpack`. A body that can't be read
is an error.
"""

from __future__ import annotations

import base64
import json
import zlib
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

EITHER_WINDOW = 47  # zlib or gzip, told by the header
COMPRESSED_STARTS = (b"\x1f\x8b", b"x")
COMPRESSED_BY_POSTHOG = ("adds", "removes", "texts", "attributes")


def rrweb_events(bodies: Iterable[bytes]) -> list[Any]:
    """The events of these bodies, in the order of their arrival."""
    return [event for body in bodies if body for document in _documents(body) for event in _found(document)]


def _documents(body: bytes) -> Iterator[Any]:
    if body.startswith(COMPRESSED_STARTS):
        yield from _documents(zlib.decompress(body, wbits=EITHER_WINDOW))
    elif body.startswith(b"data="):
        yield json.loads(base64.b64decode(parse_qs(body.decode(), strict_parsing=True)["data"][0], validate=True))
    elif body.startswith(b"{") and b'\n{"type":"' in body:
        yield from _replays(body)
    else:
        yield json.loads(body)


def _replays(envelope: bytes) -> Iterator[Any]:
    """The recordings of a Sentry envelope: a header line; items of a header line and a payload of `length` or one line."""
    _, _, rest = envelope.partition(b"\n")
    while rest.strip(b"\n"):
        line, _, rest = rest.partition(b"\n")
        header = json.loads(line)
        end = header.get("length", rest.find(b"\n") if b"\n" in rest else len(rest))
        payload, rest = rest[:end], rest[end:].removeprefix(b"\n")
        if header["type"] == "replay_recording":
            _, _, recording = payload.partition(b"\n")
            yield from _documents(recording)


def _found(document: Any) -> Iterator[Any]:
    match document:
        case {"events": [*events]}:
            yield from events
        case {"event": "$snapshot", "properties": {"$snapshot_data": [*events]}}:
            yield from map(_opened, events)
        case [*items]:
            for item in items:
                yield from [item] if _is_event(item) else _found(item)


def _is_event(item: Any) -> bool:
    return isinstance(item, dict) and item.keys() >= {"type", "data", "timestamp"}


def _opened(event: dict[str, Any]) -> dict[str, Any]:
    """A PostHog event with what its recorder compressed opened: gzip, a character a byte."""
    match event:
        case {"cv": _, "data": str(data)}:
            return event | {"data": _gunzipped(data)}
        case {"cv": _, "data": data}:
            packed = {name: _gunzipped(data[name]) for name in COMPRESSED_BY_POSTHOG if isinstance(data.get(name), str)}
            return event | {"data": data | packed}
    return event


def _gunzipped(text: str) -> Any:
    return json.loads(zlib.decompress(text.encode("latin-1"), wbits=31))
