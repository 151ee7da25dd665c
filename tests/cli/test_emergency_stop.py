"""A route that was stopped on the console stays so over a restart and a reload, is told, and forwards nothing."""

import signal
import subprocess
import sys
from contextlib import closing

import pytest

from gateway.console.database import Database
from gateway.keyring import ring_of
from tests.cli.test_running import Backend, Running


@pytest.fixture
def running(tmp_path):
    backend = Backend()
    made = Running(tmp_path, backend)
    yield made
    made.stop()
    backend.close()


def test_a_stopped_route_stays_stopped_and_is_told(running):
    file, database = running.home / "gateway.yaml", running.home / "console.db"
    settings = f"console: {{listen: 127.0.0.1:0, key: env:CONSOLE_KEY, path: '{database}'}}"
    file.write_text(file.read_text().replace("console: {listen: 127.0.0.1:0}", settings))
    with closing(Database(database, ring_of("c" * 64, ""))) as kept, kept.changing() as db:
        db.execute("INSERT INTO stopped VALUES ('/t/', 7.0)")
    running.start(CONSOLE_KEY="c" * 64)
    assert any(line.endswith("(stopped on the console)") for line in running.said)
    assert running.post({"note": "x"}) == 200
    running.rules(1)
    running.process.send_signal(signal.SIGHUP)
    running.until("reloaded")
    assert running.post({"note": "x"}) == 200
    assert running.backend.received == []
    checked = subprocess.run(
        [sys.executable, "-m", "gateway", "check", "--config", str(file)], capture_output=True, text=True, check=True
    )
    assert "refuse\tdetect\tstopped\t" in checked.stdout
