"""Backup, destroy, restore: what waits, accounts, keys and rules are what they were, and the gateway goes on with them."""

from __future__ import annotations

import http.client
import json
import shutil
import socket
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from click.testing import CliRunner

from gateway.cli.app import gateway
from tests.wire.conftest import Backend
from tests.wire.process import running

MORE = """\
console: {{listen: "127.0.0.1:0", path: console.db, key: "file:console.key"}}
spool: {{path: spool.db, key: "file:spool.json"}}
backup: {{folder: "{kept}"}}
rules: [default, shop.yaml]
"""
FILES = ("gateway.yaml", "shop.yaml", "masking.key", "spool.json", "console.key")
ID = "0192aa10-7c1e-7000-8000-00000000a001"
SECONDS = 20.0


def run(*words, given=None):
    result = CliRunner().invoke(gateway, [str(word) for word in words], input=given)
    assert result.exit_code == 0, result.output
    return result.stdout


def send(port):
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    body = {"event": "x", "properties": {"token": "phc_x", "distinct_id": ID, "$session_id": "session-of-somebody"}}
    client.request("POST", "/t/e/", json.dumps(body))
    assert client.getresponse().status == 200
    client.close()


def rows(path: Path) -> dict[str, list]:
    """Every row of every table that holds data."""
    with closing(sqlite3.connect(path)) as db:
        names = [name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")]
        return {name: db.execute(f"SELECT * FROM {name}").fetchall() for name in names}


def test_what_was_destroyed_comes_back_and_what_waited_is_delivered(tmp_path, monkeypatch):
    monkeypatch.setenv("GATEWAY_BACKUP_KEY", "cd" * 32)
    home, kept = tmp_path / "home", tmp_path / "kept"
    home.mkdir()
    (home / "shop.yaml").write_text("mask: [{name: a, select: .x, with: mask}]\n")
    (home / "console.key").write_text("ef" * 32)
    (home / "console.key").chmod(0o600)
    run("keys", "create", "--of", "spool", "--ring", home / "spool.json")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    route = f"  - {{path: /t/, tracker: posthog, upstream: 'http://127.0.0.1:{port}'}}\n"
    with running(home, route, more=MORE.format(kept=kept)) as served:
        send(served.port)
        send(served.port)
        assert served.events("backed_up")  # the first one, since none was a day old
    configured = ("--config", home / "gateway.yaml")
    run("users", "add", *configured, "ada", "--role", "admin", given="a long pass phrase of hers\n")
    run("keys", "rotate", "--of", "masking", *configured)
    time.sleep(1.1)  # a backup's name is its second
    run("backup", *configured)

    before = {name: (home / name).read_bytes() for name in FILES}
    held, accounts = rows(home / "spool.db"), rows(home / "console.db")
    assert len(held["records"]) == 2
    assert any("ada" in repr(table) for table in accounts.values())
    shutil.rmtree(home)
    run("restore", kept, "--directory", home)
    assert {name: (home / name).read_bytes() for name in FILES} == before
    assert rows(home / "spool.db") == held
    assert rows(home / "console.db") == accounts
    assert "ada\tadmin" in run("users", *configured)

    backend = Backend(address=("127.0.0.1", port))
    try:
        with running(home, route, more=MORE.format(kept=kept)):
            end = time.monotonic() + SECONDS
            while len(backend.received) < 2 and time.monotonic() < end:
                time.sleep(0.05)
    finally:
        backend.close()
    assert len(backend.received) == 2
    assert ID.encode() not in b"".join(backend.received)
