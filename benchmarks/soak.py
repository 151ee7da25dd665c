"""A long run: a real `gateway run` over TLS, recorded traffic with new visitors all the time, and what it holds meanwhile.

    python -m benchmarks.soak [--minutes 60] [--rate 20]

Every visit is one recorded run of one tracker, with ids of its own, over a connection of its own. Rules and certificate are
replaced and reloaded every few minutes; the backend goes away for some seconds now and then. Prints memory and descriptors a
minute, and a verdict: after the warm-up each minute's memory is within 5 % of their median, the trend over all of them is
below 5 %, and no more descriptors are open than at its start. Exit code 1 where that does not hold, or where a request got
no answer, or a 5xx while the backend was there.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import itertools
import os
import random
import re
import signal
import socket
import ssl
import statistics
import sys
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from pathlib import Path

import aiohttp
import trustme
from aiohttp import web

from tests.judge.recorded import CORPUS, Request, load_run, runs_of

CONFIG = """\
listen: 127.0.0.1:{port}
tls: {{certificate: gateway.pem, key: gateway.key}}
sessions: {{most: {sessions}}}
{extra}routes:
  - {{path: /, tracker: auto, upstream: 'http://127.0.0.1:{backend}'}}
rules: [default, own.yaml]
masking_key: file:masking.key
"""
RULES = """\
mask:
  - {{name: private elements {number}, select: ".private", with: mask}}
"""
ID = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])")
CONNECTION = {"host", "connection", "content-length", "transfer-encoding"}
DOWN_SECONDS = 10.0
SAMPLE_SECONDS = 5.0
TOLERANCE = 0.05
START_SECONDS = 60.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def renewed(data: bytes, visit: int) -> bytes:
    """`data` with every UUID and 32-digit id replaced by one of this visit: the same for the same id, of the same shape."""

    def other(match: re.Match[bytes]) -> bytes:
        digits = iter(blake2b(match[0], digest_size=16, salt=visit.to_bytes(8, "big")).hexdigest())
        # the version digit stays: what is a UUIDv7 stays one
        return bytes(c if c == 0x2D or at == 14 else ord(next(digits)) for at, c in enumerate(match[0]))

    return ID.sub(other, data)


def of_visit(request: Request, visit: int) -> Request:
    """A recorded request as another visitor's browser would send it."""
    body = request.body
    try:
        if body[:2] == b"\x1f\x8b":
            body = gzip.compress(renewed(gzip.decompress(body), visit), mtime=0)
        elif body[:1] == b"\x78":
            body = zlib.compress(renewed(zlib.decompress(body), visit))
        else:
            body = renewed(body, visit)
    except (OSError, EOFError, zlib.error):
        body = request.body
    headers = tuple(
        (name, renewed(value.encode("utf-8", "replace"), visit).decode("utf-8", "replace"))
        for name, value in request.headers
        if name.lower() not in CONNECTION
    )
    return replace(request, target=renewed(request.target.encode(), visit).decode(), headers=headers, body=body)


