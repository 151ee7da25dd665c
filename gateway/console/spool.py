"""What waits for backends, and what could not be read, as `gateway spool` shows and looks after them."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import Annotated

from pydantic import Field

from gateway.config import SpoolSettings
from gateway.console.call import Call, Desk, Model, Problem
from gateway.console.trail import Act
from gateway.core.outcome import Refuse, Send
from gateway.spool.database import connect, create
from gateway.spool.keys import spool_ring
from gateway.spool.ledger import Append, Ledger, count
from gateway.spool.quarantine import Pen, quarantine_path
from gateway.spool.seal import QUARANTINE, RECORDS, Sealer
from gateway.spool.store import Entry, NotKept
from gateway.spool.upkeep import drop, opened

Word = Annotated[str, Field(max_length=500)]


class SpoolView(Model):
    """How full it is. Bytes as sealed; `quarantine` counts by reason."""

    state: str
    records: int
    bytes: int
    limit: int
    oldest_seconds: float | None
    waiting: dict[str, int]
    dropped: dict[str, int]
    quarantine: dict[str, int]


class Drop(Model):
    """Which records are given up: those that fit all that is said, or with `everything` all. They are never delivered."""

    route: Word = ""
    program: Annotated[str, Field(pattern=r"^(|[0-9a-f]{12,64})$")] = ""
    key: Word = ""
    older_seconds: Annotated[float, Field(gt=0, le=1e9)] | None = None
    everything: bool = False
    quarantine: bool = False


class Dropped(Model):
    """How many went."""

    dropped: int


class Retried(Model):
    """How many requests are masked now and wait for delivery, and why others stay."""

    passed: int
    left: dict[str, int]


async def read_spool(call: Call) -> SpoolView:
    """What waits."""
    spool = _spool(call.desk)

    def read() -> SpoolView:
        with opened(spool.path) as db:
            numbers = count(db, spool.limit, time.time())
        return SpoolView(
            state=numbers.state,
            records=numbers.records,
            bytes=numbers.bytes,
            limit=numbers.limit,
            oldest_seconds=numbers.oldest,
            waiting=dict(numbers.waiting),
            dropped={reason.value: times for reason, times in numbers.dropped.items()},
            quarantine=_held(spool),
        )

    return await call.desk.run(read)


async def drop_spool(call: Call) -> Dropped:
    """Gives up records that wait."""
    spool, asked = _spool(call.desk), call.body
    if asked.everything is any((asked.route, asked.program, asked.key, asked.older_seconds)):
        raise Problem(422, "say which records: route, program, key or older_seconds; or everything")
    before = time.time() - asked.older_seconds if asked.older_seconds is not None else None

    def work() -> int:
        path = quarantine_path(spool.path) if asked.quarantine else spool.path
        if asked.quarantine and not path.exists():
            return 0
        with opened(path) as db:
            return drop(db, route=asked.route, key=asked.key, program=asked.program, before=before)

    gone = await call.desk.run(work)
    await call.note(Act.SPOOL_DROPPED, f"{gone} records{' of the quarantine' if asked.quarantine else ''}")
    return Dropped(dropped=gone)


async def retry_spool(call: Call) -> Retried:
    """Reads again, under the rules as they are now, what was quarantined; what is masked is delivered."""
    desk, spool = call.desk, _spool(call.desk)
    loop = asyncio.get_running_loop()

    def work() -> Retried:
        path, ring = quarantine_path(spool.path), spool_ring(spool)
        if not path.exists():
            return Retried(passed=0, left={})
        pen = Pen(path, Sealer(ring, QUARANTINE), limit=spool.quarantine.limit, keep=spool.quarantine.keep)
        create(spool.path)
        ledger = Ledger(connect(spool.path), spool.path, Sealer(ring, RECORDS), limit=spool.limit, keep=spool.keep)
        known = {route.label for route in desk.control.configuration.settings.routes}
        passed, left = 0, Counter[str]()
        try:
            for position, inbound, _ in pen.requests():
                if inbound.route not in known:
                    left["route is gone"] += 1
                    continue
                outcome = asyncio.run_coroutine_threadsafe(desk.control.mask(inbound), loop).result()
                if isinstance(outcome, Send):
                    entry = Entry(outcome.masked, inbound.route, outcome.session, outcome.report.tracker)
                    if isinstance(ledger.commit([Append(entry)])[0], NotKept):
                        left["the spool takes no more"] += 1
                        continue
                    pen.remove(position)
                    passed += 1
                elif isinstance(outcome, Refuse):
                    left[outcome.reason.value] += 1
        finally:
            ledger.close()
            pen.close()
        return Retried(passed=passed, left=dict(left))

    done = await desk.run(work)
    await call.note(Act.SPOOL_RETRIED, f"{done.passed} passed")
    return done


def _spool(desk: Desk) -> SpoolSettings:
    settings = desk.control.configuration.settings
    if settings.spool is None:
        raise Problem(409, "there is no `spool:` in gateway.yaml")
    if settings.cluster is not None:
        raise Problem(409, "the spool is on the cluster's servers: look after it there")
    return settings.spool


def _held(spool: SpoolSettings) -> dict[str, int]:
    """How many requests are in quarantine, by reason."""
    path = quarantine_path(spool.path)
    if not path.exists():
        return {}
    with opened(path) as db:
        return dict(db.execute("SELECT program, count(*) FROM records GROUP BY program").fetchall())
