"""What is done with the embedded store's file: append, claim, remove, count. Blocking; one thread at a time.

A commit that holds an append syncs the log before it returns, so what is acknowledged is on disk. Records of other
processes (`gateway spool` changes the same file) are met at the next claim.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from gateway.spool.database import BUSY_SECONDS, COLUMNS, OVERHEAD, Row, pack, transaction, unpack
from gateway.spool.seal import Damaged, Label, Sealer, UnknownKey, read, write
from gateway.spool.store import Claimed, Dropped, Entry, NotKept, Numbers, State

CLAIM_SIZE: Final = 16 * 1024 * 1024
"""Bytes of records that one claim brings into memory, but for its first."""

NEARLY: Final = 0.9
_SWEEP: Final = 500
_GIVEN_BACK: Final = 4096  # pages
_TRIAL_SIZE: Final = 128 * 1024
_DAMAGE: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_INSERT: Final = f"INSERT INTO records ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - a list of this program
_LANE_AGAIN: Final = """
INSERT INTO lanes SELECT route, lane, min(position), count(*) FROM records WHERE route = ? AND lane = ? GROUP BY 1, 2
"""
_BY_POSITION: Final = f"SELECT {COLUMNS} FROM records WHERE position = ?"  # noqa: S608 - all of it is ours


@dataclass(frozen=True, slots=True)
class Append:
    """One record to store; with `only_behind`, only where its lane has some."""

    entry: Entry
    only_behind: bool = False


@dataclass(frozen=True, slots=True)
class Remove:
    """One record to take out: delivered, or dropped for a reason."""

    claimed: Claimed
    reason: Dropped | None = None


Change = Append | Remove


class Clock:
    """Seconds since 1970 that no jump of the system's clock moves while the process runs."""

    def __init__(self) -> None:
        self._begun = time.time() - time.monotonic()

    def __call__(self) -> float:
        """Now."""
        return self._begun + time.monotonic()


