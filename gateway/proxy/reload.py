"""Watches files and takes what is new in them. A reload takes all of the new or keeps all of the old.

Looks once a second at time, size and inode of each file: works on every file system and through the renames and
symbolic links with which editors, certbot and Kubernetes replace files. After a failure it tries again at each look,
since the file that is wrong may be one that only the new configuration names; the same line is told once. A new day is
a change too: allowances in rule files end by the day.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path

from gateway.core.errors import UserError

Stamp = tuple[int, int, int] | None


def stamp(path: Path) -> Stamp:
    """What tells one version of a file from the next; None where it isn't there."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


class Watcher[T]:
    """Calls `load` in a thread when one of `paths()` changed, and on `poke`; `take` gets what it made, on the loop.

    `load` raises `UserError` where the files are wrong; `complain` gets it.
    """

    def __init__(
        self,
        paths: Callable[[], Iterable[Path]],
        load: Callable[[], T],
        take: Callable[[T], None],
        complain: Callable[[UserError], None],
        *,
        every: float = 1.0,
    ) -> None:
        self._paths = paths
        self._load = load
        self._take = take
        self._complain = complain
        self._every = every
        self._poked = asyncio.Event()
        self._turn = asyncio.Lock()
        self._told = ""
        self._seen = self._stamps()
        self._day = self._today()

    def poke(self) -> None:
        """Reloads at once, whether or not a file changed (SIGHUP)."""
        self._poked.set()

    async def run(self) -> None:
        """Looks until cancelled."""
        while True:
            try:
                async with asyncio.timeout(self._every):
                    await self._poked.wait()
            except TimeoutError:
                pass
            await self.look()

    async def look(self) -> None:
        """One look. What changes while it is read is read again at the next one."""
        if self._is_news():
            with suppress(UserError):  # told already
                await self.look_now()

    async def look_now(self) -> None:
        """The same, and raises `UserError` where what is there is wrong, and the old stays."""
        async with self._turn:
            if self._is_news():  # else another look took it already
                await self._read(self._stamps(), self._today())

    def _is_news(self) -> bool:
        is_other = (self._stamps(), self._today()) != (self._seen, self._day)
        return is_other or bool(self._told) or self._poked.is_set()

    async def _read(self, now: dict[Path, Stamp], day: date) -> None:
        self._poked.clear()
        self._seen, self._day = now, day
        try:
            fresh = await asyncio.to_thread(self._load)
        except UserError as error:
            if self._told != str(error):
                self._complain(error)
            self._told = str(error)
            raise
        self._told = ""
        self._take(fresh)
        self._seen = {path: now.get(path, stamp) for path, stamp in self._stamps().items()}

    @staticmethod
    def _today() -> date:
        return datetime.now(UTC).date()

    def _stamps(self) -> dict[Path, Stamp]:
        return {path: stamp(path) for path in self._paths()}
