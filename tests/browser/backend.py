"""A tracker backend on loopback: keeps every request as it came, and answers what posthog-js needs to start recording.

Nothing is forwarded. `port` is free and its own; the server ends with the `with` block.
"""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Self

from tests.judge.recorded import Request

if TYPE_CHECKING:
    from collections.abc import Callable

POSTHOG_SCRIPTS = Path(__file__).parent / "node_modules" / "posthog-js" / "dist"
REMOTE_CONFIG = {
    "token": "phc_browser_test",
    "supportedCompression": ["gzip", "gzip-js"],
    "hasFeatureFlags": False,
    "surveys": False,
    "heatmaps": True,
    "siteApps": [],
    "capturePerformance": {"network_timing": True, "web_vitals": False},
    "autocapture_opt_out": False,
    "autocaptureExceptions": False,
    "analytics": {"endpoint": "/i/v0/e/"},
    "elementsChainAsString": True,
    "isAuthenticated": False,
    "toolbarParams": {},
    "sessionRecording": {
        "endpoint": "/s/",
        "recorderVersion": "v2",
        "consoleLogRecordingEnabled": True,
        "scriptConfig": {"script": "posthog-recorder"},
    },
}


class Backend:
    """`requests` in the order of their arrival; `wait_until` blocks until they are as wanted."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self._arrived = threading.Condition()
        backend = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                name = f"{len(backend.requests) + 1:03}"
                backend._keep(Request(name, self.command, self.path, tuple(self.headers.items()), body))
                kind, content = _answer(self.path.partition("?")[0])
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_OPTIONS = answer  # noqa: N815 — the standard library's names

            def log_message(self, *_: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _keep(self, request: Request) -> None:
        with self._arrived:
            self.requests.append(request)
            self._arrived.notify_all()

    def wait_until(self, wanted: Callable[[list[Request]], bool], what: str) -> None:
        """Returns once `wanted` holds for the requests so far; fails after 20 seconds, saying `what` did not arrive."""
        with self._arrived:
            came = self._arrived.wait_for(lambda: wanted(self.requests), timeout=20)
        assert came, f"{what} did not arrive; these did: {[f'{r.method} {r.target}' for r in self.requests]}"


def _answer(path: str) -> tuple[str, bytes]:
    file = path.rpartition("/")[2]
    if path.startswith("/static/"):
        script = POSTHOG_SCRIPTS / file
        return "text/javascript", script.read_bytes() if script.is_file() else b""
    if path.startswith("/array/"):
        config = json.dumps(REMOTE_CONFIG)
        if file == "config":
            return "application/json", config.encode()
        holder = "window._POSTHOG_REMOTE_CONFIG"
        entry = f"{holder}=Object.assign({holder}||{{}},{{phc_browser_test:{{config:{config},siteApps:[]}}}})"
        return "text/javascript", entry.encode()
    if path.startswith("/flags"):
        return "application/json", json.dumps({"flags": {}, "errorsWhileComputingFlags": False}).encode()
    return "application/json", b'{"status": 1}'
