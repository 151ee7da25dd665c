"""What the command line does to a store's file, beside a gateway that may be running: count, drop, seal anew.

Blocking. Every change is a short transaction of its own; the running gateway meets it at its next claim.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from gateway.core.errors import UserError
from gateway.spool.database import COLUMNS, connect, transaction, unpack
from gateway.spool.seal import Damaged, Sealer, UnknownKey
from gateway.spool.store import Dropped

_STEP: Final = 200
COUNT_DROPPED: Final = "INSERT INTO dropped VALUES (?, ?) ON CONFLICT DO UPDATE SET count = count + excluded.count"


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """The file of a spool that exists; `UserError` where it can't be used."""
    if not path.exists():
        raise UserError("there is no spool yet: `gateway run` makes it", str(path))
    try:
        with closing(connect(path)) as db:
            yield db
    except sqlite3.Error as error:
        raise UserError(f"can't be used: {error}", str(path)) from None


def drop(
    db: sqlite3.Connection, *, route: str = "", key: str = "", program: str = "", before: float | None = None
) -> int:
    """Drops the records that fit all that is given (`program`: the beginning of a digest), counted as by hand."""
    where: list[str] = ["1"]
    values: list[str | int] = []
    for column, value in (("route", route), ("key", key)):
        if value:
            where.append(f"{column} = ?")
            values.append(value)
    if program:
        where.append("substr(program, 1, ?) = ?")
        values += [len(program), program]
    if before is not None:
        where.append("at < ?")
        values.append(round(before * 1000))
    with transaction(db):
        gone = db.execute(f"DELETE FROM records WHERE {' AND '.join(where)}", values).rowcount  # noqa: S608 - columns of ours
        db.execute(COUNT_DROPPED, (Dropped.BY_HAND.value, gone))
    return gone


def rekey(db: sqlite3.Connection, sealer: Sealer) -> tuple[int, int, int]:
    """Seals every record with the active key. Of the others: how many were sealed anew, were damaged, lack their key."""
    anew = damaged = locked = after = 0
    while True:
        with transaction(db):
            rows = db.execute(
                f"SELECT {COLUMNS} FROM records WHERE key != ? AND position > ? ORDER BY position LIMIT {_STEP}",  # noqa: S608 - all of it is ours
                (sealer.active, after),
            ).fetchall()
            lost = 0
            for row in rows:
                label, sealed = unpack(row)
                try:
                    fresh = sealer.seal(label, sealer.open(label, sealed))
                except UnknownKey:
                    locked += 1
                except Damaged:
                    db.execute("DELETE FROM records WHERE position = ?", (label.position,))
                    lost += 1
                else:
                    db.execute(
                        "UPDATE records SET key = ?, nonce = ?, sealed = ? WHERE position = ?",
                        (fresh.key, fresh.nonce, fresh.data, label.position),
                    )
                    anew += 1
            if lost:
                db.execute(COUNT_DROPPED, (Dropped.DAMAGED.value, lost))
            damaged += lost
        if len(rows) < _STEP:
            return anew, damaged, locked
        after = rows[-1][0]