@dataclass
class Backend:
    """Answers everything with 200, but for when it is away."""

    port: int
    got: int = 0
    _runner: web.ServerRunner | None = None

    async def come(self) -> None:
        async def answer(request: web.BaseRequest) -> web.StreamResponse:
            await request.read()
            self.got += 1
            return web.Response(text="{}", content_type="application/json")

        self._runner = web.ServerRunner(web.Server(answer, auto_decompress=False, access_log=None))
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port, shutdown_timeout=0).start()

    async def go(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None


@dataclass
class Gateway:
    """The process, its files, and what it holds."""

    home: Path
    port: int
    authority: trustme.CA = field(default_factory=trustme.CA)
    process: asyncio.subprocess.Process | None = None
    reloads: int = 0
    said: list[str] = field(default_factory=list)

    def write(self, backend: int, sessions: int, extra: str) -> None:
        (self.home / "gateway.yaml").write_text(
            CONFIG.format(port=self.port, backend=backend, extra=extra, sessions=sessions)
        )
        (self.home / "masking.key").write_text("5a" * 32)
        (self.home / "masking.key").chmod(0o600)
        self.renew(0)

    def renew(self, number: int) -> None:
        """Another rule, another certificate."""
        leaf = self.authority.issue_cert("localhost", "127.0.0.1")
        leaf.private_key_pem.write_to_path(self.home / "gateway.key")
        (self.home / "gateway.pem").write_bytes(b"".join(one.bytes() for one in leaf.cert_chain_pems))
        (self.home / "own.yaml").write_text(RULES.format(number=number % 2))

    async def start(self) -> None:
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "gateway", "run", "--config", str(self.home / "gateway.yaml"),
            stderr=asyncio.subprocess.PIPE, env=environment,
        )  # fmt: skip
        ready = asyncio.Event()
        self._reader = asyncio.create_task(self._listen(ready))
        await asyncio.wait_for(ready.wait(), START_SECONDS)

    async def _listen(self, ready: asyncio.Event) -> None:
        assert self.process is not None
        assert self.process.stderr is not None
        while line := (await self.process.stderr.readline()).decode().strip():
            self.said.append(line)
            del self.said[:-20]
            if line == "ready":
                ready.set()
            if line == "reloaded":
                self.reloads += 1

    async def stop(self) -> int:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return await asyncio.wait_for(self.process.wait(), START_SECONDS)

    def hold(self) -> tuple[float, int]:
        """Resident memory in MiB and open descriptors, of the process and what it started."""
        assert self.process is not None
        memory, descriptors = 0, 0
        for pid in _family(self.process.pid):
            try:
                status = Path(f"/proc/{pid}/status").read_text()
                descriptors += sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
            except OSError:
                continue
            match = re.search(r"VmRSS:\s+(\d+)", status)
            memory += int(match[1]) if match else 0
        return memory / 1024, descriptors


def _family(pid: int) -> Iterator[int]:
    yield pid
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            yield from _family(int(child))


@dataclass(frozen=True, slots=True)
class Minute:
    """What was held in one minute: the median of memory in MiB, the least of open descriptors."""

    memory: float
    descriptors: int


