"""The last hour: how much counters grow, what waits, where the middle of durations lies; bounded."""

from __future__ import annotations

import itertools

import pytest

from gateway.console.drawing import MOST_LINES, ceiling, draw, figure
from gateway.console.hour import CHARTS, FRONT, MOST, POINTS, Hour, Line, quantile
from gateway.log import Name
from gateway.status import METRICS, Histogram, Sample
from gateway.traffic import Verdict

BY_NAME = {chart.name: chart for chart in CHARTS}


class Told:
    """A source that says what it is given."""

    def __init__(self):
        self.now = []

    def troubles(self):
        return ()

    def samples(self):
        return self.now


def requests(count, verdict=Verdict.FORWARDED, reason="200"):
    return Sample("gateway_requests_total", count, (Name("posthog"), verdict, Name(reason)))


@pytest.fixture
def told():
    return Told()


@pytest.fixture
def hour(told):
    ticks = itertools.count(0, 10)
    return Hour([told], clock=lambda: float(next(ticks)))


def values(hour, chart):
    return {line.label: line.values for line in hour.lines(BY_NAME[chart])}


def test_every_chart_shows_metrics_that_there_are():
    for chart in CHARTS:
        for metric in chart.metrics:
            assert metric == FRONT or metric in METRICS
            assert metric == FRONT or not chart.by or chart.by in METRICS[metric].labels
            assert metric == FRONT or set(chart.only) <= set(METRICS[metric].labels)


def test_a_counter_is_shown_by_how_much_it_grows(hour, told):
    for count in (100, 130, 130):
        told.now = [requests(count), requests(count), requests(20, Verdict.REFUSED, "too_deep")]
        hour.take()
    assert values(hour, "traffic") == {"forwarded": (None, 6.0, 0.0), "refused": (None, 0.0, 0.0)}
    assert values(hour, "refusals") == {"too_deep": (None, 0.0, 0.0)}


def test_what_was_not_there_had_counted_nothing_and_what_is_gone_is_a_gap(hour, told):
    for now in ([], [requests(50), Sample("gateway_connections", 3)], []):
        told.now = now
        hour.take()
    assert values(hour, "traffic") == {"forwarded": (None, 5.0, None)}
    assert values(hour, "connections") == {"connections": (None, 3, None)}


def test_durations_are_shown_by_where_most_lie(hour, told):
    histograms = Histogram(), Histogram()
    told.now = [
        Sample("gateway_masking_seconds", one, (Name(name),)) for one, name in zip(histograms, "ab", strict=True)
    ]
    hour.take()
    for seconds in [0.004] * 60 + [0.3] * 40:
        histograms[seconds > 0.1].observe(seconds)
    hour.take()
    lines = values(hour, "masking")
    assert set(lines) == {"95% within", "50% within"}
    assert [value is None for value in lines["50% within"]] == [True, False]
    assert 0.0025 < lines["50% within"][1] <= 0.005
    assert 0.25 < lines["95% within"][1] <= 0.5


def test_an_hour_is_all_that_is_kept_and_series_are_bounded(hour, told):
    told.now = [requests(1, reason=f"r{number}") for number in range(MOST + 50)]
    for _ in range(POINTS + 5):
        hour.take()
    assert len(hour.times) == POINTS
    lines = hour.lines(BY_NAME["traffic"])
    assert len(lines[0].values) == POINTS
    assert len(hour.lines(BY_NAME["memory"])[0].values) == POINTS
    assert len(hour._figures) == MOST


@pytest.mark.parametrize(
    ("counts", "share", "least", "most"),
    [([0] * 15, 0.5, None, None), ([4] + [0] * 14, 0.5, 0.0005, 0.0005), ([0] * 14 + [1], 0.95, 30.0, 30.0)],
)
def test_a_quantile_lies_within_its_bucket(counts, share, least, most):
    found = quantile(counts, share)
    assert found == least == most


@pytest.mark.parametrize(
    ("value", "unit", "word"),
    [
        (None, "s", "–"), (0, "requests/s", "0 requests/s"), (0.25, "requests/s", "0.25 requests/s"),
        (1234, "records", "1.23k records"), (0.0042, "s", "4.2 ms"), (12_300_000, "B", "12.3 MB"), (100, "B/s", "100 B/s"),
        (2, "processes", "2 processes"),
    ],
)  # fmt: skip
def test_figures_are_read_as_people_write_them(value, unit, word):
    assert figure(value, unit) == word


@pytest.mark.parametrize(("most", "top"), [(0, 1.0), (0.3, 0.5), (7, 10), (10, 10), (11, 20), (1234, 2000)])
def test_a_scale_ends_at_a_round_number(most, top):
    assert ceiling(most) == pytest.approx(top)


def test_a_picture_says_in_words_what_it_shows_and_leaves_gaps():
    times = [float(at) for at in range(0, 50, 10)]
    drawn = draw([Line("up", (1.0, 2.0, None, 4.0, 3.0))], times, "processes")
    (line,) = drawn.lines
    assert line.path.count("M") == 2
    assert drawn.told == "up: 3 processes, at most 4 processes"
    assert draw([], [], "s").told == "nothing yet"


def test_many_lines_become_few():
    times = [0.0, 10.0]
    drawn = draw([Line(f"r{number}", (None, 1.0)) for number in range(20)], times, "requests/s")
    assert len(drawn.lines) == MOST_LINES
    assert (drawn.lines[-1].label, drawn.lines[-1].last) == ("15 others", "15 requests/s")
