"""Captured traffic, read from what people have: a HAR file saved by a browser, captured requests, or a bare body.

A captured request is JSON with `method`, `path`, `headers` (pairs or a map) and `body_b64` or `body`; many of them are
a JSON list or one a line. A HAR's addresses, cookies, timings of other hosts and answers are not requests: they are
left out of what is masked and out of what is written.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from gateway.core.errors import UserError
from gateway.core.message import Headers, Inbound, Outbound

MOST_REQUESTS = 10_000


@dataclass(frozen=True, slots=True)
class Capture:
    """What a file holds: requests in order, and how to write them back. `kind`: body, request, requests or har."""

    kind: str
    requests: tuple[Inbound, ...]
    har: dict[str, Any] | None = None


def read_capture(data: bytes, body: Inbound, where: str) -> Capture:
    """The requests in `data`; where it is none of the known kinds it is a body, and `body` says of which request."""
    told = _json(data)
    if isinstance(told, dict) and isinstance(told.get("log"), dict) and isinstance(told["log"].get("entries"), list):
        entries = _bounded(told["log"]["entries"], where)
        return Capture("har", tuple(_of_entry(entry, where) for entry in entries), told)
    if _is_request(told):
        return Capture("request", (_request(told, where),))
    rows = told if isinstance(told, list) else _lines(data)
    if rows and all(_is_request(row) for row in rows):
        return Capture("requests", tuple(_request(row, where) for row in _bounded(rows, where)))
    return Capture("body", (Inbound(body.method, body.target, body.headers, data),))


def written(request: Inbound | Outbound) -> dict[str, Any]:
    """A request in the form of a captured one."""
    return {
        "method": request.method,
        "path": request.target,
        "headers": [list(pair) for pair in request.headers],
        "body_b64": base64.b64encode(request.body).decode(),
    }


def written_har(har: dict[str, Any], outcomes: list[Outbound | str]) -> dict[str, Any]:
    """The HAR with each request as it would leave; of a refused one the reason only, of answers their status."""
    entries = []
    for entry, outcome in zip(har["log"]["entries"], outcomes, strict=True):
        kept = {key: entry[key] for key in ("startedDateTime", "time") if key in entry}
        url = urlsplit(str(entry["request"]["url"]))
        origin = f"{url.scheme}://{url.hostname or ''}" + (f":{url.port}" if url.port else "")
        response = entry.get("response") if isinstance(entry.get("response"), dict) else {}
        kept["response"] = {
            "status": response.get("status", 0), "statusText": "", "httpVersion": "HTTP/1.1", "cookies": [],
            "headers": [], "content": {"size": 0, "mimeType": ""}, "redirectURL": "", "headersSize": -1, "bodySize": -1,
        }  # fmt: skip
        kept["cache"], kept["timings"] = {}, {"send": 0, "wait": 0, "receive": 0}
        if isinstance(outcome, str):
            kept["comment"] = f"refused: {outcome}"
            kept["request"] = _har_request(str(entry["request"].get("method", "GET")), origin + "/", Headers(), b"")
        else:
            kept["request"] = _har_request(outcome.method, origin + outcome.target, outcome.headers, outcome.body)
        entries.append(kept)
    return {"log": {"version": "1.2", "creator": {"name": "gateway", "version": "1"}, "pages": [], "entries": entries}}


def _har_request(method: str, url: str, headers: Headers, body: bytes) -> dict[str, Any]:
    told: dict[str, Any] = {
        "method": method,
        "url": url,
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": [{"name": name, "value": value} for name, value in headers],
        "queryString": [],
        "headersSize": -1,
        "bodySize": len(body),
    }
    if body:
        try:
            told["postData"] = {"mimeType": headers.get("content-type"), "text": body.decode()}
        except UnicodeDecodeError:
            text = base64.b64encode(body).decode()
            told["postData"] = {"mimeType": headers.get("content-type"), "text": text, "encoding": "base64"}
    return told


def _json(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def _lines(data: bytes) -> list[Any]:
    return [_json(line) for line in data.splitlines()[: MOST_REQUESTS + 1] if line.strip()]


def _bounded(rows: list[Any], where: str) -> list[Any]:
    if len(rows) > MOST_REQUESTS:
        raise UserError(f"more than {MOST_REQUESTS} requests: split the file", where)
    return rows


def _is_request(told: Any) -> bool:
    return isinstance(told, dict) and {"method", "headers"} <= told.keys() and ("path" in told or "target" in told)


def _request(told: dict[str, Any], where: str) -> Inbound:
    try:
        pairs = told["headers"].items() if isinstance(told["headers"], dict) else told["headers"]
        body = base64.b64decode(told["body_b64"]) if "body_b64" in told else str(told.get("body", "")).encode()
        headers = Headers((str(name), str(value)) for name, value in pairs)
        target = str(told.get("path", told.get("target")))
        return Inbound(str(told["method"]), target, headers, body, host=str(told.get("host", "")))
    except (ValueError, TypeError) as error:
        raise UserError(f"is no captured request: {error}", where) from None


def _of_entry(entry: Any, where: str) -> Inbound:
    try:
        request = entry["request"]
        url = urlsplit(str(request["url"]))
        data = request.get("postData") or {}
        text = str(data.get("text", ""))
        body = base64.b64decode(text) if data.get("encoding") == "base64" else _bytes_of(text)
        headers = Headers(
            (str(pair["name"]), str(pair["value"]))
            for pair in request["headers"]
            if not str(pair["name"]).startswith(":")
        )
        target = (url.path or "/") + (f"?{url.query}" if url.query else "")
        return Inbound(str(request["method"]), target, headers, body, host=url.hostname or "")
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise UserError(f"a HAR entry can't be read: {error}", where) from None


def _bytes_of(text: str) -> bytes:
    """A body as browsers save it: binary ones stand one character a byte, unmarked."""
    if text[:1] in ("\x1f", "\x78") and all(ord(character) < 256 for character in text):
        return text.encode("latin-1")
    return text.encode("utf-8", "surrogatepass")
