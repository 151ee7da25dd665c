"""Samples of several sources as Prometheus reads them."""

from prometheus_client.parser import text_string_to_metric_families

from gateway.console.metrics import Exposition
from gateway.log import Name
from gateway.proxy.counts import Counts, Reload, Span
from gateway.status import Histogram, Reason, Sample, Trouble
from gateway.traffic import Verdict


class Told:
    def __init__(self, *told):
        self.told = told

    def troubles(self):
        return [one for one in self.told if isinstance(one, Trouble)]

    def samples(self):
        return [one for one in self.told if isinstance(one, Sample)]


def read(*sources):
    families = text_string_to_metric_families(Exposition(sources).text().decode())
    return {(one.name, *sorted(one.labels.values())): one.value for family in families for one in family.samples}


def test_series_of_two_sources_are_one_family_and_equal_ones_are_summed():
    def sessions(count, route):
        return Sample("gateway_sessions", count, (Name(route),))

    found = read(Told(sessions(2, "a"), sessions(3, "b")), Told(sessions(5, "a")))
    assert (found["gateway_sessions", "a"], found["gateway_sessions", "b"]) == (7, 3)


def test_buckets_are_cumulative():
    histogram = Histogram()
    for seconds in (0.0005, 0.03, 0.03, 99.0):
        histogram.observe(seconds)
    found = read(Told(Sample("gateway_upstream_seconds", histogram)))
    bucket = "gateway_upstream_seconds_bucket"
    assert [found[bucket, bound] for bound in ("0.001", "0.025", "0.05", "30.0", "+Inf")] == [1, 1, 3, 3, 4]
    assert found["gateway_upstream_seconds_count",] == 4
    assert found["gateway_upstream_seconds_sum",] == 99.0605


def test_troubles_are_told_as_metrics_once():
    trouble = Trouble(Reason.CERTIFICATE_EXPIRING, Name("certs/gateway.pem"))
    found = read(Told(trouble), Told(trouble))
    assert found["gateway_trouble", "certificate_expiring", "certs/gateway.pem"] == 1


def test_a_label_is_escaped():
    name = 'a"b\\c\nd'
    assert read(Told(Sample("gateway_sessions", 1, (Name(name),))))["gateway_sessions", name] == 1


def test_counts_are_told_whole():
    counts = Counts()
    counts.add(Verdict.REFUSED, "unreadable", "sentry")
    counts.flush()
    counts.add(Verdict.REFUSED, "unreadable", "sentry")
    counts.reloads[Reload.FAILED] += 1
    counts.received += 7
    counts.spans[Span.UPSTREAM].observe(0.1)
    counts.masking("sentry").observe(0.1)
    counts.bytes_in["t"] += 9

    class Source(Told):
        def samples(self):
            return counts.samples()

    found = read(Source())
    assert found["gateway_requests_total", "refused", "sentry", "unreadable"] == 2
    assert (found["gateway_reloads_total", "failed"], found["gateway_reloads_total", "taken"]) == (1, 0)
    assert found["gateway_received_bytes_total",] == 7
    assert found["gateway_upstream_seconds_count",] == 1
    assert found["gateway_masking_seconds_count", "sentry"] == 1
    assert found["gateway_route_in_bytes_total", "t"] == 9
    assert found["process_open_fds",] > 0
