"""What is remembered of requests while they can be looked at: as they came, and the picture of before and after.

In memory only; the oldest go first.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from gateway.proxy.framing import Received

MOST_BYTES = 128 * 1024 * 1024
MOST_FLOWS = 2_000


@dataclass(frozen=True, slots=True)
class Came:
    """A request as it came. `is_direct`: it asks for a backend itself, at `host` and `port`, and not for a route."""

    received: Received
    body: bytes
    peer: str
    secure: bool
    scheme: str
    host: str
    port: int
    is_direct: bool


@dataclass(frozen=True, slots=True)
class Seen:
    """One request: as it came, what is shown of it, and a digest of what was made of it."""

    came: Came
    text: str
    made: bytes

    @property
    def size(self) -> int:
        """Bytes, about."""
        return len(self.came.body) + 2 * len(self.text) + 4096


class Memory:
    """Requests by the flow's id."""

    def __init__(self, most_bytes: int = MOST_BYTES, most_flows: int = MOST_FLOWS) -> None:
        self._seen: OrderedDict[str, Seen] = OrderedDict()
        self._most_bytes = most_bytes
        self._most_flows = most_flows
        self._bytes = 0

    def keep(self, flow: str, seen: Seen) -> None:
        """Remembers it, and forgets the oldest where it gets too much."""
        self.forget(flow)
        self._seen[flow] = seen
        self._bytes += seen.size
        while self._seen and (self._bytes > self._most_bytes or len(self._seen) > self._most_flows):
            self.forget(next(iter(self._seen)))

    def forget(self, flow: str) -> None:
        """Forgets one."""
        seen = self._seen.pop(flow, None)
        if seen is not None:
            self._bytes -= seen.size

    def get(self, flow: str) -> Seen | None:
        """What is known of a flow."""
        return self._seen.get(flow)
