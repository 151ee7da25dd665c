"""What the console keeps over restarts: one SQLite file, its contents sealed with AES-256-GCM by `console.key`.

    kept     kind, id → sealed JSON        accounts, API tokens
    lines    kind, number → time, sealed   the audit log, the history of rules; numbers are never used twice
    visits   hash of a session's token → account, times
    stopped  route → since when            in the clear: a lost key must not start a route again

What stands beside sealed bytes (kind, id, number, time) is authenticated, so a row opens only where it was written.
Commands use the file beside a running gateway. Errors are `UserError`s of one line.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from gateway.core.errors import UserError
from gateway.keyring import KeyRing
from gateway.spool.seal import Damaged, Sealed, Sealer, UnknownKey

APPLICATION: Final = 0x4D47_434F  # "MGCO": whose file it is
VERSION: Final = 1
_BUSY_SECONDS: Final = 5.0
_SCHEMA: Final = """
CREATE TABLE kept (
    kind TEXT NOT NULL, id TEXT NOT NULL, key TEXT NOT NULL, nonce BLOB NOT NULL, sealed BLOB NOT NULL,
    PRIMARY KEY (kind, id)
) STRICT, WITHOUT ROWID;
CREATE TABLE lines (
    number INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, at REAL NOT NULL,
    key TEXT NOT NULL, nonce BLOB NOT NULL, sealed BLOB NOT NULL
) STRICT;
CREATE INDEX lines_by_kind ON lines (kind, number);
CREATE TABLE visits (
    id TEXT PRIMARY KEY, account TEXT NOT NULL, began REAL NOT NULL, seen REAL NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE stopped (route TEXT PRIMARY KEY, since REAL NOT NULL) STRICT, WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Beside:
    """What stands beside a sealed row in the clear."""

    words: tuple[str | int | float, ...]

    def authenticated(self, key: str) -> bytes:
        """Unambiguous bytes of it."""
        return json.dumps(["gateway console 1", key, *self.words]).encode()


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a log: its number, when it was written (seconds since 1970), and what it says."""

    number: int
    at: float
    said: dict[str, Any]


class Database:
    """The file, open. Used from several threads, one at a time."""

    def __init__(self, path: Path, ring: KeyRing) -> None:
        """Opens the file, or makes it, readable by its owner alone."""
        self._path = path
        self._sealer = Sealer(ring, "console")
        self._lock = threading.RLock()
        self._db = _open(path)
        try:
            self._check_key()
        except UserError:
            self._db.close()
            raise

    def close(self) -> None:
        """Ends the use of the file."""
        with self._lock:
            self._db.close()

    @contextmanager
    def changing(self) -> Iterator[sqlite3.Connection]:
        """One transaction: all of it or nothing. May be nested: the outermost one counts."""
        with self._lock:
            if self._db.in_transaction:
                yield self._db
                return
            try:
                self._db.execute("BEGIN IMMEDIATE")
                yield self._db
                self._db.execute("COMMIT")
            except sqlite3.Error as error:
                self._undo()
                raise UserError(f"can't be written: {error}", str(self._path)) from None
            except BaseException:
                self._undo()
                raise

    def asked(self, query: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        with self._lock:
            try:
                return self._db.execute(query, parameters).fetchall()
            except sqlite3.Error as error:
                raise UserError(f"can't be read: {error}", str(self._path)) from None

    def put(self, kind: str, name: str, said: dict[str, Any]) -> None:
        """Keeps `said` under a name, in the place of what was there."""
        sealed = self._seal(Beside((kind, name)), said)
        with self.changing() as db:
            db.execute("INSERT OR REPLACE INTO kept VALUES (?, ?, ?, ?, ?)", (kind, name, *sealed))

    def get(self, kind: str, name: str) -> dict[str, Any] | None:
        """What is kept under a name."""
        rows = self.asked("SELECT key, nonce, sealed FROM kept WHERE kind = ? AND id = ?", (kind, name))
        return self._opened(Beside((kind, name)), *rows[0]) if rows else None

    def all(self, kind: str) -> dict[str, dict[str, Any]]:
        """Everything of one kind, by name."""
        rows = self.asked("SELECT id, key, nonce, sealed FROM kept WHERE kind = ?", (kind,))
        return {name: self._opened(Beside((kind, name)), *sealed) for name, *sealed in rows}

    def forget(self, kind: str, name: str) -> bool:
        """Whether there was something under this name; now there is nothing."""
        with self.changing() as db:
            return db.execute("DELETE FROM kept WHERE kind = ? AND id = ?", (kind, name)).rowcount > 0

    def append(self, kind: str, at: float, said: dict[str, Any], *, most: int) -> int:
        """Writes a line at the end of a log, of which the newest `most` are kept. Its number."""
        with self.changing() as db:
            row = (kind, at, "", b"", b"")
            number = db.execute(
                "INSERT INTO lines (kind, at, key, nonce, sealed) VALUES (?, ?, ?, ?, ?)", row
            ).lastrowid
            assert number is not None
            sealed = self._seal(Beside((kind, number, at)), said)
            db.execute("UPDATE lines SET key = ?, nonce = ?, sealed = ? WHERE number = ?", (*sealed, number))
            db.execute(
                "DELETE FROM lines WHERE kind = ? AND number <= "
                "(SELECT number FROM lines WHERE kind = ? ORDER BY number DESC LIMIT 1 OFFSET ?)",
                (kind, kind, most),
            )
        return number

    def lines(self, kind: str, *, before: int | None = None, most: int = 100) -> list[Line]:
        """The newest lines of a log, newest first; of those before a number where one is given."""
        rows = self.asked(
            "SELECT number, at, key, nonce, sealed FROM lines WHERE kind = ? AND number < ? ORDER BY number DESC LIMIT ?",
            (kind, before if before is not None else 1 << 62, most),
        )
        return [Line(number, at, self._opened(Beside((kind, number, at)), *sealed)) for number, at, *sealed in rows]

    def line(self, kind: str, number: int) -> Line | None:
        """One line of a log."""
        rows = self.asked("SELECT at, key, nonce, sealed FROM lines WHERE kind = ? AND number = ?", (kind, number))
        return next((Line(number, at, self._opened(Beside((kind, number, at)), *s)) for at, *s in rows), None)

    def _seal(self, beside: Beside, said: dict[str, Any]) -> tuple[str, bytes, bytes]:
        sealed = self._sealer.seal(beside, json.dumps(said, ensure_ascii=False).encode("utf-8", "surrogatepass"))
        return sealed.key, sealed.nonce, sealed.data

    def _opened(self, beside: Beside, key: str, nonce: bytes, data: bytes) -> dict[str, Any]:
        try:
            plain = self._sealer.open(beside, Sealed(key, nonce, data))
        except UnknownKey:
            raise UserError("was sealed with another key than console.key names", str(self._path)) from None
        except Damaged:
            raise UserError("is damaged: restore it from a backup", str(self._path)) from None
        said: dict[str, Any] = json.loads(plain.decode("utf-8", "surrogatepass"))
        return said

    def _check_key(self) -> None:
        for kind, name, *sealed in self.asked("SELECT kind, id, key, nonce, sealed FROM kept LIMIT 1"):
            self._opened(Beside((kind, name)), *sealed)

    def _undo(self) -> None:
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")


def _open(path: Path) -> sqlite3.Connection:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)
        db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=_BUSY_SECONDS)
    except OSError as error:
        raise UserError(f"can't be used: {(error.strerror or 'failed').lower()}", str(path)) from None
    except sqlite3.Error as error:
        raise UserError(f"can't be used: {error}", str(path)) from None
    try:
        _make(db, path)
    except sqlite3.Error as error:
        db.close()
        raise UserError(f"can't be used: {error}", str(path)) from None
    except UserError:
        db.close()
        raise
    return db


def _make(db: sqlite3.Connection, path: Path) -> None:
    """Tables in a file that is new; UserError for a file that isn't the console's."""
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute("BEGIN IMMEDIATE")
    (version,) = db.execute("PRAGMA user_version").fetchone()
    (whose,) = db.execute("PRAGMA application_id").fetchone()
    if not version and not whose:
        for statement in _SCHEMA.split(";"):
            db.execute(statement)
        db.execute(f"PRAGMA application_id = {APPLICATION}")
        db.execute(f"PRAGMA user_version = {VERSION}")
    elif whose != APPLICATION:
        raise UserError("is no console's file: give the console a console.path of its own", str(path))
    elif version > VERSION:
        raise UserError("was written by a later version of the gateway: use that one", str(path))
    db.execute("COMMIT")


def stopped_routes(path: Path) -> dict[str, float]:
    """The routes that the emergency stop holds, and since when; needs no key. Nothing where there is no file yet."""
    if not path.is_file():
        return {}
    try:
        db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=_BUSY_SECONDS)
        try:
            return dict(db.execute("SELECT route, since FROM stopped"))
        finally:
            db.close()
    except sqlite3.Error as error:
        raise UserError(f"can't be read, so nobody knows which routes are stopped: {error}", str(path)) from None
