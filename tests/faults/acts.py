"""How each kind of fault is done: functions that give what a `Fault` does inside its `with` block."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, closing, suppress
from pathlib import Path

from gateway.cli.certs import make
from tests.faults.backend import Manner, Refusing
from tests.faults.cell import Acted, Cell, holds, spooled
from tests.faults.certificates import Certificates
from tests.faults.process import Ended
from tests.faults.toxic import Proxy, Toxic
from tests.faults.traffic import Habit

Act = Callable[[Cell], AbstractAsyncContextManager[Acted]]
Deed = Callable[[Cell], Awaitable[None]]


def poisoned(
    where: Callable[[Cell], Proxy],
    to_target: Callable[[], Toxic] | None = None,
    to_client: Callable[[], Toxic] | None = None,
) -> Act:
    """A toxic in one direction, or in both, of one of the two proxies."""

    @asynccontextmanager
    async def act(cell: Cell) -> AsyncIterator[Acted]:
        proxy, toxics = where(cell), [one() if one else Toxic() for one in (to_target, to_client)]
        proxy.poison(*toxics)
        yield lambda: sum(one.acted for one in toxics)
        proxy.poison()

    return act


def to_backend(there: Callable[[], Toxic] | None = None, back: Callable[[], Toxic] | None = None) -> Act:
    return poisoned(lambda cell: cell.way, there, back)


def to_visitors(there: Callable[[], Toxic] | None = None, back: Callable[[], Toxic] | None = None) -> Act:
    return poisoned(lambda cell: cell.front, there, back)


def together(*acts: Act) -> Act:
    """Several at once; they have acted once each has."""

    @asynccontextmanager
    async def act(cell: Cell) -> AsyncIterator[Acted]:
        async with AsyncExitStack() as stack:
            counts = [await stack.enter_async_context(one(cell)) for one in acts]
            yield lambda: min(count() for count in counts)

    return act


def leaving(upto: int | None, *, waits: float = 0.0) -> Act:
    """Visitors who leave in the middle."""

    @asynccontextmanager
    async def act(cell: Cell) -> AsyncIterator[Acted]:
        cell.crowd.habit = habit = Habit(upto, waits=waits)
        yield lambda: habit.acted
        cell.crowd.habit = None

    return act


def behaving(manner: Callable[[], Manner]) -> Act:
    """A backend with another manner; connections that there are feel it too."""

    @asynccontextmanager
    async def act(cell: Cell) -> AsyncIterator[Acted]:
        now = manner()
        cell.backend.behave(now)
        if not now.greets:
            cell.way.cut()
        yield lambda: now.acted
        cell.backend.behave()

    return act


def showing(context: Callable[[Certificates], object], *, times: int = 1) -> Act:
    """A backend with another certificate, `times` different ones in turn; None speaks plain HTTP."""

    @asynccontextmanager
    async def act(cell: Cell) -> AsyncIterator[Acted]:
        doors = [await cell.backend.door(context(cell.certificates)) for _ in range(times)]  # type: ignore[arg-type]
        before = len(cell.way.links)

        async def turn() -> None:
            for door in doors:
                cell.way.aim(door)
                await asyncio.sleep(1.2 / times)

        task = asyncio.create_task(turn())
        yield lambda: len(cell.way.links) - before
        await task
        cell.way.aim(cell.doors["good"])

    return act


def doing(deed: Deed, *, times: int = 1, pause: float = 0.35) -> Act:
    """Something that is done a few times while the visit goes on. It has acted once it is all done."""

    @asynccontextmanager
    async def act(cell: Cell) -> AsyncIterator[Acted]:
        done = 0

        async def do() -> None:
            nonlocal done
            for _ in range(times):
                await asyncio.sleep(pause)
                await deed(cell)
                done += 1

        cell.process.is_watched = False
        task = asyncio.create_task(do())
        yield lambda: done if done == times or task.done() else 0
        await task
        cell.process.is_watched = True

    return act


def lasting(begin: Deed, end: Deed) -> Act:
    """A state of the machine that lasts for a while."""

    @asynccontextmanager
    async def act(cell: Cell) -> AsyncIterator[Acted]:
        await begin(cell)
        yield lambda: 1
        await end(cell)

    return act


async def nothing(_cell: Cell) -> None:
    """For faults that lie in the configuration."""


# the process


async def kill(cell: Cell) -> None:
    """It alone: what it started must see for itself that it is gone."""
    cell.deaths += 1
    cell.process.signal(signal.SIGKILL)
    await cell.restart()


async def kill_maskers(cell: Cell) -> None:
    for pid in cell.process.children():
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


async def terminate(cell: Cell) -> None:
    """As at a deployment: what is under way ends, the code is 0, the next one starts."""
    cell.process.signal(signal.SIGTERM)
    if code := await cell.process.ends():
        cell.remarks.append(f"asked to end under load, it ended with code {code}")
    await cell.begin()


async def freeze(cell: Cell) -> None:
    cell.process.signal(signal.SIGSTOP)
    await asyncio.sleep(0.4)
    cell.process.signal(signal.SIGCONT)


async def reload_often(cell: Cell) -> None:
    for _ in range(10):
        cell.process.signal(signal.SIGHUP)
        await asyncio.sleep(0.03)


async def _says(cell: Cell, line: str, before: int) -> None:
    if not await holds(lambda: line in cell.process.written()[before:]):
        cell.remarks.append(f"it never said: {line}")


async def reload_wrong(cell: Cell) -> None:
    """A configuration with a mistake: the old one goes on, and it is said."""
    file, before = cell.home / "gateway.yaml", len(cell.process.written())
    right = file.read_text()
    file.write_text(json.dumps({**json.loads(right), "rulez": []}))
    cell.process.signal(signal.SIGHUP)
    await _says(cell, "not reloaded", before)
    file.write_text(right)


async def reload_right(cell: Cell) -> None:
    """Another rule, which changes the program and nothing in these events."""
    before = len(cell.process.written())
    rules = cell.home / f"rules-{before}.yaml"
    rules.write_text(
        "extends: default\nmask:\n  - {name: none of ours, pattern: 'KD-[0-9]{8}', in: [page_text], with: mask}\n"
    )
    file = cell.home / "gateway.yaml"
    file.write_text(json.dumps({**json.loads(file.read_text()), "rules": ["default", rules.name]}))
    cell.process.signal(signal.SIGHUP)
    await _says(cell, "reloaded\n", before)


async def change_certificate(cell: Cell) -> None:
    before = len(cell.process.written())
    make(cell.home / "certs", ["localhost", "127.0.0.1"], force=True)
    cell.process.signal(signal.SIGHUP)
    await _says(cell, "reloaded\n", before)


async def break_certificate(cell: Cell) -> None:
    file, before = cell.home / "certs" / "gateway.pem", len(cell.process.written())
    right = file.read_bytes()
    file.write_bytes(b"no certificate")
    cell.process.signal(signal.SIGHUP)
    await _says(cell, "not reloaded", before)
    file.write_bytes(right)


async def _refuses_to_start(cell: Cell) -> None:
    """It must say in one line what is wrong, and not serve: what it can't read it can't deliver either."""
    before = len(cell.process.written())
    try:
        await cell.process.start()
    except Ended as ended:
        code, said = ended.args
        if code != 2 or "Traceback" in said:
            cell.remarks.append(f"it ended with code {code} where 2 and one line are wanted")
    else:
        cell.remarks.append("it served where it should not have started")
        cell.process.kill()
        await cell.process.ends()
    if len(cell.process.written()) == before:
        cell.remarks.append("it did not say why it can't start")


async def lose_key(cell: Cell) -> None:
    """Stopped, started without the spool's key, and started with it again."""
    cell.process.signal(signal.SIGTERM)
    await cell.process.ends()
    key = cell.home / "spool.key"
    key.rename(cell.home / "away.key")
    await _refuses_to_start(cell)
    (cell.home / "away.key").rename(key)
    await cell.begin()


