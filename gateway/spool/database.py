"""The embedded store's file: SQLite in WAL mode with synchronous=FULL; checked, repaired, and never silently deleted.

    records  position (never used twice) · route · lane · at · program · key · nonce · sealed
    lanes    route, lane → its head (the oldest position) and how many it has
    totals   route → records and bytes;   dropped: reason → count

Triggers keep lanes and totals within the transaction that changes records, whoever changes them. A crash leaves nothing
to repair: SQLite takes up its log to the last commit. A file that SQLite finds damaged is set aside under a name of its
own, and what still opens is copied into a fresh one. Lanes and totals are worked out anew at each start: nothing but
sealed records is believed.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from gateway.core.errors import UserError
from gateway.spool.seal import Damaged, Label, Sealed, Sealer, UnknownKey
from gateway.spool.wal import mend

VERSION: Final = 1
APPLICATION: Final = 0x4D47_5350  # "MGSP": whose file it is
OVERHEAD: Final = 160
"""Bytes that a record takes besides what is sealed: its other columns and index entries, counted against the limit."""

COLUMNS: Final = "position, route, lane, at, program, key, nonce, sealed"
Row = tuple[int, str, bytes, int, str, str, bytes, bytes]

BUSY_SECONDS: Final = 10.0
_FILES: Final = ("", "-wal", "-shm")
_SCHEMA: Final = f"""
CREATE TABLE records (
    position INTEGER PRIMARY KEY AUTOINCREMENT, route TEXT NOT NULL, lane BLOB NOT NULL, at INTEGER NOT NULL,
    program TEXT NOT NULL, key TEXT NOT NULL, nonce BLOB NOT NULL, sealed BLOB NOT NULL
) STRICT;
CREATE INDEX by_lane ON records (route, lane, position);
CREATE TABLE lanes (
    route TEXT NOT NULL, lane BLOB NOT NULL, head INTEGER NOT NULL, records INTEGER NOT NULL, PRIMARY KEY (route, lane)
) STRICT, WITHOUT ROWID;
CREATE INDEX by_head ON lanes (route, head);
CREATE TABLE totals (
    route TEXT PRIMARY KEY, records INTEGER NOT NULL, bytes INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE dropped (reason TEXT PRIMARY KEY, count INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TRIGGER added AFTER INSERT ON records BEGIN
    INSERT INTO lanes VALUES (new.route, new.lane, new.position, 1)
        ON CONFLICT DO UPDATE SET records = records + 1, head = min(head, excluded.head);
    INSERT INTO totals VALUES (new.route, 1, length(new.sealed) + {OVERHEAD})
        ON CONFLICT DO UPDATE SET records = records + 1, bytes = bytes + excluded.bytes;
END;
CREATE TRIGGER removed AFTER DELETE ON records BEGIN
    UPDATE totals SET records = records - 1, bytes = bytes - length(old.sealed) - {OVERHEAD} WHERE route = old.route;
    DELETE FROM totals WHERE route = old.route AND records = 0;
    DELETE FROM lanes WHERE route = old.route AND lane = old.lane AND records = 1;
    UPDATE lanes SET records = records - 1, head = (
        SELECT min(position) FROM records WHERE route = old.route AND lane = old.lane
    ) WHERE route = old.route AND lane = old.lane;
END;
"""  # noqa: S608 - a number of this file
_DERIVE: Final = (
    "DELETE FROM lanes",
    "DELETE FROM totals",
    "INSERT INTO lanes SELECT route, lane, min(position), count(*) FROM records GROUP BY route, lane",
    f"INSERT INTO totals SELECT route, count(*), sum(length(sealed) + {OVERHEAD}) FROM records GROUP BY route",  # noqa: S608 - all of it is ours
)


class Lock:
    """One gateway at a time: a lock on a file beside the store's, freed by the system when the process ends."""

    def __init__(self, path: Path) -> None:
        """Takes it, or raises `UserError` that names who has it."""
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise UserError(f"can't be used: {(error.strerror or 'failed').lower()}", str(path)) from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.pread(self._file, 20, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(self._file)
            raise UserError(
                f"is in use by another gateway (process {holder}): stop it, or give this one a spool.path of its own",
                str(path),
            ) from None
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, f"{os.getpid()}\n".encode(), 0)

    def free(self) -> None:
        """Gives it back."""
        os.close(self._file)


@dataclass(frozen=True, slots=True)
class Rescue:
    """What became of a damaged file: where it is now, what was wrong, and how many of its records were copied."""

    aside: Path
    why: str
    records: int | None = None  # None: the log was mended in place


def open_database(path: Path, sealer: Sealer) -> tuple[sqlite3.Connection, Rescue | None]:
    """The file, whole and up to date. For the one process that has its `Lock`. Raises `UserError` in one line."""
    rescue = None
    try:
        create(path)
        aside = _aside(path)
        log = aside.with_name(aside.name + "-log")
        if mended := mend(path, log):
            rescue = Rescue(log, f"{mended} parts of its log")
        why = _damage(path)
        if why is not None:
            rescue = _rescue(path, aside, why)
        db = connect(path)
        try:
            _derive(db)
            _expect_keys(db, path, sealer)
        except BaseException:
            db.close()
            raise
    except OSError as error:
        raise UserError(f"can't be used: {(error.strerror or 'failed').lower()}", str(path)) from None
    except sqlite3.Error as error:
        raise UserError(f"can't be used: {error}", str(path)) from None
    return db, rescue


def connect(path: Path) -> sqlite3.Connection:
    """A connection that commits durably. Makes the tables in an empty file; raises `UserError` for one that isn't ours."""
    db = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA fullfsync = ON")  # macOS: through the drive's cache
        db.execute("PRAGMA trusted_schema = OFF")
        db.execute("PRAGMA cell_size_check = ON")
        _make_or_know(db, path)
    except BaseException:
        db.close()
        raise
    return db


def _make_or_know(db: sqlite3.Connection, path: Path) -> None:
    application = db.execute("PRAGMA application_id").fetchone()[0]
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if application == 0 and version == 0 and not db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
        db.execute("PRAGMA auto_vacuum = INCREMENTAL")
        if db.execute("PRAGMA journal_mode = WAL").fetchone()[0] != "wal":
            raise UserError("this file system can't hold a spool: set spool.path to a local disk", str(path))
        numbers = f"PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {VERSION};"
        db.executescript(f"BEGIN IMMEDIATE; {numbers} {_SCHEMA} COMMIT;")
    elif application != APPLICATION:
        raise UserError("is a database of another program: set spool.path to a file of its own", str(path))
    elif version > VERSION:
        raise UserError(f"was written by a newer gateway (format {version}): run that one", str(path))


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """All or nothing, on disk when it ends."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):  # SQLite may have rolled back by itself
            db.execute("ROLLBACK")
        raise


def _derive(db: sqlite3.Connection) -> None:
    """Lanes and totals, from the records alone. On a full disk they stay as the triggers left them."""
    with suppress(sqlite3.OperationalError), transaction(db):
        for statement in _DERIVE:
            db.execute(statement)


def pack(label: Label, sealed: Sealed) -> Row:
    """A row of `records`, in the order of `COLUMNS`."""
    return (label.position, label.route, label.lane, label.at, label.program, sealed.key, sealed.nonce, sealed.data)


def unpack(row: Row) -> tuple[Label, Sealed]:
    """A row of `records`, in its two parts."""
    position, route, lane, at, program, key, nonce, data = row
    return Label(position, route, lane, at, program), Sealed(key, nonce, data)


def create(path: Path) -> None:
    """Makes the file, for its owner alone, where there is none."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _damage(path: Path) -> str | None:
    """What SQLite says is wrong with the file's structure; None where nothing is."""
    with closing(sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)) as db:
        try:
            told = str(db.execute("PRAGMA integrity_check(1)").fetchone()[0])
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise  # can't be read at all: no reason to replace it
            return str(error)
    return None if told == "ok" else told.splitlines()[0]


def _rescue(path: Path, aside: Path, why: str) -> Rescue:
    for ending in _FILES:
        with suppress(FileNotFoundError):
            path.with_name(path.name + ending).rename(aside.with_name(aside.name + ending))
    create(path)
    copied = 0
    with (
        closing(connect(path)) as fresh,
        closing(sqlite3.connect(aside, isolation_level=None)) as old,
        transaction(fresh),
    ):
        for row in _readable(old):
            with suppress(sqlite3.Error, OverflowError):  # of a type or a place that can't be
                fresh.execute(f"INSERT OR IGNORE INTO records ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)  # noqa: S608 - all of it is ours
                copied += 1
        with suppress(sqlite3.Error):
            highest = old.execute("SELECT seq FROM sqlite_sequence WHERE name = 'records'").fetchone()
            if highest is not None:  # positions are never used twice
                fresh.execute("UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = 'records'", highest)
        with suppress(sqlite3.Error):
            fresh.executemany(
                "INSERT INTO dropped VALUES (?, ?)", old.execute("SELECT reason, count FROM dropped").fetchall()
            )
    return Rescue(aside, why, copied)


def _readable(db: sqlite3.Connection) -> Iterator[Sequence[object]]:
    """Rows up to the first that can't be read, then from the last one back."""
    for order in ("ASC", "DESC"):
        try:
            yield from db.execute(f"SELECT {COLUMNS} FROM records NOT INDEXED ORDER BY position {order}")  # noqa: S608 - all of it is ours
        except sqlite3.Error:
            continue
        break


def _aside(path: Path) -> Path:
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%f")
    return path.with_name(f"{path.name}.damaged-{stamp}")


def _expect_keys(db: sqlite3.Connection, path: Path, sealer: Sealer) -> None:
    """Raises `UserError` where records wait whose key is not on the ring. A changed key id is no missing key."""
    for (name,) in db.execute("SELECT DISTINCT key FROM records").fetchall():
        if sealer.knows(name):
            continue
        missing = 0
        for row in db.execute(f"SELECT {COLUMNS} FROM records WHERE key = ?", (name,)):  # noqa: S608 - all of it is ours
            with suppress(Damaged):
                try:
                    sealer.open(*unpack(row))
                except UnknownKey:
                    missing += 1
        if missing:
            raise UserError(
                f"{missing} records are sealed with the key {name}, which spool.key lacks: add it behind the new one, "
                f"or give them up with `gateway spool drop --key {name}`",
                str(path),
            )
