"""A backup comes back as it was, from a whole file and with its key only, and never over what is newer."""

from __future__ import annotations

import json
import os
import secrets
import sqlite3
import stat
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway import backup, config
from gateway.cli.app import gateway
from gateway.cli.run import Served
from gateway.core.errors import UserError
from gateway.keyring import new_ring, save_ring

KEY = bytes(range(32))
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def house(tmp_path):
    """A folder with state in it, and what it holds."""
    base = tmp_path / "house"
    (base / "var").mkdir(parents=True)
    (base / "gateway.yaml").write_text("routes: [{upstream: 'https://backend.example'}]")
    (base / "var/large").write_bytes(secrets.token_bytes(3 * backup.PIECE + 7))
    (base / "var/empty").write_bytes(b"")
    with closing(sqlite3.connect(base / "var/spool.db")) as db:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("CREATE TABLE held (body BLOB)")
        db.execute("INSERT INTO held VALUES (x'0102')")
        db.commit()
    return base


def files_of(base: Path) -> list[Path]:
    return [base / name for name in ("gateway.yaml", "var/large", "var/empty", "var/spool.db", "var/missing")]


def made(house: Path, now: datetime = NOW, keep: int = 14) -> Path:
    return backup.make(house / "backups", files_of(house), house, KEY, now, keep)[0]


def rows(path: Path):
    with closing(sqlite3.connect(path)) as db:
        return db.execute("SELECT body FROM held").fetchall()


def restore(path: Path, base: Path, key: bytes = KEY, **more):
    return list(backup.restore(path, base, key, **more))


def test_what_was_destroyed_comes_back_as_it_was(house, tmp_path):
    path = made(house)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    large = (house / "var/large").read_bytes()
    elsewhere = tmp_path / "new"
    put = restore(path, elsewhere)
    assert [(place.relative_to(elsewhere).as_posix(), changed) for place, changed in put] == [
        ("gateway.yaml", True), ("var/large", True), ("var/empty", True), ("var/spool.db", True),
    ]  # fmt: skip
    assert (elsewhere / "var/large").read_bytes() == large
    assert (elsewhere / "var/empty").read_bytes() == b""
    assert (elsewhere / "gateway.yaml").read_bytes() == (house / "gateway.yaml").read_bytes()
    assert rows(elsewhere / "var/spool.db") == [(b"\1\2",)]
    assert {changed for _, changed in restore(path, elsewhere)} == {False}


def test_a_database_in_use_is_whole_in_its_copy(house, tmp_path):
    with closing(sqlite3.connect(house / "var/spool.db")) as writer:
        writer.execute("INSERT INTO held VALUES (x'03')")
        writer.commit()
        writer.execute("INSERT INTO held VALUES (x'04')")  # not committed
        path = made(house)
    restore(path, tmp_path / "new")
    assert rows(tmp_path / "new/var/spool.db") == [(b"\1\2",), (b"\3",)]


def test_no_byte_of_the_content_is_readable(house):
    text = made(house).read_bytes()
    assert b"backend.example" not in text
    assert b"SQLite" not in text
    assert (house / "var/large").read_bytes()[:16] not in text


def test_another_key_opens_nothing(house, tmp_path):
    with pytest.raises(UserError, match="sealed with another key"):
        restore(made(house), tmp_path / "new", bytes(32))
    assert not (tmp_path / "new").exists()


