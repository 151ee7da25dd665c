"""`gateway run` with its maskers: none outlives the front, however it ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

PATIENCE = 30.0


def children_of(pid: int) -> set[int]:
    return {int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}


def are_gone(pids: set[int]) -> bool:
    until = time.monotonic() + PATIENCE
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_no_masker_outlives_its_front(tmp_path, number):
    path = tmp_path / "gateway.yaml"
    path.write_text(
        "listen: 127.0.0.1:0\ntls: {mode: off}\nworkers: 2\nroutes: [{path: /t/, upstream: 'http://127.0.0.1:9'}]\n"
    )
    command = [sys.executable, "-m", "gateway", "run", "--config", str(path)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert any(line.startswith("ready") for line in iter(process.stderr.readline, ""))
            maskers = children_of(process.pid)
            assert len(maskers) == 2
            assert not any(listens(pid) for pid in maskers)
            os.kill(process.pid, number)
            assert process.wait(PATIENCE) == (0 if number == signal.SIGTERM else -number)
            assert are_gone(maskers)
        finally:
            process.kill()


def listens(pid: int) -> bool:
    """Whether a process holds a socket of the internet."""
    held = {str(one.readlink()) for one in Path(f"/proc/{pid}/fd").iterdir()}
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return any(f"socket:[{row[9]}]" in held for row in rows)
