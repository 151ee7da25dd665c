"""Every lane in order, side by side; a backend that is away is asked again, soon and not often; nothing is lost to a defect."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict

import pytest

from gateway.spool.drain import LANES, LATER_LANES, LONGEST_SECONDS, Attempt, Drain, Fate
from gateway.spool.store import Dropped
from tests.spool.making import PROGRAM, entry
from tests.spool.test_embedded import opened

TAKEN = Attempt(Fate.TAKEN)


class Backend:
    """Does with each record what `fate` says; keeps what it took."""

    def __init__(self, fate=lambda number: TAKEN):
        self.fate = fate
        self.took = []
        self.asked = 0
        self.at_once = 0
        self.most = 0

    async def __call__(self, claimed):
        number = int(claimed.entry.masked.request.body.split()[0])
        self.asked += 1
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        try:
            await asyncio.sleep(0.001)
            attempt = self.fate(number)
        finally:
            self.at_once -= 1
        if attempt.fate is Fate.TAKEN:
            self.took.append(number)
        return attempt


@contextlib.asynccontextmanager
async def draining(folder, backend, *, routes=("/t/",), **more):
    async with opened(folder) as store:
        drain = Drain(store, backend, lambda: routes, chance=lambda low, high: low, **more)
        task = asyncio.create_task(drain.run())
        try:
            yield store, drain
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def fill(store, count, lanes=4):
    await asyncio.gather(*(store.append(entry(b"%d " % n, lane=b"%d" % (n % lanes))) for n in range(count)))


async def until(condition):
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


def test_lanes_go_out_side_by_side_and_each_in_order(tmp_path):
    async def run():
        backend = Backend()
        async with draining(tmp_path, backend) as (store, drain):
            await fill(store, 120, lanes=20)
            drain.wake("/t/")
            await until(lambda: len(backend.took) == 120)
            lanes = defaultdict(list)
            for number in backend.took:
                lanes[number % 20].append(number)
            assert all(lane == sorted(lane) for lane in lanes.values())
            assert 1 < backend.most <= LANES
            await until(lambda: store.numbers.records == 0)
            assert backend.asked == 120

    asyncio.run(run())


def test_a_backend_that_is_away_is_asked_by_one_record_at_a_time(tmp_path):
    async def run():
        backend = Backend(lambda number: Attempt(Fate.AWAY))
        async with draining(tmp_path, backend) as (store, drain):
            drain.away("/t/")
            await fill(store, 40, lanes=40)
            drain.wake("/t/")
            await until(lambda: backend.asked >= 4)
            assert backend.most == 1
            assert drain.is_away("/t/")
            assert backend.took == []
            backend.fate = lambda number: TAKEN
            await until(lambda: len(backend.took) == 40)
            assert backend.most > 1
            assert sorted(backend.took) == list(range(40))
            await until(lambda: not drain.is_away("/t/"))

    asyncio.run(run())


def test_pauses_grow_to_a_second_and_no_further(tmp_path):
    async def run():
        async with opened(tmp_path) as store:
            drain = Drain(store, Backend(), lambda: ("/t/",), chance=lambda low, high: high)
            one = drain._of("/t/")
            loop, pauses = asyncio.get_running_loop(), []
            for _ in range(8):
                one._until = 0.0
                drain.away("/t/")
                pauses.append(one._until - loop.time())
            assert pauses == sorted(pauses) or pauses[-1] == pytest.approx(LONGEST_SECONDS, abs=0.1)
            assert max(pauses) <= LONGEST_SECONDS == 1.0
            one._until = 0.0
            drain.away("/t/", 30)
            assert 29 < one._until - loop.time() <= 30  # as long as the backend asked for
            assert drain.is_away("/t/")
            await one.stop()

    asyncio.run(run())


def test_a_route_that_is_away_with_nothing_waiting_is_tried_by_the_next_request(tmp_path):
    async def run():
        async with draining(tmp_path, Backend()) as (_, drain):
            drain.away("/t/")
            assert drain.is_away("/t/")
            await until(lambda: not drain.is_away("/t/"))

    asyncio.run(run())


def test_one_lane_that_the_backend_chokes_on_holds_up_no_other(tmp_path):
    async def run():
        backend = Backend(lambda number: Attempt(Fate.LATER) if number % 5 == 0 else TAKEN)
        async with draining(tmp_path, backend) as (store, drain):
            await fill(store, 50, lanes=5)
            drain.wake("/t/")
            await until(lambda: len(backend.took) == 40)
            assert not drain.is_away("/t/")
            backend.fate = lambda number: TAKEN
            await until(lambda: len(backend.took) == 50)
            assert [number for number in backend.took if number % 5 == 0] == list(range(0, 50, 5))

    asyncio.run(run())


def test_a_backend_that_chokes_on_all_of_them_counts_as_away(tmp_path):
    async def run():
        backend = Backend(lambda number: Attempt(Fate.LATER, 60.0))
        async with draining(tmp_path, backend) as (store, drain):
            await fill(store, 2 * LATER_LANES, lanes=2 * LATER_LANES)
            drain.wake("/t/")
            await until(lambda: drain.is_away("/t/"))
            assert backend.asked <= LATER_LANES + LANES

    asyncio.run(run())


def test_what_will_never_be_taken_is_dropped_and_counted(tmp_path):
    async def run():
        backend = Backend(lambda number: Attempt(Fate.NEVER) if number < 3 else TAKEN)
        async with draining(tmp_path, backend) as (store, drain):
            await fill(store, 10, lanes=1)
            drain.wake("/t/")
            await until(lambda: store.numbers.records == 0)
            assert backend.took == list(range(3, 10))
            assert store.numbers.dropped[Dropped.ANSWER] == 3

    asyncio.run(run())


def test_what_a_revoked_program_masked_does_not_go_out(tmp_path):
    async def run():
        backend = Backend()
        async with draining(tmp_path, backend, revoked=lambda: (PROGRAM[:12],)) as (store, drain):
            await store.append(entry(b"0 "))
            await store.append(entry(b"1 ", program="f" * 64))
            drain.wake("/t/")
            await until(lambda: store.numbers.records == 0)
            assert backend.took == [1]
            assert store.numbers.dropped[Dropped.REVOKED] == 1

    asyncio.run(run())


def test_a_defect_loses_nothing_and_holds_up_no_other_lane(tmp_path):
    async def run():
        failing = True

        def fate(number):
            if failing and number == 0:
                raise ZeroDivisionError
            return TAKEN

        backend = Backend(fate)
        told = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: told.append(context["exception"]))
        async with draining(tmp_path, backend) as (store, drain):
            await fill(store, 6, lanes=2)
            drain.wake("/t/")
            await until(lambda: backend.took == [1, 3, 5])
            failing = False
            await until(lambda: len(backend.took) == 6)
            assert backend.took[3:] == [0, 2, 4]

    asyncio.run(run())


def test_records_of_a_route_that_is_gone_wait_for_it(tmp_path):
    async def run():
        backend = Backend()
        async with draining(tmp_path, backend, routes=("/t/",)) as (store, drain):
            await store.append(entry(b"0 ", route="/gone/"))
            await store.append(entry(b"1 "))
            drain.wake("/gone/")
            drain.wake("/t/")
            await until(lambda: backend.took == [1])
            await until(lambda: store.numbers.waiting == {"/gone/": 1})

    asyncio.run(run())


def test_what_is_on_its_way_at_the_end_is_waited_for(tmp_path):
    async def run():
        arrived, go_on = asyncio.Event(), asyncio.Event()

        async def backend(claimed):
            arrived.set()
            await go_on.wait()
            return TAKEN

        async with opened(tmp_path) as store:
            drain = Drain(store, backend, lambda: ("/t/",))
            task = asyncio.create_task(drain.run())
            await store.append(entry(b"0 "))
            drain.wake("/t/")
            await arrived.wait()
            task.cancel()
            asyncio.get_running_loop().call_later(0.05, go_on.set)
            await asyncio.gather(task, return_exceptions=True)
            assert store.numbers.records == 0

    asyncio.run(run())
