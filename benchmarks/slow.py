"""Slow clients in numbers, and what live visitors notice of it: `python -m benchmarks.slow`.

`slowhttptest` (Debian's package of that name) holds 2,000 connections in each of its four modes against `gateway run`: heads
that never end, bodies that drip, ranges, answers that are hardly read. Meanwhile a few live visitors, from another address,
send events one after the other. Printed for each mode: what became of the slow connections, how many live requests there were,
and their times. Exit code 1 where a live request was not answered.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import resource
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.wire.process import Running, peak, running

PROPERTIES = b'{"$current_url":"https://shop.example/a?email=ann@shop.example","text":"%s"}' % (b"a few words " * 75)
EVENT = b'{"event":"seen","properties":%s}' % PROPERTIES
HEAD = b"POST /t/e/ HTTP/1.1\r\nHost: shop.example\r\nContent-Type: application/json\r\n"
LIVE = HEAD + b"Content-Length: %d\r\n\r\n" % len(EVENT) + EVENT
VISITORS = 4
PAUSE = 0.02
LARGE = 1024 * 1024
NEEDED_DESCRIPTORS = 8192

MODES = {
    "heads": ["-H", "-i", "5"],
    "bodies": ["-B", "-i", "5", "-s", "8192"],
    "ranges": ["-R", "-a", "10", "-b", "3000"],
    "reads": ["-X", "-w", "512", "-y", "1024", "-n", "5", "-z", "32", "-k", "3"],
}


class Backend:
    """Answers 200 at once; to /large, with 1 MiB."""

    async def start(self) -> int:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=4096)
        return self._server.sockets[0].getsockname()[1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                if found := re.search(rb"(?i)\r\ncontent-length: *(\d+)", head):
                    await reader.readexactly(int(found[1]))
                size = LARGE if b" /large" in head else 2
                writer.write(
                    b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n" % size
                )
                for _ in range(size // 65536 or 1):
                    writer.write(bytes(min(size, 65536)))
                    await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


@dataclass
class Live:
    """What live visitors see."""

    times: list[float] = field(default_factory=list)
    failed: int = 0
    stopping: bool = False

    async def visit(self, port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=("127.0.0.2", 0))
        while not self.stopping:
            began = time.perf_counter()
            writer.write(LIVE)
            try:
                head = await reader.readuntil(b"\r\n\r\n")
                await reader.readexactly(2)
                good = head.startswith(b"HTTP/1.1 200 ")
            except (asyncio.IncompleteReadError, ConnectionError):
                good = False
                reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=("127.0.0.2", 0))
            self.times.append(time.perf_counter() - began)
            self.failed += not good
            await asyncio.sleep(PAUSE)
        writer.close()

    def __str__(self) -> str:
        ordered = [1000 * one for one in sorted(self.times)]
        p50, p99 = (ordered[min(len(ordered) - 1, int(len(ordered) * share))] for share in (0.5, 0.99))
        times = f"p50 {p50:.1f} ms, p99 {p99:.1f} ms, max {ordered[-1]:.1f} ms"
        return f"{len(ordered)} live requests, {self.failed} not answered; {times}"


async def attack(program: str, mode: list[str], port: int, sockets: int, seconds: int) -> dict[str, str]:
    """slowhttptest's own last count of its connections, and the most that were open at once."""
    url = f"http://127.0.0.1:{port}/t/" + ("large" if "-X" in mode or "-R" in mode else "e/")
    command = [program, "-c", str(sockets), "-r", "400", "-l", str(seconds), "-p", "5", "-u", url, *mode]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    out, _ = await process.communicate()
    told = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", out.decode(errors="replace"))
    counts = {name: re.findall(rf"{name}: +(\d+)", told) for name in ("pending", "connected", "error", "closed")}
    last = {name: found[-1] for name, found in counts.items() if found}
    most = max(map(int, re.findall(r"connected: +(\d+)", told)), default=0)
    return {"at most connected": str(most), **{f"{name} at the end": count for name, count in last.items()}}


async def measure(gateway: Running, name: str, program: str, sockets: int, seconds: int) -> int:
    live = Live()
    visitors = [asyncio.create_task(live.visit(gateway.port)) for _ in range(VISITORS)]
    await asyncio.sleep(1)
    told = {} if name == "nobody" else await attack(program, MODES[name], gateway.port, sockets, seconds)
    await asyncio.sleep(2 if told else seconds / 4)
    live.stopping = True
    await asyncio.gather(*visitors)
    print(f"{name:7} {live}; {peak(gateway.pid) // 1024} MiB at most", flush=True)
    if told:
        print("        slow ones: " + "; ".join(f"{what} {count}" for what, count in told.items()), flush=True)
    return live.failed


async def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sockets", type=int, default=2000)
    parser.add_argument("--seconds", type=int, default=30, help="how long each mode lasts")
    parser.add_argument(
        "--share", type=int, default=0, help="connections for one address (default: more than there are)"
    )
    told = parser.parse_args()
    program = shutil.which("slowhttptest")
    if program is None:
        print("slowhttptest is missing: apt-get install slowhttptest", file=sys.stderr)
        return 2
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, NEEDED_DESCRIPTORS), hard), hard))
    port = await Backend().start()
    share = told.share or 2 * told.sockets
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        loop = asyncio.get_running_loop()
        routes = f"  - {{path: /t/, tracker: posthog, upstream: 'http://127.0.0.1:{port}'}}\n"
        context = running(Path(folder), routes, more=f"limits: {{connections: {share}}}\n")
        gateway = await loop.run_in_executor(None, context.__enter__)
        try:
            print(
                f"{told.sockets} slow connections of one address that may have {share}; {VISITORS} live visitors of another"
            )
            for name in ("nobody", *MODES):
                failed += await measure(gateway, name, program, told.sockets, told.seconds)
        finally:
            await loop.run_in_executor(None, context.__exit__, None, None, None)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
