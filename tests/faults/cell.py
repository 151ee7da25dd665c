"""One cell of the matrix: a gateway, its visitors and its backend; a fault while the backend is up, down, or comes and goes.

    visitors ─TLS─▶ front (toxics) ─▶ gateway run ─▶ way (toxics) ─TLS─▶ backend

The visit begins, the fault comes, acts at least once, and goes; then the backend is there for good, and within the patience
the invariant must hold. Nothing is said of how fast.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sqlite3
import ssl
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from gateway.cli.certs import make
from tests.faults.backend import Backend
from tests.faults.certificates import Certificates
from tests.faults.invariant import Counted, breaches, count, waiting
from tests.faults.process import Ended, Process
from tests.faults.toxic import Proxy
from tests.faults.traffic import PREFIX, SESSIONS, Crowd

State = Literal["up", "down", "flapping"]
STATES: tuple[State, ...] = get_args(State)

# seconds: without the fault, with it (where the backend is down first, then up again), and after it
BEFORE, FIRST, SECOND, AFTER = 0.3, 0.8, 0.9, 0.3
FLAP = 0.25
HELD_UP = 3.0
"""Seconds after which a fault that lets no request through has been seen to do so."""
PATIENCE = 60.0
"""Seconds until what should happen has happened, on the slowest machine."""

Acted = Callable[[], int]


@dataclass(frozen=True)
class Fault:
    """One row: what is done to whom. `act` does it inside its `with` block and gives how often it has acted so far."""

    name: str
    told: str
    act: Callable[[Cell], AbstractAsyncContextManager[Acted]]
    needs: tuple[str, ...] = ()
    """What the machine must offer, as named in `needs.py`."""
    wrapper: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    """Of the process; `{home}` stands for its folder."""
    prepare: Callable[[Path], None] = lambda _home: None
    """Done to the folder before the process starts."""
    spool: Mapping[str, str] = field(default_factory=dict)
    """Keys of `spool` that are otherwise than usual."""
    delivery: Literal["inline", "queued"] = "inline"
    """Of the route: with `queued`, every event goes by the spool."""
    may_die: bool = False
    """The process may end under it; it must then start again and go on."""
    host: str = "127.0.0.1"
    """The backend's name in gateway.yaml."""


@dataclass(frozen=True)
class Result:
    """One cell as it went. It held where `broken` is empty."""

    fault: str
    state: State
    counted: Counted
    acted: int
    deaths: int
    broken: tuple[str, ...]
    seconds: float


@dataclass
class Cell:
    """What a fault may lay hands on."""

    home: Path
    state: State
    backend: Backend
    certificates: Certificates
    way: Proxy
    front: Proxy
    process: Process
    crowd: Crowd
    doors: dict[str, int]
    deaths: int = 0
    """How often the process was ended with deliveries under way, by us or by the fault."""
    harmed: int = 0
    """Records that were harmed on disk: they may be lost, never altered."""
    is_reverted: bool = False
    """The spool's file was set back: what was delivered meanwhile may come again."""
    remarks: list[str] = field(default_factory=list)
    """What a fault itself found not to hold."""

    async def begin(self) -> None:
        """Starts the gateway and leads its visitors to it."""
        await self.process.start()
        self.front.aim(self.process.port)
        await self.front.open()

    async def restart(self) -> None:
        """As a service manager does once the process has ended."""
        await self.process.ends()
        await self.begin()


def write_configuration(home: Path, port: int, certificates: Certificates, fault: Fault) -> None:
    settings = {
        "listen": "127.0.0.1:0",
        "routes": [
            {
                "path": f"{PREFIX}/",
                "tracker": "posthog",
                "upstream": f"https://{fault.host}:{port}",
                "upstream_ca": certificates.file.name,
                "delivery": fault.delivery,
            }
        ],
        "masking_key": "file:masking.key",
        "spool": {"path": "var/spool.db", "key": "file:spool.key", "limit": "64MiB", "keep": "72h", **fault.spool},
    }
    (home / "gateway.yaml").write_text(json.dumps(settings, indent=1))  # JSON is YAML
    for name, digits in (("masking.key", "c3"), ("spool.key", "5a")):
        (home / name).write_text(digits * 32 + "\n")
        (home / name).chmod(0o600)
    (home / "var").mkdir()


