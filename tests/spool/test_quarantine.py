"""What could not be read is kept sealed, within bounds of size and time, and wiped."""

from __future__ import annotations

import asyncio
from contextlib import closing

import pytest

from gateway.core.errors import Reason
from gateway.core.message import Headers, Inbound
from gateway.spool.quarantine import Pen, Quarantine, quarantine_path
from gateway.spool.seal import QUARANTINE, RECORDS, Sealer
from tests.spool.making import NEW, OLD, RING

SEALER = Sealer(RING, QUARANTINE)
REQUEST = Inbound(
    "POST", "/e/?a=%20", Headers([("Cookie", "id=jane.doe"), ("X-\xe9", "1")]), b"\x1f\x8bjane.doe" * 50, "shop.example",
    peer="127.0.0.1", client="203.0.113.7", route="/t/",
)  # fmt: skip


def pen(folder, sealer=SEALER, *, limit=1 << 20, keep=60.0):
    return closing(Pen(folder / "q.db", sealer, limit=limit, keep=keep))


def test_it_stands_beside_the_spool(tmp_path):
    assert quarantine_path(tmp_path / "spool.db") == tmp_path / "spool-quarantine.db"


def test_a_request_comes_back_as_it_was_and_lies_there_sealed(tmp_path):
    with pen(tmp_path) as one:
        assert one.add(REQUEST, Reason.OPAQUE)
        ((_, back, why),) = one.requests()
        written = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert why == "opaque"
    assert (back.method, back.target, back.headers, back.body, back.host, back.client, back.route) == (
        REQUEST.method, REQUEST.target, REQUEST.headers, REQUEST.body, REQUEST.host, REQUEST.client, REQUEST.route,
    )  # fmt: skip
    assert back.peer == ""
    for told in (b"jane.doe", b"203.0.113.7", b"shop.example"):
        assert told not in written


def test_what_is_too_old_is_wiped_from_every_page(tmp_path, monkeypatch):
    with pen(tmp_path) as one:
        one.add(REQUEST, Reason.LEAK)
        sealed = one._db.execute("SELECT sealed FROM records").fetchone()[0]
        assert any(sealed[:64] in path.read_bytes() for path in tmp_path.iterdir())
        one.tidy()
        assert len(list(one.requests())) == 1
        now = one._clock()
        monkeypatch.setattr(one, "_clock", lambda: now + 61)
        one.tidy()
        assert list(one.requests()) == []
        assert not any(sealed[at : at + 64] in path.read_bytes() for path in tmp_path.iterdir() for at in (0, 200))


def test_a_full_quarantine_takes_no_more(tmp_path):
    with pen(tmp_path, limit=3000) as one:
        assert [one.add(REQUEST, Reason.OPAQUE) for _ in range(4)] == [True, True, True, False]
        assert len(list(one.requests())) == 3


@pytest.mark.parametrize(
    "sealer", [Sealer(NEW, QUARANTINE), Sealer(RING, RECORDS)], ids=["another key", "another kind"]
)
def test_only_its_own_keys_open_it(tmp_path, sealer):
    with pen(tmp_path, Sealer(OLD, QUARANTINE)) as one:
        one.add(REQUEST, Reason.OPAQUE)
    with pen(tmp_path, sealer) as one:
        assert list(one.requests()) == []
        assert one._db.execute("SELECT count(*) FROM records").fetchone() == (1,)


def test_a_disk_that_fails_means_refused(tmp_path):
    with pen(tmp_path) as one:
        one._db.execute("PRAGMA query_only = ON")
        assert one.add(REQUEST, Reason.OPAQUE) is False
        one.tidy()


def test_nothing_is_made_before_it_is_needed(tmp_path):
    async def run():
        one = Quarantine(tmp_path / "q.db", SEALER, limit=1 << 20, keep=60)
        await one.tidy()
        assert not (tmp_path / "q.db").exists()
        assert await one.add(REQUEST, Reason.OPAQUE)
        await one.tidy()
        await one.close()

    asyncio.run(run())
    with pen(tmp_path) as one:
        assert len(list(one.requests())) == 1
