"""The vocabulary of troubles and metrics: what is no word of it is a TypeError."""

import pytest

from gateway.log import Name
from gateway.status import METRICS, UNREADY, Histogram, Reason, Sample, Trouble


@pytest.mark.parametrize(
    "arguments",
    [
        ("gateway_visitors", 1, ()),
        ("gateway_sessions", 1, ()),
        ("gateway_sessions", 1, ("jane.doe@example.com",)),
        ("gateway_sessions", 1, (Name("a"), Name("b"))),
        ("gateway_sessions", Histogram(), (Name("a"),)),
        ("gateway_request_seconds", 1.0, ()),
    ],
)
def test_what_is_no_sample_is_refused(arguments):
    with pytest.raises(TypeError):
        Sample(*arguments)


@pytest.mark.parametrize("arguments", [("draining",), (Reason.DRAINING, "jane.doe@example.com")])
def test_what_is_no_trouble_is_refused(arguments):
    with pytest.raises(TypeError):
        Trouble(*arguments)


def test_a_duration_counts_under_its_bound():
    histogram = Histogram()
    for seconds in (0.0, 0.001, 0.0011, 30.0, 1e9):
        histogram.observe(seconds)
    assert histogram.counts[0] == 2
    assert histogram.counts[1] == 1
    assert histogram.counts[-2:] == [1, 1]
    assert histogram.total == pytest.approx(1e9 + 30.0021)


def test_metrics_follow_the_conventions_of_prometheus():
    for name, metric in METRICS.items():
        assert name.startswith("gateway_")
        assert name.endswith("_total") is (metric.kind == "counter")
        assert metric.kind != "histogram" or name.endswith("_seconds")
        assert metric.told.endswith(".")
    assert set(Reason) > UNREADY
