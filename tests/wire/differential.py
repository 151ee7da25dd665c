"""The same bytes to the gateway, h11, nginx and HAProxy: `python -m tests.wire.differential --count 5000 --seed 1`.

Whoever reads another message out of the same bytes can be made to answer the wrong one (request smuggling). Held: as far as
the gateway and another reader both go on reading, they read the same messages: method, target and body, in the same order.
One of them may stop earlier and refuse the rest.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from unittest import mock

from gateway.policy.signals import OptOut
from gateway.proxy.routes import Plan, Route
from gateway.proxy.server import Gateway, Listening
from tests.wire.conftest import PassMasker
from tests.wire.mutations import framings
from tests.wire.recorder import Message, Recorder, read

AT_ONCE = 40
WATCHDOG = 60.0
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
HASTE = {
    "gateway.proxy.body.IDLE_SECONDS": 0.5,
    "gateway.proxy.body.TOTAL_SECONDS": 1.0,
    "gateway.proxy.listener.IDLE_SECONDS": 0.5,
    "gateway.proxy.listener.Connection.head_seconds": 0.5,
    "gateway.proxy.listener.LINGER_SECONDS": 0.2,
}

NGINX = """
daemon off; master_process off; worker_processes 1; pid {folder}/nginx.pid; error_log /dev/null crit;
events {{ worker_connections 512; }}
http {{
  access_log off; client_header_timeout 1s; client_body_timeout 1s; keepalive_timeout 1s; lingering_close off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi; large_client_header_buffers 4 32k;
{servers}
}}
"""
NGINX_SERVER = (
    "  server {{ listen unix:{folder}/nginx-{slot}.sock; location / {{ proxy_pass http://127.0.0.1:{port};"
    ' proxy_http_version 1.1; proxy_set_header Connection ""; }} }}'
)
HAPROXY = """
global
  maxconn 512
defaults
  mode http
  timeout connect 5s
  timeout client 1s
  timeout server 5s
  timeout http-request 1s
  timeout http-keep-alive 500ms
{servers}
"""
HAPROXY_SERVER = """
frontend front{slot}
  bind unix@{folder}/haproxy-{slot}.sock
  default_backend back{slot}
backend back{slot}
  server one 127.0.0.1:{port}
"""


@dataclass
class Disagreement:
    """One input, and the messages that each of the two read."""

    number: int
    other: str
    ours: list[Message]
    theirs: list[Message]


@dataclass
class Summary:
    """What came out: how many messages each forwarded, who was stricter, and where they disagree."""

    count: int
    forwarded: Counter[str] = field(default_factory=Counter)
    stricter: Counter[str] = field(default_factory=Counter)
    disagreements: list[Disagreement] = field(default_factory=list)
    hangs: list[tuple[str, int]] = field(default_factory=list)
    unreadable: int = 0

    def __str__(self) -> str:
        lines = [
            f"{self.count} inputs; messages forwarded: " + ", ".join(f"{who} {n}" for who, n in self.forwarded.items())
        ]
        lines += [f"{what}: {n}" for what, n in sorted(self.stricter.items())]
        lines += [
            f"disagreements: {len(self.disagreements)}; hangs: {len(self.hangs)}; not HTTP behind the gateway: {self.unreadable}"
        ]
        lines += [f"  {one}" for one in self.disagreements[:20]]
        return "\n".join(lines)

    @property
    def holds(self) -> bool:
        return not (self.disagreements or self.hangs or self.unreadable)


class Fronts:
    """Each front with a door for each of those who talk at once, and a recorder behind each door."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.recorders: dict[str, list[Recorder]] = {}
        self._gateways: list[Gateway] = []

    async def start(self) -> None:
        for name in ("gateway", "nginx", "haproxy"):
            self.recorders[name] = [await Recorder().start() for _ in range(AT_ONCE)]
        for recorder in self.recorders["gateway"]:
            route = Route(name="t", upstream=f"http://127.0.0.1:{recorder.port}")
            # who objects is answered and not forwarded, which is no matter of framing
            plan = Plan(masker=PassMasker(), routes=(route,), opt_out=OptOut((), gpc=False, dnt=False))
            one = Gateway(Listening(("127.0.0.1", 0)), plan, emit=lambda *_, **__: None)
            await one.start()
            self._gateways.append(one)

    async def stop(self) -> None:
        for one in self._gateways:
            await one.stop(0)
        for recorders in self.recorders.values():
            for recorder in recorders:
                recorder.close()

    async def talk(self, name: str, slot: int, raw: bytes) -> list[Message] | None:
        """What arrived behind this front, once it has closed the connection; None where it does not."""
        recorder = self.recorders[name][slot]
        before = len(recorder.messages)
        try:
            async with asyncio.timeout(WATCHDOG):
                if name == "gateway":
                    reader, writer = await asyncio.open_connection(*self._gateways[slot].address)
                else:
                    reader, writer = await asyncio.open_unix_connection(self._folder / f"{name}-{slot}.sock")
                with suppress(ConnectionError):
                    writer.write(raw)
                    while await reader.read(65536):
                        pass
                writer.close()
        except TimeoutError:
            return None
        return recorder.messages[before:]

    def programs(self) -> ExitStack:
        """nginx and HAProxy, running until the stack is left."""
        stack = ExitStack()
        for name, text, server, command in (
            ("nginx", NGINX, NGINX_SERVER, ["-c"]),
            ("haproxy", HAPROXY, HAPROXY_SERVER, ["-db", "-f"]),
        ):
            servers = "\n".join(
                server.format(folder=self._folder, slot=slot, port=recorder.port)
                for slot, recorder in enumerate(self.recorders[name])
            )
            file = self._folder / f"{name}.conf"
            file.write_text(text.format(folder=self._folder, servers=servers))
            stack.enter_context(program(name, [*command, str(file)], self._folder / f"{name}-0.sock"))
        return stack


