"""What is live and what is wrong with it, and every metric: the same that `/ready` and `/metrics` say, as models."""

from __future__ import annotations

import math

from gateway import __version__
from gateway.console.call import Call, Model
from gateway.console.metrics import Exposition
from gateway.status import UNREADY


class Reason(Model):
    """One thing that is wrong, and what it is about."""

    reason: str
    about: str


class State(Model):
    """What runs."""

    version: str
    ready: bool
    reasons: tuple[Reason, ...]
    digests: tuple[str, ...]


class Series(Model):
    """One figure. `value` is null where it is no finite number."""

    name: str
    labels: dict[str, str]
    value: float | None


class Metric(Model):
    """One family of series."""

    name: str
    kind: str
    told: str
    series: tuple[Series, ...]


class Metrics(Model):
    """All of them."""

    metrics: tuple[Metric, ...]


async def read_state(call: Call) -> State:
    """What is live."""
    troubles = list(dict.fromkeys(one for source in call.desk.sources for one in source.troubles()))
    return State(
        version=__version__,
        ready=not any(one.reason in UNREADY for one in troubles),
        reasons=tuple(Reason(reason=one.reason.value, about=str(one.about)) for one in troubles),
        digests=tuple(call.desk.control.digests),
    )


async def read_metrics(call: Call) -> Metrics:
    """Every metric, as /metrics has it."""
    return metrics_of(call.desk.exposition)


def metrics_of(exposition: Exposition) -> Metrics:
    """An exposition's families as models."""
    return Metrics(
        metrics=tuple(
            Metric(
                name=family.name,
                kind=family.type,
                told=family.documentation,
                series=tuple(
                    Series(
                        name=sample.name,
                        labels=dict(sample.labels),
                        value=sample.value if math.isfinite(sample.value) else None,
                    )
                    for sample in family.samples
                ),
            )
            for family in exposition.families()
        )
    )
