"""`gateway report` on the demo's traffic: every figure is a counter's, every word is the configuration's, in six languages."""

from __future__ import annotations

import http.client
import json
import re
import socket
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.testing import CliRunner
from prometheus_client.parser import text_string_to_metric_families

from gateway.cli.app import gateway
from gateway.demo.recorded import load_traffic
from tests.wire.conftest import Backend
from tests.wire.process import running

TRACKERS = ("posthog", "rrweb", "sentry")
MORE = """\
trusted_proxies: [127.0.0.0/8]
console: {{listen: "127.0.0.1:{port}"}}
rules: [default, profiles/gdpr, profiles/no-consent, mine.yaml]
visitors: {{consent: {{required_in: [gdpr]}}, region: {{header: X-Country}}}}
"""
MINE = (
    'extends: default\nrecord: {ip_addresses: truncate}\nmask: [{name: "a <b>|rule", select: .account, with: mask}]\n'
)
VISITORS = {
    "DE": "OptanonConsent=groups%3DC0002%3A1",
    "FR": "",
    "BR": "",
    "IT": "OptanonConsent=groups%3DC0002%3A0",
    "US": "gateway_opt_out=1",
}


def run(*words):
    result = CliRunner().invoke(gateway, ["report", *map(str, words)])
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture(scope="module")
def counted(tmp_path_factory):
    """A folder with the configuration that ran, and the counters of a gateway that the demo's traffic went through."""
    folder = tmp_path_factory.mktemp("counted")
    (folder / "mine.yaml").write_text(MINE)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    backend = Backend()
    routes = "".join(
        f"  - {{name: {one}, path: /{one}/, tracker: auto, upstream: '{backend.url}'}}\n" for one in TRACKERS
    )
    try:
        with running(folder, routes, more=MORE.format(port=port)) as served:
            for tracker in TRACKERS:
                for index, request in enumerate(load_traffic(tracker)):
                    country, cookie = list(VISITORS.items())[index % len(VISITORS)]
                    send(served.port, request, country, cookie)
            answer = get(port, "/metrics")
            (folder / "metrics.txt").write_text(answer)
            (folder / "by-url.html").write_text(
                run(
                    "--config",
                    folder / "gateway.yaml",
                    "--format",
                    "html",
                    "--metrics",
                    f"http://127.0.0.1:{port}/metrics",
                )
            )
    finally:
        backend.close()
    return folder


def send(port, request, country, cookie):
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    left = {"connection", "content-length", "cookie", "transfer-encoding", "x-country"}
    fields = {name: value for name, value in request.headers if name.lower() not in left}
    more = {"X-Country": country, "X-Forwarded-For": "203.0.113.9", **({"Cookie": cookie} if cookie else {})}
    client.request(request.method, request.target, request.body, {**fields, **more})
    client.getresponse().read()
    client.close()


def get(port, path):
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    client.request("GET", path)
    told = client.getresponse().read().decode()
    client.close()
    return told


class Reader(HTMLParser):
    """Figures with their sources, and what a page loads or runs."""

    def __init__(self, page):
        super().__init__()
        self.figures, self.foreign, self.open, self.headings, self.shown = [], [], [], [], {}
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        told = dict(attrs)
        if tag == "data":
            self.figures.append((told["data-from"], int(told["value"])))
            self.shown[len(self.figures) - 1] = ""
        if tag in {"script", "img", "link", "iframe"} or any(name in {"src", "onclick", "style"} for name in told):
            self.foreign.append(tag)
        if tag in {"h1", "h2", "h3"}:
            self.headings.append(tag)
        self.open.append(tag)

    def handle_endtag(self, tag):
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data):
        if "data" in self.open:
            self.shown[len(self.figures) - 1] += data


SELECTOR = re.compile(r"(\w+)(?:\{(.*)\})?")
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


def sum_of(selector, text):
    """What a selector sums up to in Prometheus' text, by a reading of the test's own."""
    metric, labels = SELECTOR.fullmatch(selector).groups()
    wanted = dict(LABEL.findall(labels or ""))
    return sum(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == metric and wanted.items() <= sample.labels.items()
    )


