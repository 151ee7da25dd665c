"""Several gateways behind a plain load balancer: recorded sessions hop between them, and things die in the middle.

    .venv/bin/python -m tests.cluster.proof [SESSIONS [REQUESTS]]

Three nats-server, two `gateway run` nginx in front of them in turn, one backend. A third of the way the server
dies that leads the sessions' bucket; then the backend goes away; two thirds of the way a gateway is killed (-9) with
events accepted that wait; then the backend comes back. Browsers send again what was not accepted, as SDKs do.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
from aiohttp import web

from gateway.cluster.sessions import STREAM
from tests.cluster.nats_cluster import NatsCluster, free_ports

RULES = "extends: default\nmask: [{name: private, select: .private, with: mask}]\n"
READY_SECONDS = 240.0
SEND_SECONDS = 240.0
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
EVENT = re.compile(rb"ev-(\d+)-(\d+)-x")
OPEN = re.compile(rb"open-(\d+)-(\d+)-words")


class Backend:
    """Takes everything, and remembers it in order."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        (self.port,) = free_ports(1)
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        app = web.Application(client_max_size=1 << 26)
        app.router.add_route("*", "/{tail:.*}", self._take)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True).start()

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _take(self, request: web.Request) -> web.Response:
        self.bodies.append(await request.read())
        return web.json_response({"status": 1})


class Gateways:
    """Processes of `gateway run`, and nginx before them."""

    def __init__(self, folder: Path, nats: str, backend: int, count: int = 2) -> None:
        self._folder = folder
        *self._ports, self.port = free_ports(count + 1)
        self.processes: list[subprocess.Popen[bytes]] = []
        (folder / "rules.yaml").write_text(RULES)
        keys = {"GATEWAY_KEY": "ab" * 32, "MASKING_KEY": "cd" * 32}
        for number, port in enumerate(self._ports):
            file = folder / f"gateway-{number}.yaml"
            file.write_text(
                f"listen: 127.0.0.1:{port}\ntls: {{mode: 'off'}}\nworkers: 1\nlimits: {{body: 1MiB}}\n"
                f"routes: [{{path: /t/, tracker: posthog, upstream: 'http://127.0.0.1:{backend}'}}]\n"
                "rules: [default, rules.yaml]\nmasking_key: env:MASKING_KEY\nspool: {key: env:GATEWAY_KEY, limit: 64MiB}\n"
                f"cluster: {nats}\n"
            )
            with (folder / f"gateway-{number}.log").open("wb") as log:
                command = [sys.executable, "-m", "gateway", "run", "--config", str(file)]
                self.processes.append(
                    subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, **keys}, cwd=folder)
                )

    async def ready(self) -> None:
        async with asyncio.timeout(READY_SECONDS):
            for number, process in enumerate(self.processes):
                while b"\nready\n" not in (log := (self._folder / f"gateway-{number}.log").read_bytes()):
                    assert process.poll() is None, log.decode()
                    await asyncio.sleep(0.1)
        self._balance()

    def _balance(self) -> None:
        assert NGINX is not None, "nginx is not installed: .ci/programs installs it"
        servers = " ".join(f"server 127.0.0.1:{port} max_fails=0;" for port in self._ports)
        file = self._folder / "nginx.conf"
        paths = " ".join(f"{kind}_temp_path {self._folder}/{kind};" for kind in ("proxy", "fastcgi", "uwsgi", "scgi"))
        file.write_text(
            f"daemon off; worker_processes 1; pid {self._folder}/nginx.pid; error_log {self._folder}/nginx.log;\n"
            f"events {{}} http {{ access_log off; client_body_temp_path {self._folder}/body; {paths} upstream g {{ {servers} }}\n"
            f"server {{ listen 127.0.0.1:{self.port}; location / {{ proxy_pass http://g; proxy_set_header Host $host; }} }} }}\n"
        )
        self._nginx = subprocess.Popen([NGINX, "-c", str(file), "-p", str(self._folder)], stderr=subprocess.DEVNULL)

    def kill(self, number: int) -> None:
        """kill -9."""
        self.processes[number].send_signal(signal.SIGKILL)
        self.processes[number].wait()

    def stop(self) -> None:
        for process in (*self.processes, *([self._nginx] if hasattr(self, "_nginx") else [])):
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()


def event(session: int, number: int) -> bytes:
    """Request 0 is the page; each later one changes a private text and its neighbour, and types a secret.

    The neighbour tells the secret that was typed one request before, which another gateway has masked.
    """
    typed = f"Secret{session}x{number}Typed-77"
    if number == 0:
        texts = {5: ("private", f"hidden-{session}-0"), 7: ("plain", f"open-{session}-0-words")}
        paragraphs = [
            {"type": 2, "id": node, "tagName": "p", "attributes": {"class": name},
             "childNodes": [{"type": 3, "id": node + 1, "textContent": text}]}
            for node, (name, text) in texts.items()
        ]  # fmt: skip
        field = {"type": 2, "id": 9, "tagName": "input", "attributes": {"type": "text"}, "childNodes": []}
        body = {"type": 2, "id": 3, "tagName": "body", "attributes": {}, "childNodes": [*paragraphs, field]}
        html = {"type": 2, "id": 2, "tagName": "html", "attributes": {}, "childNodes": [body]}
        records = [{"type": 2, "timestamp": 1, "data": {"node": {"type": 0, "id": 1, "childNodes": [html]}}}]
    else:
        before = f"Secret{session}x{number - 1}Typed-77" if number > 1 else ""
        change = [
            {"id": 6, "value": f"hidden-{session}-{number}"},
            {"id": 8, "value": f"open-{session}-{number}-words {before}"},
        ]
        records = [
            {"type": 3, "timestamp": 2, "data": {"source": 5, "id": 9, "text": typed, "isChecked": False}},
            {
                "type": 3,
                "timestamp": 3,
                "data": {"source": 0, "texts": change, "attributes": [], "removes": [], "adds": []},
            },
        ]
    properties = {
        "token": "phc_x", "$session_id": f"01890000-0000-7000-8000-{session:012}", "$window_id": f"w{session}",
        "$insert_id": f"ev-{session}-{number}-x", "$snapshot_data": records,
    }  # fmt: skip
    return json.dumps({"event": "$snapshot", "properties": properties}).encode()


