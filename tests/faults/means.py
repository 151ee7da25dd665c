"""What is taken from the process: descriptors, memory, system calls that work, packets, names, the time of day."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from tests.faults.acts import Act, lasting
from tests.faults.cell import Acted, Cell, holds
from tests.faults.deeds import terminate


def limited(what: int, room: Callable[[Cell], int]) -> Act:
    """A resource limit of the running process, `room` as a number of what it counts."""

    async def begin(cell: Cell) -> None:
        cell.process.limit(what, room(cell))

    async def end(cell: Cell) -> None:
        cell.process.limit(what, None)

    return lasting(begin, end)


def descriptors(cell: Cell) -> int:
    """One more than are open."""
    return max(int(one.name) for one in Path(f"/proc/{cell.process.pid}/fd").iterdir()) + 2


def address_space(cell: Cell) -> int:
    """What it has, and 4 MiB."""
    pages = int(Path(f"/proc/{cell.process.pid}/statm").read_text().split()[0])
    return pages * os.sysconf("SC_PAGE_SIZE") + (4 << 20)


def tracing(*injections: str) -> Act:
    """System calls of the running process fail, by strace."""

    @asynccontextmanager
    async def act(cell: Cell) -> AsyncIterator[Acted]:
        arguments = [part for one in injections for part in ("-e", f"inject={one}")]
        trace = ",".join(one.partition(":")[0] for one in injections)
        command = ["strace", "-f", "-q", "-o", str(cell.home / "strace.txt"), "-e", f"trace={trace}", *arguments]
        tracer = await asyncio.create_subprocess_exec(
            *command, "-p", str(cell.process.pid), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

        def attached() -> bool:
            status = Path(f"/proc/{cell.process.pid}/status")
            return "TracerPid:\t0\n" not in status.read_text()

        if not await holds(attached, 20):
            cell.remarks.append("strace did not attach")
        yield lambda: 1
        with suppress(ProcessLookupError):
            tracer.send_signal(signal.SIGINT)
        await tracer.wait()

    return act


def failing(*points: str) -> Act:
    """C library calls of the running process fail, by libfiu; each point is what `fiu-ctrl -c` takes after `name=`."""

    async def control(cell: Cell, commands: list[str]) -> None:
        arguments = [part for one in commands for part in ("-c", one)]
        control = await asyncio.create_subprocess_exec("fiu-ctrl", *arguments, str(cell.process.pid))
        if await control.wait():
            cell.remarks.append("fiu-ctrl did not get through")

    async def begin(cell: Cell) -> None:
        await control(cell, [f"enable name={point}" for point in points])

    async def end(cell: Cell) -> None:
        await control(cell, [f"disable name={point.partition(',')[0]}" for point in points])

    return lasting(begin, end)


def name_backend(home: Path) -> None:
    """`backend.test` by a hosts file of our own, and no resolver beside it."""
    (home / "hosts").write_text("127.0.0.1 localhost backend.test\n")
    (home / "nsswitch.conf").write_text("hosts: files\n")
    for name in ("hosts", "nsswitch.conf"):
        Path("/etc", name).touch()
        subprocess.run(["mount", "--bind", str(home / name), f"/etc/{name}"], check=True)


def renamed(line: str) -> Act:
    """The hosts file says something else, and a gateway that has not asked before starts."""

    async def begin(cell: Cell) -> None:
        cell.process.is_watched = False
        (cell.home / "hosts").write_text(f"127.0.0.1 localhost\n{line}\n")
        await terminate(cell)
        cell.process.is_watched = True

    async def end(cell: Cell) -> None:
        (cell.home / "hosts").write_text("127.0.0.1 localhost backend.test\n")

    return lasting(begin, end)


def dropping(*match: str) -> Act:
    """Packets to the backend are dropped without a word."""

    def rule(cell: Cell) -> list[str]:
        return ["INPUT", "-p", "tcp", "--dport", str(cell.way.port), *match, "-j", "DROP"]

    async def begin(cell: Cell) -> None:
        subprocess.run(["iptables", "-I", *rule(cell)], check=True)

    async def end(cell: Cell) -> None:
        subprocess.run(["iptables", "-D", *rule(cell)], check=True)

    return lasting(begin, end)


def set_clock(home: Path, offset: str = "+0") -> None:
    (home / "clock").write_text(offset + "\n")


def jumping(offset: str) -> Act:
    """The clock of the running process is elsewhere; its monotonic one goes on. What it writes is dated so."""

    @asynccontextmanager
    async def act(cell: Cell) -> AsyncIterator[Acted]:
        this_year = f'{{"at":"{datetime.now(UTC).year}'
        set_clock(cell.home, offset)
        cell.process.signal(signal.SIGHUP)  # a reload is written down

        def dated_elsewhere() -> int:
            lines = cell.process.written().splitlines()
            return sum(line.startswith('{"at":') and not line.startswith(this_year) for line in lines)

        yield dated_elsewhere
        set_clock(cell.home)

    return act
