"""What the file does is what a list in memory would do, whatever happens in whatever order."""

from __future__ import annotations

import sqlite3
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

from gateway.keyring import KeyRing
from gateway.spool import ledger as ledger_module
from gateway.spool.database import OVERHEAD
from gateway.spool.ledger import Append, Clock, Remove
from gateway.spool.seal import RECORDS, Sealer
from gateway.spool.store import Dropped, NotKept, State
from tests.spool.making import NEW, OLD, RING, entry, filled, ledger, numbers_of


class Model(RuleBasedStateMachine):
    """Lanes as lists, beside the real file: appended, claimed, delivered, dropped, released, and started again."""

    claimed = Bundle("claimed")
    LIMIT = 6000

    @initialize()
    def begin(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name)
        self.ledger, _ = ledger(self.path, limit=self.LIMIT)
        self.lanes: dict[tuple[str, bytes], list[int]] = {}
        self.held: set[tuple[str, bytes]] = set()
        self.dropped = 0
        self.size = 0
        self.sizes: dict[int, int] = {}
        self.count = 0
        self.life = 0

    def teardown(self):
        if hasattr(self, "ledger"):
            self.ledger.close()
            self.folder.cleanup()

    @rule(
        group=st.lists(
            st.tuples(
                st.sampled_from(["/t/", "/u/"]), st.sampled_from([b"", b"a", b"b"]), st.booleans(), st.integers(0, 900)
            ),
            max_size=4,
        )
    )
    def append(self, group):
        changes, expected = [], []
        for route, lane, only_behind, size in group:
            changes.append(Append(entry(b"%d " % self.count + b"." * size, lane=lane, route=route), only_behind))
            plain = len(ledger_module.write(changes[-1].entry)) + 16 + OVERHEAD
            if only_behind and not self.lanes.get((route, lane)):
                expected.append(False)
            elif self.size + plain > self.LIMIT:
                expected.append(State.FULL)
            else:
                expected.append(True)
                self.size += plain
                self.sizes[self.count] = plain
                self.lanes.setdefault((route, lane), []).append(self.count)
            self.count += 1
        told = self.ledger.commit(changes)
        assert [one.state if isinstance(one, NotKept) else one for one in told] == expected

    @rule(target=claimed, route=st.sampled_from(["/t/", "/u/"]), most=st.integers(1, 3))
    def claim(self, route, most):
        free = sorted(
            numbers[0] for lane, numbers in self.lanes.items() if lane[0] == route and numbers and lane not in self.held
        )
        got = self.ledger.claim(route, most)
        assert numbers_of(got) == free[:most]
        self.held |= {(one.entry.route, one.entry.lane) for one in got}
        return [(self.life, one) for one in got]

    def _ends(self, told, reason):
        mine = [one for life, one in told if life == self.life]
        self.ledger.commit([Remove(one, reason) for one in mine])
        for one in mine:
            lane = one.entry.route, one.entry.lane
            (number,) = numbers_of([one])
            assert self.lanes[lane].pop(0) == number
            self.held.discard(lane)
            self.size -= self.sizes[number]
            self.dropped += reason is not None

    @rule(told=consumes(claimed))
    def done(self, told):
        self._ends(told, None)

    @rule(told=consumes(claimed))
    def drop(self, told):
        self._ends(told, Dropped.ANSWER)

    @rule(told=consumes(claimed))
    def release(self, told):
        for life, one in told:
            if life == self.life:
                self.ledger.release(one)
                self.held.discard((one.entry.route, one.entry.lane))

    @rule()
    def tidy(self):
        self.ledger.tidy()

    @rule(ring=st.sampled_from([RING, KeyRing("k3", {**RING.keys, "k3": b"3" * 32})]))
    def start_again(self, ring):
        self.ledger.close()
        self.ledger, rescue = ledger(self.path, KeyRing(ring.active, {**RING.keys, "k3": b"3" * 32}), limit=self.LIMIT)
        assert rescue is None
        self.life += 1
        self.held.clear()

    @invariant()
    def the_numbers_are_right(self):
        if not hasattr(self, "ledger"):
            return
        told = self.ledger.numbers
        assert told.records == sum(map(len, self.lanes.values()))
        assert told.bytes == self.size
        assert told.dropped[Dropped.ANSWER] == self.dropped
        assert (told.oldest is None) is (told.records == 0)


TestModel = Model.TestCase
TestModel.settings = settings(max_examples=15, stateful_step_count=30)


def test_removed_records_positions_are_never_used_again(tmp_path):
    made = filled(tmp_path, 3, lanes=1)
    for _ in range(3):
        (one,) = made.claim("/t/", 1)
        made.commit([Remove(one)])
    made.close()
    made, _ = ledger(tmp_path)
    made.commit([Append(entry())])
    assert made.claim("/t/", 1)[0].position == 4
    made.close()


def test_what_is_too_old_is_dropped_and_counted(tmp_path, monkeypatch):
    made = filled(tmp_path, 12)
    (held,) = made.claim("/t/", 1)
    now = made._clock()
    monkeypatch.setattr(made, "_clock", lambda: now + made.keep - 1)
    made.tidy()
    assert made.numbers.records == 12
    monkeypatch.setattr(made, "_clock", lambda: now + made.keep + 1)
    made.tidy()
    assert made.numbers.records == 3  # the lane that is held
    assert made.numbers.dropped[Dropped.EXPIRED] == 9
    made.release(held)
    made.tidy()
    assert made.numbers.records == 0
    made.close()


