"""`gateway run` as the process that a site runs: started, asked, signalled, starved, and looked after like a service."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

PATIENCE = 60.0
"""Seconds that it may take to start or to stop."""


class Ended(Exception):
    """It ended where it should have served."""


class Process:
    """One gateway at a time, in its folder; everything that any of them wrote is in one file."""

    def __init__(
        self, home: Path, *, wrapper: Sequence[str] = (), environment: Mapping[str, str] | None = None
    ) -> None:
        self.port = 0
        self.deaths: list[int] = []
        """Exit codes of gateways that ended without being asked to."""
        self.may_die = False
        self.is_watched = True
        self._command = [*wrapper, sys.executable, "-m", "gateway", "run", "--config", str(home / "gateway.yaml")]
        self._environment = {**os.environ, **(environment or {})}
        self._home = home
        self._log = home / "gateway.log"
        self._popen: subprocess.Popen[bytes] | None = None
        self._groups: set[int] = set()

    @property
    def pid(self) -> int:
        assert self._popen
        return self._popen.pid

    @property
    def is_alive(self) -> bool:
        return self._popen is not None and self._popen.poll() is None

    def written(self) -> str:
        """All that it said, on both streams, in all its lives."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    async def start(self) -> None:
        """Starts it and returns once it serves. Raises `Ended` with what it said where it ended instead."""
        before = len(self.written())
        with self._log.open("ab") as log:
            self._popen = subprocess.Popen(
                self._command,
                cwd=self._home,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._groups.add(self._popen.pid)
        async with asyncio.timeout(PATIENCE):
            while "\nready\n" not in (said := "\n" + self.written()[before:]):
                if self._popen.poll() is not None:
                    raise Ended(self._popen.returncode, said.strip())
                await asyncio.sleep(0.03)
        self.port = int(said.partition("listening on https://127.0.0.1:")[2].split()[0])

    async def ends(self) -> int:
        """Its exit code, once it has ended; killed where it does not end."""
        assert self._popen
        try:
            async with asyncio.timeout(PATIENCE):
                while self._popen.poll() is None:
                    await asyncio.sleep(0.03)
        except TimeoutError:
            self.kill()
            self._popen.wait()
        return int(self._popen.returncode)

    def signal(self, number: signal.Signals) -> None:
        if self.is_alive:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Ends it and whatever any of its lives started, at once."""
        for group in self._groups:
            with suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)

    def children(self) -> list[int]:
        """The processes that it started."""
        return [pid for pid, parent, _ in _processes() if parent == self.pid]

    def left_behind(self) -> list[int]:
        """Processes of earlier lives that are still there."""
        now = self.pid if self.is_alive else 0
        return [pid for pid, _, group in _processes() if group in self._groups - {now}]

    def limit(self, what: int, soft: int | None) -> None:
        """Sets a soft limit of the running process; None takes it away again."""
        if self.is_alive:
            _, hard = resource.prlimit(self.pid, what)
            resource.prlimit(self.pid, what, (hard if soft is None else soft, hard))


def _processes() -> Iterator[tuple[int, int, int]]:
    """Process id, parent and group of every process that has not ended (proc(5), `stat`)."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            with suppress(OSError):
                state, parent, group = (folder / "stat").read_text().rpartition(")")[2].split()[:3]
                if state != "Z":
                    yield int(folder.name), int(parent), int(group)