class Ledger:
    """The file, opened. `limit` is in bytes as sealed, `keep` in seconds."""

    def __init__(self, db: sqlite3.Connection, path: Path, sealer: Sealer, *, limit: int, keep: float) -> None:
        """`db` is from `database.open_database`."""
        self.path = path
        self.limit = limit
        self.keep = keep
        self._db = db
        self._sealer = sealer
        self._clock = Clock()
        self._held: set[tuple[str, bytes]] = set()
        self._locked: set[tuple[str, bytes]] = set()  # their heads are sealed with a key that the ring lacks
        self._late: dict[int, Remove] = {}  # removals that could not be committed yet
        self._state = State.OK
        self._disk_is_low = False
        self.numbers = self._count()

    def close(self) -> None:
        """Folds the log into the file and closes it."""
        with suppress(sqlite3.Error):  # the log stays where that fails
            self._db.close()

    def use(self, sealer: Sealer, limit: int, keep: float) -> None:
        """Goes on with other keys and bounds (a reload)."""
        self._sealer, self.limit, self.keep = sealer, limit, keep
        self._locked.clear()

    def take_over(self, former: Ledger) -> None:
        """Goes on with what another one held of the same file."""
        self._held, self._late = former._held, former._late

    # changes

    def commit(self, changes: Sequence[Change]) -> list[bool | NotKept]:
        """Applies changes in one transaction, in order. For each: whether it was stored, or why not.

        A record that found no room is told by its own `NotKept`. Where the file can't be written nothing is stored, all
        appends get `NotKept`, and removals are kept in mind for the next commit.
        """
        for change in changes:
            if isinstance(change, Remove):
                self._late[change.claimed.position] = change
        try:
            # a removal that a power failure undoes is a second delivery, an append that it undoes is a loss: only these are
            # synced, with everything before them
            appends = any(isinstance(change, Append) for change in changes)
            self._db.execute(f"PRAGMA synchronous = {'FULL' if appends else 'NORMAL'}")
            with transaction(self._db):
                told = self._apply(changes)
        except sqlite3.Error as error:
            self._fail(error)
            return [NotKept(State.FAILING) if isinstance(change, Append) else False for change in changes]
        for remove in self._late.values():
            self._held.discard((remove.claimed.entry.route, remove.claimed.entry.lane))
        self._late.clear()
        self._fold_in_time()
        full = any(isinstance(one, NotKept) for one in told)
        kept = any(one is True for one, change in zip(told, changes, strict=True) if isinstance(change, Append))
        if full:
            self._state = State.FULL
        elif kept or self._state is State.FAILING:
            self._state = State.OK
        self.numbers = self._count()
        return told

    def _apply(self, changes: Sequence[Change]) -> list[bool | NotKept]:
        self._remove(self._late.values())
        told: list[bool | NotKept] = []
        size = self._one("SELECT coalesce(sum(bytes), 0) FROM totals")
        position = self._one("SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'records'), 0)")
        at = round(self._clock() * 1000)
        for change in changes:
            if isinstance(change, Remove):
                told.append(True)
                continue
            entry = change.entry
            if change.only_behind and not self._has(entry.route, entry.lane):
                told.append(False)
                continue
            label = Label(position + 1, entry.route, entry.lane, at, entry.masked.program_digest)
            sealed = self._sealer.seal(label, write(entry))
            grown = len(sealed.data) + OVERHEAD
            if size + grown > self.limit:
                told.append(NotKept(State.FULL))
                continue
            self._db.execute(_INSERT, pack(label, sealed))
            position += 1
            size += grown
            told.append(True)
        return told

    def _remove(self, removals: Iterable[Remove]) -> None:
        dropped: Counter[str] = Counter()
        for one in removals:
            gone = self._db.execute("DELETE FROM records WHERE position = ?", (one.claimed.position,)).rowcount
            if one.reason is not None:
                dropped[one.reason.value] += gone
        self._drop(dropped)

    def _drop(self, dropped: Mapping[str, int]) -> None:
        for reason, count in dropped.items():
            if count:
                self._db.execute(
                    "INSERT INTO dropped VALUES (?, ?) ON CONFLICT DO UPDATE SET count = count + excluded.count",
                    (reason, count),
                )

    def _fail(self, error: sqlite3.Error) -> None:
        self._state = State.FAILING
        self.numbers = replace(self.numbers, state=State.FAILING)
        if (getattr(error, "sqlite_errorcode", 0) & 0xFF) in _DAMAGE:
            raise DamagedFile from error
        with suppress(sqlite3.Error):  # the log is several times what it holds: folded, it leaves room on a full disk
            self._db.execute("PRAGMA wal_checkpoint(PASSIVE)")

    def _fold_in_time(self) -> None:
        """Folds the log while the disk has room for what is in it: a log that takes up the whole disk could never be folded."""
        log = self.path.with_name(self.path.name + "-wal")
        with suppress(OSError, sqlite3.Error):  # a reader is waited for the next time
            if log.stat().st_size > free_space(self.path):
                self._db.execute("PRAGMA busy_timeout = 0")
                try:
                    self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
                finally:
                    self._db.execute(f"PRAGMA busy_timeout = {round(BUSY_SECONDS * 1000)}")

    # what waits

    def claim(self, route: str, most: int) -> list[Claimed]:
        """See `Store.claim`. Nothing where the file can't be read."""
        try:
            while True:
                found, damaged, astray = self._heads(route, most)
                if not damaged and not astray:
                    break
                with transaction(self._db):
                    for position in damaged:
                        self._db.execute("DELETE FROM records WHERE position = ?", (position,))
                    self._drop({Dropped.DAMAGED.value: len(damaged)})
                    for lane in astray:
                        self._db.execute("DELETE FROM lanes WHERE route = ? AND lane = ?", (route, lane))
                        self._db.execute(_LANE_AGAIN, (route, lane))
                self.numbers = self._count()
        except sqlite3.Error as error:
            self._fail(error)
            return []
        self._held.update((one.entry.route, one.entry.lane) for one in found)
        return found

    def _heads(self, route: str, most: int) -> tuple[list[Claimed], list[int], list[bytes]]:
        """What can be claimed; positions of records that are damaged; lanes whose head is not there."""
        busy = self._held | self._locked
        heads = self._db.execute(
            "SELECT lane, head FROM lanes WHERE route = ? ORDER BY head LIMIT ?", (route, most + len(busy))
        ).fetchall()
        found: list[Claimed] = []
        damaged: list[int] = []
        astray: list[bytes] = []
        size = 0
        for lane, head in heads:
            if (route, lane) in busy:
                continue
            if len(found) >= most or size >= CLAIM_SIZE:
                break
            row = self._db.execute(_BY_POSITION, (head,)).fetchone()
            if row is None:
                astray.append(lane)
                continue
            try:
                found.append(self._opened(row))
            except Damaged:
                damaged.append(head)
                continue
            except UnknownKey:
                self._locked.add((route, lane))
                continue
            size += len(row[7])
        return found, damaged, astray

    def _opened(self, row: Row) -> Claimed:
        label, sealed = unpack(row)
        return Claimed(label.position, read(label, self._sealer.open(label, sealed)), label.at / 1000)

    def release(self, claimed: Claimed) -> None:
        """See `Store.release`."""
        self._held.discard((claimed.entry.route, claimed.entry.lane))

    def forget(self, lanes: Mapping[str, Collection[bytes]]) -> int:
        """See `Store.forget`."""
        gone = 0
        try:
            waiting = self._db.execute("SELECT route, lane FROM lanes").fetchall()
            with transaction(self._db):
                for route, lane in waiting:
                    if lane and lane in lanes.get(route, ()):
                        gone += self._db.execute(
                            "DELETE FROM records WHERE route = ? AND lane = ?", (route, lane)
                        ).rowcount
                self._drop({Dropped.FORGOTTEN.value: gone})
        except sqlite3.Error as error:
            self._fail(error)
            raise NotKept(State.FAILING) from None
        self.numbers = self._count()
        return gone

    def tidy(self) -> None:
        """See `Store.tidy`."""
        if self._late:
            self.commit(())
        try:
            if self._state is State.FAILING:
                self._try_to_write()
                self._state = State.OK
            self._expire(round((self._clock() - self.keep) * 1000))
            if not self.numbers.records:  # gives the disk back, a piece at a time
                self._db.execute(f"PRAGMA incremental_vacuum({_GIVEN_BACK})").fetchall()
            self._disk_is_low = free_space(self.path) < self.limit // 10
            self.numbers = self._count()
        except sqlite3.Error as error:
            self._fail(error)

    def _try_to_write(self) -> None:
        """As much as an event takes: where readiness keeps events away, nothing else would tell that there is room again."""
        with transaction(self._db):
            self._db.execute("CREATE TABLE IF NOT EXISTS trial (filling BLOB)")
            self._db.execute("INSERT INTO trial VALUES (zeroblob(?))", (_TRIAL_SIZE,))
        with transaction(self._db):
            self._db.execute("DROP TABLE trial")

    def _expire(self, oldest: int) -> None:
        after = 0
        while True:
            query = "SELECT position, route, lane, at FROM records WHERE position > ? ORDER BY position LIMIT ?"
            rows = self._db.execute(query, (after, _SWEEP)).fetchall()
            old = [row for row in rows if row[3] < oldest]
            gone = [row[0] for row in old if (row[1], row[2]) not in self._held]
            if gone:
                with transaction(self._db):
                    self._drop(Counter(self._give_up(position) for position in gone))
            if len(old) < _SWEEP:
                return
            after = rows[-1][0]

    def _give_up(self, position: int) -> str:
        """Deletes a record that is too old, and says what it is counted as: a time that was tampered with is damage."""
        try:
            self._opened(self._db.execute(_BY_POSITION, (position,)).fetchone())
            reason = Dropped.EXPIRED
        except UnknownKey:
            reason = Dropped.EXPIRED
        except Damaged:
            reason = Dropped.DAMAGED
        self._db.execute("DELETE FROM records WHERE position = ?", (position,))
        return reason.value

    # numbers

    def _one(self, query: str) -> int:
        return int(self._db.execute(query).fetchone()[0])

    def _has(self, route: str, lane: bytes) -> bool:
        return (
            self._db.execute("SELECT 1 FROM lanes WHERE route = ? AND lane = ?", (route, lane)).fetchone() is not None
        )

    def _count(self) -> Numbers:
        return self._with_state(count(self._db, self.limit, self._clock()))

    def _with_state(self, numbers: Numbers) -> Numbers:
        nearly = self._disk_is_low or numbers.state is State.NEARLY_FULL
        if self._state is State.FULL and not nearly:
            self._state = State.OK
        state = State.NEARLY_FULL if self._state is State.OK and nearly else self._state
        return replace(numbers, state=state)


class DamagedFile(Exception):  # noqa: N818 - reads as what it is
    """SQLite found its own structure damaged: the file is to be set aside."""


def count(db: sqlite3.Connection, limit: int, now: float) -> Numbers:
    """How full the file is; `now` in seconds since 1970. FULL and FAILING only its writer knows."""
    rows = db.execute("SELECT route, records, bytes FROM totals").fetchall()
    dropped = dict(db.execute("SELECT reason, count FROM dropped").fetchall())
    first = db.execute("SELECT at FROM records ORDER BY position LIMIT 1").fetchone()
    size = sum(row[2] for row in rows)
    return Numbers(
        state=State.NEARLY_FULL if size > NEARLY * limit else State.OK,
        records=sum(row[1] for row in rows),
        bytes=size,
        limit=limit,
        oldest=None if first is None else max(0.0, now - first[0] / 1000),
        waiting={row[0]: row[1] for row in rows},
        dropped={reason: dropped.get(reason.value, 0) for reason in Dropped},
    )


def free_space(path: Path) -> int:
    """Bytes that an ordinary user can still write on the file's disk."""
    told = os.statvfs(path.parent)
    return told.f_bavail * told.f_frsize
