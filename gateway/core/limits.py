"""How much one request may cost. Every loop over a payload counts against a `Budget`; nothing is unbounded.

Sizes are bytes, time is seconds of the clock that the shell hands in (pure rooms have none of their own).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gateway.core.errors import Reason, Refused


@dataclass(frozen=True, slots=True)
class Limits:
    """The `limits:` of gateway.yaml."""

    body: int = 20 * 1024 * 1024
    decoded: int = 64 * 1024 * 1024
    layers: int = 32
    depth: int = 256
    time: float = 2.0


class Budget:
    """What is left of the limits for one request. Spending over a limit raises `Refused`."""

    __slots__ = ("_clock", "_deadline", "decoded", "limits")

    def __init__(self, limits: Limits, clock: Callable[[], float]) -> None:
        self.limits = limits
        self.decoded = limits.decoded
        self._clock = clock
        self._deadline = clock() + limits.time

    def spend_decoded(self, size: int) -> None:
        """Counts `size` decoded bytes; raises `Refused(TOO_LARGE)` when the request has used up its share."""
        self.decoded -= size
        if self.decoded < 0:
            raise Refused(Reason.TOO_LARGE)

    def check_time(self) -> None:
        """Raises `Refused(TOO_SLOW)` when the time is used up. Called between layers and every few hundred leaves."""
        if self._clock() > self._deadline:
            raise Refused(Reason.TOO_SLOW)
