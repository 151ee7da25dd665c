"""Samples of all sources in Prometheus' text format.

A metric that two sources tell is one family; a series that two of them tell is summed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from gateway.status import METRICS, Histogram, Sample, Source

Family = CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily
_FAMILIES = {"counter": CounterMetricFamily, "gauge": GaugeMetricFamily, "histogram": HistogramMetricFamily}


class Exposition(Collector):
    """Asks the sources at each look."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = sources
        self._registry = CollectorRegistry(auto_describe=False)
        ProcessCollector(registry=self._registry)  # memory, CPU time, descriptors
        self._registry.register(self)

    def text(self) -> bytes:
        """The whole of it, as `text/plain; version=0.0.4`."""
        return generate_latest(self._registry)

    def families(self) -> Iterable[Metric]:
        """The same, as objects."""
        return self._registry.collect()

    def describe(self) -> Iterable[Metric]:
        """Nothing in advance: names are a closed list already."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """A family for each metric of which there is something to tell."""
        told = [sample for source in self._sources for sample in source.samples()]
        told += (
            Sample("gateway_trouble", 1, (trouble.reason, trouble.about))
            for trouble in dict.fromkeys(one for source in self._sources for one in source.troubles())
        )
        for name, metric in METRICS.items():
            mine = [sample for sample in told if sample.metric == name]
            if mine:
                yield _family(name, metric.kind, metric.told, metric.labels, mine)


def _family(name: str, kind: str, told: str, labels: Sequence[str], samples: Iterable[Sample]) -> Family:
    family: Family = _FAMILIES[kind](name, told, labels=labels)
    summed: dict[tuple[str, ...], float] = {}
    for sample in samples:
        words = tuple(str(label) for label in sample.labels)
        if isinstance(sample.value, Histogram):
            assert isinstance(family, HistogramMetricFamily)
            family.add_metric(words, _buckets(sample.value), sample.value.total)
        else:
            summed[words] = summed.get(words, 0) + sample.value
    for words, value in summed.items():
        assert not isinstance(family, HistogramMetricFamily)
        family.add_metric(words, value)
    return family


def _buckets(histogram: Histogram) -> list[tuple[str, float]]:
    bounds = [*(str(bound) for bound in histogram.BOUNDS), "+Inf"]
    return list(zip(bounds, accumulate(histogram.counts), strict=True))
