"""The embedded store: a thread of its own does all I/O, and what waits while it works shares the next commit.

    append ─┐
    done   ─┼─▶ pending ─▶ one transaction, one sync ─▶ every caller is told
    drop   ─┘

The event loop never waits for the disk; a call waits for the commit that holds it.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Final

from gateway.core.errors import UserError
from gateway.spool.database import Lock, Rescue, open_database
from gateway.spool.ledger import Append, Change, DamagedFile, Ledger, Remove
from gateway.spool.seal import Sealer
from gateway.spool.store import Claimed, Dropped, Entry, NotKept, Numbers, State

GROUP_SIZE: Final = 8 * 1024 * 1024
"""Bytes of bodies after which a group is committed though more are waiting: what waits longest comes first."""


class EmbeddedStore:
    """`Store` on this machine's disk. `told` hears of a damaged file that was set aside."""

    def __init__(
        self,
        path: Path,
        sealer: Sealer,
        *,
        limit: int,
        keep: float,
        told: Callable[[Rescue], None] = lambda _: None,
    ) -> None:
        """`limit` is in bytes as sealed, `keep` in seconds."""
        self._path = path
        self._sealer = sealer
        self._limit = limit
        self._keep = keep
        self._told = told
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="spool")
        self._pending: list[tuple[Change, asyncio.Future[bool]]] = []
        self._worker: asyncio.Task[None] | None = None
        self._coming: Counter[str] = Counter()  # appends under way, by route
        self._lock: Lock | None = None
        self._ledger: Ledger | None = None

    async def open(self) -> None:
        """See `Store.open`."""
        await self._in_thread(self._open)

    async def close(self) -> None:
        """See `Store.close`."""
        while self._worker is not None:
            await asyncio.wait([self._worker])
        await self._in_thread(self._close)
        self._thread.shutdown(wait=False)

    def use(self, sealer: Sealer, *, limit: int, keep: float) -> None:
        """Takes up other keys and bounds (a reload)."""
        self._sealer, self._limit, self._keep = sealer, limit, keep
        self._thread.submit(self._opened.use, sealer, limit, keep)

    async def append(self, entry: Entry, *, only_behind: bool = False) -> bool:
        """See `Store.append`."""
        if only_behind and not self.numbers.waiting.get(entry.route) and not self._coming[entry.route]:
            return False  # the usual case, without a step to the thread
        self._coming[entry.route] += 1
        try:
            return await self._change(Append(entry, only_behind))
        finally:
            self._coming[entry.route] -= 1

    async def claim(self, route: str, most: int) -> list[Claimed]:
        """See `Store.claim`."""
        if not self.numbers.waiting.get(route):
            return []
        return await self._in_thread(self._claim, route, most)

    async def done(self, claimed: Claimed) -> None:
        """See `Store.done`."""
        await self._change(Remove(claimed))

    async def drop(self, claimed: Claimed, reason: Dropped) -> None:
        """See `Store.drop`."""
        await self._change(Remove(claimed, reason))

    async def release(self, claimed: Claimed) -> None:
        """See `Store.release`."""
        await self._in_thread(self._opened.release, claimed)

    async def forget(self, lanes: Mapping[str, Collection[bytes]]) -> int:
        """See `Store.forget`."""
        return await self._in_thread(self._opened.forget, lanes)

    async def tidy(self) -> None:
        """See `Store.tidy`."""
        await self._in_thread(self._tidy)

    @property
    def numbers(self) -> Numbers:
        """See `Store.numbers`. FAILING before it is open."""
        if self._ledger is None:
            return Numbers(State.FAILING, 0, 0, self._limit, None, {}, {})
        return self._ledger.numbers

    # on the loop

    @property
    def _opened(self) -> Ledger:
        if self._ledger is None:
            raise RuntimeError("the store is not open")
        return self._ledger

    async def _in_thread[**P, R](self, work: Callable[P, R], *given: P.args, **more: P.kwargs) -> R:
        del more
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *given)

    def _change(self, change: Change) -> asyncio.Future[bool]:
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._pending.append((change, future))
        if self._worker is None:
            self._worker = asyncio.get_running_loop().create_task(self._work())
        return future

    async def _work(self) -> None:
        group: list[tuple[Change, asyncio.Future[bool]]] = []
        try:
            while self._pending:
                group = self._take_group()
                told = await self._in_thread(self._commit, [change for change, _ in group])
                for (_, future), one in zip(group, told, strict=True):
                    if future.cancelled():
                        continue
                    if isinstance(one, NotKept):
                        future.set_exception(one)
                    else:
                        future.set_result(one)
        except BaseException as defect:
            for _, future in (*group, *self._pending):
                if not future.done():
                    future.set_exception(defect)
            self._pending.clear()
            raise
        finally:
            self._worker = None

    def _take_group(self) -> list[tuple[Change, asyncio.Future[bool]]]:
        size, end = 0, 0
        for change, _ in self._pending:
            if size >= GROUP_SIZE:
                break
            size += len(change.entry.masked.request.body) if isinstance(change, Append) else 0
            end += 1
        group, self._pending = self._pending[:end], self._pending[end:]
        return group

    # in the thread

    def _open(self) -> None:
        lock = self._lock or Lock(self._path)
        try:
            db, rescue = open_database(self._path, self._sealer)
        except BaseException:
            lock.free()
            self._lock = None
            raise
        self._lock = lock
        self._ledger = Ledger(db, self._path, self._sealer, limit=self._limit, keep=self._keep)
        if rescue is not None:
            self._told(rescue)

    def _close(self) -> None:
        if self._ledger is not None:
            self._ledger.close()
        if self._lock is not None:
            self._lock.free()
        self._ledger = self._lock = None

    def _commit(self, changes: list[Change]) -> list[bool | NotKept]:
        try:
            return self._opened.commit(changes)
        except DamagedFile:
            self._reopen()
            return [NotKept(State.FAILING) if isinstance(change, Append) else False for change in changes]

    def _claim(self, route: str, most: int) -> list[Claimed]:
        try:
            return self._opened.claim(route, most)
        except DamagedFile:
            self._reopen()
            return []

    def _tidy(self) -> None:
        try:
            self._opened.tidy()
        except DamagedFile:
            self._reopen()

    def _reopen(self) -> None:
        """Sets a file aside that turned out damaged, and goes on with what of it can be read."""
        former = self._opened
        with suppress(sqlite3.Error):
            former.close()
        try:
            db, rescue = open_database(self._path, self._sealer)
        except UserError:
            return  # the next call tries again; until then nothing is accepted
        self._ledger = Ledger(db, self._path, self._sealer, limit=self._limit, keep=self._keep)
        self._ledger.take_over(former)
        if rescue is not None:
            self._told(rescue)
