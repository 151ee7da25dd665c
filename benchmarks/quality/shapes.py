"""Records of trackers with room for free text: each shape wraps texts into one request and reads them back from what
left.

The reading half is written from the trackers' own formats with the standard library; it shares nothing with the
gateway.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, quote

from gateway.core.message import Headers, Inbound

type Slot = tuple[str, Any]
"""A field's key and its value."""

JSON = Headers([("Content-Type", "application/json")])
SESSION = "0197c0de-0000-7000-8000-000000000001"


@dataclass(frozen=True)
class Shape:
    """`wrap` makes the request, `unwrap` gives each slot's text as it left ("" where it was dropped)."""

    name: str
    tracker: str | None
    wrap: Callable[[Sequence[Slot]], Inbound]
    unwrap: Callable[[bytes, int], list[str]]


def _post(path: str, told: Any, headers: Headers = JSON) -> Inbound:
    return Inbound("POST", path, headers, json.dumps(told, ensure_ascii=False).encode("utf-8", "surrogatepass"))


def _all(told: Any) -> str:
    """Everything that a record says, keys and values."""
    return json.dumps(told, ensure_ascii=False)


def _listed(body: bytes, path: Sequence[str]) -> list[Any]:
    told = json.loads(body)
    for key in path:
        told = told[key]
    return list(told)


def _posthog(slots: Sequence[Slot]) -> Inbound:
    events = [
        {"event": "note", "uuid": f"e{at}", "properties": {"token": "phc_bench", "$session_id": SESSION, key: value}}
        for at, (key, value) in enumerate(slots)
    ]
    return _post("/batch/", {"api_key": "phc_bench", "batch": events})


def _posthog_gzip(slots: Sequence[Slot]) -> Inbound:
    plain = _posthog(slots)
    return Inbound(
        "POST",
        "/batch/?compression=gzip-js",
        Headers([("Content-Type", "text/plain")]),
        gzip.compress(plain.body, mtime=0),
    )


def _of_posthog(body: bytes, size: int) -> list[str]:
    del size
    told = [event.get("properties", {}) for event in _listed(body, ("batch",))]
    return [_all({key: value for key, value in one.items() if key not in ("token", "$session_id")}) for one in told]


def _segment(slots: Sequence[Slot]) -> Inbound:
    return _post(
        "/v1/batch", {"batch": [{"type": "track", "event": "n", "properties": {key: value}} for key, value in slots]}
    )


def _sentry(slots: Sequence[Slot]) -> Inbound:
    event = {
        "event_id": "0" * 32,
        "breadcrumbs": [
            {
                "category": "c",
                "message": value if isinstance(value, str) else "",
                "data": {} if isinstance(value, str) else {key: value},
            }
            for key, value in slots
        ],
    }
    lines = ['{"event_id":"' + "0" * 32 + '"}', '{"type":"event"}', json.dumps(event, ensure_ascii=False)]
    return Inbound(
        "POST",
        "/api/1/envelope/",
        Headers([("Content-Type", "text/plain")]),
        "\n".join(lines).encode("utf-8", "surrogatepass"),
    )


def _of_sentry(body: bytes, size: int) -> list[str]:
    event = json.loads(body.splitlines()[2])
    crumbs = event.get("breadcrumbs", [])
    return [_all(one) for one in crumbs] + [""] * (size - len(crumbs))


def _page(children: list[Any]) -> dict[str, Any]:
    html = {
        "type": 2,
        "id": 2,
        "tagName": "html",
        "attributes": {},
        "childNodes": [{"type": 2, "id": 3, "tagName": "body", "attributes": {}, "childNodes": children}],
    }
    return {
        "type": 2,
        "timestamp": 1764000000000,
        "data": {"initialOffset": {"left": 0, "top": 0}, "node": {"type": 0, "id": 1, "childNodes": [html]}},
    }


def _paragraph(at: int, text: str, attributes: dict[str, str] | None = None) -> dict[str, Any]:
    return {
        "type": 2,
        "id": 10 + 2 * at,
        "tagName": "p",
        "attributes": attributes or {},
        "childNodes": [{"type": 3, "id": 11 + 2 * at, "textContent": text}],
    }


def _rrweb_text(slots: Sequence[Slot]) -> Inbound:
    return _post("/events", {"events": [_page([_paragraph(at, str(value)) for at, (_, value) in enumerate(slots)])]})


def _paragraphs(body: bytes) -> list[Any]:
    return list(_listed(body, ("events",))[0]["data"]["node"]["childNodes"][0]["childNodes"][0]["childNodes"])


