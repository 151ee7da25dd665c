"""What is done by hand, beside a store that is open."""

from __future__ import annotations

import pytest

from gateway.core.errors import UserError
from gateway.spool.ledger import Append, Remove
from gateway.spool.seal import RECORDS, Sealer
from gateway.spool.store import Dropped
from gateway.spool.upkeep import drop, opened, rekey
from tests.spool.making import NEW, OLD, PROGRAM, RING, entry, filled, ledger, numbers_of


@pytest.mark.parametrize(
    ("given", "left"),
    [
        ({"route": "/u/"}, 5),
        ({"route": "/none/"}, 6),
        ({"key": "k2"}, 0),
        ({"program": PROGRAM[:12]}, 1),
        ({"program": PROGRAM[:12], "route": "/u/"}, 6),
        ({"before": 1.0}, 6),
        ({"before": 4e9}, 0),
        ({}, 0),
    ],
)
def test_what_fits_all_that_is_said_is_dropped_beside_a_running_gateway(tmp_path, given, left):
    running = filled(tmp_path, 5)
    running.commit([Append(entry(b"5 ", route="/u/", program="f" * 64))])
    with opened(tmp_path / "spool.db") as db:
        assert drop(db, **given) == 6 - left
    running.tidy()
    assert running.numbers.records == left
    assert running.numbers.dropped[Dropped.BY_HAND] == 6 - left
    got = numbers_of([*running.claim("/t/", 9), *running.claim("/u/", 9)])
    assert (got == []) is (left == 0)
    running.close()


def test_a_record_dropped_by_hand_while_it_is_on_its_way_is_no_trouble(tmp_path):
    running = filled(tmp_path, 3, lanes=1)
    (one,) = running.claim("/t/", 1)
    with opened(tmp_path / "spool.db") as db:
        db.execute("DELETE FROM records WHERE position = 1")
    running.commit([Remove(one)])
    assert running.numbers.records == 2
    assert numbers_of(running.claim("/t/", 1)) == [1]
    running.close()


def test_everything_is_sealed_anew_and_the_old_key_can_go(tmp_path):
    filled(tmp_path, 450, ring=OLD, group=50).close()
    made, _ = ledger(tmp_path, RING)
    made._db.execute("UPDATE records SET sealed = zeroblob(100) WHERE position = 7")
    before = made.numbers.records
    with opened(tmp_path / "spool.db") as db:
        assert rekey(db, Sealer(RING, RECORDS)) == (449, 1, 0)
        assert rekey(db, Sealer(RING, RECORDS)) == (0, 0, 0)
    made.close()
    made, _ = ledger(tmp_path, NEW)
    assert made.numbers.records == before - 1
    assert made.numbers.dropped[Dropped.DAMAGED] == 1
    assert numbers_of(made.claim("/t/", 4)) == [0, 1, 2, 3]
    made.close()


def test_what_no_key_opens_is_left_and_told(tmp_path):
    filled(tmp_path, 3, ring=OLD).close()
    with opened(tmp_path / "spool.db") as db:
        assert rekey(db, Sealer(NEW, RECORDS)) == (0, 0, 3)


def test_a_spool_that_is_not_there_is_one_line(tmp_path):
    with pytest.raises(UserError, match="there is no spool yet"), opened(tmp_path / "spool.db"):
        pass
    assert not (tmp_path / "spool.db").exists()
