"""What is done to the process itself: ended, frozen, told to reload, started where it must not start."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from contextlib import suppress

from gateway.cli.certs import make
from tests.faults.cell import Cell, holds
from tests.faults.process import Ended


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


async def refuses_to_start(cell: Cell) -> None:
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
    await refuses_to_start(cell)
    (cell.home / "away.key").rename(key)
    await cell.begin()


async def second_process(cell: Cell) -> None:
    """The same configuration once more: one of the two must not have the spool."""
    command = [sys.executable, "-m", "gateway", "run", "--config", str(cell.home / "gateway.yaml")]
    second = await asyncio.create_subprocess_exec(
        *command, cwd=cell.home, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
    )
    try:
        said, _ = await asyncio.wait_for(second.communicate(), 120)
    except TimeoutError:
        with suppress(ProcessLookupError):
            os.killpg(second.pid, signal.SIGKILL)
        await second.wait()
        cell.remarks.append("a second process served from the same spool")
        return
    if second.returncode != 2 or b"Traceback" in said:
        cell.remarks.append(f"the second process ended with code {second.returncode} where 2 and one line are wanted")
