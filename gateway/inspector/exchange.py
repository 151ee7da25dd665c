"""mitmproxy's requests and answers, in the gateway's words and back. Fields are latin-1: one character a byte."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from urllib.parse import urlsplit

from mitmproxy import http

from gateway.core.message import Headers
from gateway.core.outcome import ReplyEditor, Response
from gateway.inspector.memory import Came
from gateway.proxy.framing import Received
from gateway.proxy.freshness import kept
from gateway.proxy.handler import CHANGED_BODY, EDITED_SIZE
from gateway.proxy.hop import answer_fields
from gateway.proxy.routes import Route

_PORTS = {"http": 80, "https": 443}
_NEEDED = ("content-length", "transfer-encoding", "expect")  # by mitmproxy, to read the body


def came_of(flow: http.HTTPFlow, *, is_direct: bool) -> Came:
    """A flow's request as it stands in it. HTTP/2 has no Host field: its authority is one."""
    request = flow.request
    headers = headers_of(request.headers)
    if "Host" not in headers:
        headers = Headers([("Host", request.authority or f"{request.host}:{request.port}"), *headers])
    target = request.data.path.decode("latin-1")
    version = (1, 0) if request.http_version == "HTTP/1.0" else (1, 1)
    return Came(
        Received(request.method, target, version, headers),
        request.raw_content or b"",
        flow.client_conn.peername[0],
        flow.client_conn.tls,
        request.scheme,
        request.host,
        request.port,
        is_direct,
    )


def headers_of(fields: http.Headers) -> Headers:
    """Ordered pairs."""
    return Headers((name.decode("latin-1"), value.decode("latin-1")) for name, value in fields.fields)


def husk(came: Came, path: str = "/") -> http.Request:
    """A request that says nothing but its method: what stands in a flow until, or instead of, what was made of it."""
    needed = [pair for pair in came.received.headers if pair[0].lower() in _NEEDED]
    return _request(came.received.method, f"{came.scheme}://{came.host}:{came.port}", path, Headers(needed), b"")


def made_request(route: Route, method: str, target: str, headers: Headers, body: bytes) -> http.Request:
    """What goes to a route's upstream."""
    url = urlsplit(route.base)
    fields = [("Host", url.netloc.rpartition("@")[2]), *headers]
    if body or method in {"POST", "PUT", "PATCH"}:
        fields.append(("Content-Length", str(len(body))))
    return _request(method, route.origin, url.path + target, Headers(fields), body)


def _request(method: str, origin: str, path: str, headers: Headers, body: bytes) -> http.Request:
    url = urlsplit(origin)
    now = time.time()
    return http.Request(
        host=url.hostname or "",
        port=url.port or _PORTS[url.scheme],
        method=method.encode("latin-1"),
        scheme=url.scheme.encode(),
        authority=b"",
        path=path.encode("latin-1"),
        http_version=b"HTTP/1.1",
        headers=fields_of(headers),
        content=body,
        trailers=None,
        timestamp_start=now,
        timestamp_end=now,
    )


def fields_of(headers: Headers) -> http.Headers:
    """Mitmproxy's own."""
    return http.Headers([(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers])


def answer_of(response: Response) -> http.Response:
    """An answer of the gateway's own."""
    headers = Headers([*response.headers, ("Content-Length", str(len(response.body)))])
    return http.Response.make(response.status, response.body, fields_of(headers))


def digest_of(request: http.Request) -> bytes:
    """A print of all that would be sent."""
    data = request.data
    told = (data.method, data.scheme, data.host, data.port, data.path, data.headers.fields, data.content, data.trailers)
    return hashlib.blake2b(repr(told).encode(), digest_size=16).digest()


def edit_answer(
    answer: http.Response, route: Route, target: str, method: str, editor: ReplyEditor | None, hosts: Mapping[str, str]
) -> http.Response | None:
    """The backend's answer as the browser gets it; None where it leads to somewhere that is not masked."""
    fields = answer_fields(headers_of(answer.headers), route.set_cookies)
    body = answer.raw_content or b""
    if "Location" in fields:
        location = route.locate(target, fields.get("Location"))
        if location is None:
            return None
        fields = fields.replaced("Location", location if hosts else fields.get("Location"))
    is_small = answer.status_code == 200 and len(body) <= EDITED_SIZE
    if editor is not None and is_small and editor.reads(fields.get("Content-Type")):
        encodings = [one.strip() for value in fields.all("Content-Encoding") for one in value.split(",") if one.strip()]
        edited = editor.edit(body, fields.get("Content-Type"), encodings, hosts) if method == "GET" else None
        if isinstance(edited, bytes):
            fields, body = kept(fields.without(*CHANGED_BODY), edited), edited
        else:
            fields = kept(fields, None)
    if method != "HEAD" and answer.status_code not in {204, 304}:
        fields = fields.replaced("Content-Length", str(len(body)))
    made = http.Response.make(answer.status_code, b"", fields_of(fields))
    made.raw_content = body
    made.headers.fields = fields_of(fields).fields
    made.timestamp_start, made.timestamp_end = answer.timestamp_start, answer.timestamp_end
    return made
