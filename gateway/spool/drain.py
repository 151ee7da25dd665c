"""Takes records out: each route by itself, its lanes side by side, each lane in order, until its backend has them all.

    idle ── a record waits ──▶ probing (one at a time) ── taken ──▶ draining (a few at a time)
                                   ▲ ── not taken: wait, longer each time, at most a second ──┐
                                   └──────────────────────────────────────────────────────────┘

Delivered at least once: a record is removed after the backend's answer, so a crash in between sends it again, with the
same bytes. While a route is away, new requests of it need not try the backend: `is_away` says so.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from gateway.spool.store import Claimed, Dropped, Store

LANES: Final = 8
"""How many records of a route are on their way at once."""

FIRST_SECONDS: Final = 0.1
LONGEST_SECONDS: Final = 1.0
"""Between attempts while a backend is away. One small request a second is no burden, and the first delivery comes
within two seconds of its return."""

LANE_SECONDS: Final = 60.0
"""At most, between attempts of a lane whose head the backend answers with an error of its own (500)."""

LATER_LANES: Final = 32
"""With this many such lanes the backend counts as away."""

TIDY_SECONDS: Final = 2.0
IDLE_SECONDS: Final = 1.0
STOP_SECONDS: Final = 2.0
RETRY_AFTER_AT_MOST: Final = 3600.0


class Fate(Enum):
    """What became of one attempt."""

    TAKEN = auto()
    AWAY = auto()  # the backend is down, slow or overloaded: nothing of the route gets through
    LATER = auto()  # the backend is there and failed on this one
    NEVER = auto()  # it will never be taken: dropped and counted


@dataclass(frozen=True, slots=True)
class Attempt:
    """The fate of one record, in how many seconds to try again where the backend said so, and why it was dropped."""

    fate: Fate
    after: float | None = None
    reason: Dropped = Dropped.ANSWER


Deliver = Callable[[Claimed], Awaitable[Attempt]]


class Drain:
    """Delivers what waits in `store` by `deliver`, for the routes that `routes` names at the time."""

    def __init__(
        self,
        store: Store,
        deliver: Deliver,
        routes: Callable[[], Collection[str]],
        *,
        revoked: Callable[[], Collection[str]] = tuple,
        chance: Callable[[float, float], float] = random.uniform,
    ) -> None:
        """`revoked` are the beginnings of digests whose records must not go out; `chance` spreads attempts."""
        self.store = store
        self.deliver = deliver
        self.chance = chance
        self._routes = routes
        self._revoked = revoked
        self._running: dict[str, _RouteDrain] = {}

    def is_away(self, route: str) -> bool:
        """Whether the route's backend was away at the last attempt, and a record waits that will try it again."""
        return route in self._running and self._running[route].is_away

    def away(self, route: str, after: float | None = None) -> None:
        """Tells that a request found the backend away (and, of its Retry-After, for how long)."""
        self._of(route).back_off(after)

    def wake(self, route: str) -> None:
        """Tells that a record of the route was appended."""
        self._of(route).wake.set()

    def serves(self, route: str) -> bool:
        """Whether the route is configured."""
        return route in self._routes()

    def is_revoked(self, claimed: Claimed) -> bool:
        """Whether the program that masked it may no longer speak."""
        return claimed.entry.masked.program_digest.startswith(tuple(self._revoked()))

    async def run(self) -> None:
        """Until cancelled. What is on its way then is waited for briefly; the rest goes out after the next start."""
        try:
            while True:
                for route in self._routes():
                    self._of(route)
                await self.store.tidy()
                await self._open_strangers()
                await asyncio.sleep(TIDY_SECONDS)
        finally:
            await asyncio.gather(*(one.stop() for one in self._running.values()))

    async def _open_strangers(self) -> None:
        """Opens the heads of routes that are not configured, so that damaged ones are found; the others wait."""
        for route in set(self.store.numbers.waiting) - set(self._routes()):
            for claimed in await self.store.claim(route, LANES):
                await self.store.release(claimed)

    def _of(self, route: str) -> _RouteDrain:
        if route not in self._running:
            self._running[route] = _RouteDrain(route, self)
        return self._running[route]


