"""Who delivers a route: one gateway at a time, for as long as it renews its lease in time.

A lease is a message of a subject that the servers forget after `SECONDS`. It is taken where there is none, and renewed
against its own number; whoever can't renew it stops before the servers forget it.
"""

from __future__ import annotations

import asyncio
import os
from typing import Final

from nats.js import api
from nats.js.errors import APIError

from gateway.cluster.link import WRONG_LAST_SEQUENCE, Away, Link

STREAM: Final = "gateway_leases"
PREFIX: Final = "gateway.lease."
SECONDS: Final = 12.0
RENEW_SECONDS: Final = 3.0
SPARE_SECONDS: Final = 4.0  # before the servers forget a lease, its holder has


class Leases:
    """The leases of this process."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._mine: dict[str, tuple[int, float]] = {}  # name → the message's number, and until when it holds
        self._asked: dict[str, float] = {}

    @staticmethod
    def stream() -> api.StreamConfig:
        """Where the leases of all gateways are."""
        return api.StreamConfig(
            name=STREAM,
            subjects=[f"{PREFIX}>"],
            max_msgs_per_subject=1,
            max_age=SECONDS,
            storage=api.StorageType.FILE,
            duplicate_window=SECONDS,
        )

    def holds(self, name: str) -> bool:
        """Whether a lease is held, without asking."""
        return asyncio.get_running_loop().time() < self._mine.get(name, (0, 0.0))[1]

    async def hold(self, name: str) -> bool:
        """Takes or renews a lease where that is due; whether it is held. Never raises."""
        now = asyncio.get_running_loop().time()
        number, until = self._mine.get(name, (0, 0.0))
        if now >= until:
            self._mine.pop(name, None)
            number = 0
            if now < self._asked.get(name, 0.0):
                return False  # another gateway had it a moment ago
        elif now < until - (SECONDS - SPARE_SECONDS - RENEW_SECONDS):
            return True
        self._asked[name] = now + 1.0
        try:
            number, _ = await self._link.stored(PREFIX + name, b"", os.urandom(12).hex(), number)
        except APIError as refused:
            if refused.err_code == WRONG_LAST_SEQUENCE:
                self._mine.pop(name, None)
            return False
        except Away:
            return self.holds(name)
        self._mine[name] = number, now + SECONDS - SPARE_SECONDS
        return True

    async def free(self) -> None:
        """Gives all leases back."""
        for name, (number, _) in list(self._mine.items()):
            del self._mine[name]
            try:
                await self._link.remove(STREAM, number)
            except Away:
                return
