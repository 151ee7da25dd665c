"""Totals of what happened to requests, by tracker, verdict and reason: words of closed lists, never a value.

In memory; `flush` hands what came since the last one to whoever logs, `samples` all of it to whoever measures.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

from aiohttp import web
from aiohttp.abc import AbstractAccessLogger

from gateway.core.report import Report
from gateway.log import Name
from gateway.policy.decision import Recording
from gateway.status import Histogram, Sample
from gateway.traffic import Verdict

_NO_CATEGORY = frozenset({"headers", "unreadable parts"})
"""Findings that stand outside of categories, by their rule."""


class Span(StrEnum):
    """What takes time."""

    REQUEST = "gateway_request_seconds"
    UPSTREAM = "gateway_upstream_seconds"


class Reload(StrEnum):
    """What became of new files."""

    TAKEN = "taken"
    FAILED = "failed"


class Kind(NamedTuple):
    """One row of the totals."""

    tracker: str
    verdict: Verdict
    reason: str


class Decided(NamedTuple):
    """One row of what was decided of visitors: on a route, what becomes of the visit, by which signal, from where.

    `signal` and `region` are words of closed lists.
    """

    route: str
    recording: Recording
    signal: str
    region: str


class Change(NamedTuple):
    """One row of what masking changed in what was sent or held."""

    route: str
    tracker: str
    category: str
    operator: str
    detector: str


class Counts:
    """Counts rows; one per process, used from the event loop only."""

    __slots__ = (
        "_decided_since", "_masking", "_since", "bytes_in", "bytes_out", "changes", "decided", "received", "reloads",
        "sent", "spans", "total",
    )  # fmt: skip

    def __init__(self) -> None:
        self.decided: Counter[Decided] = Counter()
        self._decided_since: Counter[Decided] = Counter()
        self.changes: Counter[Change] = Counter()
        self.total: Counter[Kind] = Counter()
        self._since: Counter[Kind] = Counter()
        self.reloads: Counter[Reload] = Counter()
        self.spans = {span: Histogram() for span in Span}
        self._masking: dict[str, Histogram] = {}
        self.bytes_in: Counter[str] = Counter()  # by route: bodies that were masked, as they came
        self.bytes_out: Counter[str] = Counter()  # and as they went to the backend
        self.received = 0  # bytes of bodies
        self.sent = 0  # bytes of answers

    def add(self, verdict: Verdict, reason: str = "", tracker: str = "") -> None:
        """Counts one request."""
        kind = Kind(tracker, verdict, reason)
        self.total[kind] += 1
        self._since[kind] += 1

    def decide(self, decided: Decided) -> None:
        """Counts what was decided of one request."""
        self.decided[decided] += 1
        self._decided_since[decided] += 1

    def changed(self, route: str, report: Report) -> None:
        """Counts what masking changed in one request."""
        for finding, count in report.findings.items():
            category = finding.category or (finding.rule if finding.rule in _NO_CATEGORY else "rest")
            self.changes[Change(route, report.tracker, category, finding.operator, finding.detector)] += count

    def flush_decided(self) -> list[tuple[Decided, int]]:
        """What was decided since the last call, in a stable order."""
        rows = sorted(self._decided_since.items())
        self._decided_since.clear()
        return rows

    def flush(self) -> list[tuple[Kind, int]]:
        """The rows counted since the last call, in a stable order."""
        rows = sorted(self._since.items())
        self._since.clear()
        return rows

    def masking(self, tracker: str) -> Histogram:
        """The delays by masking of one tracker's requests."""
        found = self._masking.get(tracker)
        if found is None:
            found = self._masking[tracker] = Histogram()
        return found

    def samples(self) -> Iterator[Sample]:
        """All of it, for metrics."""
        for (tracker, verdict, reason), count in self.total.items():
            yield Sample("gateway_requests_total", count, (Name(tracker), verdict, Name(reason)))
        for (route, recording, signal, region), count in self.decided.items():
            yield Sample("gateway_visitor_decisions_total", count, (Name(route), recording, Name(signal), Name(region)))
        for change, count in self.changes.items():
            yield Sample("gateway_masked_values_total", count, tuple(map(Name, change)))
        for result in Reload:
            yield Sample("gateway_reloads_total", self.reloads[result], (result,))
        for span, histogram in self.spans.items():
            yield Sample(span.value, histogram)
        for tracker, histogram in self._masking.items():
            yield Sample("gateway_masking_seconds", histogram, (Name(tracker),))
        for route, size in self.bytes_in.items():
            yield Sample("gateway_route_in_bytes_total", size, (Name(route),))
        for route, size in self.bytes_out.items():
            yield Sample("gateway_route_out_bytes_total", size, (Name(route),))
        yield Sample("gateway_received_bytes_total", self.received)
        yield Sample("gateway_sent_bytes_total", self.sent)


class Meter(AbstractAccessLogger):
    """aiohttp's hook for access logs: is told of each request once its answer is out. Logs nothing."""

    def __init__(self, logger: Counts, _format: str) -> None:
        self._counts = logger

    def log(self, request: web.BaseRequest, response: web.StreamResponse, time: float) -> None:
        """Counts bytes both ways and how long it took."""
        self._counts.received += request.content.total_bytes
        self._counts.sent += response.body_length
        self._counts.spans[Span.REQUEST].observe(time)