async def second_process(cell: Cell) -> None:
    """The same configuration once more: one of the two must not have the spool."""
    command = [sys.executable, "-m", "gateway", "run", "--config", str(cell.home / "gateway.yaml")]
    second = await asyncio.create_subprocess_exec(
        *command, cwd=cell.home, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
    )
    try:
        said, _ = await asyncio.wait_for(second.communicate(), 30)
    except TimeoutError:
        os.killpg(second.pid, signal.SIGKILL)
        await second.wait()
        cell.remarks.append("a second process served from the same spool")
        return
    if second.returncode != 2 or b"Traceback" in said:
        cell.remarks.append(f"the second process ended with code {second.returncode} where 2 and one line are wanted")


# its means


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


# the disk, in a mount table of our own


def mount_small(home: Path) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", str(home / "var")], check=True)


async def fill_disk(cell: Cell) -> None:
    with suppress(OSError), (cell.home / "var" / "filler").open("wb", buffering=0) as filler:
        while filler.write(b"\0" * 4096):
            pass


async def empty_disk(cell: Cell) -> None:
    (cell.home / "var" / "filler").unlink()


async def read_only(cell: Cell) -> None:
    """Stopped, its folder made read-only, and started: it may serve what needs no spool, or say why it can't."""
    cell.process.signal(signal.SIGTERM)
    await cell.process.ends()
    subprocess.run(["mount", "-o", "remount,ro", str(cell.home / "var")], check=True)
    await _refuses_to_start(cell)
    subprocess.run(["mount", "-o", "remount,rw", str(cell.home / "var")], check=True)
    await cell.begin()


