"""Malformed requests against `gateway run`, over sockets: `python -m tests.wire.malformed --count 10000 --seed 1`.

The process is the real one with the shipped rules; only its clocks run faster, so that what waits for more is cut off soon.
Held: it lives and reports no defect of its own; every connection ends; the backend got exactly what it answered, all of it
valid HTTP, and no byte of anything else.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from zlib import crc32

from tests.wire.mutations import malformed
from tests.wire.process import Running, running
from tests.wire.recorder import Recorder

AT_ONCE = 48
WATCHDOG = 60.0
_STATUS = re.compile(rb"(?:^|\n|ok)HTTP/1\.[01] (\d{3}) ")


@dataclass
class Summary:
    """What became of them."""

    count: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    ends: Counter[str] = field(default_factory=Counter)
    hangs: list[int] = field(default_factory=list)
    forwarded_though_refused: list[int] = field(default_factory=list)
    broken_answers: list[int] = field(default_factory=list)
    unreadable: int = 0
    faults: int = 0
    ended_early: bool = False
    exit_code: int | None = None
    longest: float = 0.0
    peak: int = 0

    @property
    def failures(self) -> list[str]:
        """In words, with the numbers of the inputs."""
        found = {
            "hung": self.hangs,
            "refused, and something of it forwarded": self.forwarded_though_refused,
            "answered with what is no HTTP": self.broken_answers,
        }
        said = [f"{what}: {numbers[:20]}" for what, numbers in found.items() if numbers]
        said += [f"the backend got {self.unreadable} that are no HTTP"] if self.unreadable else []
        said += [f"{self.faults} defects"] if self.faults else []
        said += ["the gateway ended"] if self.ended_early else []
        return said + ([f"the gateway ended with {self.exit_code}"] if self.exit_code else [])

    def __str__(self) -> str:
        forwarded = sum(count for what, count in self.ends.items() if what.startswith("forwarded"))
        return "\n".join([
            f"{self.count} inputs: " + ", ".join(f"{count} {what}" for what, count in self.kinds.most_common()),
            "ends: " + ", ".join(f"{count} {what}" for what, count in self.ends.most_common()),
            f"{forwarded} had something to forward",
            f"crashes and defects: {self.faults + self.ended_early}; hangs: {len(self.hangs)}; bytes of refused ones forwarded: {len(self.forwarded_though_refused)} inputs; not HTTP at the backend: {self.unreadable}",
            f"longest connection {self.longest:.1f} s (deadlines of half a second and one second); at most {self.peak // 1024} MiB",
        ])  # fmt: skip


def prefix_of(slot: int) -> bytes:
    """A route's path, which no few changed bytes make another's."""
    return b"/%08x/" % crc32(b"%d" % slot)


async def talk(port: int, raw: bytes) -> bytes | None:
    """All that comes back until the gateway closes; None where it does not."""
    try:
        async with asyncio.timeout(WATCHDOG):
            reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
            got = b""
            try:
                writer.write(raw)
                while piece := await reader.read(65536):
                    got += piece
            except ConnectionError:
                pass  # closed with our bytes unread
            finally:
                writer.close()
            return got
    except TimeoutError:
        return None


class Run:
    """One gateway with a route for each of those who talk at once, so that what arrives can be told apart."""

    def __init__(self, count: int, seed: int, first: int = 0) -> None:
        self.summary = Summary(count)
        self._numbers = iter(range(first, first + count))
        self._seed = seed

    async def go(self, gateway: Running, recorder: Recorder) -> None:
        async with asyncio.TaskGroup() as group:
            for slot in range(AT_ONCE):
                group.create_task(self._talk(slot, gateway, recorder))
        probe = await talk(
            gateway.port, b"GET " + prefix_of(0) + b"alive HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        )
        self.summary.ended_early = not (probe and b"X-Backend" in probe)
        self.summary.unreadable = len(recorder.unreadable)

    async def _talk(self, slot: int, gateway: Running, recorder: Recorder) -> None:
        prefix = prefix_of(slot)
        summary = self.summary
        for number in self._numbers:
            kind, raw = malformed(prefix, Random(f"{self._seed}/{number}"))
            before = sum(one.target.startswith(prefix) for one in recorder.messages)
            began = time.monotonic()
            got = await talk(gateway.port, raw)
            summary.longest = max(summary.longest, time.monotonic() - began)
            summary.kinds[kind] += 1
            if got is None:
                summary.hangs.append(number)
                continue
            arrived = sum(one.target.startswith(prefix) for one in recorder.messages) - before
            answered = got.count(b"\r\nX-Backend: 1\r\n")
            if arrived != answered:
                summary.forwarded_though_refused.append(number)
            codes = _STATUS.findall(got)
            if got and not codes:
                summary.broken_answers.append(number)
            first = codes[0].decode() if codes else "no answer"
            summary.ends[f"forwarded, {first}" if answered else first] += 1


def run(count: int, seed: int, folder: Path, first: int = 0) -> Summary:
    """Sends them all and says what became of them."""
    made = Run(count, seed, first)

    async def serve() -> None:
        recorder = await Recorder().start()
        routes = "".join(
            f"  - {{path: {path}, upstream: 'http://127.0.0.1:{recorder.port}{path}'}}\n"
            for path in (prefix_of(slot).decode() for slot in range(AT_ONCE))
        )
        loop = asyncio.get_running_loop()
        context = running(folder, routes, in_haste=True)
        gateway = await loop.run_in_executor(None, context.__enter__)
        try:
            await made.go(gateway, recorder)
        finally:
            await loop.run_in_executor(None, context.__exit__, None, None, None)
            recorder.close()
        made.summary.exit_code = gateway.code
        made.summary.peak = gateway.peak
        made.summary.faults = len(gateway.events("fault")) + sum(
            int(str(one["count"])) for one in gateway.events("counted") if one["reason"] == "fault"
        )

    asyncio.run(serve())
    return made.summary


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--first", type=int, default=0, help="the number of the first input: one failure can be run alone"
    )
    told = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        summary = run(told.count, told.seed, Path(folder), told.first)
    print(summary)
    print("\n".join(summary.failures) or "All held.")
    return 1 if summary.failures else 0


if __name__ == "__main__":
    sys.exit(main())