def _rrweb_attribute(slots: Sequence[Slot]) -> Inbound:
    page = [_paragraph(at, "text", {"title": str(value)}) for at, (_, value) in enumerate(slots)]
    return _post("/events", {"events": [_page(page)]})


def _rrweb_mutation(slots: Sequence[Slot]) -> Inbound:
    texts = [{"id": 11 + 2 * at, "value": str(value)} for at, (_, value) in enumerate(slots)]
    change = {
        "type": 3,
        "timestamp": 1764000001000,
        "data": {"source": 0, "texts": texts, "attributes": [], "removes": [], "adds": []},
    }
    return _post("/events", {"events": [_page([_paragraph(at, "text") for at in range(len(slots))]), change]})


def _rrweb_console(slots: Sequence[Slot]) -> Inbound:
    return _post(
        "/events",
        {
            "events": [
                {
                    "type": 6,
                    "timestamp": 1764000001000 + at,
                    "data": {
                        "plugin": "rrweb/console@1",
                        "payload": {"level": "log", "trace": [], "payload": [json.dumps(value, ensure_ascii=False)]},
                    },
                }
                for at, (_, value) in enumerate(slots)
            ]
        },
    )


def _ndjson(slots: Sequence[Slot]) -> Inbound:
    lines = [json.dumps({"level": "info", key: value}, ensure_ascii=False) for key, value in slots]
    return Inbound(
        "POST",
        "/logs",
        Headers([("Content-Type", "application/x-ndjson")]),
        "\n".join(lines).encode("utf-8", "surrogatepass"),
    )


def _form(slots: Sequence[Slot]) -> Inbound:
    data = json.dumps([{"event": "n", "properties": {key: value}} for key, value in slots], ensure_ascii=False)
    body = f"data={quote(data.encode('utf-8', 'surrogatepass'), safe='')}"
    return Inbound("POST", "/track/", Headers([("Content-Type", "application/x-www-form-urlencoded")]), body.encode())


def _of_form(body: bytes, size: int) -> list[str]:
    del size
    return [_all(one.get("properties")) for one in json.loads(parse_qs(body.decode())["data"][0])]


def _otlp(slots: Sequence[Slot]) -> Inbound:
    records = [{"timeUnixNano": "1764000001000000000", "body": {"stringValue": str(value)}} for _, value in slots]
    return _post(
        "/v1/logs", {"resourceLogs": [{"resource": {"attributes": []}, "scopeLogs": [{"logRecords": records}]}]}
    )


def _of_otlp(body: bytes, size: int) -> list[str]:
    del size
    logs = json.loads(body)["resourceLogs"][0]["scopeLogs"][0]["logRecords"]
    return [_all(one.get("body")) for one in logs]


SHAPES = (
    Shape("PostHog event", "posthog", _posthog, _of_posthog),
    Shape(
        "PostHog, gzip in the body",
        "posthog",
        _posthog_gzip,
        lambda body, size: _of_posthog(gzip.decompress(body), size),
    ),
    Shape(
        "Segment batch",
        "segment",
        _segment,
        lambda body, _: [_all(one.get("properties")) for one in _listed(body, ("batch",))],
    ),
    Shape("Sentry breadcrumb", "sentry", _sentry, _of_sentry),
    Shape("rrweb text node", "rrweb", _rrweb_text, lambda body, _: [_all(one) for one in _paragraphs(body)]),
    Shape(
        "rrweb attribute",
        "rrweb",
        _rrweb_attribute,
        lambda body, _: [_all(one["attributes"]) for one in _paragraphs(body)],
    ),
    Shape(
        "rrweb text mutation",
        "rrweb",
        _rrweb_mutation,
        lambda body, _: [_all(one) for one in _listed(body, ("events",))[1]["data"]["texts"]],
    ),
    Shape(
        "rrweb console line",
        "rrweb",
        _rrweb_console,
        lambda body, _: [_all(one["data"].get("payload")) for one in _listed(body, ("events",))],
    ),
    Shape("OTLP log", None, _otlp, _of_otlp),
    Shape(
        "JSON of no known tracker",
        None,
        lambda slots: _post("/collect", {"rows": [{key: value} for key, value in slots]}),
        lambda body, _: [_all(one) for one in _listed(body, ("rows",))],
    ),
    Shape(
        "NDJSON of no known tracker",
        None,
        _ndjson,
        lambda body, _: [_all(json.loads(line)) for line in body.splitlines()],
    ),
    Shape("form with JSON in it", "mixpanel", _form, _of_form),
)
