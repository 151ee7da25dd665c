"""Figures out of counters: Prometheus' text of a running gateway, or the same as JSON. Each knows where it comes from.

{"gateway_requests_total": [{"labels": {"tracker": "posthog", …}, "value": 12}, …], …}
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from prometheus_client.parser import text_string_to_metric_families

from gateway.core.errors import UserError
from gateway.status import METRICS

SIZE: Final = 16 * 1024 * 1024
_STARTED: Final = "process_start_time_seconds"


@dataclass(frozen=True, slots=True)
class Figure:
    """A sum of counters: its value, and the selector of what was summed."""

    value: int
    source: str


@dataclass(frozen=True, slots=True)
class Series:
    """One counter with its labels."""

    metric: str
    labels: Mapping[str, str]
    value: float


class Figures:
    """What was counted. Empty: nothing is known, and nothing is told."""

    def __init__(self, series: tuple[Series, ...] = ()) -> None:
        self._series = tuple(one for one in series if one.metric in METRICS)
        self.started = next((one.value for one in series if one.metric == _STARTED), None)

    def __bool__(self) -> bool:
        return bool(self._series)

    def sum(self, metric: str, **labels: str) -> Figure:
        """All series of a metric with these labels, together."""
        told = ",".join(f'{name}="{_escaped(value)}"' for name, value in sorted(labels.items()))
        return Figure(
            round(sum(one.value for one in self._of(metric, labels))), f"{metric}{{{told}}}" if told else metric
        )

    def values(self, metric: str, label: str, **labels: str) -> list[str]:
        """The values of a label, in order."""
        return sorted({one.labels.get(label, "") for one in self._of(metric, labels)})

    def _of(self, metric: str, labels: Mapping[str, str]) -> Iterator[Series]:
        for one in self._series:
            if one.metric == metric and all(one.labels.get(name) == value for name, value in labels.items()):
                yield one


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def read_figures(text: str, where: str) -> Figures:
    """What a text of counters says. UserError where it is none."""
    try:
        if text.lstrip().startswith("{"):
            return Figures(tuple(_of_json(json.loads(text))))
        return Figures(tuple(_of_text(text)))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, IndexError):
        raise UserError("holds no counters: give the address or a copy of the gateway's /metrics", where) from None


def _of_text(text: str) -> Iterator[Series]:
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            yield _series(sample.name, sample.labels, sample.value)


def _of_json(told: Any) -> Iterator[Series]:
    for metric, rows in told.items():
        for row in rows:
            yield _series(metric, row["labels"], row["value"])


def _series(metric: str, labels: Mapping[str, str], value: Any) -> Series:
    number = float(value)
    if not 0 <= number < 1e18 or isinstance(value, bool):
        raise ValueError("no count")
    return Series(metric, {str(name): str(word) for name, word in labels.items()}, number)
