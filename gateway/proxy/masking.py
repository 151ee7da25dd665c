"""The pipeline in the process that calls it: each route's own Program. For the demo and tests; `gateway run` has maskers.

Called from the loop and from threads.

The time budget counts the thread's CPU time: a busy machine makes masking later, not a payload too expensive.

Programs are immutable and guard their sessions themselves; nothing is kept here.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from gateway.core.message import Inbound
from gateway.core.outcome import Outcome
from gateway.core.pipeline import Program, mask


class Programs:
    """A `Masker` by the name of the request's route. A route without a Program is a defect, and forwards nothing."""

    def __init__(self, by_route: Mapping[str, Program]) -> None:
        self._by_route = by_route

    def mask(self, inbound: Inbound) -> Outcome:
        """The verdict of the route's Program."""
        return mask(inbound, self._by_route[inbound.route], time.thread_time)
