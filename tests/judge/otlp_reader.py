"""The judge's own reading of OpenTelemetry's export requests in Protocol Buffers: to the last byte, or not at all.

Written from opentelemetry-proto's tables, here as text, a line a message: number, name and type of each field. What comes
out is what the same request would be in JSON, but that a log record's `body` is its `content`: it is no network body, which
the judge's table of names would take it for. A recorded event that was cut over several log records is put together again
where its first piece stood.
"""

from __future__ import annotations

import json
import struct

COMMON = """
resource: 1 attributes keyvalue* | 2 droppedAttributesCount int | 3 entityRefs entity*
entity: 1 schemaUrl text | 2 type text | 3 idKeys text* | 4 descriptionKeys text*
scope: 1 name text | 2 version text | 3 attributes keyvalue* | 4 droppedAttributesCount int
keyvalue: 1 key text | 2 value any
any: 1 stringValue text | 2 boolValue bool | 3 intValue int | 4 doubleValue double | 5 arrayValue array | 6 kvlistValue kvlist | 7 bytesValue bytes
array: 1 values any*
kvlist: 1 values keyvalue*
"""
LOGS = """
request: 1 resourceLogs group*
group: 1 resource resource | 2 scopeLogs part* | 3 schemaUrl text
part: 1 scope scope | 2 logRecords record* | 3 schemaUrl text
record: 1 timeUnixNano i64 | 2 severityNumber int | 3 severityText text | 5 content any | 6 attributes keyvalue* | 7 droppedAttributesCount int | 8 flags i32 | 9 traceId hex | 10 spanId hex | 11 observedTimeUnixNano i64 | 12 eventName text
"""
TRACES = """
request: 1 resourceSpans group*
group: 1 resource resource | 2 scopeSpans part* | 3 schemaUrl text
part: 1 scope scope | 2 spans span* | 3 schemaUrl text
span: 1 traceId hex | 2 spanId hex | 3 traceState text | 4 parentSpanId hex | 5 name text | 6 kind int | 7 startTimeUnixNano i64 | 8 endTimeUnixNano i64 | 9 attributes keyvalue* | 10 droppedAttributesCount int | 11 events event* | 12 droppedEventsCount int | 13 links link* | 14 droppedLinksCount int | 15 status status | 16 flags i32
event: 1 timeUnixNano i64 | 2 name text | 3 attributes keyvalue* | 4 droppedAttributesCount int
link: 1 traceId hex | 2 spanId hex | 3 traceState text | 4 attributes keyvalue* | 5 droppedAttributesCount int | 6 flags i32
status: 2 message text | 3 code int
"""
WIRES = {"int": 0, "bool": 0, "i64": 1, "double": 1, "i32": 5}

Tables = dict[str, dict[int, tuple[str, str, bool]]]


def tables(text: str) -> Tables:
    found: Tables = {}
    for line in filter(None, text.splitlines()):
        message, _, fields = line.partition(": ")
        rows = [field.split() for field in fields.split(" | ")]
        found[message] = {int(number): (name, kind.rstrip("*"), kind[-1] == "*") for number, name, kind in rows}
    return found


SCHEMAS = (tables(COMMON + LOGS), tables(COMMON + TRACES))


class BrokenError(ValueError):
    """These bytes are no such message."""


def varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise BrokenError
        value |= (data[at] & 127) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 128:
            return value, at


def message(schema: Tables, name: str, data: bytes) -> dict[str, object]:
    found: dict[str, object] = {}
    at = 0
    while at < len(data):
        tag, at = varint(data, at)
        if tag >> 3 not in schema[name]:
            raise BrokenError
        key, kind, many = schema[name][tag >> 3]
        if tag & 7 != WIRES.get(kind, 2):
            raise BrokenError
        value: object
        if tag & 7 == 0:
            value, at = varint(data, at)
            value = bool(value) if kind == "bool" else value
        else:
            size = {1: 8, 5: 4}.get(tag & 7, -1)
            if size < 0:
                size, at = varint(data, at)
            chunk, at = data[at : at + size], at + size
            if len(chunk) < size:
                raise BrokenError
            value = content(schema, kind, chunk)
        if many:
            held = found.setdefault(key, [])
            assert isinstance(held, list)
            held.append(value)
        elif key in found:
            raise BrokenError
        else:
            found[key] = value
    return found


def content(schema: Tables, kind: str, chunk: bytes) -> object:
    if kind in {"i64", "i32"}:
        return int.from_bytes(chunk, "little")
    if kind == "double":
        return struct.unpack("<d", chunk)[0]
    if kind == "text":
        try:
            return chunk.decode("utf-8", "surrogatepass")
        except UnicodeDecodeError as error:
            raise BrokenError from error
    return chunk.hex() if kind in {"hex", "bytes"} else message(schema, kind, chunk)


def read(data: bytes) -> str | None:
    """The request as JSON text, its cut events put together; None where the bytes are none."""
    for schema in SCHEMAS:
        try:
            return json.dumps(joined(message(schema, "request", data)))
        except (BrokenError, RecursionError):
            continue
    return None


def joined(request: dict[str, object]) -> dict[str, object]:
    for group in request.get("resourceLogs") or []:  # type: ignore[attr-defined]  # a list of what `message` made
        for part in group.get("scopeLogs", []):
            events: dict[object, list[tuple[float, float, dict[str, object]]]] = {}
            for record in part.get("logRecords", []):
                told = {row["key"]: next(iter(row["value"].values()), None) for row in record.get("attributes", [])}
                total = told.get("rr-web.total-chunks") or 1
                if total > 1 and isinstance(record.get("content"), dict):
                    events.setdefault(told.get("rr-web.event"), []).append(
                        (told["rr-web.chunk"], total, record["content"])
                    )
            for pieces in events.values():
                pieces.sort(key=lambda piece: piece[0])
                if len(pieces) == pieces[0][1]:
                    pieces[0][2]["stringValue"] = "".join(str(body.get("stringValue", "")) for _, _, body in pieces)
                    for _, _, body in pieces[1:]:
                        body.clear()
    return request