@contextmanager
def program(name: str, arguments: list[str], door: Path) -> Iterator[None]:
    """A program of the system, from when its door is there."""
    found = shutil.which(name, path=PATH)
    assert found, f"{name} is missing: .ci/programs installs it"
    process = subprocess.Popen([found, *arguments], stderr=subprocess.DEVNULL)
    try:
        for _ in range(1000):
            if door.exists() or process.poll() is not None:
                break
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.02)
        assert process.poll() is None, f"{name} ended at once"
        yield
    finally:
        process.kill()
        process.wait(10)


def agree(ours: list[Message], theirs: list[Message]) -> bool:
    """Whether two read the same as far as both went."""
    return all(one == other for one, other in zip(ours, theirs, strict=False))


async def compare(count: int, seed: int, folder: Path, first: int = 0) -> Summary:
    summary = Summary(count)
    fronts = Fronts(folder)
    await fronts.start()
    numbers = iter(range(first, first + count))

    async def serve(slot: int) -> None:
        for number in numbers:
            raw = framings(number, Random(f"{seed}/{number}"))
            names = ("gateway", "nginx", "haproxy")
            found = dict(
                zip(names, await asyncio.gather(*(fronts.talk(name, slot, raw) for name in names)), strict=True)
            )
            found["h11"] = read(raw)[0]
            summary.hangs += [(name, number) for name, messages in found.items() if messages is None]
            summary.forwarded.update({name: len(messages or ()) for name, messages in found.items()})
            ours = found.pop("gateway") or []
            for name, messages in found.items():
                if not agree(ours, messages or []):
                    summary.disagreements.append(Disagreement(number, name, ours, messages or []))
                elif len(ours) != len(messages or ()):
                    who = "the gateway" if len(ours) < len(messages or ()) else name
                    summary.stricter[f"{who} stops earlier than {name if who == 'the gateway' else 'the gateway'}"] += 1

    try:
        with fronts.programs():
            async with asyncio.TaskGroup() as group:
                for slot in range(AT_ONCE):
                    group.create_task(serve(slot))
    finally:
        await fronts.stop()
    summary.unreadable = sum(len(one.unreadable) for one in fronts.recorders["gateway"])
    return summary


def run(count: int, seed: int, folder: Path, first: int = 0) -> Summary:
    """With deadlines that are shorter than a test wants to wait."""
    with ExitStack() as stack:
        for name, seconds in HASTE.items():
            stack.enter_context(mock.patch(name, seconds))
        return asyncio.run(compare(count, seed, folder, first))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--first", type=int, default=0, help="the number of the first input: one failure can be run alone"
    )
    told = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        summary = run(told.count, told.seed, Path(folder), told.first)
    print(summary)
    print("No disagreement." if summary.holds else "Not all agree.")
    return 0 if summary.holds else 1


if __name__ == "__main__":
    sys.exit(main())