def test_every_figure_is_the_sum_of_the_counters_that_it_names(counted):
    text = (counted / "metrics.txt").read_text()
    page = run("--config", counted / "gateway.yaml", "--format", "html", "--metrics", counted / "metrics.txt")
    read = Reader(page)
    assert len(read.figures) > 60
    assert [(source, value) for source, value in read.figures if sum_of(source, text) != value] == []
    assert [int(shown.replace("\u202f", "")) for shown in read.shown.values()] == [value for _, value in read.figures]
    told = dict(read.figures)
    for metric in ("gateway_masked_values_total", "gateway_visitor_decisions_total"):
        assert sum(value for source, value in told.items() if source.startswith(metric)) > 0
    # nothing that was counted is left out: the parts of each table add up to the whole
    whole = sum_of("gateway_masked_values_total", text)
    parts = [
        source for source in told if source.startswith("gateway_masked_values_total") and "operator=" not in source
    ]
    outside = sum(
        sum_of(f'gateway_masked_values_total{{category="{one}"}}', text)
        for one in ("headers", "rest", "unreadable parts")
    )
    assert sum(told[one] for one in parts) + outside == whole > 0
    decided = [source for source in told if source.startswith("gateway_visitor") and "region=" in source]
    assert sum(told[one] for one in decided) == sum_of("gateway_visitor_decisions_total", text)
    assert sum(len(load_traffic(one)) for one in TRACKERS) == sum_of("gateway_visitor_decisions_total", text)


def test_it_asks_a_running_gateway_as_well(counted):
    from_file = run("--config", counted / "gateway.yaml", "--format", "html", "--metrics", counted / "metrics.txt")
    assert Reader((counted / "by-url.html").read_text()).figures == Reader(from_file).figures


def test_the_page_stands_alone(counted):
    read = Reader((counted / "by-url.html").read_text())
    assert read.foreign == []
    assert read.headings[:2] == ["h1", "h2"]
    assert "a &lt;b&gt;|rule" in (counted / "by-url.html").read_text()


def test_the_forms_tell_the_same(counted):
    told = ("--config", counted / "gateway.yaml", "--metrics", counted / "metrics.txt")
    content = json.loads(run(*told, "--format", "json"))
    markdown = run(*told)
    page = run(*told, "--format", "html")
    assert content["inventory"]["columns"] == [
        "GDPR, unknown place", "all others", "no answer to the consent question yet (all visitors)",
    ]  # fmt: skip
    posthog = {
        one["category"]: one["operators"] for one in content["inventory"]["lines"] if one["tracker"] == "posthog"
    }
    assert list(posthog["page_text"].values()) == ["mask", "detect", "mask"]
    assert list(posthog["device_ids"].values()) == ["hash", "hash", "mask"]
    for form in (markdown, page):
        assert "PostHog to 127.0.0.1" in form
        assert "Art. 30 GDPR" in form
    assert r"a \<b\>\|rule" in markdown
    rows = [line for line in markdown.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} <= {4, 5, 6, 7, 8, 9}
    totals = {row["name"]: row["figures"]["all"]["value"] for row in content["masked"]}
    assert totals["posthog posthog form_inputs"] > 0


WORDS = {
    "en": "replaced by a pseudonym, to which only we have the key",
    "de": "durch ein Pseudonym ersetzt",
    "fr": "remplacement par un pseudonyme",
    "es": "sustitución por un seudónimo",
    "it": "sostituzione con uno pseudonimo",
    "nl": "vervangen door een pseudoniem",
}


def test_the_notice_says_what_the_configuration_does_in_six_languages(counted):
    asked = [word for language in WORDS for word in ("--language", language)]
    notices = json.loads(run("--config", counted / "gateway.yaml", "--format", "json", *asked))["notices"]
    assert [notice["language"] for notice in notices] == list(WORDS)
    for notice in notices:
        told = "\n".join([*notice["paragraphs"], *notice["items"], *notice["rest"]])
        assert WORDS[notice["language"]] in told
        assert "127.0.0.1" in notice["paragraphs"][0]
        assert "/posthog/opt-out" in told
        assert "{" not in told
        assert len(notice["items"]) == 11
        assert notice["lawyer"]


