"""The spool on a real cluster: what is acked is there, lanes keep their order across gateways, one gateway delivers a route."""

from __future__ import annotations

import asyncio
from itertools import count

import pytest

from gateway.cluster.link import Link, Servers
from gateway.cluster.spool import PREFIX, STREAM, ClusterStore
from gateway.core.errors import UserError
from gateway.keyring import KeyRing
from gateway.spool.seal import RECORDS, Sealer
from gateway.spool.store import Dropped, NotKept, State
from tests.spool.making import CAME, PROGRAM, RING, entry

ROUTES = count()


def servers_of(cluster, **more):
    return Servers(tuple(cluster.url.replace("nats://", "").split(",")), **more)


async def opened(cluster, ring=RING, *, limit=64 << 20, keep=3600.0, largest=1 << 20, start=30.0):
    made = ClusterStore(
        Link(servers_of(cluster), start), Sealer(ring, RECORDS), limit=limit, keep=keep, largest=largest
    )
    await made.open()
    return made


async def drained(store, route, number, seconds=30.0):
    """Bodies as they are delivered, one lane at a time."""
    found = []
    async with asyncio.timeout(seconds):
        while len(found) < number:
            for one in await store.claim(route, 8):
                found.append(one.entry.masked.request.body)
                await store.done(one)
            await asyncio.sleep(0.01)
    return found


@pytest.fixture
def route():
    return f"/r{next(ROUTES)}/"


def test_a_record_comes_out_as_it_went_in(cluster, run, route):
    async def once():
        store = await opened(cluster)
        assert await store.append(entry(b"\x00body\xff", route=route))
        (claimed,) = await store.claim(route, 8)
        put, got = entry(b"\x00body\xff", route=route), claimed.entry
        assert (got.masked.request.body, got.masked.request.target) == (b"\x00body\xff", put.masked.request.target)
        assert list(got.masked.request.headers) == list(put.masked.request.headers)
        assert (got.route, got.lane, got.tracker) == (put.route, put.lane, put.tracker)
        assert claimed.entry.came == CAME
        assert claimed.entry.masked.program_digest == PROGRAM
        assert await store.claim(route, 8) == []
        await store.done(claimed)
        await store.tidy()
        assert store.numbers.waiting.get(route) is None
        await store.close()

    run(once())


def test_lanes_keep_their_order_whichever_gateway_took_the_records(cluster, run, route):
    async def both():
        one, other = await opened(cluster), await opened(cluster)
        for number in range(40):
            store = (one, other)[number % 2]
            assert await store.append(entry(b"%d" % number, lane=b"lane%d" % (number % 4), route=route))
        found = [int(body) for body in await drained(one, route, 40)]
        assert sorted(found) == list(range(40))
        for lane in range(4):
            assert [one for one in found if one % 4 == lane] == list(range(lane, 40, 4))
        await one.close()
        await other.close()

    run(both())


def test_one_gateway_delivers_a_route_and_another_takes_over_where_it_ended(cluster, run, route):
    async def hand_over():
        one, other = await opened(cluster), await opened(cluster)
        for number in range(3):
            assert await one.append(entry(b"%d" % number, route=route))
        (claimed,) = await one.claim(route, 8)
        assert await other.claim(route, 8) == []
        assert await one.claim(route, 8) == []  # its lane is held
        await one.release(claimed)
        await one.close()
        await asyncio.sleep(1.0)  # the other asked a moment ago
        assert await drained(other, route, 3) == [b"0", b"1", b"2"]
        await other.close()

    run(hand_over())


def test_behind_what_another_gateway_took(cluster, run, route):
    async def behind():
        one, other = await opened(cluster), await opened(cluster)
        assert not await one.append(entry(b"1", route=route), only_behind=True)
        assert await one.append(entry(b"1", route=route))
        assert await other.append(entry(b"2", route=route), only_behind=True)
        assert not await other.append(entry(b"3", lane=b"another", route=route), only_behind=True)
        assert await drained(one, route, 2) == [b"1", b"2"]
        await one.close()
        await other.close()

    run(behind())


