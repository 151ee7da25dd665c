"""Debug mode is loud where it begins and ends, and a reload is enough for either."""

import json
import signal

import pytest

from gateway import config
from gateway.cli.check import warn_of_settings
from gateway.cli.run import DEBUG_MODE
from tests.cli.test_running import Backend, Running


@pytest.fixture
def running(tmp_path):
    backend = Backend()
    made = Running(tmp_path, backend)
    yield made
    made.stop()
    backend.close()


def turn(running, debug):
    file = running.home / "gateway.yaml"
    was, now = (f"console: {{listen: 127.0.0.1:0{more}}}" for more in ("", ", debug: true")[:: 1 if debug else -1])
    file.write_text(file.read_text().replace(was, now))


def test_debug_mode_is_said_at_the_start_and_at_its_end(running):
    turn(running, True)
    assert any(
        "DEBUG MODE" in message for _, message in warn_of_settings(config.load_settings(running.home / "gateway.yaml"))
    )
    running.start()
    assert DEBUG_MODE in running.said
    running.post({"note": "x"})
    assert running.metrics()["gateway_debug",] == 1
    turn(running, False)
    running.process.send_signal(signal.SIGHUP)
    said = running.until("reloaded")
    assert "debug mode is off: what was kept unmasked is gone" in said
    assert {"event": "debug_off"}.items() <= json.loads(next(line for line in said if "debug_off" in line)).items()
    assert running.metrics()["gateway_debug",] == 0
    turn(running, True)
    running.process.send_signal(signal.SIGHUP)
    assert DEBUG_MODE in running.until("reloaded")
    assert running.metrics()["gateway_debug",] == 1
