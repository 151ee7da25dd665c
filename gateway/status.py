"""What the process says of itself: troubles for `/ready`, samples for `/metrics`. Closed vocabularies, as in log.py.

Whoever has something to say is a `Source`: the data plane, a spool, the sessions. It speaks in reasons of `Reason` and in
metrics of `METRICS`, labelled with words of enums and with names that the site owner wrote; a visitor's value is no
argument, and whoever tries gets a TypeError. Rooms above read the sources; none of them needs to know Prometheus.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Literal, NamedTuple, Protocol

from gateway.log import Name


class Reason(StrEnum):
    """Why the gateway is not, or not wholly, ready."""

    DRAINING = "draining"
    RELOAD_FAILED = "reload_failed"
    CERTIFICATE_EXPIRING = "certificate_expiring"
    CERTIFICATE_EXPIRED = "certificate_expired"
    CIRCUIT_OPEN = "circuit_open"
    BACKUP_FAILED = "backup_failed"
    SPOOL_FILLING = "spool_filling"
    SPOOL_FULL = "spool_full"
    SPOOL_BROKEN = "spool_broken"
    WORKERS_DOWN = "workers_down"
    RESIDUE_FOUND = "residue_found"
    FIELD_APPEARED = "field_appeared"
    RULE_STOPPED = "rule_stopped"


UNREADY: Final = frozenset(
    {Reason.DRAINING, Reason.CERTIFICATE_EXPIRED, Reason.SPOOL_FULL, Reason.SPOOL_BROKEN, Reason.WORKERS_DOWN}
)
"""Reasons for which traffic should go elsewhere; the others want somebody's attention."""


_NOTHING: Final = Name()


@dataclass(frozen=True, slots=True)
class Trouble:
    """One reason, and the thing that it is about: a file, an upstream, as the site owner wrote it."""

    reason: Reason
    about: Name = _NOTHING

    def __post_init__(self) -> None:
        words: tuple[object, object] = (self.reason, self.about)
        if not isinstance(words[0], Reason) or not isinstance(words[1], Name):
            raise TypeError("a trouble has a reason of the vocabulary, and is about a Name")


Label = StrEnum | Name


class Metric(NamedTuple):
    """`kind`: a counter only grows; a gauge is what there is now; a histogram counts durations in seconds."""

    kind: Literal["counter", "gauge", "histogram"]
    told: str
    labels: tuple[str, ...] = ()