# the spool's files


def harmed(harm: Callable[[Cell], None], *, stop: signal.Signals) -> Act:
    """Records wait, the process is ended, its files are harmed, and it starts again."""

    async def deed(cell: Cell) -> None:
        manner = Refusing("503 Service Unavailable")
        cell.backend.behave(manner)
        await holds(lambda: spooled(cell.home) >= 8)
        cell.process.signal(stop)
        await cell.process.ends()
        cell.deaths += stop is signal.SIGKILL
        harm(cell)
        cell.backend.behave()
        await cell.begin()

    return doing(deed)


def flip_record(cell: Cell) -> None:
    """A bit in one record's sealed bytes: it is lost, and that is counted; its neighbours go on."""
    file = cell.home / "var" / "spool.db"
    with closing(sqlite3.connect(file)) as db:
        (sealed,) = db.execute("SELECT sealed FROM records ORDER BY length(sealed), position LIMIT 1").fetchone()
    data = bytearray(file.read_bytes())
    data[data.index(sealed) + len(sealed) // 2] ^= 1
    file.write_bytes(data)
    cell.harmed = 1


def flip_table(cell: Cell) -> None:
    """A bit in the structure of the file: what can still be read goes on, what can't is set aside."""
    file = cell.home / "var" / "spool.db"
    cell.harmed = spooled(cell.home)
    data = bytearray(file.read_bytes())
    data[len(data) // 4096 // 2 * 4096] ^= 1  # the kind of a page in the middle
    file.write_bytes(data)


def flip_log(cell: Cell) -> None:
    """A bit in the log of a process that was killed: SQLite ends the log there, and with it what was not yet folded in."""
    file = cell.home / "var" / "spool.db-wal"
    cell.harmed, cell.is_reverted = spooled_after_all(cell), True
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


def tear_log(cell: Cell) -> None:
    """Half a write at the end of the log, as a power cut leaves it: nothing that was acked is in it."""
    with (cell.home / "var" / "spool.db-wal").open("ab") as file:
        file.write(bytes(range(256)) * 7)


def spooled_after_all(cell: Cell) -> int:
    """How many records a killed process left, read from a copy: reading the files themselves would fold in the log."""
    copy = cell.home / "copy"
    shutil.copytree(cell.home / "var", copy / "var")
    count = spooled(copy)
    shutil.rmtree(copy)
    return count


# names, packets, clocks


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
    """The clock of the running process is elsewhere; its monotonic one goes on."""

    async def begin(cell: Cell) -> None:
        set_clock(cell.home, offset)

    async def end(cell: Cell) -> None:
        set_clock(cell.home)

    return lasting(begin, end)
