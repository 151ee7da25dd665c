"""What a spool's store promises: the one interface of the embedded store and of a cluster's.

A *lane* is what keeps its order: a session's records, or a route's where no session is told. The oldest record of a lane
is its *head*; only heads are claimed, and whoever claimed one holds its lane until `done`, `drop` or `release`. Calls of
one process come from its event loop, at any time and in any number; no call blocks the loop.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from gateway.core.masked import Masked
from gateway.core.message import Headers

RETRY_SECONDS = 5
"""What `Retry-After` says to a browser whose request could not be kept."""


class Dropped(StrEnum):
    """Why a record left undelivered. Each is counted."""

    ANSWER = "answer"  # the backend said 4xx: it will never take this one
    EXPIRED = "expired"  # older than `keep`
    REVOKED = "revoked"  # masked by a program that the configuration revokes
    DAMAGED = "damaged"  # does not open: its bytes are not those that were written
    INVALID = "invalid"  # not HTTP that could be sent
    BY_HAND = "by_hand"  # `gateway spool drop`
    FORGOTTEN = "forgotten"  # the visitor opted out, or `gateway forget`


class State(StrEnum):
    """What a health page shows."""

    OK = "ok"
    NEARLY_FULL = "nearly_full"  # over nine tenths of the limit, or the disk has little left
    FULL = "full"  # the last append found no room
    FAILING = "failing"  # the last write failed: disk full, I/O error, no quorum


class NotKept(Exception):  # noqa: N818 - reads as what happened: `except NotKept`
    """Nothing was stored, so nothing may be answered as accepted: 503 with Retry-After."""

    def __init__(self, state: State) -> None:
        """`state` is FULL or FAILING."""
        super().__init__(state.value)
        self.state = state


@dataclass(frozen=True, slots=True)
class Entry:
    """What is appended.

    `lane` is a keyed fingerprint of at most 32 bytes, never a session's id. `came` holds `Via` and `Max-Forwards` of the
    request as received, and nothing else.
    """

    masked: Masked
    route: str
    lane: bytes
    tracker: str = ""
    came: Headers = field(default_factory=Headers)


@dataclass(frozen=True, slots=True)
class Claimed:
    """The head of a lane, held by whoever claimed it. `position` is the store's own; `at` is seconds since 1970."""

    position: int
    entry: Entry
    at: float


@dataclass(frozen=True, slots=True)
class Numbers:
    """How full the store is, for status, metrics and readiness. Sizes are bytes as sealed; `limit` is the quota.

    `oldest` is the oldest record's age in seconds, None where there is none; `waiting` counts records by route;
    `dropped` counts by reason since the store was made.
    """

    state: State
    records: int
    bytes: int
    limit: int
    oldest: float | None
    waiting: Mapping[str, int]
    dropped: Mapping[Dropped, int]


class Store(Protocol):
    """Where records wait. Opened once, closed once; `UserError` from `open` where it can't be used."""

    async def open(self) -> None:
        """Makes it ready, after repairing what a crash left. Raises `UserError` with one line that says what to do."""
        ...

    async def close(self) -> None:
        """Finishes what is under way. What is held goes back."""
        ...

    async def append(self, entry: Entry, *, only_behind: bool = False) -> bool:
        """Stores one record; True once it is durable, and only then may it be answered as accepted.

        With `only_behind` it is stored only where its lane already has records (claimed ones count), else False and
        nothing is stored: the answer to "must this one queue?", in one step. Appends that wait together share one
        commit. Raises `NotKept`, with nothing stored.
        """
        ...

    async def claim(self, route: str, most: int) -> list[Claimed]:
        """Up to `most` heads of a route's lanes that nobody holds, oldest first; the caller holds their lanes.

        A record that does not open is dropped and counted, and the next of its lane takes its place. A holder that dies
        holds nothing: its records are claimed again (at least once).
        """
        ...

    async def done(self, claimed: Claimed) -> None:
        """Delivered: removes it and frees its lane. Never raises: where it can't be removed yet, that is tried again."""
        ...

    async def drop(self, claimed: Claimed, reason: Dropped) -> None:
        """Removes it undelivered, counts it by `reason`, and frees its lane. Never raises."""
        ...

    async def release(self, claimed: Claimed) -> None:
        """Puts it back at the head of its lane, to be claimed again."""
        ...

    async def forget(self, lanes: Mapping[str, Collection[bytes]]) -> int:
        """Drops all that waits in these lanes, by route, counts it as forgotten, and says how much it was.

        What is on its way to its backend may still arrive. Raises `NotKept` where it can't be dropped now.
        """
        ...

    async def tidy(self) -> None:
        """Drops what is older than `keep`, and brings `numbers` up to date. Called every few seconds. Never raises."""
        ...

    @property
    def numbers(self) -> Numbers:
        """How full it is, as of the last call that changed something: no I/O."""
        ...
