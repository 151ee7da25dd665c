"""`gateway run` as a process of its own, in front of one backend: with the shipped rules, over plain HTTP on loopback."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

START_SECONDS = 180.0


@dataclass
class Running:
    """A gateway that is ready. `lines` is all it says; `peak` the most memory it held, in KiB, known once it ended."""

    pid: int
    port: int
    lines: list[str] = field(default_factory=list)
    peak: int = 0
    code: int | None = None

    def events(self, name: str) -> list[dict[str, object]]:
        """Its log's events of one kind."""
        found = [json.loads(line) for line in self.lines if line.startswith("{")]
        return [one for one in found if one.get("event") == name]


IN_HASTE = """
import sys
from gateway.proxy import body, listener, reply, upstream
body.IDLE_SECONDS = listener.IDLE_SECONDS = listener.Connection.head_seconds = 0.5
body.TOTAL_SECONDS = reply.WRITE_SECONDS = 1.0
listener.LINGER_SECONDS = 0.2
from gateway.__main__ import main
main()
"""
"""`gateway` with clocks that run faster than a test wants to wait."""


@contextmanager
def running(
    folder: Path,
    routes: str,
    *,
    more: str = "",
    in_haste: bool = False,
    tls: str = "{mode: off}",
    core: str | None = None,
) -> Iterator[Running]:
    """Starts it with these lines of `routes:`, waits until it says `ready`, and ends it by SIGTERM. `core`: where it runs."""
    folder.joinpath("gateway.yaml").write_text(
        f"listen: 127.0.0.1:0\ntls: {tls}\nmasking_key: file:masking.key\n{more}routes:\n{routes}"
    )
    program = ["-c", IN_HASTE] if in_haste else ["-m", "gateway"]
    pinned = ["taskset", "-c", core] if core is not None else []
    command = [*pinned, sys.executable, *program, "run", "--config", str(folder / "gateway.yaml")]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    made = Running(process.pid, 0)
    ready = threading.Event()

    def listen() -> None:
        for line in process.stderr:
            made.lines.append(line.rstrip("\n"))
            if found := re.fullmatch(r"listening on https?://.*:(\d+)\n", line):
                made.port = int(found[1])
            if line == "ready\n":
                ready.set()
        ready.set()

    reading = threading.Thread(target=listen)
    reading.start()
    try:
        assert ready.wait(START_SECONDS)
        assert made.port, made.lines
        yield made
    finally:
        if process.poll() is None:
            made.peak = peak(process.pid)
        process.terminate()
        made.code = process.wait(START_SECONDS)
        reading.join(START_SECONDS)
        process.stderr.close()


def peak(pid: int) -> int:
    """The most memory that a process ever held, in KiB."""
    return int(Path(f"/proc/{pid}/status").read_text().partition("VmHWM:")[2].split()[0])