def test_what_changed_since_the_last_one_is_told(counted, tmp_path):
    told = ("--config", counted / "gateway.yaml")
    before = json.loads(run(*told, "--format", "json"))
    (tmp_path / "before.json").write_text(json.dumps(before))
    assert json.loads(run(*told, "--format", "json", "--since", tmp_path / "before.json"))["changes"] == []
    before["inventory"]["routes"][0]["upstream"] = "old.example"
    before["inventory"]["rules"] = []
    before["retention"][0][1] = "9 hours"
    line = next(one for one in before["inventory"]["lines"] if one["category"] == "urls")
    line["operators"]["all others"] = "mask"
    (tmp_path / "before.json").write_text(json.dumps(before))
    changes = json.loads(run(*told, "--format", "json", "--since", tmp_path / "before.json"))["changes"]
    assert any("route posthog: was /posthog/ → old.example, is /posthog/ → 127.0.0.1" in one for one in changes)
    assert any(
        "urls to 127.0.0.1 (no known tracker by posthog), all others: was mask, is detect" in one for one in changes
    )
    assert any(one.startswith("rule “a <b>|rule” is new: select: mask") for one in changes)
    assert any("was 9 hours, is 60 minutes" in one for one in changes)
    assert "What changed since" in run(*told, "--format", "html", "--since", tmp_path / "before.json")


def test_without_counters_no_figure_is_told(counted):
    page = run("--config", counted / "gateway.yaml", "--format", "html")
    assert Reader(page).figures == []
    assert "Nothing was counted for this report." in page


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--metrics", "{}/none.txt"], "can't be read: no such file"),
        (["--metrics", "{}/mine.yaml"], "holds no counters: give the address or a copy of the gateway's /metrics"),
        (["--metrics", "{}/bad.json"], "holds no counters"),
        (["--metrics", "http://127.0.0.1:9/metrics"], "does not answer: is the gateway running"),
        (["--language", "dee"], '"dee" is none of en, de, fr, es, it, nl; did you mean "de"?'),
        (["--since", "{}/mine.yaml"], "is no report in JSON: keep what `--format json` writes"),
        (["--since", "{}/later.json"], "was written by a later version of the gateway"),
        (["--since", "{}/odd.json"], "is no report in JSON"),
        (["--output", "{}/none/report.md"], "can't be written: no such file or directory"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line(counted, words, line):
    (counted / "bad.json").write_text('{"gateway_requests_total": [{"labels": {}, "value": -1}]}')
    (counted / "later.json").write_text('{"format": 99}')
    (counted / "odd.json").write_text('{"format": 1, "made": 1, "inventory": [], "retention": 7, "measures": "x"}')
    told = [word.replace("{}", str(counted)) for word in words]
    result = CliRunner().invoke(gateway, ["report", "--config", str(counted / "gateway.yaml"), *told])
    assert result.exit_code == 2
    assert line in result.stderr
    assert result.stderr.count("\n") == 1


def test_counters_as_json_are_read_too(counted):
    rows = [
        {
            "labels": {
                "route": "posthog",
                "tracker": "posthog",
                "category": "urls",
                "operator": "mask",
                "detector": "",
            },
            "value": 7,
        }
    ]
    (counted / "counters.json").write_text(json.dumps({"gateway_masked_values_total": rows, "unknown_total": []}))
    told = json.loads(
        run("--config", counted / "gateway.yaml", "--format", "json", "--metrics", counted / "counters.json")
    )
    assert {row["name"]: row["figures"]["all"]["value"] for row in told["masked"]}["posthog posthog urls"] == 7


def test_it_is_written_where_told(counted, tmp_path):
    result = CliRunner().invoke(
        gateway, ["report", "--config", str(counted / "gateway.yaml"), "--output", str(tmp_path / "r.md")]
    )
    assert (result.exit_code, result.stdout) == (0, "")
    assert Path(tmp_path / "r.md").read_text().startswith("# What leaves")
