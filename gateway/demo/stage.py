"""The stage: a backend on loopback, a real gateway in front of it, and the trackers' requests sent through both.

The gateway is the one that `gateway run` serves with: same handler, same pipeline, same sockets. What differs is that
the pipeline is watched: each change is noted with its values, in memory, because this visitor does not exist.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.resources import as_file, files
from types import TracebackType
from typing import Final, Self

import aiohttp
from aiohttp import web
from yarl import URL

from gateway import config, log
from gateway.core import pipeline
from gateway.core.limits import Budget, Limits
from gateway.core.message import Headers, Inbound
from gateway.core.outcome import Outcome, Refuse, Send
from gateway.demo.recorded import TRACKERS, Request
from gateway.proxy.routes import Plan, Route
from gateway.proxy.server import Gateway, Listening, bind
from gateway.ruleset.judge import Change
from gateway.ruleset.loading import load_rules
from gateway.ruleset.program import Program
from gateway.ruleset.request import Request as Work
from gateway.trackers.loading import load_trackers

LOOPBACK: Final = "127.0.0.1"
RULES: Final = "rules.yaml"
PATIENCE: Final = aiohttp.ClientTimeout(total=30)
_HOP: Final = ("host", "content-length", "connection", "transfer-encoding")


@dataclass(slots=True)
class Note:
    """What the gateway did with one request."""

    tracker: str = ""
    changes: list[Change] = field(default_factory=list)
    seconds: float = 0.0
    refused: str = ""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request on its way: as it was sent, as it arrived (or not), and what was done in between."""

    sent: Request
    got: Request | None
    note: Note
    status: int


class _Traced:
    """A Program whose works note their changes (`core.pipeline.Program`)."""

    def __init__(self, program: Program, changes: list[Change]) -> None:
        self._program = program
        self._changes = changes

    @property
    def digest(self) -> str:
        return self._program.digest

    @property
    def limits(self) -> Limits:
        return self._program.limits

    def begin(self, inbound: Inbound, budget: Budget) -> Work:
        return self._program.begin(inbound, budget, self._changes)


class Watched:
    """The pipeline as the handler calls it (`proxy.routes.Masker`), with a note of the last request."""

    def __init__(self, programs: dict[str, Program]) -> None:
        self._programs = programs
        self.note = Note()

    def mask(self, inbound: Inbound) -> Outcome:
        """The very pipeline; nothing is decided here."""
        note = self.note = Note()
        traced = _Traced(self._programs[inbound.route], note.changes)
        begun = time.perf_counter()
        outcome = pipeline.mask(inbound, traced, time.thread_time)
        note.seconds = time.perf_counter() - begun
        if isinstance(outcome, Send):
            note.tracker = outcome.report.tracker
        elif isinstance(outcome, Refuse):
            note.tracker, note.refused = outcome.tracker, outcome.reason.value
        return outcome


class Stage:
    """Inside the `async with` block everything is up; `replay` sends through it."""

    def __init__(self, programs: dict[str, Program] | None = None) -> None:
        self._watched = Watched(programs or make_programs())
        self._arrived: list[Request] = []

    async def __aenter__(self) -> Self:
        listening = bind((LOOPBACK, 0))
        self._backend = web.Server(self._take, auto_decompress=False, access_log=None)
        self._server = await asyncio.get_running_loop().create_server(self._backend, sock=listening)
        origin = f"http://{LOOPBACK}:{listening.getsockname()[1]}"
        routes = tuple(Route(name=name, upstream=f"{origin}/{name}", path=f"/{name}/") for name in TRACKERS)
        self._gateway = Gateway(Listening((LOOPBACK, 0)), Plan(masker=self._watched, routes=routes), emit=log.emit)
        await self._gateway.start()
        self._session = aiohttp.ClientSession(
            auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False, timeout=PATIENCE
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()
        await self._gateway.stop(1)
        self._server.close()
        await self._backend.shutdown(0)

    async def replay(self, requests: Iterable[Request]) -> list[Exchange]:
        """Sends requests one after the other, and says of each what arrived."""
        return [await self.send(request) for request in requests]

    async def send(self, request: Request) -> Exchange:
        """One request through the gateway. One at a time: what arrives is then this one's."""
        self._arrived.clear()
        self._watched.note = Note()
        host, port = self._gateway.address
        fields = [(name, value) for name, value in request.headers if name.lower() not in _HOP]
        async with self._session.request(
            request.method,
            URL(f"http://{host}:{port}{request.target}", encoded=True),
            headers=fields,
            data=request.body or None,
            allow_redirects=False,
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
        ) as answer:
            await answer.read()
        return Exchange(request, self._arrived[0] if self._arrived else None, self._watched.note, answer.status)

    async def _take(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        headers = Headers((name.decode("latin-1"), value.decode("latin-1")) for name, value in request.raw_headers)
        self._arrived.append(Request(request.method, request.raw_path, headers, body))
        return web.json_response({})


def make_programs(name: str = RULES) -> dict[str, Program]:
    """The default rules and those of a file of this package, for each route; every tracker is recognised by itself."""
    trackers = load_trackers(config.tracker_paths(), config.read_text)
    with as_file(files(__package__).joinpath(name)) as path:
        rules = load_rules(
            [path.name], path.parent, config.built_in_rules(), config.read_text, config.known_names(trackers)
        )
    key = secrets.token_bytes(config.KEY_SIZE)
    today = datetime.now(UTC).date()
    program = Program(rules, trackers, key=key, today=today, clock=time.monotonic)
    return dict.fromkeys(TRACKERS, program)