def test_a_flipped_bit_anywhere_is_seen(house, tmp_path):
    path = made(house)
    good = path.read_bytes()
    places = [
        0,
        len(backup.MAGIC),
        len(backup.MAGIC) + backup.SALT_SIZE,
        backup.PIECE,
        2 * backup.PIECE + 99,
        len(good) - 1,
    ]
    for place in [*places, *range(40, len(good), len(good) // 50)]:
        bad = bytearray(good)
        bad[place] ^= 1
        path.write_bytes(bad)
        with pytest.raises(UserError, match=r"damaged|is no backup"):
            backup.read(path, KEY)
    with pytest.raises(UserError, match="damaged"):
        restore(path, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_piece_cut_off_left_out_or_moved_is_seen(house):
    path = made(house)
    good, head, piece = path.read_bytes(), len(backup.MAGIC) + backup.SALT_SIZE, backup.PIECE + 16
    pieces = [good[at : at + piece] for at in range(head, len(good), piece)]
    assert len(pieces) > 3
    for bad in (pieces[:-1], pieces[:1], [], pieces[1:], [pieces[1], pieces[0], *pieces[2:]], [*pieces, pieces[-1]]):
        path.write_bytes(good[:head] + b"".join(bad))
        with pytest.raises(UserError, match="damaged"):
            backup.read(path, KEY)
    for size in (0, 5, head - 1, head + 1, len(good) - 1):
        path.write_bytes(good[:size])
        with pytest.raises(UserError, match=r"damaged|is no backup"):
            backup.read(path, KEY)


def test_what_is_newer_than_the_backup_stays_unless_told(house):
    path = made(house, datetime.now(UTC) - 2 * DAY)
    (house / "var/empty").write_bytes(b"written since")
    with pytest.raises(UserError, match="empty: is newer than the backup: give --force"):
        restore(path, house)
    assert (house / "var/empty").read_bytes() == b"written since"
    restore(path, house, force=True)
    assert (house / "var/empty").read_bytes() == b""


def test_an_older_difference_is_put_back(house):
    (house / "var/empty").write_bytes(b"damaged")
    os.utime(house / "var/empty", (0, 0))
    path = made(house)
    (house / "var/empty").write_bytes(b"x")
    os.utime(house / "var/empty", (0, 0))
    assert (house / "var/empty", True) in restore(path, house)
    assert (house / "var/empty").read_bytes() == b"damaged"


def test_the_oldest_go(house):
    for day in range(5):
        made(house, NOW + day * DAY, keep=3)
    assert [backup.made_at(path) for path in backup.backups_in(house / "backups")] == [
        NOW + day * DAY for day in (4, 3, 2)
    ]
    assert {path.name[:8] for path in (house / "backups").iterdir()} == {"gateway-"}


@pytest.mark.parametrize(
    ("after", "due"),
    [
        (timedelta(0), False),
        (DAY - timedelta(minutes=1), False),
        (DAY, True),
        (10 * DAY, True),
        (timedelta(hours=-2), True),
    ],
)
def test_a_day_after_the_newest_the_next_is_due(house, after, due):
    made(house)
    assert backup.is_due(house / "backups", NOW + after) is due


def test_without_any_one_is_due(tmp_path):
    assert backup.is_due(tmp_path / "nowhere", NOW)


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A configuration with keys and rules, in the current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GATEWAY_BACKUP_KEY", KEY.hex())
    Path("rules").mkdir()
    Path("rules/shop.yaml").write_text("mask: [{name: a, select: .x, with: mask}]")
    Path("gateway.yaml").write_text(
        "routes: [{upstream: 'https://backend.example'}]\nrules: [default, rules/shop.yaml]\nbackup: {folder: kept}\n"
    )
    save_ring(Path("var/encryption-keys.json"), new_ring(), create=True)
    config.masking_keys(config.load(Path("gateway.yaml")).settings)
    return tmp_path


def run(*words):
    return CliRunner().invoke(gateway, list(words))


def test_the_commands_save_and_bring_back_everything(site):
    saved = run("backup")
    assert saved.exit_code == 0, saved.output
    before = {
        name: Path(name).read_bytes()
        for name in ("gateway.yaml", "rules/shop.yaml", "var/masking.key", "var/encryption-keys.json")
    }
    assert [line.split("\t")[0] for line in saved.stdout.splitlines()[:-1]] == list(before)
    assert saved.stdout.splitlines()[-1].endswith("read again and whole")
    for name in before:
        Path(name).unlink()
    listed = run("restore", "kept", "--list")
    assert listed.exit_code == 0
    assert not Path("gateway.yaml").exists()
    restored = run("restore", "kept")
    assert restored.exit_code == 0, restored.output
    assert {name: Path(name).read_bytes() for name in before} == before
    assert run("check").exit_code == 0


def test_a_running_gateway_makes_one_a_day(site, capsys):
    served = Served(Path("gateway.yaml"))
    for hours in (0, 1, 23, 24, 30, 49):
        served.back_up(NOW + timedelta(hours=hours))
    assert [backup.made_at(path) for path in backup.backups_in(Path("kept"))] == [
        NOW + timedelta(hours=49),
        NOW + DAY,
        NOW,
    ]
    events = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [event["event"] for event in events] == ["backed_up"] * 3


def test_one_that_fails_is_said_and_tried_again(site, capsys, monkeypatch):
    served = Served(Path("gateway.yaml"))
    monkeypatch.delenv("GATEWAY_BACKUP_KEY")
    served.back_up(NOW)
    assert [trouble.reason for trouble in served.troubles()] == ["backup_failed"]
    assert "no backup: backup.key: the environment variable GATEWAY_BACKUP_KEY is not set" in capsys.readouterr().err
    monkeypatch.setenv("GATEWAY_BACKUP_KEY", KEY.hex())
    served.back_up(NOW)
    assert len(backup.backups_in(Path("kept"))) == 1
    assert list(served.troubles()) == []


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["restore", "missing"], "missing: no such file"),
        (["restore", "rules"], "rules: holds no backup"),
        (["restore", "gateway.yaml"], "gateway.yaml: is no backup of the gateway"),
        (["restore", "kept", "--key", "secret"], '"secret" names no secret: write env:NAME or file:path'),
        (
            ["restore", "kept", "--key", "env:NOTHING_OF_THE_KIND"],
            "the environment variable NOTHING_OF_THE_KIND is not set",
        ),
        (["backup", "--config", "rules/shop.yaml"], "rules/shop.yaml"),
    ],
)
def test_a_mistake_is_one_line(site, words, line):
    assert run("backup").exit_code == 0
    told = run(*words)
    assert told.exit_code == 2
    assert line in told.stderr
    assert told.stderr.count("\n") == 1
