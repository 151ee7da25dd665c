"""Prometheus' and Grafana's files: Debian's own tools take them, each query names metrics and labels that there are, and a real
Prometheus scrapes a real `gateway run` with them.
"""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import pytest
import yaml

from gateway.status import METRICS
from tests.cli.test_running import Backend, Running

DOCKER = Path(__file__).parents[2] / "docker"
PROMETHEUS = DOCKER / "prometheus"
ALERTS = [
    rule for group in yaml.safe_load((PROMETHEUS / "alerts.yml").read_text())["groups"] for rule in group["rules"]
]
DASHBOARD = json.loads((DOCKER / "grafana" / "dashboards" / "gateway.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
QUERIES = {
    **{f"alert {rule['alert']}": rule["expr"] for rule in ALERTS},
    **{f"panel {panel['title']} {target['refId']}": target["expr"] for panel in PANELS for target in panel["targets"]},
    **{f"annotation {one['name']}": one["expr"] for one in DASHBOARD["annotations"]["list"]},
}
OTHERS = {"up": {"job", "instance"}, "process_resident_memory_bytes": set(), "process_cpu_seconds_total": set()}
EVERYWHERE = {"instance", "job", "le"}
PATIENCE = 60.0


def known(name):
    """The labels of a metric, by the name that a query calls it; None where there is no such metric."""
    if name in OTHERS:
        return OTHERS[name]
    if name in METRICS and METRICS[name].kind != "histogram":
        return set(METRICS[name].labels)
    base = re.sub(r"_(?:bucket|sum|count)$", "", name)
    return set(METRICS[base].labels) if base != name and base in METRICS and METRICS[base].kind == "histogram" else None


def promtool(*words):
    done = subprocess.run(["promtool", *words], cwd=PROMETHEUS, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    "words",
    [("check", "config", "prometheus.yml"), ("check", "rules", "alerts.yml"), ("test", "rules", "alerts.test.yml")],
)
def test_promtool_takes_them(words):
    code, said = promtool(*words)
    assert code == 0, said


def test_promtool_would_not_take_others(tmp_path):
    (tmp_path / "broken.yml").write_text((PROMETHEUS / "alerts.yml").read_text().replace("== 0", "== ("))
    assert promtool("check", "rules", str(tmp_path / "broken.yml"))[0] != 0


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_names_metrics_and_labels_that_there_are(name):
    query = QUERIES[name]
    metrics = set(re.findall(r"\b(?:gateway_|process_)\w+|\bup\b", query))
    assert metrics
    assert {metric for metric in metrics if known(metric) is None} == set()
    for metric, inside in re.findall(r"\b(\w+)\{([^}]*)\}", query):
        assert set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", inside)) <= known(metric) | EVERYWHERE
    labels = set().union(*map(known, metrics)) | EVERYWHERE
    for grouped in re.findall(r"\bby \(([^)]*)\)", query):
        assert set(re.split(r",\s*", grouped)) <= labels


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_an_alert_says_how_bad_it_is_and_what_to_do(rule):
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert set(rule["annotations"]) == {"summary", "action"}
    # what a sum keeps no label of would be told as nothing
    told = set(re.findall(r"\$labels\.(\w+)", " ".join(rule["annotations"].values())))
    grouped = [set(re.split(r",\s*", one)) for one in re.findall(r"\bby \(([^)]*)\)", rule["expr"])]
    assert all(told <= labels for labels in grouped if labels != {"instance", "le"} or told)


def test_the_dashboard_is_whole():
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    assert all(panel["title"] and panel["targets"] for panel in PANELS)
    cells = [
        (x, y)
        for panel in DASHBOARD["panels"]
        for at in [panel["gridPos"]]
        for x in range(at["x"], at["x"] + at["w"])
        for y in range(at["y"], at["y"] + at["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24
    shown = {
        metric for query in QUERIES.values() for metric in METRICS if re.search(rf"\b{metric}(?:_bucket)?\b", query)
    }
    # of interest to who looks for a defect
    unseen = {"gateway_traffic_bytes", "gateway_session_secrets", "gateway_quarantine_bytes"}
    assert set(METRICS) - shown <= unseen


def test_grafana_finds_prometheus_and_the_dashboard():
    (source,) = yaml.safe_load((DOCKER / "grafana/provisioning/datasources/prometheus.yaml").read_text())["datasources"]
    assert source["type"] == "prometheus"
    (provider,) = yaml.safe_load((DOCKER / "grafana/provisioning/dashboards/gateway.yaml").read_text())["providers"]
    services = yaml.safe_load((DOCKER / "compose.yaml").read_text())["services"]
    volumes = dict(volume.split(":")[:2] for volume in services["grafana"]["volumes"])
    assert volumes["./grafana/dashboards"] == provider["options"]["path"]
    (listens,) = [word for word in services["prometheus"]["command"] if word.startswith("--web.listen-address=")]
    assert source["url"] == "http://" + listens.partition("=")[2]


# a real one


class Scraper:
    """Debian's Prometheus with the shipped files, but for the target's port and the pace."""

    def __init__(self, home, target):
        self.home = home
        shipped = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())
        shipped["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        (job,) = shipped["scrape_configs"]
        job["static_configs"] = [{"targets": [f"127.0.0.1:{target}"]}]
        home.mkdir()
        (home / "prometheus.yml").write_text(yaml.safe_dump(shipped))
        shutil.copy(PROMETHEUS / "alerts.yml", home)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.log = (home / "log").open("w")
        self.process = subprocess.Popen(
            [
                "prometheus", f"--config.file={home}/prometheus.yml", f"--storage.tsdb.path={home}/data",
                f"--web.listen-address=127.0.0.1:{self.port}",
            ],
            stdout=self.log, stderr=self.log,
        )  # fmt: skip

    def ask(self, path, **query):
        address = f"http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(query)}"
        try:
            with urllib.request.urlopen(address, timeout=10) as answer:
                return json.load(answer)["data"]
        except (urllib.error.URLError, ConnectionError) as error:
            assert self.process.poll() is None, (self.home / "log").read_text()
            return {"error": str(error)}

    def values(self, query):
        return {
            tuple(sorted(one["metric"].items())): float(one["value"][1])
            for one in self.ask("query", query=query).get("result", [])
        }

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(20)
        finally:
            self.process.kill()
            self.log.close()


@pytest.fixture
def scraped(tmp_path):
    backend = Backend()
    running = Running(tmp_path, backend)
    (tmp_path / "gateway.yaml").write_text((tmp_path / "gateway.yaml").read_text() + "monitor: {sample: 100%}\n")
    try:
        running.start()
        scraper = Scraper(tmp_path / "prometheus", running.console)
        try:
            yield running, scraper
        finally:
            scraper.stop()
    finally:
        running.stop()
        backend.close()


def until(what):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if found := what():
            return found
        time.sleep(0.2)
    raise AssertionError("it does not come")


def test_prometheus_scrapes_a_gateway_and_takes_every_query(scraped):
    running, scraper = scraped
    assert running.post({"a": 1}) == 200
    until(lambda: 1.0 in scraper.values('up{job="gateway"}').values())
    (count,) = until(lambda: scraper.values('sum(gateway_requests_total{verdict="forwarded"}) > 0')).values()
    assert count == 1
    assert until(lambda: scraper.values('gateway_monitor_samples_total{result="read"} > 0'))

    rules = until(lambda: loaded(scraper))
    assert {rule["name"] for rule in rules} == {rule["alert"] for rule in ALERTS}
    assert [rule["name"] for rule in rules if rule["health"] != "ok"] == []
    assert [rule["name"] for rule in rules if rule["state"] == "firing" and rule["name"] != "GatewayCertificate"] == []

    for name, query in QUERIES.items():
        plain = query.replace("$__rate_interval", "1m").replace("$instance", ".*")
        assert "error" not in scraper.ask("query", query=plain), name


def loaded(scraper):
    """The alert rules, once each was evaluated."""
    groups = scraper.ask("rules").get("groups", [])
    rules = [rule for group in groups for rule in group["rules"]]
    return rules if rules and all(rule["health"] != "unknown" for rule in rules) else []