def test_a_jump_of_the_systems_clock_drops_nothing(monkeypatch):
    clock = Clock()
    before = clock()
    monkeypatch.setattr("time.time", lambda: before + 10 * 365 * 86400)
    assert abs(clock() - before) < 60


COLUMNS = {
    "route": "'/u/'",
    "lane": "x'00'",
    "at": "at + 1",
    "program": "'f' || substr(program, 2)",
    "key": "'k1'",
    "nonce": "x'000000000000000000000000'",
    "sealed": "zeroblob(length(sealed))",
    "position": "position + 1000",
}


@pytest.mark.parametrize(("column", "value"), COLUMNS.items(), ids=COLUMNS)
@pytest.mark.parametrize("again", [False, True], ids=["running", "after a start"])
def test_a_record_that_was_tampered_with_is_dropped_and_the_rest_goes_on(tmp_path, column, value, again):
    made = filled(tmp_path, 8)
    made._db.execute(f"UPDATE records SET {column} = {value} WHERE position = 3")
    if again:
        made.close()
        made, rescue = ledger(tmp_path)
        assert rescue is None
    got = []
    for _ in range(20):
        claimed = [one for route in made.numbers.waiting for one in made.claim(route, 3)]
        got += numbers_of(claimed)
        made.commit([Remove(one) for one in claimed])
    assert sorted(got) == [0, 1, 3, 4, 5, 6, 7]
    assert made.numbers.dropped[Dropped.DAMAGED] == 1
    made.close()
    made, _ = ledger(tmp_path)
    assert made.numbers.records == 0
    made.close()


def test_a_time_that_was_tampered_with_is_damage_and_not_age(tmp_path):
    made = filled(tmp_path, 1)
    made._db.execute("UPDATE records SET at = 0")
    made.tidy()
    assert made.numbers.dropped[Dropped.DAMAGED] == 1
    assert made.numbers.dropped[Dropped.EXPIRED] == 0
    made.close()


def test_records_under_old_keys_still_open_and_unknown_ones_wait(tmp_path):
    filled(tmp_path, 2, ring=OLD).close()
    made, _ = ledger(tmp_path, RING)
    assert numbers_of(made.claim("/t/", 9)) == [0, 1]
    made.close()
    made, _ = ledger(tmp_path, RING)
    made.use(Sealer(NEW, RECORDS), made.limit, made.keep)  # a reload that forgot the old key
    assert made.claim("/t/", 9) == []
    assert made.numbers.records == 2
    made.use(Sealer(RING, RECORDS), made.limit, made.keep)
    assert numbers_of(made.claim("/t/", 9)) == [0, 1]
    made.close()


def test_readiness_turns_before_the_quota_does(tmp_path):
    made, _ = ledger(tmp_path, limit=100_000)
    assert made.numbers.state is State.OK
    states = []
    while made.commit([Append(entry(b"." * 2000))]) == [True]:
        states.append(made.numbers.state)
    assert states[0] is State.OK
    assert states[-1] is State.NEARLY_FULL
    assert made.numbers.state is State.FULL
    assert made.numbers.bytes <= made.numbers.limit == 100_000
    for _ in range(10):
        made.commit([Remove(one) for one in made.claim("/t/", 1)])
    assert made.numbers.state is State.OK
    made.close()


def test_an_empty_store_gives_the_disk_back(tmp_path):
    made = filled(tmp_path, 100, size=20_000, group=25)
    made._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert (tmp_path / "spool.db").stat().st_size > 2_000_000
    while claimed := made.claim("/t/", 9):
        made.commit([Remove(one) for one in claimed])
    made.tidy()
    made.close()
    assert (tmp_path / "spool.db").stat().st_size < 100_000


def test_the_log_is_folded_before_it_takes_up_the_disk(tmp_path, monkeypatch):
    log = tmp_path / "spool.db-wal"
    made, _ = ledger(tmp_path)
    sizes = []

    def append(free):
        monkeypatch.setattr("gateway.spool.ledger.free_space", lambda _: free)
        assert made.commit([Append(entry(b"." * 50_000))]) == [True]
        sizes.append(log.stat().st_size)

    for _ in range(5):
        append(free=10**9)
    assert sizes == sorted(sizes)
    assert sizes[0] > 50_000  # nothing is folded while there is room
    for _ in range(5):
        append(free=200_000)
        assert sizes[-1] <= 200_000
    reader = sqlite3.connect(tmp_path / "spool.db")
    reader.execute("BEGIN")
    assert reader.execute("SELECT count(*) FROM records").fetchone() == (10,)
    for _ in range(5):
        append(free=100_000)  # a reader holds the log: nobody waits for it
    reader.close()
    append(free=100_000)
    assert sizes[-1] <= 100_000
    assert len(made.claim("/t/", 99)) == 1  # all of one session
    assert made.numbers.records == 16
    made.close()


def test_removals_alone_are_not_synced_and_appends_are(tmp_path):
    made = filled(tmp_path, 2)
    level = "PRAGMA synchronous"
    assert made._db.execute(level).fetchone() == (2,)
    (one, other) = made.claim("/t/", 9)
    made.commit([Remove(one)])
    assert made._db.execute(level).fetchone() == (1,)
    made.commit([Remove(other), Append(entry(b"2 "))])
    assert made._db.execute(level).fetchone() == (2,)
    made.close()
