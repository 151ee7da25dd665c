"""`python -m tests.faults`: every named fault, with the backend up, down, and coming and going, and a table of how it went.

python -m tests.faults                      all of them
python -m tests.faults "kill -9" disk       those whose names hold one of these
python -m tests.faults --table docs/faults.md   puts the rows between that file's two marks
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from tests.faults.cell import STATES, Fault, Result, State, play
from tests.faults.invariant import Counted
from tests.faults.needs import enclosure, missing
from tests.faults.report import Row, is_marked, table, write_table
from tests.faults.table import FAULTS

BY_NAME = {fault.name: fault for fault in FAULTS}


async def run_cell(fault: Fault, state: State) -> Result:
    """Plays one cell: in this process, or in one with a network and a mount table of its own."""
    if "namespaces" in fault.needs:
        return await _enclosed(fault, state)
    with tempfile.TemporaryDirectory(prefix="gateway-faults-") as home:
        return await play(fault, state, Path(home))


async def _enclosed(fault: Fault, state: State) -> Result:
    around = enclosure()
    assert around
    inside = [sys.executable, "-m", "tests.faults", "--cell", state, fault.name]
    command = [*around, "sh", "-c", 'ip link set lo up && exec "$@"', "sh", *inside]
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    said, _ = await process.communicate()
    read = json.loads(said)
    return Result(**{**read, "counted": Counted(**read["counted"]), "broken": tuple(read["broken"])})


async def run(faults: Sequence[Fault], states: Sequence[State], jobs: int) -> list[Row]:
    """A row for each fault, `jobs` cells at a time."""
    turns = asyncio.Semaphore(jobs)

    async def cell(fault: Fault, state: State) -> Result:
        async with turns:
            result = await run_cell(fault, state)
        outcome = "; ".join(result.broken) or "held"
        print(f"{fault.name}, backend {state}: {outcome} ({result.seconds:.0f} s)", file=sys.stderr, flush=True)
        return result

    async def row(fault: Fault) -> Row:
        why = missing(fault.needs)
        results = [] if why else await asyncio.gather(*(cell(fault, state) for state in states))
        return Row(fault.name, fault.told, tuple(results), why)

    return list(await asyncio.gather(*map(row, faults)))


def main() -> int:
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that every gateway is ended with it
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", help="only faults whose names hold one of these")
    parser.add_argument("--state", choices=STATES, action="append", help="only with the backend so; may be repeated")
    parser.add_argument("--jobs", type=int, default=2, help="cells at a time (default: 2)")
    parser.add_argument("--table", type=Path, help="a document to write the table into")
    parser.add_argument("--cell", choices=STATES, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.cell:
        (name,) = given.names
        with tempfile.TemporaryDirectory(prefix="gateway-faults-", ignore_cleanup_errors=True) as home:
            print(json.dumps(asdict(asyncio.run(play(BY_NAME[name], given.cell, Path(home))))))
        return 0
    chosen = [fault for fault in FAULTS if not given.names or any(name in fault.name for name in given.names)]
    if not chosen:
        parser.error("no fault's name holds any of these words")
    if given.table and not is_marked(given.table):
        parser.error(f"{given.table} holds no marks to put a table between: name docs/faults.md")
    rows = asyncio.run(run(chosen, given.state or STATES, given.jobs))
    print(table(rows))
    if given.table:
        write_table(given.table, rows, list(BY_NAME))
    return 1 if any(result.broken for row in rows for result in row.results) else 0


if __name__ == "__main__":
    sys.exit(main())
