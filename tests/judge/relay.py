"""Stand-ins for the gateway, for the judge's own trial: a relay that hands everything on after one rewriting step.

`pass_through` is what any plain reverse proxy does, and must be found guilty of everything; `hollow_out` keeps nothing but
method and path, leaks nothing, and must be found useless.
"""

from __future__ import annotations

import http.client
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Self

from tests.judge.recorded import Request

if TYPE_CHECKING:
    from collections.abc import Callable

OWN_FRAMING = frozenset({"host", "connection", "content-length", "transfer-encoding"})


def pass_through(request: Request) -> Request:
    return request


def hollow_out(request: Request) -> Request:
    return replace(request, target=request.target.partition("?")[0], headers=(), body=b"{}" if request.body else b"")


class Relay:
    """`with Relay(port_of_backend, rewrite) as relay:` listens at `relay.port`."""

    def __init__(self, backend: int, rewrite: Callable[[Request], Request]) -> None:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = tuple((k, v) for k, v in self.headers.items() if k.lower() not in OWN_FRAMING)
                request = rewrite(Request("", self.command, self.path, headers, body))
                status, answer = send_once("127.0.0.1", backend, request)
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any  # noqa: N815 - named by http.server

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join(10)
        self._server.server_close()


def send_once(host: str, port: int, request: Request, source: str = "") -> tuple[int, bytes]:
    """Sends one request as it is, on a connection of its own; the answer's status and body."""
    connection = http.client.HTTPConnection(host, port, timeout=30, source_address=(source, 0) if source else None)
    try:
        names = {name.lower() for name, _ in request.headers}
        connection.putrequest(request.method, request.target, skip_host="host" in names, skip_accept_encoding=True)
        for name, value in request.headers:
            connection.putheader(name, value.encode("latin-1", "replace"))
        if request.body or request.method in {"POST", "PUT", "PATCH"}:
            connection.putheader("Content-Length", str(len(request.body)))
        connection.endheaders(request.body or None)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()
