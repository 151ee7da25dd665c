"""What could not be read, raw and sealed, for rules that can: the one place at rest that holds what a visitor sent.

Off unless a route says `unreadable: quarantine`. A file of its own beside the spool's, under keys of its own; what is
too old is wiped: deleted, overwritten, and gone from the log. The label's program is the reason of the refusal.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import struct
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Final

from gateway.core.errors import Reason
from gateway.core.message import Headers, Inbound
from gateway.spool.database import COLUMNS, OVERHEAD, connect, create, pack, transaction, unpack
from gateway.spool.ledger import Clock
from gateway.spool.seal import Damaged, Label, Sealer, UnknownKey

_LENGTH: Final = struct.Struct(">I")


def quarantine_path(spool: Path) -> Path:
    """Where the quarantine of a spool is: `spool.db` has `spool-quarantine.db` beside it."""
    return spool.with_name(f"{spool.stem}-quarantine{spool.suffix}")


class Pen:
    """The file, opened. Blocking; one thread at a time. `limit` in bytes as sealed, `keep` in seconds."""

    def __init__(self, path: Path, sealer: Sealer, *, limit: int, keep: float) -> None:
        create(path)
        self._db = connect(path)
        self._db.execute("PRAGMA secure_delete = ON")
        self._sealer = sealer
        self._limit = limit
        self._keep = keep
        self._clock = Clock()

    def close(self) -> None:
        """Closes it."""
        self._db.close()

    def add(self, inbound: Inbound, reason: Reason) -> bool:
        """Stores one request; False where there is no room, or the disk fails."""
        try:
            with transaction(self._db):
                size = self._one("SELECT coalesce(sum(bytes), 0) FROM totals")
                last = self._one("SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'records'), 0)")
                label = Label(last + 1, inbound.route, b"", round(self._clock() * 1000), reason.value)
                sealed = self._sealer.seal(label, _write(inbound))
                if size + len(sealed.data) + OVERHEAD > self._limit:
                    return False
                values = pack(label, sealed)
                self._db.execute(f"INSERT INTO records ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)  # noqa: S608 - all of it is ours
        except sqlite3.Error:
            return False
        return True

    def requests(self) -> Iterator[tuple[int, Inbound, str]]:
        """Position, request and reason of everything that opens, oldest first. What doesn't is left to its time."""
        positions = [row[0] for row in self._db.execute("SELECT position FROM records ORDER BY position")]
        for position in positions:
            row = self._db.execute(f"SELECT {COLUMNS} FROM records WHERE position = ?", (position,)).fetchone()  # noqa: S608 - all of it is ours
            if row is None:
                continue
            label, sealed = unpack(row)
            with suppress(Damaged, UnknownKey):
                yield position, read_request(label.route, self._sealer.open(label, sealed)), label.program

    def remove(self, position: int) -> None:
        """Wipes one request."""
        self._db.execute("DELETE FROM records WHERE position = ?", (position,))

    def tidy(self) -> None:
        """Wipes what is too old."""
        with suppress(sqlite3.Error):  # tried again soon
            oldest = round((self._clock() - self._keep) * 1000)
            if self._db.execute("DELETE FROM records WHERE at < ?", (oldest,)).rowcount:
                self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def held(self) -> tuple[int, int]:
        """How many requests there are, and their bytes as sealed."""
        with suppress(sqlite3.Error):
            return self._one("SELECT count(*) FROM records"), self._one("SELECT coalesce(sum(bytes), 0) FROM totals")
        return 0, 0

    def _one(self, query: str) -> int:
        return int(self._db.execute(query).fetchone()[0])


class Quarantine:
    """A `Pen` for an event loop: a thread of its own does all I/O."""

    def __init__(self, path: Path, sealer: Sealer, *, limit: int, keep: float) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="quarantine")
        self._given = path, sealer, limit, keep
        self._pen: Pen | None = None
        self.held = (0, 0)  # requests and bytes, as they were counted last

    async def add(self, inbound: Inbound, reason: Reason) -> bool:
        """Stores one request; True once it is on disk."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._add, inbound, reason)

    async def tidy(self) -> None:
        """Wipes what is too old."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._tidy)

    async def close(self) -> None:
        """Closes the file."""
        if self._pen is not None:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._pen.close)
        self._thread.shutdown(wait=False)

    def _opened(self) -> Pen:
        if self._pen is None:
            path, sealer, limit, keep = self._given
            self._pen = Pen(path, sealer, limit=limit, keep=keep)
        return self._pen

    def _add(self, inbound: Inbound, reason: Reason) -> bool:
        pen = self._opened()
        is_kept = pen.add(inbound, reason)
        self.held = pen.held()
        return is_kept

    def _tidy(self) -> None:
        if self._pen is not None or self._given[0].exists():
            pen = self._opened()
            pen.tidy()
            self.held = pen.held()


def _write(inbound: Inbound) -> bytes:
    head = json.dumps(
        {
            "method": inbound.method,
            "target": inbound.target,
            "headers": list(inbound.headers),
            "host": inbound.host,
            "client": inbound.client,
        }
    ).encode()
    return b"".join((_LENGTH.pack(len(head)), head, inbound.body))


def read_request(route: str, plain: bytes) -> Inbound:
    """A request as it came. `Damaged` where the bytes are none."""
    try:
        (length,) = _LENGTH.unpack_from(plain)
        end = _LENGTH.size + length
        head = json.loads(plain[_LENGTH.size : end])
        headers = Headers((name, value) for name, value in head["headers"])
        return Inbound(
            head["method"], head["target"], headers, plain[end:], head["host"], client=head["client"], route=route
        )
    except (struct.error, ValueError, KeyError, TypeError):
        raise Damaged from None
