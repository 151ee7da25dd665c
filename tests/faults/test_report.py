"""The table of docs/faults.md is of these faults, and shows them all held; a broken cell could not hide in it."""

from pathlib import Path

from tests.faults.cell import STATES, Result
from tests.faults.invariant import Counted
from tests.faults.report import BEGIN, END, Row, table, write_table
from tests.faults.table import FAULTS

DOCUMENT = Path(__file__).parents[2] / "docs" / "faults.md"


def row(broken=(), states=STATES, name="x"):
    results = [Result(name, state, Counted(5, 4, 3, 1), 1, 0, broken, 2.0) for state in states]
    return Row(name, "something", tuple(results))


def test_a_row_says_what_held_and_what_did_not():
    held, broken = table([row()]), table([row(("lost 1 acked events",))])
    assert "| x | something | held 4 / 3 / 1 | held 4 / 3 / 1 | held 4 / 3 / 1 |" in held
    assert "1 faults, 3 cells: held in 3. 12 events acked, 9 taken by the backend, 3 arrived again." in held
    assert "| **broken** 4 / 3 / 1: lost 1 acked events |" in broken
    assert "1 faults, 3 cells: held in 0. 12 events acked" in broken


def test_a_row_says_what_did_not_run_and_why():
    assert "| x | something |  | held 4 / 3 / 1 |  |" in table([row(states=("down",))])
    lines = table([Row("x", "something", (), "needs strace")])
    assert "| x | something | not run here: needs strace |  |  |" in lines
    assert "0 faults, 0 cells: held in 0." in lines


def test_rows_are_written_between_the_marks_and_take_the_place_of_older_ones(tmp_path):
    document = tmp_path / "faults.md"
    document.write_text(f"before\n{BEGIN}\n{END}\nafter\n")
    write_table(document, [row(name="b"), row(("lost 1 acked events",), name="a")], ["a", "b"])
    write_table(document, [row(name="a")], ["a", "b"])
    assert document.read_text() == f"before\n{BEGIN}\n{table([row(name='a'), row(name='b')])}\n{END}\nafter\n"


def test_the_document_shows_these_faults():
    shown = DOCUMENT.read_text().partition(BEGIN)[2].partition(END)[0].strip().splitlines()
    rows = [tuple(cell.strip() for cell in line.strip("|").split(" | ")) for line in shown if line.startswith("| ")]
    assert [(name, told) for name, told, *_ in rows[1:]] == [(fault.name, fault.told) for fault in FAULTS]
    assert "**broken**" not in "\n".join(shown)
