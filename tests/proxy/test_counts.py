"""Totals by closed words."""

from gateway.proxy.counts import Counts, Kind
from gateway.traffic import Verdict


def test_a_flush_gives_what_came_since_the_last_one():
    counts = Counts()
    counts.add(Verdict.REFUSED, "opaque", "posthog")
    counts.add(Verdict.FORWARDED, "200")
    counts.add(Verdict.FORWARDED, "200")
    assert counts.flush() == [(Kind("", Verdict.FORWARDED, "200"), 2), (Kind("posthog", Verdict.REFUSED, "opaque"), 1)]
    assert counts.flush() == []
    assert counts.total[Kind("", Verdict.FORWARDED, "200")] == 2