class Soak:
    """The run."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.runs = [
            load_run(folder, run)
            for folder in (CORPUS, CORPUS / "german", CORPUS / "clinic")
            for run in runs_of(folder)
        ]
        self.choose = random.Random(1)
        self.visits = itertools.count(1)
        self.answers: Counter[str] = Counter()
        self.wrong: Counter[str] = Counter()
        self.is_up = True
        self.shaky_until = 0.0
        self.minutes: list[Minute] = []

    async def run(self) -> int:
        with tempfile.TemporaryDirectory() as home:
            backend = Backend(free_port())
            gateway = Gateway(Path(home), free_port())
            gateway.write(backend.port, self.options.sessions, self.options.extra)
            await backend.come()
            await gateway.start()
            self.until = time.monotonic() + self.options.minutes * 60
            print("minute   MiB  descriptors  requests  reloads  answers", flush=True)
            tasks = [
                asyncio.create_task(one)
                for one in (self._drive(gateway), self._reload(gateway), self._flap(backend), self._watch(gateway))
            ]
            try:
                await asyncio.gather(*tasks)
            finally:
                for task in tasks:
                    task.cancel()
                if gateway.process is not None and gateway.process.returncode is None:
                    code = await gateway.stop()
                await backend.go()
            if code:
                self.wrong[f"exit code {code}"] += 1
            return self._verdict(gateway, backend)

    async def _drive(self, gateway: Gateway) -> None:
        """Starts visits so that `rate` requests a second come in the mean."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        gateway.authority.configure_trust(context)
        under_way: set[asyncio.Task[None]] = set()
        due = time.monotonic()
        first = iter(self.runs)  # every run once, so that the largest come while it warms up
        while time.monotonic() < self.until:
            run = next(first, None) or self.choose.choice(self.runs)
            due += len(run) / self.options.rate
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            if len(under_way) > 200:
                self.wrong["could not keep up"] += 1
                await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
            task = asyncio.create_task(self._visit(run, gateway.port, context))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
        await asyncio.gather(*under_way)

    async def _visit(self, run: tuple[Request, ...], port: int, context: ssl.SSLContext) -> None:
        visit = next(self.visits)
        async with aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=context),
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
            timeout=aiohttp.ClientTimeout(total=60),
        ) as session:
            for recorded in run:
                request = of_visit(recorded, visit)
                url = aiohttp.client.URL(f"https://localhost:{port}{request.target}", encoded=True)
                try:
                    async with session.request(
                        request.method, url, headers=request.headers, data=request.body or None, allow_redirects=False
                    ) as answer:
                        await answer.read()
                        self._count(str(answer.status))
                except (aiohttp.ClientError, TimeoutError) as error:
                    self._count(type(error).__name__)

    def _count(self, what: str) -> None:
        self.answers[what] += 1
        if not what.isdigit() or (what >= "500" and self.is_up and time.monotonic() > self.shaky_until):
            self.wrong[what] += 1

    async def _reload(self, gateway: Gateway) -> None:
        for number in itertools.count(1):
            if not await self._pause(self.options.reload_every * 60):
                return
            gateway.renew(number)

    async def _flap(self, backend: Backend) -> None:
        while await self._pause(self.options.flap_every * 60):
            self.is_up = False
            await backend.go()
            await asyncio.sleep(DOWN_SECONDS)
            await backend.come()
            # what asked while it was away is answered within the gateway's own deadlines
            self.is_up, self.shaky_until = True, time.monotonic() + 60

    async def _pause(self, seconds: float) -> bool:
        """Waits; False where the run ends before."""
        left = self.until - time.monotonic()
        await asyncio.sleep(max(0.0, min(seconds, left)))
        return left > seconds

    async def _watch(self, gateway: Gateway) -> None:
        while time.monotonic() < self.until:
            samples: list[tuple[float, int]] = []
            before = self.answers.copy()
            for _ in range(int(60 / SAMPLE_SECONDS)):
                await asyncio.sleep(SAMPLE_SECONDS)
                samples.append(gateway.hold())
            minute = Minute(statistics.median(one[0] for one in samples), min(one[1] for one in samples))
            self.minutes.append(minute)
            came = self.answers - before
            told = " ".join(f"{what}:{count}" for what, count in sorted(came.items()))
            print(
                f"{len(self.minutes):6}  {minute.memory:5.1f}  {minute.descriptors:11}  {came.total():8}  "
                f"{gateway.reloads:7}  {told}",
                flush=True,
            )

    def _verdict(self, gateway: Gateway, backend: Backend) -> int:
        after = self.minutes[round(self.options.warm_up or len(self.minutes) / 4) :]
        memory = [one.memory for one in after]
        middle = statistics.median(memory)
        off = max(abs(one - middle) for one in memory) / middle
        trend = statistics.linear_regression(range(len(memory)), memory).slope * (len(memory) - 1) / middle
        more = max(one.descriptors for one in after) - after[0].descriptors
        print(
            f"{self.answers.total()} requests, {next(self.visits) - 1} visits, {backend.got} at the backend, "
            f"{gateway.reloads} reloads; after the warm-up ({len(self.minutes) - len(after)} min): "
            f"{middle:.1f} MiB, at most {off:.1%} off, trend {trend:+.1%} over {len(after)} min; "
            f"descriptors {min(one.descriptors for one in after)} to {max(one.descriptors for one in after)}"
        )
        if self.wrong:
            print("wrong:", dict(self.wrong), "last said:", *gateway.said[-5:], sep="\n  ")
        is_flat = off <= TOLERANCE and abs(trend) <= TOLERANCE and more <= 8
        print("flat" if is_flat else "NOT FLAT")
        return 0 if is_flat and not self.wrong else 1


def main() -> None:
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--minutes", type=float, default=60)
    options.add_argument("--rate", type=float, default=20, help="requests a second")
    options.add_argument("--warm-up", type=float, default=0, help="minutes that don't count; default: a quarter")
    options.add_argument("--reload-every", type=float, default=3, help="minutes")
    options.add_argument("--flap-every", type=float, default=4, help="minutes")
    options.add_argument(
        "--sessions", type=int, default=200, help="how many are kept: few, so that warming up fills them"
    )
    options.add_argument("--extra", default="", help="lines of gateway.yaml")
    sys.exit(asyncio.run(Soak(options.parse_args()).run()))


if __name__ == "__main__":
    main()
