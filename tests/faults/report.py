"""The table of a run: in Markdown, which reads well on a terminal too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.faults.cell import STATES, Result

BEGIN, END = "<!-- table of python -m tests.faults: begin -->", "<!-- table of python -m tests.faults: end -->"


@dataclass(frozen=True)
class Row:
    """One fault. `why` says why it did not run here."""

    name: str
    told: str
    results: tuple[Result, ...]
    why: str = ""


def table(rows: Sequence[Row]) -> str:
    """One line a fault; in a cell: whether it held, events acked / taken by the backend / arrived again."""
    head = ["fault", "what happens", *(f"backend {state}" for state in STATES)]
    lines = [head, ["---"] * len(head)]
    lines += [[row.name, row.told, *_cells(row)] for row in rows]
    results = [result for row in rows for result in row.results]
    held = sum(not result.broken for result in results)
    acked, taken, again = (
        sum(getattr(result.counted, name) for result in results) for name in ("acked", "delivered", "doubles")
    )
    ran = sum(bool(row.results) for row in rows)
    total = (
        f"{ran} faults, {len(results)} cells: held in {held}. {acked:,} events acked, {taken:,} taken by the backend, "
        f"{again:,} arrived again."
    )
    return "\n".join(["| " + " | ".join(line) + " |" for line in lines] + ["", total])


def _cells(row: Row) -> list[str]:
    if row.why:
        return [f"not run here: {row.why}", "", ""]
    told = {result.state: _told(result) for result in row.results}
    return [told.get(state, "") for state in STATES]


def _told(result: Result) -> str:
    counted = result.counted
    numbers = f"{counted.acked} / {counted.delivered} / {counted.doubles}"
    return f"**broken**: {'; '.join(result.broken)} ({numbers})" if result.broken else f"held {numbers}"


def write_table(path: Path, rows: Sequence[Row]) -> None:
    """Puts the table between the two marks of a document."""
    before, _, rest = path.read_text(encoding="utf-8").partition(BEGIN)
    _, mark, after = rest.partition(END)
    if not mark:
        raise SystemExit(f"{path}: the marks of the table are missing: {BEGIN} … {END}")
    path.write_text(f"{before}{BEGIN}\n{table(rows)}\n{END}{after}", encoding="utf-8")
