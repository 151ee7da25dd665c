"""The requests that passed lately, for whoever looks, and how often each rule masked.

A ring in memory, bounded in number and in bytes; nothing of it reaches a disk. It holds what left, masked, and words of
closed lists. What came before masking (`Exchange.before`) is in it in debug mode alone, and gone when that is switched off.
Invariant: without debug mode, nothing that a visitor sent and a rule masked is in here.

The data plane adds, on its event loop; readers on the same loop wait for what comes after the number they know. Who reads
slowly misses what left the ring meanwhile, and nobody waits for them.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import msgspec

from gateway.core.masked import Masked
from gateway.core.message import Headers, Inbound
from gateway.core.report import Finding
from gateway.log import Method, Name
from gateway.status import Sample, Trouble

MOST: Final = 2000
SIZE: Final = 64 * 1024 * 1024
_ROW_SIZE: Final = 1024  # of an exchange without its requests; measured 700 to 900 bytes
_FINDING_SIZE: Final = 512
_FIELD_SIZE: Final = 150


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


class Exchange(msgspec.Struct, frozen=True, kw_only=True):
    """One request, as it ended. `path` is a tracker file's own form of it (`/api/*/envelope/`), or empty.

    Sizes are bytes of bodies, as they came and as they left; delays are seconds. `session` is a keyed fingerprint in
    hexadecimal. `before` is the request as it was masked: whoever masks it again by `program` gets `sent`, but for what
    the session's earlier requests told.
    """

    number: int
    at: float  # Unix time of its head
    verdict: Verdict
    reason: str  # the backend's status, or a word
    route: str = ""
    tracker: str = ""
    method: Method = Method.OTHER
    path: str = ""
    size_in: int = 0
    size_out: int = 0
    masking: float = 0.0
    upstream: float = 0.0  # up to the head of the backend's answer
    masked_at: float = 0.0  # Unix times of the ends of these, 0 where it did not come so far; and of its verdict
    answered_at: float = 0.0
    ended_at: float = 0.0
    findings: Mapping[Finding, int] = {}
    layers: tuple[str, ...] = ()
    program: str = ""  # the digest of the rules
    session: str = ""
    sent: Masked | None = None
    before: Inbound | None = None
    came: Headers | None = None  # the fields of `before`, those that the proxy took off included
    is_cut: bool = False  # its requests were too large to be kept

    @property
    def masked(self) -> int:
        """How many values were changed."""
        return sum(self.findings.values())

    @property
    def size(self) -> int:
        """About how many bytes of memory it holds."""
        held = _ROW_SIZE + _FINDING_SIZE * len(self.findings)
        if self.sent is not None:
            request = self.sent.request
            held += len(request.body) + len(request.target) + _size_of(request.headers)
        if self.before is not None:
            held += len(self.before.body) + len(self.before.target) + _size_of(self.came or self.before.headers)
        return held


def _size_of(headers: Headers) -> int:
    return sum(len(name) + len(value) + _FIELD_SIZE for name, value in headers)


@dataclass(slots=True)
class Hits:
    """How many values a rule masked since the start, and when it did last (Unix time)."""

    count: int = 0
    last: float = 0.0


class Traffic:
    """The last exchanges. Used from the event loop alone. One that does not `keep` counts only."""

    def __init__(self, *, keep: bool = False, debug: bool = False, most: int = MOST, size: int = SIZE) -> None:
        self.keep = keep
        self.rules: dict[str, Hits] = {}  # by a rule's name, as findings tell it
        self.masked: Counter[tuple[str, str]] = Counter()  # rule and detector → values
        self._debug = keep and debug
        self._most = most
        self._size = size
        self._ring: deque[Exchange] = deque()
        self._held = 0
        self._coming = 1
        self._news: asyncio.Future[None] | None = None

    # what the data plane does

    @property
    def debug(self) -> bool:
        """Whether requests are kept as they came. Switched off, those that there are go at once."""
        return self._debug

    @debug.setter
    def debug(self, debug: bool) -> None:
        self._debug = self.keep and debug
        if not self._debug:
            self._ring = deque(msgspec.structs.replace(one, before=None, came=None) for one in self._ring)
            self._held = sum(one.size for one in self._ring)

    @property
    def coming(self) -> int:
        """The number of the exchange that is added next."""
        return self._coming

    def count(self, findings: Mapping[Finding, int], at: float) -> None:
        """Counts what was masked in one request."""
        masked, rules = self.masked, self.rules
        for finding, values in findings.items():
            masked[finding.rule, finding.detector] += values
            hits = rules.get(finding.rule)
            if hits is None:
                hits = rules[finding.rule] = Hits()
            hits.count += values
            hits.last = at

    def add(self, exchange: Exchange) -> None:
        """Takes the exchange of number `coming`; the oldest ones go where there is no room."""
        if exchange.number != self._coming:
            raise ValueError("an exchange is added with the number that is coming")
        self._coming += 1
        size = exchange.size
        if size > self._size // 8:  # one alone would drive out most others
            exchange = msgspec.structs.replace(exchange, sent=None, before=None, came=None, is_cut=True)
            size = exchange.size
        ring = self._ring
        ring.append(exchange)
        self._held += size
        while len(ring) > self._most or self._held > self._size:
            self._held -= ring.popleft().size
        if self._news is not None:
            if not self._news.done():
                self._news.set_result(None)
            self._news = None

    # what readers do

    @property
    def held(self) -> int:
        """About how many bytes the ring holds."""
        return self._held

    def __iter__(self) -> Iterator[Exchange]:
        """What there is, the newest first."""
        return reversed(tuple(self._ring))

    def get(self, number: int) -> Exchange | None:
        """The exchange of this number; None where it has gone, or never came."""
        place = number - self._ring[0].number if self._ring else -1
        return self._ring[place] if 0 <= place < len(self._ring) else None

    def since(self, number: int) -> list[Exchange]:
        """What came after the exchange of this number and is still there, the oldest first."""
        found: list[Exchange] = []
        for one in reversed(self._ring):
            if one.number <= number:
                break
            found.append(one)
        return found[::-1]

    async def after(self, number: int) -> list[Exchange]:
        """`since`, once there is something."""
        while not (found := self.since(number)):
            if self._news is None:
                self._news = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._news)
        return found

    # status.Source

    def troubles(self) -> Iterator[Trouble]:
        """None of its own."""
        yield from ()

    def samples(self) -> Iterator[Sample]:
        """What was masked."""
        for (rule, detector), values in self.masked.items():
            yield Sample("gateway_rule_values_total", values, (Name(rule), Name(detector)))
        yield Sample("gateway_traffic_bytes", self._held)
        yield Sample("gateway_debug", int(self._debug))