def test_what_does_not_open_is_dropped_and_counted_and_an_unknown_key_waits(cluster, run, route):
    async def damage():
        store = await opened(cluster)
        subject = f"{PREFIX}.{store._token(route)}.{b'lane'.hex()}"
        await store.append(entry(b"first", route=route))
        _, data = await store._link.last(STREAM, subject)
        await store._link.stored(subject, data[:-1] + bytes([data[-1] ^ 1]), f"{route} flipped")
        await store._link.stored(subject.replace(b"lane".hex(), b"enal".hex()), data, f"{route} moved")
        await store._link.stored(subject, b"\xc1", f"{route} none")
        await store.append(entry(b"last", route=route))
        assert await drained(store, route, 2) == [b"first", b"last"]
        assert await store.claim(route, 8) == []
        assert store.numbers.dropped[Dropped.DAMAGED] == 3
        await store.close()
        stranger = await opened(cluster, KeyRing("k9", {"k9": b"9" * 32}))
        await stranger.append(entry(b"sealed by k9", route=route))
        await stranger.close()
        store = await opened(cluster)
        assert await store.claim(route, 8) == []
        await store.close()
        stranger = await opened(cluster, KeyRing("k9", {"k9": b"9" * 32}))
        assert await drained(stranger, route, 1) == [b"sealed by k9"]
        await stranger.close()

    run(damage())


def test_the_servers_hold_no_text_of_a_record(cluster, run, route):
    async def look():
        store = await opened(cluster)
        await store.append(entry(b"a body that says something", route=route))
        _, data = await store._link.last(STREAM, f"{PREFIX}.{store._token(route)}.>")
        for part in (b"says", b"X-A", b"POST", b"posthog", route.encode()):
            assert part not in data
        await drained(store, route, 1)
        await store.close()

    run(look())


def test_full_is_told_and_old_records_go(mortal, run, route):
    async def fill():
        store = await opened(mortal, limit=256 << 10, keep=1.5)
        with pytest.raises(NotKept) as told:  # noqa: PT012 - one of them is too much
            for _ in range(20):
                await store.append(entry(b"x" * 40_000, route=route))
        assert told.value.state is State.FULL
        assert store.numbers.state is State.FULL
        kept = store.numbers.records
        assert kept >= 4
        (claimed, *_) = await store.claim(route, 1)  # whoever delivers a route drops what is too old
        await store.release(claimed)
        await asyncio.sleep(1.6)
        await store.tidy()
        assert store.numbers.dropped == {Dropped.EXPIRED: kept}
        assert store.numbers.records == 0
        assert await store.append(entry(b"again", route=route))
        await store.close()

    run(fill())


def test_what_is_acked_outlives_the_death_of_the_stream_s_leader(mortal, run, route):
    async def kill():
        one, other = await opened(mortal), await opened(mortal)
        acked = []

        async def send():
            for number in range(200):
                while True:
                    try:
                        await (one, other)[number % 2].append(
                            entry(b"%d" % number, lane=b"%d" % (number % 5), route=route)
                        )
                    except NotKept:
                        continue  # what a browser does
                    break
                acked.append(number)
                if number == 60:
                    mortal.kill(mortal.leader_of(STREAM))

        await send()
        found = [int(body) for body in await drained(one, route, 200, 60.0)]
        assert set(found) >= set(acked) == set(range(200))
        for lane in range(5):
            firsts = list(dict.fromkeys(one for one in found if one % 5 == lane))
            assert firsts == sorted(firsts)
        await one.close()
        await other.close()

    run(kill())


def test_servers_that_take_too_little_or_are_too_few_are_said_in_one_line(mortal, run):
    async def start():
        with pytest.raises(UserError, match="set max_payload: 20545KB in nats-server's configuration"):
            await opened(mortal, largest=20 << 20)
        mortal.kill(0)
        mortal.kill(1)
        with pytest.raises(UserError, match="JetStream does not"):
            await opened(mortal, start=3.0)

    run(start())


def test_tidying_while_routes_come_and_go_does_not_end_the_drain(cluster, run):
    async def tidy():
        store = await opened(cluster)
        claiming = asyncio.create_task(claim(store))
        while not claiming.done():
            await store.tidy()
        await claiming
        await store.close()

    async def claim(store):
        for number in range(20):
            await store.claim(f"/many{number}/", 1)

    run(tidy())
