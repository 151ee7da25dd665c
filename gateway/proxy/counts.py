"""Totals of what happened to requests, by tracker, verdict and reason: words of closed lists, never a value.

In memory; `flush` hands what came since the last one to whoever logs.
"""

from __future__ import annotations

from collections import Counter
from enum import StrEnum
from typing import NamedTuple


class Verdict(StrEnum):
    """What became of a request."""

    FORWARDED = "forwarded"
    ANSWERED = "answered"
    REFUSED = "refused"
    REJECTED = "rejected"  # never got as far as masking: framing, no route, too large
    FAILED = "failed"  # masked, but the backend could not be reached
    HELD = "held"  # accepted, and waiting in the spool
    DELIVERED = "delivered"  # out of the spool, to its backend
    DROPPED = "dropped"  # out of the spool, for a reason


class Kind(NamedTuple):
    """One row of the totals."""

    tracker: str
    verdict: Verdict
    reason: str


class Counts:
    """Counts rows; one per process, used from the event loop only."""

    __slots__ = ("_since", "total")

    def __init__(self) -> None:
        self.total: Counter[Kind] = Counter()
        self._since: Counter[Kind] = Counter()

    def add(self, verdict: Verdict, reason: str = "", tracker: str = "") -> None:
        """Counts one request."""
        kind = Kind(tracker, verdict, reason)
        self.total[kind] += 1
        self._since[kind] += 1

    def flush(self) -> list[tuple[Kind, int]]:
        """The rows counted since the last call, in a stable order."""
        rows = sorted(self._since.items())
        self._since.clear()
        return rows
