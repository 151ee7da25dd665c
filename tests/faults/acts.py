"""The kinds of faults: functions that give what a `Fault` does inside its `with` block."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager

from tests.faults.backend import Manner
from tests.faults.cell import Acted, Cell
from tests.faults.certificates import Certificates
from tests.faults.toxic import Proxy, Toxic
from tests.faults.traffic import Habit

Act = Callable[[Cell], AbstractAsyncContextManager[Acted]]
Deed = Callable[[Cell], Awaitable[None]]


def poisoned(
    where: Callable[[Cell], Proxy],
    to_target: Callable[[], Toxic] | None = None,
    to_client: Callable[[], Toxic] | None = None,
) -> Act:
    """A toxic in one direction, or in both, of one of the two proxies."""

    @asynccontextmanager
    async def act(cell: Cell) -> AsyncIterator[Acted]:
        proxy, toxics = where(cell), [one() if one else Toxic() for one in (to_target, to_client)]
        proxy.poison(*toxics)
        yield lambda: sum(one.acted for one in toxics)
        proxy.poison()

    return act


def to_backend(there: Callable[[], Toxic] | None = None, back: Callable[[], Toxic] | None = None) -> Act:
    return poisoned(lambda cell: cell.way, there, back)


def to_visitors(there: Callable[[], Toxic] | None = None, back: Callable[[], Toxic] | None = None) -> Act:
    return poisoned(lambda cell: cell.front, there, back)


def together(*acts: Act) -> Act:
    """Several at once; they have acted once each has."""

    @asynccontextmanager
    async def act(cell: Cell) -> AsyncIterator[Acted]:
        async with AsyncExitStack() as stack:
            counts = [await stack.enter_async_context(one(cell)) for one in acts]
            yield lambda: min(count() for count in counts)

    return act


def leaving(upto: int | None, *, waits: float = 0.0) -> Act:
    """Visitors who leave in the middle."""

    @asynccontextmanager
    async def act(cell: Cell) -> AsyncIterator[Acted]:
        cell.crowd.habit = habit = Habit(upto, waits=waits)
        yield lambda: habit.acted
        cell.crowd.habit = None

    return act


def behaving(manner: Callable[[], Manner]) -> Act:
    """A backend with another manner; connections that there are feel it too."""

    @asynccontextmanager
    async def act(cell: Cell) -> AsyncIterator[Acted]:
        now = manner()
        cell.backend.behave(now)
        if not now.greets:
            cell.way.cut()
        yield lambda: now.acted
        cell.backend.behave()

    return act


def showing(context: Callable[[Certificates], object], *, times: int = 1) -> Act:
    """A backend with another certificate, `times` different ones in turn; None speaks plain HTTP."""

    @asynccontextmanager
    async def act(cell: Cell) -> AsyncIterator[Acted]:
        doors = [await cell.backend.door(context(cell.certificates)) for _ in range(times)]  # type: ignore[arg-type]
        before = len(cell.way.links)

        async def turn() -> None:
            for door in doors:
                cell.way.aim(door)
                await asyncio.sleep(1.2 / times)

        task = asyncio.create_task(turn())
        yield lambda: len(cell.way.links) - before
        await task
        cell.way.aim(cell.doors["good"])

    return act


def doing(deed: Deed, *, times: int = 1, pause: float = 0.35) -> Act:
    """Something that is done a few times while the visit goes on. It has acted once it is all done."""

    @asynccontextmanager
    async def act(cell: Cell) -> AsyncIterator[Acted]:
        done = 0

        async def do() -> None:
            nonlocal done
            for _ in range(times):
                await asyncio.sleep(pause)
                await deed(cell)
                done += 1

        cell.process.is_watched = False
        task = asyncio.create_task(do())
        yield lambda: done if done == times or task.done() else 0
        await task
        cell.process.is_watched = True

    return act


def lasting(begin: Deed, end: Deed) -> Act:
    """A state of the machine that lasts for a while."""

    @asynccontextmanager
    async def act(cell: Cell) -> AsyncIterator[Acted]:
        await begin(cell)
        yield lambda: 1
        await end(cell)

    return act


async def nothing(_cell: Cell) -> None:
    """For faults that lie in the configuration."""
