"""Three of Debian's nats-server on loopback, with JetStream, as one cluster: free ports, stores in a folder of the test's."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from pathlib import Path
from typing import Self

SERVER = shutil.which("nats-server") or shutil.which("nats-server", path="/usr/sbin:/usr/local/sbin")
READY_SECONDS = 60.0


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on, all different."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


class NatsCluster:
    """Servers by number. Killed, stopped and started again by their own process, never by name."""

    def __init__(self, folder: Path, size: int = 3, extra: str = "") -> None:
        """`extra` is put into every server's configuration."""
        assert SERVER is not None, "nats-server is not installed: .ci/programs installs it"
        self.folder = folder
        self.clients = free_ports(size * 3)
        self.clients, self._routes, self._watch = (
            self.clients[:size],
            self.clients[size : 2 * size],
            self.clients[2 * size :],
        )
        self.processes: dict[int, subprocess.Popen[bytes]] = {}
        self._extra = extra

    @property
    def url(self) -> str:
        """What gateway.yaml says."""
        return "nats://" + ",".join(f"127.0.0.1:{port}" for port in self.clients)

    def start(self) -> Self:
        for number in range(len(self.clients)):
            self.start_one(number)
        self.wait_until_ready()
        return self

    def start_one(self, number: int) -> None:
        """Starts one server, on the store that it had."""
        ports = self._routes if len(self._routes) > 1 else []
        routes = ", ".join(f'"nats://127.0.0.1:{port}"' for port in ports)
        file = self.folder / f"nats-{number}.conf"
        file.write_text(
            f"server_name: n{number}\nlisten: 127.0.0.1:{self.clients[number]}\nhttp: 127.0.0.1:{self._watch[number]}\n"
            f'jetstream {{ store_dir: "{self.folder}/store-{number}", max_mem: 64MB, max_file: 2GB }}\nmax_payload: 8MB\n'
            + (
                f"cluster {{ name: test, listen: 127.0.0.1:{self._routes[number]}, routes: [{routes}] }}\n"
                if routes
                else ""
            )
            + self._extra
        )
        with (self.folder / f"nats-{number}.log").open("ab") as log:
            self.processes[number] = subprocess.Popen([str(SERVER), "-c", file], stdout=log, stderr=log)

    def kill(self, number: int) -> None:
        """kill -9."""
        process = self.processes.pop(number)
        process.send_signal(signal.SIGKILL)
        process.wait()

    def leader_of(self, stream: str) -> int:
        """Which server leads a stream."""
        for number in self.processes:
            told = self._ask(number, "/jsz?streams=1&config=1")
            for account in told.get("account_details", []):
                for detail in account.get("stream_detail", []):
                    if detail["name"] == stream and detail["cluster"].get("leader"):
                        return int(detail["cluster"]["leader"][1:])
        raise AssertionError(f"{stream} has no leader")

    def wait_until_ready(self) -> None:
        """Until a leader is elected and every server that runs knows it."""
        until = time.monotonic() + READY_SECONDS
        while time.monotonic() < until:
            try:
                told = [self._ask(number, "/jsz") for number in self.processes]
            except OSError:
                told = []
            alone = len(self._routes) == 1
            if told and all(alone or one.get("meta_cluster", {}).get("leader") for one in told):
                return
            time.sleep(0.1)
        raise AssertionError(f"the cluster in {self.folder} did not elect a leader")

    def stop(self) -> None:
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.processes = {}

    def _ask(self, number: int, path: str) -> dict[str, dict[str, object]]:
        with urllib.request.urlopen(f"http://127.0.0.1:{self._watch[number]}{path}", timeout=5) as answer:
            return json.load(answer)
