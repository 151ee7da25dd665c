"""`gateway spool` over the file of a gateway that ran."""

from __future__ import annotations

import gzip
import json

import pytest
from click.testing import CliRunner

from gateway.cli.app import gateway
from gateway.core.errors import Reason
from gateway.core.message import Headers, Inbound
from gateway.keyring import load_ring
from gateway.spool.quarantine import Pen
from gateway.spool.seal import QUARANTINE, Sealer
from tests.spool.making import filled, ledger, numbers_of

CONFIGURATION = """\
tls: {mode: 'off'}
listen: 127.0.0.1:0
spool: {path: spool.db, key: file:ring.json, keep: 1h, quarantine: {keep: 1h}}
routes: [{path: /t/, tracker: posthog, upstream: 'https://eu.i.posthog.com', unreadable: quarantine}]
"""


@pytest.fixture
def call(tmp_path):
    (tmp_path / "gateway.yaml").write_text(CONFIGURATION)

    def run(*words, code=0, **more):
        result = CliRunner().invoke(gateway, [str(word) for word in words], **more)
        assert result.exit_code == code, result.output
        return result.output

    run("keys", "create", "--ring", tmp_path / "ring.json")

    def spool(*words, **more):
        group, rest = (words[:1], words[1:]) if words and not words[0].startswith("-") else ((), words)
        return run("spool", *group, "--config", tmp_path / "gateway.yaml", *rest, **more)

    spool.ring = lambda: load_ring(tmp_path / "ring.json")
    spool.run = run
    return spool


def test_status_says_what_waits(call, tmp_path):
    filled(tmp_path, 7, ring=call.ring()).close()
    told = call()
    assert "/t/\t7\n" in told
    assert "7 records, " in told
    assert "of 2147483648 bytes (ok), oldest " in told
    data = json.loads(call("--json"))
    assert data["waiting"] == {"/t/": 7}
    assert data["records"] == 7
    assert 0 < data["bytes"] < data["limit"] == 2 << 30
    assert data["oldest_seconds"] >= 0
    assert data["dropped"] == {
        "answer": 0,
        "expired": 0,
        "revoked": 0,
        "damaged": 0,
        "invalid": 0,
        "by_hand": 0,
        "forgotten": 0,
    }


def test_drop_asks_and_says_what_to_say(call, tmp_path):
    filled(tmp_path, 7, ring=call.ring()).close()
    assert "say which records" in call("drop", code=2)
    assert "say which records" in call("drop", "--all", "--route", "/t/", code=2)
    call("drop", "--all", input="n\n", code=1)
    assert json.loads(call("--json"))["records"] == 7
    assert call("drop", "--older", "1h", "--yes") == "dropped 0 records\n"
    assert "a time with its unit is wanted" in call("drop", "--older", "soon", "--yes", code=2)
    assert call("drop", "--route", "/t/", "--yes") == "dropped 7 records\n"
    assert "dropped: by_hand 7" in call()


def test_keys_are_rotated_and_old_ones_go(call, tmp_path):
    filled(tmp_path, 7, ring=call.ring()).close()
    call.run("keys", "rotate", "--ring", tmp_path / "ring.json")
    assert call("rekey") == "spool.db: 7 records sealed with k2, 0 damaged and dropped\n"
    call.run("keys", "destroy", "k1", "--yes", "--ring", tmp_path / "ring.json")
    made, _ = ledger(tmp_path, call.ring())
    assert numbers_of(made.claim("/t/", 9)) == [0, 1, 2, 3]
    made.close()


def test_a_lost_key_is_said_and_its_records_can_be_given_up(call, tmp_path):
    filled(tmp_path, 3, ring=call.ring()).close()
    call.run("keys", "rotate", "--ring", tmp_path / "ring.json")
    call.run("keys", "destroy", "k1", "--yes", "--ring", tmp_path / "ring.json")
    assert "3 records are sealed with keys that spool.key lacks" in call("rekey", code=2)
    assert call("drop", "--key", "k1", "--yes") == "dropped 3 records\n"


EVENT = {"event": "x", "api_key": "k", "properties": {"$session_id": "s", "$console": "to jane.doe@example.com"}}


def test_retry_masks_what_can_be_read_now(call, tmp_path):
    pen = Pen(tmp_path / "spool-quarantine.db", Sealer(call.ring(), QUARANTINE), limit=1 << 20, keep=3600)
    headers = Headers([("Content-Type", "application/json"), ("Content-Encoding", "gzip")])
    body = gzip.compress(json.dumps(EVENT).encode())
    for route, sent in (("/t/", body), ("/t/", body[:-9]), ("/gone/", body)):
        assert pen.add(Inbound("POST", "/e/", headers, sent, "shop.example", route=route), Reason.BROKEN_CODING)
    pen.close()
    assert "quarantine: broken_coding 3" in call_status(call, tmp_path)
    told = call("retry")
    assert told == "1 requests are masked and wait for delivery; 2 stay: broken_coding 1, route is gone 1\n"
    assert json.loads(call("--json"))["quarantine"] == {"broken_coding": 2}
    made, _ = ledger(tmp_path, call.ring())
    (one,) = made.claim("/t/", 9)
    made.close()
    assert one.entry.tracker == "posthog"
    assert len(one.entry.lane) == 16
    sent = gzip.decompress(one.entry.masked.request.body)
    assert json.loads(sent)["event"] == "x"
    assert b"jane.doe" not in sent
    assert call("drop", "--quarantine", "--all", "--yes") == "dropped 2 records\n"


def call_status(call, tmp_path):
    made, _ = ledger(tmp_path, call.ring())
    made.close()
    return call()


def test_retry_of_nothing(call):
    assert call("retry") == "the quarantine is empty\n"


def test_without_a_spool_it_says_what_to_add(call, tmp_path):
    assert "there is no spool yet" in call(code=2)
    (tmp_path / "gateway.yaml").write_text("routes: [{upstream: 'https://x.example'}]\n")
    for word in ("", "rekey", "retry"):
        assert "there is no `spool:` here: add" in call(*filter(None, [word]), code=2)
