"""`gateway forget`: all that waits of one visitor is found in any layer, shown, wiped, and nothing of anybody else."""

from __future__ import annotations

import gzip
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway import config
from gateway.cli.app import gateway
from gateway.core.errors import Reason
from gateway.core.message import Headers, Inbound
from gateway.core.pipeline import mask
from gateway.keyring import load_ring
from gateway.maskers.setup import blueprint_of
from gateway.spool.database import open_database
from gateway.spool.ledger import Append, Ledger
from gateway.spool.quarantine import Pen
from gateway.spool.seal import QUARANTINE, RECORDS, Sealer
from gateway.spool.store import Entry

ANNA, BERT = "0192aa10-7c1e-7000-8000-00000000a001", "0192aa10-7c1e-7000-8000-00000000b002"
CONFIGURATION = """\
spool: {path: spool.db, key: file:ring.json, keep: 48h}
backup: {folder: kept}
routes: [{name: t, path: /t/, tracker: posthog, upstream: 'https://eu.i.posthog.com', unreadable: quarantine}]
"""


def run(*words, code=0, **more):
    result = CliRunner().invoke(gateway, [str(word) for word in words], **more)
    assert result.exit_code == code, result.output
    return result.stdout if not code else result.stderr


def event(visitor, session, *, packed=True):
    body = json.dumps(
        {
            "event": "x",
            "properties": {"token": "phc_x", "distinct_id": visitor, "$session_id": session, "note": "hello"},
        }
    ).encode()
    headers = Headers([("Content-Type", "text/plain")])
    return Inbound("POST", "/e/?compression=gzip-js", headers, gzip.compress(body) if packed else body, route="t")


def nameless(session):
    """A part of a session that names no visitor."""
    told = {"event": "$snapshot", "properties": {"token": "phc_x", "$session_id": session, "$snapshot_data": []}}
    return Inbound("POST", "/s/", Headers([("Content-Type", "application/json")]), json.dumps(told).encode(), route="t")


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A spool with events of two visitors, as masked, and a quarantine with one of each."""
    monkeypatch.chdir(tmp_path)
    Path("gateway.yaml").write_text(CONFIGURATION)
    run("keys", "create", "--of", "spool")
    loaded = config.load(Path("gateway.yaml"))
    (program,) = blueprint_of(loaded, config.masking_keys(loaded.settings)).programs().values()
    ring = load_ring(Path("ring.json"))
    sealer = Sealer(ring, RECORDS)
    db, _ = open_database(Path("spool.db"), sealer)
    ledger = Ledger(db, Path("spool.db"), sealer, limit=1 << 30, keep=3600.0)
    for inbound in (
        event(ANNA, "session-of-anna-1"), event(BERT, "session-of-bert-1"), nameless("session-of-anna-1"),
        nameless("session-of-bert-1"), event(ANNA, "session-of-anna-2", packed=False),
    ):  # fmt: skip
        sent = mask(inbound, program, program.clock)
        assert ANNA.encode() not in sent.masked.request.body
        assert ledger.commit([Append(Entry(sent.masked, "t", sent.session, "posthog"))]) == [True]
    ledger.close()
    pen = Pen(Path("spool-quarantine.db"), Sealer(ring, QUARANTINE), limit=1 << 20, keep=3600.0)
    for visitor in (ANNA, BERT):
        cookie = Headers([("Cookie", f"ph_x=%7B%22distinct_id%22%3A%22{visitor}%22%7D")])
        pen.add(Inbound("POST", "/e/", cookie, b"no JSON {", route="t"), Reason.BROKEN_FORMAT)
    pen.add(
        Inbound("POST", "/e/", Headers([("Content-Encoding", "gzip")]), b"\x1f\x8b\x08 cut", route="t"),
        Reason.BROKEN_FORMAT,
    )
    pen.close()
    return program


def waiting():
    with closing(sqlite3.connect("spool.db")) as db, closing(sqlite3.connect("spool-quarantine.db")) as beside:
        return tuple(one.execute("SELECT count(*) FROM records").fetchone()[0] for one in (db, beside))


def test_what_is_held_is_shown_and_nothing_is_changed(site):
    told = json.loads(run("forget", ANNA, "--show", "--json"))
    assert [one["named"] for one in told["held"]["spool"]] == [True, False, True]
    assert len(told["held"]["quarantine"]) == 1
    assert told["unreadable"] == {"spool": 0, "quarantine": 1}
    assert told["wiped"] == {"spool": 0, "quarantine": 0}
    assert waiting() == (5, 3)
    (pseudonym,) = told["pseudonyms"]
    assert pseudonym != ANNA
    (call,) = told["calls"]
    assert f'"distinct_ids": ["{pseudonym}"]' in call["call"]
    assert call["docs"].startswith("https://posthog.com/docs/")
    shown = run("forget", ANNA, "--show")
    assert "spool: 3 records" in shown
    assert "1 more can't be read: nobody knows whose they are" in shown
    assert "backups: the 14 newest may hold" in shown
    assert pseudonym in shown


def test_a_visitor_is_wiped_and_the_others_stay(site):
    run("forget", ANNA, input="n\n", code=1)
    assert waiting() == (5, 3)
    assert "wiped 4 records" in run("forget", ANNA, "--yes")
    assert waiting() == (2, 2)
    assert json.loads(run("forget", ANNA, "--show", "--json"))["held"] == {"spool": [], "quarantine": []}
    assert len(json.loads(run("forget", BERT, "--show", "--json"))["held"]["spool"]) == 2
    status = json.loads(run("spool", "--json"))
    assert status["records"] == 2
    assert status["dropped"]["forgotten"] == 3


def test_a_session_s_id_and_a_former_key_s_pseudonym_find_it_too(site):
    assert len(json.loads(run("forget", "session-of-bert-1", "--show", "--json"))["held"]["spool"]) == 2
    run("keys", "rotate", "--of", "masking")
    told = json.loads(run("forget", ANNA, "--show", "--json"))
    assert len(told["pseudonyms"]) == 2
    assert len(told["held"]["spool"]) == 3


def test_no_part_of_an_id_is_taken_for_it(site):
    told = json.loads(run("forget", ANNA[:-1], "--show", "--json"))
    assert told["held"] == {"spool": [], "quarantine": []}


@pytest.mark.parametrize(
    ("words", "more", "line"),
    [
        (["a-1-b"], "", "is too short to tell a visitor by: give an id of 6 letters or digits"),
        ([ANNA], "pseudonyms: {per_site: on}\n", "name the sites, as in --site shop.example"),
    ],
)
def test_a_mistake_is_one_line(site, words, more, line):
    Path("gateway.yaml").write_text(CONFIGURATION + more)
    told = run("forget", *words, code=2)
    assert line in told
    assert told.count("\n") == 1
