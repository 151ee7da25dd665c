"""What lasts is sealed, and opens only with its key and in its place; what can't be used is one line."""

import sqlite3
from contextlib import closing

import pytest

from gateway.console.accounts import Accounts
from gateway.console.database import Database, stopped_routes
from gateway.console.role import Role
from gateway.console.trail import Act, Trail
from gateway.core.errors import UserError
from gateway.keyring import ring_of

ONE, OTHER = "a" * 64, "b" * 64
SECRET = "Zibbelkorn"


def test_nothing_of_it_can_be_read_on_the_disk(tmp_path):
    database = Database(tmp_path / "var" / "console.db", ring_of(ONE, ""))
    database.put("account", "ann", {"note": SECRET})
    database.append("audit", 1.0, {"about": SECRET}, most=10)
    database.close()
    files = list((tmp_path / "var").iterdir())
    assert all(SECRET.encode() not in file.read_bytes() for file in files)
    assert (tmp_path / "var" / "console.db").stat().st_mode & 0o777 == 0o600
    with closing(Database(tmp_path / "var" / "console.db", ring_of(f"{OTHER} {ONE}", ""))) as again:
        assert again.get("account", "ann") == {"note": SECRET}
        assert [line.said for line in again.lines("audit")] == [{"about": SECRET}]


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ("UPDATE kept SET id = 'bob'", "is damaged"),
        ("UPDATE kept SET kind = 'token'", "is damaged"),
        ("UPDATE kept SET sealed = zeroblob(64)", "is damaged"),
    ],
)
def test_a_row_that_was_moved_or_changed_does_not_open(tmp_path, change, line):
    path = tmp_path / "console.db"
    database = Database(path, ring_of(ONE, ""))
    database.put("account", "ann", {"role": "viewer"})
    database.close()
    with sqlite3.connect(path) as raw:
        raw.execute(change)
    raw.close()
    with pytest.raises(UserError, match=line):
        Database(path, ring_of(ONE, ""))


def test_another_key_a_foreign_and_a_newer_file_are_one_line(tmp_path):
    path = tmp_path / "console.db"
    database = Database(path, ring_of(ONE, ""))
    database.put("account", "ann", {})
    database.close()
    with pytest.raises(UserError, match=r"was sealed with another key than console\.key names"):
        Database(path, ring_of(OTHER, ""))
    with sqlite3.connect(path) as raw:
        raw.execute("PRAGMA user_version = 99")
    raw.close()
    with pytest.raises(UserError, match="written by a later version"):
        Database(path, ring_of(ONE, ""))
    with sqlite3.connect(tmp_path / "other.db") as raw:
        raw.execute("PRAGMA application_id = 7")
    raw.close()
    with pytest.raises(UserError, match="is no console's file"):
        Database(tmp_path / "other.db", ring_of(ONE, ""))
    (tmp_path / "text").write_text("not a database at all " * 100)
    with pytest.raises(UserError, match="can't be used"):
        Database(tmp_path / "text", ring_of(ONE, ""))


@pytest.fixture
def database(tmp_path):
    with closing(Database(tmp_path / "console.db", ring_of(ONE, ""))) as made:
        yield made


def test_a_log_keeps_its_newest_lines_and_never_a_number_twice(database):
    numbers = [database.append("audit", float(at), {"at": at}, most=3) for at in range(6)]
    database.append("rules", 9.0, {}, most=3)
    assert numbers == sorted(set(numbers))
    assert [line.said["at"] for line in database.lines("audit")] == [5, 4, 3]
    assert [line.said["at"] for line in database.lines("audit", before=numbers[4])] == [3]


def test_the_last_admin_stays_and_a_name_is_taken_once(database):
    accounts = Accounts(database)
    accounts.add("ann", Role.ADMIN, "correct horse battery", 1.0)
    for change in (lambda: accounts.remove("ann"), lambda: accounts.set_role("ann", Role.EDITOR)):
        with pytest.raises(UserError, match="is the only admin"):
            change()
    with pytest.raises(UserError, match="already"):
        accounts.add("ann", Role.VIEWER, "correct horse battery", 1.0)
    for name, password, line in (
        ("Ann B", "correct horse battery", "is no account's name"),
        ("bob", "short", "at least 12"),
        ("robertina", "robertina123", "little more than"),
        ("bob", "abababababab", "repeats"),
        ("bob", "x" * 2000, "at most"),
    ):
        with pytest.raises(UserError, match=line):
            accounts.add(name, Role.VIEWER, password, 1.0)


def test_the_audit_log_takes_words_of_its_own_alone(database):
    trail = Trail(database)
    trail.write("ann", "log-in", Act.LOGGED_IN)
    assert [(one.who, one.act) for one in trail.read()] == [("ann", "logged in")]
    with pytest.raises(ValueError, match="is not a valid Act"):
        trail.write("ann", "log-in", "whatever a visitor sent")


def test_stops_are_read_without_a_key(tmp_path):
    path = tmp_path / "console.db"
    assert stopped_routes(path) == {}
    with closing(Database(path, ring_of(ONE, ""))) as database, database.changing() as db:
        db.execute("INSERT INTO stopped VALUES ('shop', 7.0)")
    assert stopped_routes(path) == {"shop": 7.0}
    path.with_name("broken.db").write_text("no database " * 200)
    with pytest.raises(UserError, match="nobody knows which routes are stopped"):
        stopped_routes(path.with_name("broken.db"))