METRICS: Final[dict[str, Metric]] = {
    "gateway_build_info": Metric("gauge", "The version that runs; always 1.", ("version",)),
    "gateway_requests_total": Metric(
        "counter", "Requests by what became of them.", ("tracker", "verdict", "reason")
    ),
    "gateway_visitor_decisions_total": Metric(
        "counter", "Requests by whether their visitor is recorded, and which signal decided.",
        ("route", "decision", "signal", "region"),
    ),
    "gateway_masked_values_total": Metric(
        "counter", "Values that masking changed, in what was sent or held.",
        ("route", "tracker", "category", "operator", "detector"),
    ),
    "gateway_received_bytes_total": Metric("counter", "Bytes of request bodies, as they came."),
    "gateway_sent_bytes_total": Metric("counter", "Bytes of answers to clients, heads included."),
    "gateway_request_seconds": Metric("histogram", "From a request's head to the last byte of its answer."),
    "gateway_masking_seconds": Metric("histogram", "Masking of one request, waiting for its turn included.", ("tracker",)),
    "gateway_masking_cpu_seconds": Metric("histogram", "CPU time of masking one request, of which limits.time allows so much."),
    "gateway_masking_cpu_limit_seconds": Metric("gauge", "CPU time that masking one request may take (limits.time)."),
    "gateway_rule_values_total": Metric("counter", "Values that a rule masked.", ("rule", "detector")),
    "gateway_route_in_bytes_total": Metric("counter", "Bytes of bodies that were read for masking, as they came.", ("route",)),
    "gateway_route_out_bytes_total": Metric("counter", "Bytes of masked bodies that backends took at once.", ("route",)),
    "gateway_traffic_bytes": Metric("gauge", "Bytes of requests that the console's live page can show."),
    "gateway_debug": Metric("gauge", "1 while requests are kept as they came (console.debug)."),
    "gateway_upstream_seconds": Metric("histogram", "From sending a request to the head of the backend's answer."),
    "gateway_connections": Metric("gauge", "Open client connections."),
    "gateway_held_body_bytes": Metric("gauge", "Bytes of request bodies in memory."),
    "gateway_reloads_total": Metric("counter", "Reloads by whether the new files were taken.", ("result",)),
    "gateway_certificate_expiry_timestamp_seconds": Metric("gauge", "When the served certificate expires (Unix time)."),
    "gateway_circuit_open": Metric("gauge", "1 while a backend is not tried, because it could not be reached.", ("upstream",)),
    "gateway_sessions": Metric("gauge", "Sessions whose pages are in memory.", ("route",)),
    "gateway_session_nodes": Metric("gauge", "Nodes of the pages that are in memory.", ("route",)),
    "gateway_session_secrets": Metric("gauge", "Fingerprints of secrets that are in memory.", ("route",)),
    "gateway_spool_records": Metric("gauge", "Records that wait for their backend.", ("route",)),
    "gateway_spool_bytes": Metric("gauge", "Bytes of what waits, as sealed."),
    "gateway_spool_limit_bytes": Metric("gauge", "Bytes that may wait."),
    "gateway_spool_oldest_seconds": Metric("gauge", "Age of what has waited longest; 0 where nothing waits."),
    "gateway_spool_dropped_total": Metric("counter", "Records that were given up, by why.", ("reason",)),
    "gateway_quarantine_records": Metric("gauge", "Requests that could not be read, and are kept sealed."),
    "gateway_quarantine_bytes": Metric("gauge", "Bytes of those, as sealed."),
    "gateway_maskers": Metric("gauge", "Processes that mask and are up."),
    "gateway_masker_memory_bytes": Metric("gauge", "Resident memory of all processes that mask."),
    "gateway_masker_ends_total": Metric("counter", "Processes that masked and ended, by why.", ("why",)),
    "gateway_backup_timestamp_seconds": Metric("gauge", "When the newest backup was made (Unix time)."),
    "gateway_monitor_samples_total": Metric(
        "counter", "Masked requests that were to be read again, by what became of that.", ("result",)
    ),
    "gateway_monitor_residue_total": Metric(
        "counter", "Personal data that a second reading found in what was sent.", ("route", "tracker", "place", "detector")
    ),
    "gateway_drift_fields_total": Metric("counter", "Fields that appeared after learning.", ("route", "tracker")),
    "gateway_drift_stopped_rules": Metric(
        "gauge", "1 for each rule that used to match and stopped.", ("route", "tracker", "rule")
    ),
    "gateway_trouble": Metric("gauge", "1 for each reason that /ready tells now.", ("reason", "about")),
}  # fmt: skip


@dataclass(slots=True)
class Histogram:
    """Durations, counted by upper bound in seconds."""

    BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

    counts: list[int] = field(default_factory=lambda: [0] * (len(Histogram.BOUNDS) + 1))
    total: float = 0.0

    def observe(self, seconds: float) -> None:
        """Counts one."""
        self.counts[bisect_left(self.BOUNDS, seconds)] += 1
        self.total += seconds


@dataclass(frozen=True, slots=True)
class Sample:
    """One figure of a metric."""

    metric: str
    value: float | Histogram
    labels: tuple[Label, ...] = ()

    def __post_init__(self) -> None:
        metric = METRICS.get(self.metric)
        if metric is None:
            raise TypeError("no metric of the vocabulary")
        if len(self.labels) != len(metric.labels) or not all(isinstance(one, (StrEnum, Name)) for one in self.labels):
            raise TypeError(f"{self.metric} takes {len(metric.labels)} labels: words of enums, or Names")
        if isinstance(self.value, Histogram) is not (metric.kind == "histogram"):
            raise TypeError(f"{self.metric} is a {metric.kind}")


class Source(Protocol):
    """What has something to say. Both are asked on the event loop, at every look, and must be quick."""

    def troubles(self) -> Iterable[Trouble]:
        """What is wrong now."""
        ...

    def samples(self) -> Iterable[Sample]:
        """What there is to measure now."""
        ...
