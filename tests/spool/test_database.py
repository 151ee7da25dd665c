"""Nothing that happens to the file loses what still opens, and no file is ever silently deleted."""

from __future__ import annotations

import os
import random
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.core.errors import UserError
from gateway.spool.database import Lock, connect, open_database
from gateway.spool.ledger import Remove
from gateway.spool.seal import RECORDS, Sealer
from gateway.spool.store import Dropped
from tests.spool.making import NEW, OLD, RING, filled, ledger, numbers_of


def drained(made):
    got = []
    while claimed := made.claim("/t/", 16):
        got += numbers_of(claimed)
        made.commit([Remove(one) for one in claimed])
    return got


def test_the_file_is_its_owners_alone(tmp_path):
    made, _ = ledger(tmp_path / "var")
    made.close()
    assert stat.S_IMODE((tmp_path / "var" / "spool.db").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "var").stat().st_mode) == 0o700


def test_nothing_of_a_body_is_on_the_disk(tmp_path):
    made = filled(tmp_path, 20, size=3000)
    written = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert len(written) > 60_000
    assert b"." * 12 not in written
    assert b"X-A" not in written
    assert b"/e/?x" not in written
    made.close()


HOLD = "import sys; from pathlib import Path; from gateway.spool.database import Lock; Lock(Path(sys.argv[1])); print(flush=True); sys.stdin.read()"


def test_a_second_process_is_told_who_has_it(tmp_path):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, tmp_path / "spool.db"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
    ) as other:
        other.stdout.readline()
        with pytest.raises(UserError) as told:
            Lock(tmp_path / "spool.db")
        assert f"is in use by another gateway (process {other.pid}): stop it" in str(told.value)
        other.kill()
        other.wait()
    Lock(tmp_path / "spool.db").free()  # the system frees what a dead process held


@pytest.mark.parametrize(
    ("make", "line"),
    [
        ("CREATE TABLE other (a)", "is a database of another program"),
        ("PRAGMA user_version = 1", "is a database of another program"),
        (
            "PRAGMA application_id = 1296519000; PRAGMA user_version = 9; CREATE TABLE other (a)",
            "is a database of another",
        ),
    ],
)
def test_another_programs_database_is_left_alone(tmp_path, make, line):
    path = tmp_path / "spool.db"
    db = sqlite3.connect(path)
    db.executescript(make)
    db.close()
    before = path.read_bytes()
    with pytest.raises(UserError, match=line):
        open_database(path, Sealer(RING, RECORDS))
    assert path.read_bytes() == before


def test_a_newer_gateways_file_is_left_alone(tmp_path):
    filled(tmp_path, 1).close()
    db = connect(tmp_path / "spool.db")
    db.execute("PRAGMA user_version = 2")
    db.close()
    with pytest.raises(UserError, match="was written by a newer gateway"):
        ledger(tmp_path)


def test_a_key_that_is_missing_stops_the_start(tmp_path):
    filled(tmp_path, 3, ring=OLD).close()
    with pytest.raises(UserError, match="3 records are sealed with the key k1, which spool.key lacks"):
        ledger(tmp_path, NEW)
    made, _ = ledger(tmp_path, RING)
    assert drained(made) == [0, 1, 2]
    made.close()


def test_a_directory_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="can't be used: not a directory"):
        ledger(tmp_path / "file" / "var")


def test_a_file_that_is_no_database_is_set_aside(tmp_path):
    (tmp_path / "spool.db").write_bytes(b"something else" * 1000)
    made, rescue = ledger(tmp_path)
    assert rescue.records == 0
    assert rescue.aside.read_bytes() == b"something else" * 1000
    assert made.numbers.records == 0
    made.close()


@pytest.mark.parametrize("seed", range(6))
def test_a_page_that_is_overwritten_costs_what_was_in_it(tmp_path, seed):
    filled(tmp_path, 300, size=600).close()
    path = tmp_path / "spool.db"
    size = path.stat().st_size
    chance = random.Random(seed)
    with path.open("r+b") as file:
        file.seek(4096 * chance.randrange(1, size // 4096))
        file.write(chance.randbytes(4096))
    before = path.read_bytes()
    made, rescue = ledger(tmp_path)
    assert rescue is None or rescue.aside.read_bytes() == before
    got = drained(made)
    assert len(got) == len(set(got))
    assert len(got) >= 250
    lanes = [[number for number in got if number % 4 == lane] for lane in range(4)]
    assert all(lane == sorted(lane) for lane in lanes)
    assert made.numbers.records == 0
    made.close()


@pytest.mark.parametrize("seed", range(40))
def test_a_flipped_bit_costs_one_record_at_most(tmp_path, seed):
    """Anywhere in the file or in its log, as a killed process leaves them: all records but one go on, in order."""
    folder, copy = tmp_path / "running", tmp_path / "killed"
    folder.mkdir(), copy.mkdir()
    running = filled(folder, 60, size=500)
    for name in ("spool.db", "spool.db-wal"):
        (copy / name).write_bytes((folder / name).read_bytes())
    running.close()
    chance = random.Random(seed)
    path = copy / chance.choice(["spool.db-wal", "spool.db-wal", "spool.db"])
    data = bytearray(path.read_bytes())
    end = len(data) - 4096 - 24 if path.name.endswith("-wal") else len(data)  # a damaged last frame is a torn end
    bit = chance.randrange(end * 8)
    data[bit // 8] ^= 1 << bit % 8
    path.write_bytes(data)
    made, rescue = ledger(copy)
    got = drained(made)
    lost = set(range(60)) - set(got)
    assert len(lost) <= 1 or rescue is not None
    assert len(lost) <= 8  # of one page, or of one branch of the tree
    assert len(got) == len(set(got))
    for lane in range(4):
        mine = [number for number in got if number % 4 == lane]
        assert mine == sorted(mine)
    if lost and rescue is None:
        assert made.numbers.dropped[Dropped.DAMAGED] == len(lost)
    made.close()


def test_a_torn_end_of_the_log_is_repaired(tmp_path):
    folder = tmp_path / "running"
    folder.mkdir()
    running = filled(folder, 20)
    log = (folder / "spool.db-wal").read_bytes()
    data = (folder / "spool.db").read_bytes()
    running.close()
    for cut in (1, 24, 100, 4096, 5000):
        copy = tmp_path / f"cut-{cut}"
        copy.mkdir()
        (copy / "spool.db").write_bytes(data)
        (copy / "spool.db-wal").write_bytes(log[:-cut])
        made, rescue = ledger(copy)
        assert rescue is None
        assert drained(made) == list(range(19))
        made.close()
    assert not list(Path(tmp_path).rglob("*damaged*"))
