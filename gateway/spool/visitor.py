"""What a spool and a quarantine hold of one visitor: found by reading everything again, and wiped.

There is no index by visitor: it would be one more piece of personal data at rest, kept for all so that it can be used for
few. What waits is bounded by `spool.limit`, and this is done by hand. A record is a visitor's where one of the visitor's
names stands in it as a whole, in any layer; with it goes the rest of its session (its lane).
"""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import unquote

from gateway.core.document import Document, Kind
from gateway.core.errors import Reason, Refused
from gateway.core.limits import Budget, Limits
from gateway.core.message import Headers, Inbound, Outbound
from gateway.core.opening import Opener, leaves
from gateway.spool.database import COLUMNS, Row, transaction, unpack
from gateway.spool.quarantine import read_request
from gateway.spool.seal import Damaged, Label, Sealer, UnknownKey, read
from gateway.spool.store import Dropped
from gateway.spool.upkeep import COUNT_DROPPED

SECONDS: Final = 60.0
"""CPU time to open one record: it was opened in `limits.time` once."""


@dataclass(frozen=True, slots=True)
class Held:
    """One record of a visitor. `named`: one of the visitor's names stands in it; else it is of the same session."""

    position: int
    route: str
    at: datetime
    size: int
    named: bool


@dataclass(frozen=True, slots=True)
class Search:
    """What was found: a visitor's records, and how many could not be read, so that nobody knows whose they are."""

    held: tuple[Held, ...]
    unreadable: int


class Names:
    """A visitor's names: ids as the site knows them, and their pseudonyms."""

    def __init__(self, names: Iterable[str], opener: Opener) -> None:
        told = "|".join(re.escape(name) for name in sorted(set(names), key=len, reverse=True))
        self._pattern = re.compile(rf"(?<![0-9A-Za-z])(?:{told})(?![0-9A-Za-z])")
        self._opener = opener

    def stand_in(self, request: Inbound | Outbound) -> bool:
        """Whether one of them stands in a request, in any layer of it. Raises `Refused` where it can't be read to its end."""
        told = (request.target, unquote(request.target), request.body.decode("utf-8", "replace"))
        if any(map(self._pattern.search, (*told, *_values(request.headers)))):
            return True
        encodings = [one.strip() for value in request.headers.all("content-encoding") for one in value.split(",")]
        kind = request.headers.get("content-type")
        document = self._opener.open_body(
            request.body, kind, [one for one in encodings if one], Budget(Limits(time=SECONDS), time.thread_time)
        )
        try:
            if any(map(self._pattern.search, _texts(document))):
                return True
            if document.opaque:
                raise Refused(Reason.OPAQUE)
            return False
        finally:
            document.release()


def _values(headers: Headers) -> Iterator[str]:
    for _, value in headers:
        yield value
        yield unquote(value)


def _texts(document: Document) -> Iterator[str]:
    for layer in document.layers:
        for leaf in leaves(layer.root):
            if leaf.kind is not Kind.BYTES:
                yield leaf.value


class Gathering:
    """Records as they come by, in any order; what is a visitor's is known once all have."""

    def __init__(self, names: Names, lanes: Mapping[str, Collection[bytes]]) -> None:
        """`lanes`: by route, sessions that are known to be the visitor's."""
        self._names = names
        self._sessions = {(route, lane) for route, mine in lanes.items() for lane in mine}
        self._named: set[int] = set()
        self._rows: list[tuple[Label, int]] = []
        self._unreadable = 0

    def add(self, label: Label, size: int, request: Outbound | None) -> None:
        """One record; None where it does not open."""
        self._rows.append((label, size))
        try:
            is_named = request is not None and self._names.stand_in(request)
        except Refused:
            request = None
        self._unreadable += request is None
        if request is not None and is_named:
            self._named.add(label.position)
            if label.lane:
                self._sessions.add((label.route, label.lane))

    def search(self) -> Search:
        """The visitor's, with the rest of their sessions."""
        held = [
            Held(label.position, label.route, at_of(label.at / 1000), size, label.position in self._named)
            for label, size in self._rows
            if label.position in self._named or (label.lane and (label.route, label.lane) in self._sessions)
        ]
        return Search(tuple(held), self._unreadable)


def at_of(seconds: float) -> datetime:
    """A time since 1970."""
    return datetime.fromtimestamp(seconds, UTC)


def search_spool(
    db: sqlite3.Connection, sealer: Sealer, names: Names, lanes: Mapping[str, Collection[bytes]]
) -> Search:
    """The records of a visitor. `lanes`: by route, sessions that are known to be the visitor's."""
    found = Gathering(names, lanes)
    for row in _rows(db):
        label, sealed = unpack(row)
        request: Outbound | None = None
        with suppress(Damaged, UnknownKey):
            request = read(label, sealer.open(label, sealed)).masked.request
        found.add(label, len(sealed.data), request)
    return found.search()


def search_quarantine(db: sqlite3.Connection, sealer: Sealer, names: Names) -> Search:
    """The requests of a visitor among those that could not be read."""
    held: list[Held] = []
    unreadable = 0
    for row in _rows(db):
        label, sealed = unpack(row)
        try:
            is_named = names.stand_in(read_request(label.route, sealer.open(label, sealed)))
        except (Damaged, UnknownKey, Refused):
            unreadable += 1
            continue
        if is_named:
            held.append(Held(label.position, label.route, at_of(label.at / 1000), len(sealed.data), named=True))
    return Search(tuple(held), unreadable)


def _rows(db: sqlite3.Connection) -> Iterator[Row]:
    """All records, one in memory at a time; what comes meanwhile is not waited for."""
    for (position,) in db.execute("SELECT position FROM records ORDER BY position").fetchall():
        row: Row | None = db.execute(f"SELECT {COLUMNS} FROM records WHERE position = ?", (position,)).fetchone()  # noqa: S608 - all of it is ours
        if row is not None:
            yield row


def wipe(db: sqlite3.Connection, held: Sequence[Held]) -> int:
    """Deletes records, overwrites where they stood, and folds the log in. How many were still there."""
    db.execute("PRAGMA secure_delete = ON")
    gone = 0
    with transaction(db):
        for one in held:
            gone += db.execute("DELETE FROM records WHERE position = ?", (one.position,)).rowcount
        db.execute(COUNT_DROPPED, (Dropped.FORGOTTEN.value, gone))
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return gone
