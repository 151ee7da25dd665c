"""The console's listener: three pages for whoever watches the process, on a loopback address.

    /live      200 while the event loop turns
    /ready     200, or 503 where traffic should go elsewhere; JSON with the reasons either way
    /metrics   Prometheus' text format

It shares nothing with the data plane but its sources: a failure here is a 500 here.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Sequence
from ipaddress import ip_address

import orjson
from aiohttp import web

from gateway.console.metrics import Exposition
from gateway.status import UNREADY, Source

_TEXT = "text/plain; version=0.0.4; charset=utf-8"
_JSON = "application/json"

_silent = logging.Logger("gateway.console.silent", level=logging.CRITICAL + 1)  # noqa: LOG001 - not in the tree


class Console:
    """Serves on a bound socket until closed."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = sources
        self._exposition = Exposition(sources)
        self._pages = {"/live": self._live, "/ready": self._ready, "/metrics": self._metrics}
        self._listener: web.Server | None = None
        self._server: asyncio.Server | None = None
        self.address: tuple[str, int] | None = None

    async def start(self, bound: socket.socket) -> None:
        """Begins to serve."""
        self.address = bound.getsockname()[:2]
        self._listener = web.Server(self._answer, access_log=None, logger=_silent)
        self._server = await asyncio.get_running_loop().create_server(self._listener, sock=bound)

    async def close(self) -> None:
        """Ends all connections."""
        if self._server is not None and self._listener is not None:
            self._server.close()
            await self._listener.shutdown(0)

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        if not _is_local(request.headers.get("Host", "")):
            # a page in a browser on this machine may name an address of its own and mean this one
            return _page(421, b"This is the gateway's console: ask it by a loopback address.\n")
        if request.method not in {"GET", "HEAD"}:
            return _page(405, b"GET and HEAD only.\n")
        page = self._pages.get(request.path)
        return page() if page is not None else _page(404, b"There are /live, /ready and /metrics.\n")

    def _live(self) -> web.Response:
        return _page(200, b"live\n")

    def _ready(self) -> web.Response:
        troubles = list(dict.fromkeys(one for source in self._sources for one in source.troubles()))
        is_ready = not any(trouble.reason in UNREADY for trouble in troubles)
        told = {
            "ready": is_ready,
            "reasons": [
                {"reason": trouble.reason.value, "about": str(trouble.about)}
                if trouble.about
                else {"reason": trouble.reason.value}
                for trouble in troubles
            ],
        }
        return _page(200 if is_ready else 503, orjson.dumps(told, option=orjson.OPT_APPEND_NEWLINE), _JSON)

    def _metrics(self) -> web.Response:
        return _page(200, self._exposition.text(), _TEXT)


def _page(status: int, body: bytes, kind: str = "text/plain; charset=utf-8") -> web.Response:
    headers = {"Content-Type": kind, "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    return web.Response(status=status, body=body, headers=headers)


def _is_local(host: str) -> bool:
    """Whether a `Host` names this machine."""
    name = host if host.endswith("]") else host.rpartition(":")[0] or host
    try:
        return ip_address(name.removeprefix("[").removesuffix("]")).is_loopback
    except ValueError:
        return name.lower() in {"localhost", "localhost."}
