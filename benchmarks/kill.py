"""Nothing that was accepted is lost, whenever the process dies: `python -m benchmarks.kill --times 1000`.

A real `gateway run` with a spool, browsers that post events one after the other, and a backend that comes and goes. Again
and again the gateway is killed with SIGKILL at a random moment under load, and started again. At the end:

    every event that was answered as accepted has arrived · none of a session arrived before an earlier one · what arrived
    twice is byte for byte the same, and at most what was on its way when the gateway died (LANES of a route)

Prints one line of figures; exit code 1 where one of these does not hold. All addresses are on loopback.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import os
import random
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

from gateway.spool.drain import LANES

ROUTES = {"/t/": "inline", "/q/": "queued"}
BROWSERS = 12
START_SECONDS = 60.0
DRAIN_SECONDS = 120.0
CONFIGURATION = """\
listen: 127.0.0.1:{listen}
tls: {{mode: "off"}}
spool: {{limit: 1GiB, keep: 24h}}
routes:
  - {{path: /t/, tracker: posthog, upstream: "http://127.0.0.1:{backend}", delivery: inline}}
  - {{path: /q/, tracker: posthog, upstream: "http://127.0.0.1:{backend}", delivery: queued}}
"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        return one.getsockname()[1]


class Backend:
    """Takes events, answers 503, cuts connections or refuses them, by turns."""

    def __init__(self, chance: random.Random, port: int) -> None:
        self.port = port
        self.life = 0  # of the gateway: connections die with it
        self.arrivals: dict[str, list[tuple[int, str]]] = defaultdict(list)  # event → (life, digest of its bytes)
        self.first: dict[str, list[int]] = defaultdict(list)  # session → numbers in the order of their first arrival
        self.unsure: Counter[str] = Counter()  # its answer may have been cut off: to be sent again
        self._chance = chance
        self._is_sick = False
        self._server: asyncio.Server | None = None
        self._open: dict[asyncio.StreamWriter, str] = {}

    async def up(self) -> None:
        self._is_sick = False
        if self._server is None:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def down(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer, event in list(self._open.items()):
            self.unsure[event] += 1
            writer.transport.abort()
        self._open.clear()

    async def flap(self) -> None:
        while True:
            await self.up()
            await asyncio.sleep(self._chance.uniform(0.1, 0.7))
            if self._chance.random() < 0.4:
                self._is_sick = True
            else:
                await self.down()
            await asyncio.sleep(self._chance.uniform(0.05, 0.5))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        life = self.life
        with suppress(OSError, asyncio.IncompleteReadError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                body = await reader.readexactly(int(head.partition(b"content-length:")[2].split(b"\r\n")[0]))
                if self._is_sick:
                    writer.write(b"HTTP/1.1 503 Sick\r\nContent-Length: 0\r\n\r\n")
                else:
                    self._open[writer] = self._note(body, life)
                    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
                await writer.drain()
        self._open.pop(writer, None)
        writer.close()

    def _note(self, body: bytes, life: int) -> str:
        event = json.loads(body)
        name = event["uuid"]
        if name not in self.arrivals:
            self.first[event["properties"]["$session_id"]].append(event["properties"]["n"])
        self.arrivals[name].append((life, hashlib.sha256(body).hexdigest()))
        return name


class Browser:
    """One session after another: each event is posted once, after the answer to the one before."""

    def __init__(self, number: int, port: int, chance: random.Random) -> None:
        self.accepted: set[str] = set()
        self.refused = 0
        self._port = port
        self._path = list(ROUTES)[number % len(ROUTES)]
        self._chance = chance

    async def run(self, is_up: asyncio.Event) -> None:
        while True:
            session = str(self._chance.randrange(1 << 60))
            for number in range(self._chance.randint(1, 60)):
                await is_up.wait()
                name = f"{secrets.token_hex(4)}-0000-4000-8000-{secrets.token_hex(6)}"
                if await self._post(name, session, number):
                    self.accepted.add(name)
                else:
                    self.refused += 1
                    await asyncio.sleep(0.02)

    async def _post(self, name: str, session: str, number: int) -> bool:
        filling = "é" * self._chance.choice((10, 200, 4000))
        body = json.dumps(
            {"api_key": "k", "event": "e", "uuid": name, "distinct_id": "d",
             "properties": {"$session_id": session, "n": number, "filling": filling}}
        ).encode()  # fmt: skip
        writer = None
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
            head = f"POST {self._path}e/ HTTP/1.1\r\nHost: shop.example\r\nContent-Type: application/json\r\n"
            writer.write(f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)
            answer = await reader.readuntil(b"\r\n\r\n")
        except (OSError, asyncio.IncompleteReadError):
            return False
        else:
            return answer.startswith(b"HTTP/1.1 200 ")
        finally:
            if writer is not None:
                writer.close()


def launch(configuration: str, log: str) -> None:
    """Starts a `gateway run` for each line it reads, by fork: the modules are read once, everything else each time."""
    from gateway.cli import run  # noqa: F401, PLC0415 - read before the fork, and by this child process alone
    from gateway.cli.app import gateway  # noqa: PLC0415 - the same

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for _ in sys.stdin:
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), 2)
            gateway(["run", "--config", configuration])
        print(child, flush=True)


