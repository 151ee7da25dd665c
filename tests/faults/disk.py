"""What is done to the spool: its disk fills or is read-only, its files are harmed. Mounts are in a table of our own."""

from __future__ import annotations

import shutil
import signal
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

from tests.faults.acts import Act, doing
from tests.faults.backend import Refusing
from tests.faults.cell import Cell, holds, spooled
from tests.faults.deeds import refuses_to_start


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
    await refuses_to_start(cell)
    subprocess.run(["mount", "-o", "remount,rw", str(cell.home / "var")], check=True)
    await cell.begin()


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