class _RouteDrain:
    """One route's share of the drain."""

    def __init__(self, route: str, drain: Drain) -> None:
        self.wake = asyncio.Event()
        self.is_away = False
        self._route = route
        self._drain = drain
        self._loop = asyncio.get_running_loop()
        self._failures = 0
        self._until = 0.0
        self._under_way: set[asyncio.Task[None]] = set()
        self._later: dict[bytes, asyncio.Task[None]] = {}  # lanes that are held until it is their time again
        self._setbacks: dict[bytes, int] = {}
        self._task = self._loop.create_task(self._run())

    async def stop(self) -> None:
        """Claims nothing more; waits a little for what is on its way."""
        self._task.cancel()
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=STOP_SECONDS)
        rest = [self._task, *self._under_way, *self._later.values()]
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)

    def back_off(self, after: float | None = None) -> None:
        """The backend is away: nothing is tried for a while, longer each time."""
        now = self._loop.time()
        if now >= self._until or not self.is_away:
            self._failures += 1
        longest = min(FIRST_SECONDS * 2 ** min(self._failures, 16), LONGEST_SECONDS)
        pause = max(self._drain.chance(longest / 2, longest), min(after or 0.0, RETRY_AFTER_AT_MOST))
        self._until = max(self._until, now + pause)
        self.is_away = True

    async def _run(self) -> None:
        while True:
            self.wake.clear()
            pause = self._until - self._loop.time()
            if pause > 0:
                await asyncio.sleep(pause)
                continue
            room = (1 if self.is_away else LANES) - len(self._under_way)
            if room > 0 and self._drain.serves(self._route):
                claimed = await self._drain.store.claim(self._route, room)
                for one in claimed:
                    self._start(one)
                if claimed:
                    continue
                if not self._under_way and not self._later:
                    self.is_away = False  # nothing waits: the next request tries
                    self._failures = 0
            with suppress(TimeoutError):
                async with asyncio.timeout(IDLE_SECONDS):
                    await self.wake.wait()

    def _start(self, claimed: Claimed) -> None:
        task = self._loop.create_task(self._attempt(claimed))
        self._under_way.add(task)
        task.add_done_callback(self._finish)

    def _finish(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self.wake.set()

    async def _attempt(self, claimed: Claimed) -> None:
        store, lane = self._drain.store, claimed.entry.lane
        if self._drain.is_revoked(claimed):
            await store.drop(claimed, Dropped.REVOKED)
            return
        try:
            attempt = await self._drain.deliver(claimed)
        except BaseException:
            self._hold(claimed)  # a defect of ours: this lane waits, the others go on
            raise
        if attempt.fate is Fate.AWAY or (attempt.fate is Fate.LATER and len(self._later) >= LATER_LANES):
            await store.release(claimed)
            self.back_off(attempt.after)
            return
        self.is_away = False
        self._failures = 0
        if attempt.fate is Fate.LATER:
            self._hold(claimed, attempt.after)
            return
        self._setbacks.pop(lane, None)
        if attempt.fate is Fate.TAKEN:
            await store.done(claimed)
        else:
            await store.drop(claimed, attempt.reason)

    def _hold(self, claimed: Claimed, after: float | None = None) -> None:
        """Keeps a lane for a while, longer each time, and lets go of it then."""
        lane = claimed.entry.lane
        count = self._setbacks[lane] = self._setbacks.get(lane, 0) + 1
        longest = min(FIRST_SECONDS * 2 ** min(count, 16), LANE_SECONDS)
        pause = max(self._drain.chance(longest / 2, longest), min(after or 0.0, RETRY_AFTER_AT_MOST))
        self._later[lane] = self._loop.create_task(self._let_go(claimed, pause))

    async def _let_go(self, claimed: Claimed, pause: float) -> None:
        await asyncio.sleep(pause)
        del self._later[claimed.entry.lane]
        await self._drain.store.release(claimed)
        self.wake.set()