@dataclass
class Result:
    """What was counted."""

    sessions: int
    requests: int
    acked: set[tuple[int, int]] = field(default_factory=set)
    again: int = 0
    delivered: Counter[tuple[int, int]] = field(default_factory=Counter)
    readable: set[tuple[int, int]] = field(default_factory=set)
    leaks: int = 0
    out_of_order: int = 0
    killed: list[str] = field(default_factory=list)

    @property
    def lost(self) -> set[tuple[int, int]]:
        return self.acked - self.delivered.keys()

    @property
    def is_good(self) -> bool:
        return (
            len(self.acked) == self.sessions * self.requests
            and not self.lost
            and not self.leaks
            and not self.out_of_order
            and self.readable == self.acked
        )

    def __str__(self) -> str:
        duplicates = sum(count - 1 for count in self.delivered.values())
        return (
            f"killed: {', '.join(self.killed)}\n"
            f"{self.sessions} sessions of {self.requests} requests: {len(self.acked)} accepted ({self.again} sent again), "
            f"{len(self.acked) - len(self.lost)} of them delivered, {len(self.lost)} lost, {duplicates} delivered twice, "
            f"{self.out_of_order} out of order in their session, {self.leaks} leaks, "
            f"{len(self.readable & self.acked)} neighbours of private elements readable"
        )

    def read(self, bodies: list[bytes]) -> None:
        """Counts what arrived."""
        last: dict[int, int] = {}
        for body in bodies:
            self.leaks += b"hidden-" in body or re.search(rb"Secret\d+x\d+Typed", body) is not None
            for found in EVENT.finditer(body):
                key = int(found[1]), int(found[2])
                self.delivered[key] += 1
                if self.delivered[key] == 1:
                    self.out_of_order += key[1] < last.get(key[0], -1)
                    last[key[0]] = key[1]
            self.readable |= {(int(found[1]), int(found[2])) for found in OPEN.finditer(body)}


async def prove(folder: Path, sessions: int, requests: int) -> Result:
    result = Result(sessions, requests)
    backend = Backend()
    nats = NatsCluster(folder)
    await backend.start()
    gateways = None
    try:
        await asyncio.to_thread(nats.start)
        gateways = Gateways(folder, nats.url, backend.port)
        await gateways.ready()
        progress = Progress(sessions * requests)
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=sessions)) as client:
            tasks = [
                asyncio.create_task(visit(client, gateways.port, session, requests, result, progress))
                for session in range(sessions)
            ]
            try:
                await progress.until(1 / 3)
                leader = await asyncio.to_thread(nats.leader_of, STREAM)
                nats.kill(leader)
                result.killed.append(f"nats-server {leader} (leader of {STREAM}) after {progress.done} requests")
                await progress.until(1 / 2)
                await backend.stop()
                await progress.until(2 / 3)
                gateways.kill(0)
                result.killed.append(f"gateway 0 after {progress.done} requests, backend away")
                await progress.until(5 / 6)
                await backend.start()
                await asyncio.gather(*tasks)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
        for _ in range(round(SEND_SECONDS * 5)):
            if result.acked <= {(int(a), int(b)) for body in backend.bodies for a, b in EVENT.findall(body)}:
                break
            await asyncio.sleep(0.2)
    finally:
        result.read(backend.bodies)
        if gateways is not None:
            await asyncio.to_thread(gateways.stop)
        await asyncio.to_thread(nats.stop)
        await backend.stop()
    return result


class Progress:
    """How many requests were accepted of all."""

    def __init__(self, total: int) -> None:
        self.done = 0
        self._total = total
        self._changed = asyncio.Event()

    def step(self) -> None:
        self.done += 1
        self._changed.set()

    async def until(self, share: float) -> None:
        async with asyncio.timeout(SEND_SECONDS):
            while self.done < share * self._total:
                self._changed.clear()
                await self._changed.wait()


async def visit(
    client: aiohttp.ClientSession, port: int, session: int, requests: int, result: Result, progress: Progress
) -> None:
    """One browser: one request after another, each until it is accepted."""
    headers = {"Content-Type": "application/json", "User-Agent": f"browser {session}"}
    for number in range(requests):
        async with asyncio.timeout(SEND_SECONDS):
            while True:
                try:
                    url = f"http://127.0.0.1:{port}/t/s/"
                    async with client.post(url, data=event(session, number), headers=headers) as answer:
                        await answer.read()
                        if answer.status // 100 == 2:
                            break
                        assert answer.status in (502, 503, 504), (answer.status, await answer.text())
                except aiohttp.ClientError:
                    pass
                result.again += 1
                await asyncio.sleep(0.2)
        result.acked.add((session, number))
        progress.step()


def main(arguments: list[str]) -> int:
    sessions, requests = (int(one) for one in (*arguments, *("20", "30")[len(arguments) :]))
    with tempfile.TemporaryDirectory() as folder:
        result = asyncio.run(prove(Path(folder), sessions, requests))
    print(result)
    return 0 if result.is_good else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
