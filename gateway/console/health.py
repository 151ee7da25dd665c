"""How the gateway is: what is wrong, the last hour in figures, and what the efficacy monitor found, as models."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from gateway.console.call import Call, Model
from gateway.console.hour import CHARTS, STEP
from gateway.console.people import when
from gateway.console.state import Reason, read_state
from gateway.monitor.monitor import Findings, Monitor
from gateway.status import Histogram, Sample, Source


class LineView(Model):
    """A line of a chart: a value for each of `times`, null where there is none."""

    label: str
    values: tuple[float | None, ...]


class ChartView(Model):
    """One picture of the last hour."""

    name: str
    title: str
    unit: str
    told: str
    lines: tuple[LineView, ...]


class Facts(Model):
    """What there is now; null where there is nothing of the kind."""

    certificate_expires: datetime | None
    newest_backup: datetime | None
    maskers: int | None
    spool_records: int | None
    spool_share: float | None
    spool_oldest_seconds: float | None
    quarantine_records: int | None
    reloads_failed: int


class ResidueView(Model):
    """Personal data that a second reading found in what was sent; never a value. `place` is made of known keys alone."""

    route: str
    tracker: str
    place: str
    detector: str
    count: int
    samples: int
    first: datetime
    last: datetime


class FieldView(Model):
    """A field that was not there before."""

    route: str
    tracker: str
    name: str
    since: datetime
    samples: int


class StoppedView(Model):
    """A rule that used to match: in `matched` of `of` requests, then in none of `since`."""

    route: str
    tracker: str
    rule: str
    matched: int
    of: int
    since: int
    last: datetime


class MonitorView(Model):
    """What the efficacy monitor found. `share`: of requests that are sampled, 0 to 1; `samples` by what became of them."""

    share: float
    samples: dict[str, int]
    residues: tuple[ResidueView, ...]
    fields: tuple[FieldView, ...]
    stopped: tuple[StoppedView, ...]


class Health(Model):
    """All of it. `monitor` is null where it is off; `times` are those of the charts' points."""

    ready: bool
    reasons: tuple[Reason, ...]
    facts: Facts
    step_seconds: float
    times: tuple[datetime, ...]
    charts: tuple[ChartView, ...]
    monitor: MonitorView | None


async def read_health(call: Call) -> Health:
    """How the gateway is."""
    state, hour = await read_state(call), call.desk.hour
    return Health(
        ready=state.ready,
        reasons=state.reasons,
        facts=_facts(call.desk.sources),
        step_seconds=STEP,
        times=tuple(when(at) for at in hour.times),
        charts=tuple(
            ChartView(
                name=chart.name,
                title=chart.title,
                unit=chart.unit,
                told=chart.told,
                lines=tuple(LineView(label=line.label, values=line.values) for line in hour.lines(chart)),
            )
            for chart in CHARTS
        ),
        monitor=next((_monitor(one.findings()) for one in call.desk.sources if isinstance(one, Monitor)), None),
    )


def _facts(sources: Iterable[Source]) -> Facts:
    samples = [sample for source in sources for sample in source.samples()]
    expires, backup = (
        _one(samples, "gateway_certificate_expiry_timestamp_seconds"),
        _one(samples, "gateway_backup_timestamp_seconds"),
    )
    held, limit = _one(samples, "gateway_spool_bytes"), _one(samples, "gateway_spool_limit_bytes")
    return Facts(
        certificate_expires=None if expires is None else when(expires),
        newest_backup=None if backup is None else when(backup),
        maskers=_whole(_one(samples, "gateway_maskers")),
        spool_records=_whole(_one(samples, "gateway_spool_records")),
        spool_share=held / limit if held is not None and limit else None,
        spool_oldest_seconds=_one(samples, "gateway_spool_oldest_seconds"),
        quarantine_records=_whole(_one(samples, "gateway_quarantine_records")),
        reloads_failed=int(
            sum(
                sample.value
                for sample in samples
                if sample.metric == "gateway_reloads_total"
                and sample.labels == ("failed",)
                and not isinstance(sample.value, Histogram)
            )
        ),
    )


def _one(samples: Iterable[Sample], metric: str) -> float | None:
    found = [one.value for one in samples if one.metric == metric and not isinstance(one.value, Histogram)]
    return float(sum(found)) if found else None


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)


def _monitor(found: Findings) -> MonitorView:
    return MonitorView(
        share=found.share,
        samples={result.value: count for result, count in found.sampled.items()},
        residues=tuple(
            ResidueView(
                route=where.client.route,
                tracker=where.client.tracker,
                place=where.place,
                detector=where.detector,
                count=one.count,
                samples=one.samples,
                first=when(one.first),
                last=when(one.last),
            )
            for where, one in found.residues
        ),
        fields=tuple(
            FieldView(
                route=one.client.route,
                tracker=one.client.tracker,
                name=one.name,
                since=when(one.first),
                samples=one.times,
            )
            for one in found.fields[:500]
        ),
        stopped=tuple(
            StoppedView(
                route=one.client.route,
                tracker=one.client.tracker,
                rule=one.rule,
                matched=one.matched,
                of=one.of,
                since=one.since,
                last=when(one.last),
            )
            for one in found.stopped
        ),
    )
