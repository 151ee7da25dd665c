"""A damaged place in the log costs what is in it, never the commits behind it; a torn end is left to SQLite."""

from __future__ import annotations

import sqlite3
import struct
from contextlib import closing

import pytest

from gateway.spool.wal import checksum, mend

FRAME = 24 + 4096


@pytest.fixture
def crashed(tmp_path):
    """A database with a log of commits of one row each, as a killed process leaves them."""
    source = tmp_path / "source.db"
    with closing(sqlite3.connect(source, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("CREATE TABLE told (number INTEGER PRIMARY KEY, filling BLOB)")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        for number in range(20):
            db.execute("INSERT INTO told VALUES (?, zeroblob(3000))", (number,))
        path = tmp_path / "copy.db"
        path.write_bytes(source.read_bytes())
        (tmp_path / "copy.db-wal").write_bytes((tmp_path / "source.db-wal").read_bytes())
    return path


def rows(path):
    with closing(sqlite3.connect(path)) as db:
        return [row[0] for row in db.execute("SELECT number FROM told ORDER BY number")]


def flip(path, at):
    log = path.with_name(path.name + "-wal")
    data = bytearray(log.read_bytes())
    data[at] ^= 0x10
    log.write_bytes(data)
    return bytes(data)


def test_sums_are_those_that_sqlite_writes(crashed):
    log = crashed.with_name("copy.db-wal").read_bytes()
    order = {0x377F0682: "<", 0x377F0683: ">"}[struct.unpack_from(">I", log)[0]]
    assert checksum(log[:24], order) == struct.unpack_from(">2I", log, 24)


def test_a_whole_log_is_left_alone(crashed, tmp_path):
    before = crashed.with_name("copy.db-wal").read_bytes()
    assert mend(crashed, tmp_path / "aside") == 0
    assert crashed.with_name("copy.db-wal").read_bytes() == before
    assert not (tmp_path / "aside").exists()
    assert rows(crashed) == list(range(20))


PLACES = {
    "a page": 32 + 4 * FRAME + 24 + 4000,
    "the salts of a frame": 32 + 4 * FRAME + 9,
    "the sums of a frame": 32 + 4 * FRAME + 17,
    "the magic": 3,
    "the size of a page": 10,
    "the salts of the log": 18,
    "the sums of the log": 25,
}


@pytest.mark.parametrize("at", PLACES.values(), ids=PLACES)
def test_without_mending_commits_are_forgotten_and_with_it_they_are_not(crashed, tmp_path, at):
    damaged = flip(crashed, at)
    copies = tmp_path / "as it is"
    copies.mkdir()
    for path in (crashed, crashed.with_name("copy.db-wal")):
        (copies / path.name).write_bytes(path.read_bytes())
    assert len(rows(copies / "copy.db")) < 10
    assert mend(crashed, tmp_path / "aside") in (1, 2)
    assert (tmp_path / "aside").read_bytes() == damaged
    assert rows(crashed) == list(range(20))


@pytest.mark.parametrize("cut", [1, 4096, FRAME, FRAME + 1])
def test_a_torn_end_is_no_damage(crashed, tmp_path, cut):
    log = crashed.with_name("copy.db-wal")
    log.write_bytes(log.read_bytes()[:-cut])
    assert mend(crashed, tmp_path / "aside") == 0
    assert rows(crashed) == list(range(20 - 1 if cut <= FRAME else 20 - 1))


@pytest.mark.parametrize("content", [b"", b"x" * 31, b"x" * 5000, bytes(5000)])
def test_what_is_no_log_is_left_alone(crashed, tmp_path, content):
    crashed.with_name("copy.db-wal").write_bytes(content)
    assert mend(crashed, tmp_path / "aside") == 0
    assert crashed.with_name("copy.db-wal").read_bytes() == content


def test_no_log_is_no_damage(tmp_path):
    assert mend(tmp_path / "none.db", tmp_path / "aside") == 0
