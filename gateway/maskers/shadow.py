"""Rules on trial: a share of the visitors is masked by them, too, in a masker of their own. What comes out is counted and
thrown away; it is never sent, kept or shown.

Whole visitors are sampled, since a session's page must be known from its beginning. Requests that the trial's masker has no time
for are passed over and counted: a trial never slows down what is served.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final

from gateway.core.message import Inbound
from gateway.core.outcome import Outcome, Refuse, Send
from gateway.maskers.blueprint import Blueprint
from gateway.maskers.pool import Busy, Edition, Maskers

WAITING: Final = 64


@dataclass(slots=True)
class Tally:
    """What rules did: verdicts (`send`, `answer`, `refuse reason`), and values by rule."""

    verdicts: Counter[str] = field(default_factory=Counter)
    values: Counter[str] = field(default_factory=Counter)

    def add(self, outcome: Outcome) -> None:
        """Counts one."""
        self.verdicts[_verdict(outcome)] += 1
        if isinstance(outcome, Send):
            for finding, count in outcome.report.findings.items():
                self.values[finding.rule] += count


class Shadow:
    """One trial. `share` of the visitors, from 0 to 1. The counts of both sides are of the same requests."""

    def __init__(self, share: float) -> None:
        self.share = share
        self.live = Tally()
        self.tried = Tally()
        self.alike = 0  # requests that left the same, byte for byte
        self.missed = 0
        self._key = os.urandom(32)
        self._waiting: asyncio.Queue[tuple[Inbound, Outcome]] = asyncio.Queue(WAITING)
        self._maskers = Maskers(1, told=lambda _: None)
        self._edition: Edition
        self._task: asyncio.Task[None] | None = None

    async def begin(self, blueprint: Blueprint) -> None:
        """Starts the masker."""
        self._edition = await self._maskers.start(blueprint)
        self._task = asyncio.get_running_loop().create_task(self._run())

    @property
    def digests(self) -> tuple[str, ...]:
        """Of the programs on trial."""
        return self._edition.digests

    async def end(self) -> None:
        """Stops the masker; the counts stay."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._maskers.stop()

    def offer(self, inbound: Inbound, outcome: Outcome) -> None:
        """A request, and what the live rules made of it."""
        if not self._is_mine(inbound.client):
            return
        try:
            self._waiting.put_nowait((inbound, outcome))
        except asyncio.QueueFull:
            self.missed += 1

    def _is_mine(self, client: str) -> bool:
        digest = blake2b(client.encode("utf-8", "surrogatepass"), key=self._key, digest_size=8).digest()
        return int.from_bytes(digest) < self.share * 2**64

    async def _run(self) -> None:
        while True:
            inbound, live = await self._waiting.get()
            if inbound.route not in self._edition.programs:  # a route that came with a reload meanwhile
                self.missed += 1
                continue
            try:
                tried = await self._edition.mask(inbound)
            except Busy:
                self.missed += 1
                continue
            self.live.add(live)
            self.tried.add(tried)
            self.alike += _left(live) == _left(tried)


def _verdict(outcome: Outcome) -> str:
    match outcome:
        case Send():
            return "send"
        case Refuse(reason):
            return f"refuse {reason}"
        case _:
            return "answer"


def _left(outcome: Outcome) -> object:
    if isinstance(outcome, Send):
        request = outcome.masked.request
        return request.method, request.target, tuple(request.headers), request.body
    return _verdict(outcome)