class Gateway:
    """The process that is killed."""

    def __init__(self, folder: Path, port: int) -> None:
        self._log = folder / "gateway.log"
        self._port = port
        self._child = 0
        self._launcher = subprocess.Popen(
            [sys.executable, __file__, "--launch", str(folder / "gateway.yaml"), str(self._log)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "GATEWAY_KEY": "5e" * 32},
        )

    async def start(self) -> None:
        print(file=self._launcher.stdin, flush=True)
        self._child = int(await asyncio.to_thread(self._launcher.stdout.readline))
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            with suppress(OSError, asyncio.IncompleteReadError):
                reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
                writer.write(b"GET / HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n")
                await reader.readuntil(b"\r\n\r\n")  # serves, and does not merely listen
                writer.close()
                return
            if not self._is_there():
                break
            await asyncio.sleep(0.005)
        raise SystemExit(f"the gateway did not start:\n{self._log.read_text()[-2000:]}")

    async def end(self, number: signal.Signals) -> None:
        os.kill(self._child, number)
        while self._is_there():  # noqa: ASYNC110 - a process tells nobody of its end
            await asyncio.sleep(0.002)

    def close(self) -> None:
        if self._is_there():
            os.kill(self._child, signal.SIGKILL)
        self._launcher.communicate()

    def _is_there(self) -> bool:
        if not self._child:
            return False
        try:
            os.kill(self._child, 0)
        except ProcessLookupError:
            return False
        return True


async def trial(times: int, seed: int, folder: Path) -> int:
    chance = random.Random(seed)
    port, backend = free_port(), Backend(chance, free_port())
    (folder / "gateway.yaml").write_text(CONFIGURATION.format(listen=port, backend=backend.port))
    gateway = Gateway(folder, port)
    browsers = [Browser(number, port, chance) for number in range(BROWSERS)]
    is_up = asyncio.Event()
    begun = time.monotonic()
    try:
        tasks = [asyncio.create_task(backend.flap()), *(asyncio.create_task(one.run(is_up)) for one in browsers)]
        for number in range(times):
            await gateway.start()
            is_up.set()
            await asyncio.sleep(chance.uniform(0.02, 0.6))
            is_up.clear()
            await gateway.end(signal.SIGKILL)
            backend.life += 1
            if (number + 1) % 50 == 0:
                print(f"  {number + 1} kills, {sum(len(one.accepted) for one in browsers)} accepted", file=sys.stderr)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await gateway.start()
        await backend.up()
        accepted = set().union(*(one.accepted for one in browsers))
        end = time.monotonic() + DRAIN_SECONDS
        while accepted - backend.arrivals.keys() and time.monotonic() < end:  # noqa: ASYNC110 - ends by either
            await asyncio.sleep(0.1)
        await asyncio.sleep(1)  # what is still on its way, twice perhaps
        await gateway.end(signal.SIGTERM)
    finally:
        gateway.close()
        await backend.down()
    refused = sum(one.refused for one in browsers)
    return judge(times, accepted, refused, backend, time.monotonic() - begun)


def judge(times: int, accepted: set[str], refused: int, backend: Backend, seconds: float) -> int:
    lost = accepted - backend.arrivals.keys()
    again = {name: told for name, told in backend.arrivals.items() if len(told) > 1}
    changed = [name for name, told in again.items() if len({digest for _, digest in told}) > 1]
    by_life: Counter[int] = Counter()
    for name, told in again.items():
        by_cuts = backend.unsure[name]
        for life, _ in told[: len(told) - 1 - by_cuts]:
            by_life[life] += 1
    most, window = max(by_life.values(), default=0), LANES * len(ROUTES)
    late = sum(later < former for told in backend.first.values() for former, later in pairwise(told))
    twice = sum(len(told) - 1 for told in again.values())
    print(
        f"{times} kills in {seconds:.0f} s: {len(accepted)} accepted, {len(accepted) - len(lost)} of them delivered, "
        f"{len(lost)} lost, {late} out of order, {twice} delivered again ({len(changed)} of them changed; after one kill "
        f"at most {most}, of {window} that may be on their way), {refused} not accepted"
    )
    return int(bool(lost or changed or late or most > window))


def main() -> None:
    if sys.argv[1:2] == ["--launch"]:
        launch(*sys.argv[2:])
        return
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=100, help="how often it is killed (100)")
    parser.add_argument("--seed", type=int, default=None, help="of the random moments; a new one each time")
    told = parser.parse_args()
    seed = secrets.randbits(32) if told.seed is None else told.seed
    print(f"seed {seed}", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="gateway-kill-") as folder:
        sys.exit(asyncio.run(trial(told.times, seed, Path(folder))))


if __name__ == "__main__":
    main()
