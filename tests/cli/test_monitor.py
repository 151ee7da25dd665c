"""`gateway run` with its efficacy monitor: a rule removed on purpose is reported while traffic passes, and nothing of a value."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import pytest

from tests.cli.test_maskers import are_gone, children_of
from tests.cli.test_running import Backend, Running

PATIENCE = 60.0
ADDRESS = "jane.roe@example.org"
RESIDUE = "gateway_monitor_residue_total"


@pytest.fixture
def backend():
    made = Backend()
    yield made
    made.close()


@pytest.fixture
def running(tmp_path, backend):
    made = Running(tmp_path, backend)
    settings = tmp_path / "gateway.yaml"
    settings.write_text(
        settings.read_text().replace("tracker: rrweb", "tracker: segment") + "monitor: {sample: 100%, learn: 1s}\n"
    )
    (tmp_path / "own.yaml").write_text("mask: []\n")
    yield made.start()
    made.stop()


def event(text, **more):
    return {"type": "track", "event": "bought", "anonymousId": "d", "properties": {"title": text, **more}}


def until(running, wanted, **more):
    """Posts traffic until the metrics say what is wanted."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        connection = running.connect()
        for _ in range(5):
            assert running.post(event(f"write to {ADDRESS}", **more), connection) == 200
        connection.close()
        told = running.metrics()
        if wanted(told):
            return told
        time.sleep(0.2)
    raise AssertionError(
        {key: value for key, value in told.items() if key[0].startswith(("gateway_mon", "gateway_dri"))}
    )


def residues(told):
    return {key: value for key, value in told.items() if key[0] == RESIDUE}


def test_a_rule_removed_on_purpose_is_reported_and_put_back_is_silent(running, backend):
    told = until(running, lambda told: told[("gateway_monitor_samples_total", "read")] >= 30)
    assert residues(told) == {}
    assert ADDRESS.encode() not in b"".join(backend.received)

    (running.home / "own.yaml").write_text("record: {page_text: keep, event_properties: keep}\n")
    told = until(running, residues)
    assert list(residues(told)) == [(RESIDUE, "/t/", "email", "properties.title", "segment")]
    assert ADDRESS.encode() in b"".join(backend.received)
    status, ready = running.page("/ready")
    assert status == 200
    assert {"reason": "residue_found", "about": "/t/"} in json.loads(ready)["reasons"]
    assert ADDRESS not in running.page("/metrics")[1] + ready

    stopped = "gateway_drift_stopped_rules", "/t/", "e-mail addresses", "segment"
    told = until(running, lambda told: stopped in told)
    assert told[("gateway_trouble", "e-mail addresses", "rule_stopped")] == 1
    (running.home / "own.yaml").write_text("mask: []\n")
    until(running, lambda told: stopped not in told and ("gateway_trouble", "/t/", "residue_found") not in told)
    until(running, lambda told: told.get(("gateway_drift_fields_total", "/t/", "segment")) == 1, coupon="z")

    (reader,) = (
        pid
        for pid in children_of(running.process.pid)
        if b"gateway.monitor.process" in Path(f"/proc/{pid}/cmdline").read_bytes()
    )
    assert os.getpriority(os.PRIO_PROCESS, reader) == 19
    os.kill(reader, signal.SIGKILL)  # what it does not get to is counted, and a new one takes its place
    before = running.metrics()[("gateway_monitor_samples_total", "read")]
    told = until(running, lambda told: told[("gateway_monitor_samples_total", "read")] > before)
    assert told[("gateway_monitor_samples_total", "overran")] == 1

    children = children_of(running.process.pid)
    running.process.send_signal(signal.SIGTERM)
    lines = running.process.stderr.read().splitlines()
    assert running.process.wait(30) == 0
    assert are_gone(children)
    events = [json.loads(line) for line in lines if line.startswith("{")]
    (found,) = [one for one in events if one["event"] == "residue_found"]
    assert {**found, "at": ""} == {
        "at": "", "event": "residue_found", "route": "/t/", "tracker": "segment",
        "place": "properties.title", "detector": "email", "count": found["count"],
    }  # fmt: skip
    assert {one["place"] for one in events if one["event"] == "field_appeared"} == {"properties.*"}
    assert {one["rule"] for one in events if one["event"] == "rule_stopped"} == {"e-mail addresses"}
    assert ADDRESS not in "\n".join(lines)
