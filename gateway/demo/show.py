"""The demo from start to end: up with the stage, the visit through it, the verdict; and the page, until it is ended.

The page is served on loopback to this machine's browsers alone: a request must name a loopback host, so that no other
site reaches it by renaming itself, and `try` answers the page's own origin only.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from socket import socket
from typing import Any, Final
from urllib.parse import quote

from aiohttp import web

from gateway.core.message import Headers
from gateway.demo.evidence import Result, Verdict, judge, weigh
from gateway.demo.page import POLICY, make_page
from gateway.demo.recorded import TRACKERS, Request, load_persona, load_traffic
from gateway.demo.stage import LOOPBACK, Exchange, Stage
from gateway.demo.terminal import name_of_rule
from gateway.monitor.decoder import read

LONGEST_TEXT: Final = 400
_OFF_PAGE: Final = 4_000_000  # the id of no recorded node
_STAMP: Final = 1_795_509_500_000

# where the text is put → rrweb's number of the event, its data, and the way back
OWN: Final[Mapping[str, tuple[int, Callable[[str], Any], Callable[[Any], Any]]]] = {
    "typed": (
        3,
        lambda text: {"source": 5, "text": text, "isChecked": False, "id": _OFF_PAGE},
        lambda data: data["text"],
    ),
    "console": (
        6,
        lambda text: {
            "plugin": "rrweb/console@1",
            "payload": {"level": "log", "trace": [], "payload": [json.dumps(text)]},
        },
        lambda data: data["payload"]["payload"][0],
    ),
    "address": (
        4,
        lambda text: {"href": f"https://almas-bakery.example/search?q={quote(text)}", "width": 1100, "height": 900},
        lambda data: data["href"],
    ),
}


@dataclass(frozen=True, slots=True)
class Shown:
    """What the visit came to. `page` is the document, `nonce` what its script runs by."""

    results: list[Result]
    verdict: Verdict
    seconds: float
    page: str
    nonce: str


async def run(stage: Stage) -> Shown:
    """The visit, through a stage that is up."""
    facts = load_persona()
    begun = time.perf_counter()
    visits = [(name, title, await stage.replay(load_traffic(name))) for name, title in TRACKERS.items()]
    seconds = time.perf_counter() - begun
    results = [judge(name, title, exchanges, facts) for name, title, exchanges in visits]
    verdict = weigh(results)
    nonce = secrets.token_urlsafe(16)
    return Shown(results, verdict, seconds, make_page(results, verdict, nonce), nonce)


async def serve_page(
    stage: Stage, shown: Shown, bound: socket, ready: Callable[[], None], ended: asyncio.Event
) -> None:
    """Serves the page on a bound address until `ended`."""
    pages = web.Server(_Pages(stage, shown, bound.getsockname()[1]).answer, access_log=None)
    server = await asyncio.get_running_loop().create_server(pages, sock=bound)
    ready()
    try:
        await ended.wait()
    finally:
        server.close()
        await pages.shutdown(0)


class _Pages:
    def __init__(self, stage: Stage, shown: Shown, port: int) -> None:
        self._stage = stage
        self._shown = shown
        self._hosts = frozenset({f"{LOOPBACK}:{port}", f"localhost:{port}"})
        self._turn = asyncio.Lock()
        self._headers = {
            "Content-Security-Policy": POLICY.format(nonce=shown.nonce),
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-store",
        }

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """The page, or what the backend got of somebody's own text."""
        if request.headers.get("Host", "") not in self._hosts:
            return web.Response(status=421, text="This page is for this machine's own browsers.\n")
        match request.method, request.path:
            case "GET" | "HEAD", "/":
                return web.Response(text=self._shown.page, content_type="text/html", headers=self._headers)
            case "POST", "/try" if self._is_own(request):
                return await self._try(request)
        return web.Response(status=404, text="Nothing here.\n")

    def _is_own(self, request: web.BaseRequest) -> bool:
        origin = request.headers.get("Origin", "")
        return origin.removeprefix("http://") in self._hosts and request.content_type == "application/json"

    async def _try(self, request: web.BaseRequest) -> web.Response:
        try:
            text = str((await request.json())["text"])[:LONGEST_TEXT]
        except (ValueError, KeyError, TypeError):
            return web.Response(status=400, text='Send {"text": "…"}.\n')
        async with self._turn:
            told = {name: what_came(await self._stage.send(own_request(name, text))) for name in OWN}
        return web.json_response(told, headers={"Cache-Control": "no-store"})


def own_request(name: str, text: str) -> Request:
    """Somebody's own text as rrweb would record it.

    Each way of `OWN` is a session of its own: what is typed into a field is gone from the whole of its session, and a
    console line would have nothing left to show of its own rules.
    """
    kind, make, _ = OWN[name]
    event = {"type": kind, "data": make(text), "timestamp": _STAMP}
    body = json.dumps({"sessionId": f"your-turn-{name}", "windowId": name, "events": [event]}).encode()
    return Request("POST", "/rrweb/events", Headers([("Content-Type", "application/json")]), body)


def what_came(exchange: Exchange) -> dict[str, str]:
    """The text as it arrived, and the rules that changed it."""
    if exchange.got is None:
        return {"text": "refused", "rules": exchange.note.refused}
    (event,) = read(exchange.got.target, exchange.got.headers, exchange.got.body).root["events"]
    kind = next(name for name, (number, _, _) in OWN.items() if number == event["type"])
    rules = dict.fromkeys(name_of_rule(change.rule) for change in exchange.note.changes)
    return {"text": str(OWN[kind][2](event["data"])), "rules": ", ".join(rules)}
