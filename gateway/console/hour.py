"""The last hour of what is measured, in memory: a point each ten seconds, for the health page and whoever asks the API.

Bounded: `POINTS` of at most `MOST` series. Asks the same sources as /metrics. Nothing is stored; a start begins anew.
"""

from __future__ import annotations

import asyncio
import math
import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from gateway.maskers.bounds import resident
from gateway.status import METRICS, Histogram, Source

STEP: Final = 10.0
POINTS: Final = 361
MOST: Final = 1000

FRONT: Final = "front"
"""What the front's own memory is called, where the maskers' stands beside it."""


@dataclass(frozen=True, slots=True)
class Chart:
    """One picture. `by`: the label whose words are its lines; `only`: words of labels that count.

    `kind`: a counter is shown as how much it grows a second, a gauge as it is, a histogram by its 50th and 95th percentile.
    """

    name: str
    title: str
    unit: str
    metrics: Mapping[str, str]  # metric → what its line is called where no label parts it
    by: str = ""
    only: Mapping[str, frozenset[str]] = field(default_factory=dict)
    told: str = ""


_REFUSED: Final = {"verdict": frozenset({"refused", "rejected", "failed"})}

CHARTS: Final[tuple[Chart, ...]] = (
    Chart("traffic", "Traffic", "requests/s", {"gateway_requests_total": "requests"}, by="verdict"),
    Chart("refusals", "Refused, rejected or failed, by reason", "requests/s", {"gateway_requests_total": "requests"},
          by="reason", only=_REFUSED),
    Chart("masked", "Values masked", "values/s", {"gateway_masked_values_total": "values"}, by="category"),
    Chart("masking", "Time to mask a request", "s", {"gateway_masking_seconds": "masking"},
          told="Waiting for a masker included."),
    Chart("upstream", "Time until the backend answers", "s", {"gateway_upstream_seconds": "backend"}),
    Chart("bytes", "Bytes", "B/s", {"gateway_received_bytes_total": "received", "gateway_sent_bytes_total": "answered"}),
    Chart("spool", "Waiting in the spool", "records", {"gateway_spool_records": "records"}, by="route"),
    Chart("quarantine", "In quarantine", "requests", {"gateway_quarantine_records": "requests"}),
    Chart("residue", "Residues found by the second reading", "findings/s", {"gateway_monitor_residue_total": "findings"},
          by="detector"),
    Chart("maskers", "Processes that mask", "processes", {"gateway_maskers": "up"}),
    Chart("memory", "Memory", "B", {FRONT: "front", "gateway_masker_memory_bytes": "maskers"}),
    Chart("connections", "Open connections", "connections", {"gateway_connections": "connections"}),
)  # fmt: skip
"""All pictures, in their order."""

_WANTED: Final = frozenset(metric for chart in CHARTS for metric in chart.metrics)

Labels = tuple[str, ...]
Key = tuple[str, Labels]
Counts = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a chart: a value for each time, None where there is none."""

    label: str
    values: tuple[float | None, ...]


class Hour:
    """Points of the last hour. Used from the event loop alone."""

    def __init__(self, sources: Sequence[Source], clock: Callable[[], float] = time.time) -> None:
        self._sources = sources
        self._clock = clock
        self._times: deque[float] = deque(maxlen=POINTS)
        self._figures: dict[Key, deque[float]] = {}
        self._shapes: dict[str, deque[Counts]] = {}

    async def run(self) -> None:
        """Takes a point each ten seconds, until cancelled."""
        while True:
            self.take()
            await asyncio.sleep(STEP)

    @property
    def times(self) -> tuple[float, ...]:
        """When the points were taken (Unix times)."""
        return tuple(self._times)

    def take(self) -> None:
        """One point of everything that a chart shows."""
        figures: dict[Key, float] = {(FRONT, ()): float(resident(os.getpid()))}
        shapes: dict[str, Counts] = {}
        for source in self._sources:
            for sample in source.samples():
                if sample.metric not in _WANTED:
                    continue
                if isinstance(sample.value, Histogram):
                    shapes[sample.metric] = _added(shapes.get(sample.metric, ()), tuple(sample.value.counts))
                else:
                    key = sample.metric, tuple(str(label) for label in sample.labels)
                    figures[key] = figures.get(key, 0.0) + sample.value
        self._times.append(self._clock())
        before = len(self._times) - 1
        for points in self._figures.values():
            points.append(math.nan)
        for key, value in figures.items():
            if key not in self._figures and len(self._figures) < MOST:
                # a counter that was not there had counted nothing
                began = 0.0 if _kind(key[0]) == "counter" else math.nan
                self._figures[key] = deque([*[began] * before, math.nan], maxlen=POINTS)
            if key in self._figures:
                self._figures[key][-1] = value
        for metric, counts in shapes.items():
            self._shapes.setdefault(metric, deque([()] * before, maxlen=POINTS)).append(counts)

    def lines(self, chart: Chart) -> tuple[Line, ...]:
        """A chart's lines, the largest first."""
        lines = [
            Line(f"{share:.0%} within", tuple(_quantiles(self._shapes[metric], share)))
            for metric in chart.metrics
            for share in (0.95, 0.5)
            if metric in self._shapes
        ]
        parts: dict[str, list[list[float | None]]] = {}
        for (metric, labels), points in self._figures.items():
            if metric in chart.metrics:
                named = dict(zip(METRICS[metric].labels, labels, strict=True)) if metric in METRICS else {}
                if all(named.get(label) in words for label, words in chart.only.items()):
                    shown = self._rates(points) if _kind(metric) == "counter" else map(_known, points)
                    parts.setdefault(named.get(chart.by) or chart.metrics[metric], []).append(list(shown))
        lines += [Line(label, tuple(map(_sum, zip(*several, strict=True)))) for label, several in parts.items()]
        return tuple(sorted(lines, key=lambda line: -max((one or 0.0 for one in line.values), default=0.0)))

    def _rates(self, points: Iterable[float]) -> Iterator[float | None]:
        yield None
        for (before, after), (early, late) in zip(pairwise(points), pairwise(self._times), strict=True):
            grown = _known(after - before)
            yield None if grown is None else max(0.0, grown) / max(0.001, late - early)


def _kind(metric: str) -> str:
    return METRICS[metric].kind if metric in METRICS else "gauge"


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def _sum(values: tuple[float | None, ...]) -> float | None:
    there = [value for value in values if value is not None]
    return sum(there) if there else None


def _added(one: Counts, other: Counts) -> Counts:
    return tuple(a + b for a, b in zip(one, other, strict=True)) if one else other


def _quantiles(points: Iterable[Counts], share: float) -> Iterator[float | None]:
    """Of what was observed between two points."""
    yield None
    for before, after in pairwise(points):
        counted = [late - early for early, late in zip(before, after, strict=True)] if before else list(after)
        yield quantile(counted, share)


def quantile(counts: Sequence[int], share: float) -> float | None:
    """By linear interpolation within a bucket, as Prometheus' `histogram_quantile`; None where nothing was counted."""
    wanted = share * sum(counts)
    reached = 0.0
    for number, count in enumerate(counts):
        if count and reached + count >= wanted:
            low = Histogram.BOUNDS[number - 1] if number else 0.0
            high = Histogram.BOUNDS[min(number, len(Histogram.BOUNDS) - 1)]
            return low + (high - low) * (wanted - reached) / count
        reached += count
    return None
