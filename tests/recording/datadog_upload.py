"""Uploads of Datadog's replays as a test writes them, and the way back. Made-up pages; no recorded data."""

from __future__ import annotations

import json
import zlib
from typing import Any

from gateway.core.message import Inbound
from tests.judge.datadog_reader import Page, read_replay
from tests.subject import request, sent

SESSION, VIEW = "5a1e0000-0000-4000-8000-000000000001", "7f1e0000-0000-4000-8000-000000000002"
BOUNDARY = "----FormBoundaryOfATest"

# a page: <html><body><p class="private">Secret plan</p><p>Weather</p><input id="n" value=""><div contenteditable>note</div>
STRINGS = [
    [1, "#document", "HTML", "BODY", "P", "#text", "INPUT", "DIV"],  # 0-6
    [2, "class", "id", "value", "contenteditable"],  # 7-10
    [3, "private", "n", "true"],  # 11-13
    [4, "Secret plan", "Weather", "note"],  # 14-16
    [5, ""],  # 17
]
HTML, BODY, PRIVATE, SECRET, PUBLIC, WEATHER, INPUT, EDITABLE, NOTE = range(1, 10)
NODES = [
    [None, 0], [1, 1], [1, 2], [1, 3, [7, 11]], [1, 4, 14], [3, 3], [1, 4, 15], [5, 5, [8, 12], [9, 17]], [0, 6, [10, 13]],
    [1, 4, 16],
]  # fmt: skip
COUNT = 18  # strings so far


def change(*ops: list[Any], kind: int = 12) -> dict[str, Any]:
    """One record of changes."""
    return {"data": list(ops), **({"format": 1} if kind == 2 else {}), "type": kind, "timestamp": 1795500000000}


def snapshot(strings: list[Any] | None = None, nodes: list[Any] | None = None) -> dict[str, Any]:
    """A full snapshot; the page above unless told."""
    return change([11, *(STRINGS if strings is None else strings)], [1, *(NODES if nodes is None else nodes)], kind=2)


def segment(
    *records: dict[str, Any], index: int | None = 0, view: str = VIEW, session: str = SESSION
) -> dict[str, Any]:
    """A segment of these records."""
    return {
        "records": list(records), "start": 1795500000000, "end": 1795500000001, "creation_reason": "init",
        "records_count": len(records), "has_full_snapshot": index == 0,
        **({"index_in_view": index} if index is not None else {}),
        "source": "browser", "application": {"id": "00000000-0000-4000-8000-000000000000"},
        "session": {"id": session}, "view": {"id": view},
    }  # fmt: skip


def upload(told: dict[str, Any]) -> Inbound:
    """The request that brings a segment."""
    raw = json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
    packed = zlib.compress(raw)
    about = {key: value for key, value in told.items() if key != "records"}
    event = json.dumps({"raw_segment_size": len(raw), "compressed_segment_size": len(packed), **about}).encode()
    return upload_of(packed, event)


def upload_of(packed: bytes, event: bytes) -> Inbound:
    """The request with these two parts."""
    line = f"--{BOUNDARY}".encode()
    body = b"\r\n".join(
        [
            line,
            b'Content-Disposition: form-data; name="segment"; filename="seg"',
            b"Content-Type: application/octet-stream",
            b"",
            packed,
            line,
            b'Content-Disposition: form-data; name="event"; filename="blob"',
            b"Content-Type: application/json",
            b"",
            event,
            line + b"--",
            b"",
        ]
    )
    kind = [("Content-Type", f"multipart/form-data; boundary={BOUNDARY}")]
    return request(body, path="/api/v2/replay?ddsource=browser&dd-api-key=pub", headers=kind)


def leaves_as(subject: Any, *segments: dict[str, Any], page: Page | None = None) -> Page:
    """The page that a player makes of what leaves, in the order in which it is sent."""
    played = page or Page()
    for told in segments:
        played.play(read_replay(sent(subject, upload(told)).body))
    return played


def told(subject: Any, sent_segment: dict[str, Any]) -> dict[str, Any]:
    """A segment as it leaves."""
    return read_replay(sent(subject, upload(sent_segment)).body)
