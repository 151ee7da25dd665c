"""The table of a run: in Markdown, which reads well on a terminal too."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.faults.cell import STATES, Result

BEGIN, END = "<!-- table of python -m tests.faults: begin -->", "<!-- table of python -m tests.faults: end -->"

_CELL = re.compile(r"\| (?P<how>held|\*\*broken\*\*) (?P<acked>\d+) / (?P<taken>\d+) / (?P<again>\d+)")


@dataclass(frozen=True)
class Row:
    """One fault. `why` says why it did not run here."""

    name: str
    told: str
    results: tuple[Result, ...]
    why: str = ""


def table(rows: Sequence[Row]) -> str:
    """One line a fault; in a cell: whether it held, events acked / taken by the backend / arrived again."""
    return _whole([_line(row) for row in rows])


def is_marked(path: Path) -> bool:
    """Whether a table can be written into a document."""
    return path.is_file() and BEGIN in (told := path.read_text(encoding="utf-8")) and END in told.partition(BEGIN)[2]


def write_table(path: Path, rows: Sequence[Row], order: Sequence[str]) -> None:
    """Puts the rows between the two marks of a document: in place of those of the same names, all in this order.

    The document is marked (`is_marked`).
    """
    before, _, rest = path.read_text(encoding="utf-8").partition(BEGIN)
    shown, _, after = rest.partition(END)
    lines = {name_of(line): line for line in shown.splitlines() if line.startswith("| ")}
    lines |= {row.name: _line(row) for row in rows}
    whole = _whole([lines[name] for name in order if name in lines])
    path.write_text(f"{before}{BEGIN}\n{whole}\n{END}{after}", encoding="utf-8")


def name_of(line: str) -> str:
    """The fault of a line."""
    return line.split(" | ", maxsplit=1)[0].removeprefix("| ")


def _line(row: Row) -> str:
    told = {result.state: _told(result) for result in row.results}
    cells = [f"not run here: {row.why}", "", ""] if row.why else [told.get(state, "") for state in STATES]
    return f"| {' | '.join([row.name, row.told, *cells])} |"


def _told(result: Result) -> str:
    counted = result.counted
    numbers = f"{counted.acked} / {counted.delivered} / {counted.doubles}"
    return f"held {numbers}" if not result.broken else f"**broken** {numbers}: {'; '.join(result.broken)}"


def _whole(lines: Sequence[str]) -> str:
    head = ["fault", "what happens", *(f"backend {state}" for state in STATES)]
    cells = [match for line in lines for match in _CELL.finditer(line)]
    held = sum(cell["how"] == "held" for cell in cells)
    acked, taken, again = (sum(int(cell[name]) for cell in cells) for name in ("acked", "taken", "again"))
    ran = sum(_CELL.search(line) is not None for line in lines)
    total = (
        f"{ran} faults, {len(cells)} cells: held in {held}. {acked:,} events acked, {taken:,} taken by the backend, "
        f"{again:,} arrived again."
    )
    return "\n".join([f"| {' | '.join(head)} |", f"|{'---|' * len(head)}", *lines, "", total])
