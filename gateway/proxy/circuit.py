"""A circuit breaker for each backend: one that can't be reached is not tried again by every request.

    closed ── FAILURES in a row ─▶ open ── PAUSE_SECONDS ─▶ half open: one request tries ── reached ─▶ closed
                                     ▲──────────────── not reached ────────────────┘

Only what says that nobody is there counts: no address, no connection, no valid certificate. Any answer at all, an error
of the backend's own included, closes it. The pause is short, so that a backend that comes back is found within seconds;
what the breaker saves is the waiting of all the others.
"""

from __future__ import annotations

import time
from collections.abc import Callable

FAILURES = 5
PAUSE_SECONDS = 1.0


class Circuit:
    """The breaker of one backend; used from the event loop only. `begin` is followed by one of the three others."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures = 0
        self._until = 0.0
        self._is_probing = False

    @property
    def is_open(self) -> bool:
        """Whether requests are turned away, but for one that tries now and then."""
        return self._failures >= FAILURES

    def begin(self) -> float:
        """0 where a request may try; else the seconds until the next one may, at least a tenth."""
        if not self.is_open:
            return 0.0
        left = self._until - self._clock()
        if left > 0 or self._is_probing:
            return max(left, 0.1)
        self._is_probing = True
        return 0.0

    def reached(self) -> None:
        """Somebody answered."""
        self._failures = 0
        self._is_probing = False

    def missed(self) -> None:
        """Nobody was there."""
        self._failures += 1
        # of those that began before it opened, none holds it open any longer
        if self._is_probing or self._failures == FAILURES:
            self._until = self._clock() + PAUSE_SECONDS
        self._is_probing = False

    def undecided(self) -> None:
        """It ended without telling: cancelled, or no answer in time."""
        self._is_probing = False