@asynccontextmanager
async def stage(fault: Fault, state: State, home: Path) -> AsyncIterator[Cell]:
    """Everything but the gateway runs; the backend is as `state` begins."""
    certificates, backend, front, way = Certificates(home), Backend(), Proxy(), Proxy()
    make(home / "certs", ["localhost", "127.0.0.1"])
    write_configuration(home, way.port, certificates, fault)
    doors = {"good": await backend.door(certificates.good())}
    way.aim(doors["good"])
    tls = ssl.create_default_context(cafile=str(home / "certs" / "ca.pem"))
    fault.prepare(home)
    environment = {name: value.format(home=home) for name, value in fault.environment.items()}
    process = Process(home, wrapper=fault.wrapper, environment=environment)
    cell = Cell(home, state, backend, certificates, way, front, process, Crowd(front.port, tls), doors)
    try:
        yield cell
    finally:
        process.kill()
        await front.close()
        await way.close()
        await backend.close()


async def play(fault: Fault, state: State, home: Path) -> Result:
    """Plays one cell in an empty folder."""
    begun = time.monotonic()
    async with stage(fault, state, home) as cell:
        if state != "down":
            await cell.way.open()
        await cell.begin()
        tasks = [asyncio.create_task(_look_after(cell, fault))]
        cell.crowd.start()
        if state == "flapping":
            tasks.append(asyncio.create_task(_flap(cell.way)))
        await asyncio.sleep(BEFORE)
        seen = len(cell.crowd.sent)
        async with fault.act(cell) as acted:
            await asyncio.sleep(FIRST)
            if state == "down":
                await cell.way.open()
            await asyncio.sleep(SECOND)
            await holds(lambda: acted() > 0)
            # on a busy machine: a few requests shall have met it, unless it holds them all up
            await holds(lambda: len(cell.crowd.sent) - seen >= 3 * SESSIONS, HELD_UP)
            times = acted()
        for task in tasks[1:]:
            task.cancel()
        await cell.way.open()
        await asyncio.sleep(AFTER)
        await cell.crowd.stop()
        broken = await _settle(cell)
        tasks[0].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        broken += await _end(cell)
        deaths = cell.deaths + len(cell.process.deaths)
        broken += breaches(
            home,
            cell.crowd,
            cell.backend,
            cell.way,
            cell.process.written(),
            deaths=deaths,
            may_lose=cell.harmed,
            may_repeat=cell.is_reverted,
        )
        if cell.process.deaths and not fault.may_die:
            broken.append(f"the process died ({', '.join(map(str, cell.process.deaths))})")
        if not times:
            broken.append("the fault did not act: this cell shows nothing")
        broken += cell.remarks
        return Result(
            fault.name, state, count(cell.crowd, cell.backend), times, deaths, tuple(broken), time.monotonic() - begun
        )


def spooled(home: Path) -> int:
    """How many records wait in the spool's file."""
    with closing(sqlite3.connect(f"file:{home}/var/spool.db?mode=ro", uri=True, timeout=10)) as db:
        return int(db.execute("SELECT count(*) FROM records").fetchone()[0])


async def holds(condition: Callable[[], bool], patience: float = PATIENCE) -> bool:
    """Whether it comes true within the patience."""
    end = time.monotonic() + patience
    while not condition():
        if time.monotonic() > end:
            return False
        await asyncio.sleep(0.03)
    return True


async def _settle(cell: Cell) -> list[str]:
    """The fault is over: a fresh visitor is served, and what waits arrives."""
    end = time.monotonic() + PATIENCE
    served = False
    while not served and time.monotonic() < end:
        served = await cell.crowd.one_more()
        await asyncio.sleep(0.1)
    broken = [] if served else ["no visitor was served after the fault"]
    await holds(lambda: not waiting(cell.crowd, cell.backend) or (cell.harmed > 0 and not spooled(cell.home)))
    return broken


async def _end(cell: Cell) -> list[str]:
    if not cell.process.is_alive:
        return ["the process was not there at the end"]
    cell.process.signal(signal.SIGTERM)
    code = await cell.process.ends()
    broken = [] if code == 0 else [f"asked to end, it ended with code {code}"]
    if not await holds(lambda: not cell.process.left_behind()):
        broken.append("processes that it started outlived it")
    return broken


async def _flap(way: Proxy) -> None:
    while True:
        await asyncio.sleep(FLAP)
        await way.shut()
        await asyncio.sleep(FLAP)
        await way.open()


async def _look_after(cell: Cell, fault: Fault) -> None:
    """Starts the process again where it died of itself, as a service manager does."""
    while True:
        await asyncio.sleep(0.05)
        if cell.process.is_watched and not cell.process.is_alive:
            cell.process.deaths.append(await cell.process.ends())
            if len(cell.process.deaths) > 5 or not fault.may_die:
                return
            try:
                await cell.begin()
            except Ended:
                continue
