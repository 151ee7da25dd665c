"""Session state on a real cluster: lent, changed, given back; conflicts, servers that die, bytes that nobody sealed."""

from __future__ import annotations

import asyncio

import pytest

from gateway.cluster import sessions
from gateway.cluster.link import Away, Link, Servers
from gateway.cluster.sessions import STATES, STREAM, ClusterSessions
from gateway.core.errors import UserError
from gateway.keyring import KeyRing
from gateway.spool.seal import Sealer

RING = KeyRing("k1", {"k1": b"1" * 32})
OTHER = KeyRing("k9", {"k9": b"9" * 32})
KEY = b"k" * 32
NAME = "/t/\0posthog\0session-4711"


async def opened(cluster, ring=RING, key=KEY):
    link = Link(Servers(tuple(cluster.url.replace("nats://", "").split(","))))
    made = ClusterSessions(link, Sealer(ring, STATES), key)
    await made.open()
    return made, link


async def give(made, name, state):
    async with made.borrow([name]) as loan:
        return await loan.give_back({name: state})


async def take(made, name):
    async with made.borrow([name]) as loan:
        return loan.state.get(name)


def test_what_one_gateway_gives_back_another_borrows(cluster, run):
    async def both():
        (one, link), (other, link2) = await opened(cluster), await opened(cluster)
        assert await take(one, "a") is None
        assert await give(one, "a", b"first")
        assert await take(other, "a") == b"first"
        assert await give(other, "a", b"second")
        assert await give(other, "a", b"second")
        assert await take(one, "a") == b"second"
        assert await give(one, "a", b"")  # forgotten
        assert await take(other, "a") is None
        await link.close()
        await link2.close()

    run(both())


def test_whoever_comes_second_is_told_and_meets_what_the_first_left(cluster, run):
    async def race():
        (one, link), (other, link2) = await opened(cluster), await opened(cluster)
        async with one.borrow(["r"]) as first, other.borrow(["r"]) as second:
            assert await first.give_back({"r": b"by one"})
            assert not await second.give_back({"r": b"by other"})
        assert await take(other, "r") == b"by one"
        await link.close()
        await link2.close()

    run(race())


def test_of_many_requests_of_one_session_at_once_no_change_is_lost(cluster, run):
    async def storm():
        gateways = [await opened(cluster) for _ in range(2)]

        async def add(made, mark):
            for _ in range(100):
                async with made.borrow(["s"]) as loan:
                    if await loan.give_back({"s": loan.state.get("s", b"") + mark}):
                        return
            raise AssertionError("never first")

        marks = [bytes([65 + number]) for number in range(12)]
        await asyncio.gather(*(add(gateways[number % 2][0], mark) for number, mark in enumerate(marks)))
        assert sorted(await take(gateways[0][0], "s")) == sorted(b"".join(marks))
        for _, link in gateways:
            await link.close()

    run(storm())


def test_the_servers_hold_neither_names_nor_states(cluster, run):
    async def look():
        made, link = await opened(cluster)
        state = b"a state that is long enough to be found"
        assert await give(made, NAME, state)
        subject = "$KV." + sessions.BUCKET + "." + made._fingerprint(NAME).hex()
        number, data = await link.last(STREAM, subject)
        assert number
        assert state not in data
        for part in (b"4711", b"posthog"):
            assert part not in data
            assert part.decode() not in subject
        await link.close()

    run(look())


@pytest.mark.parametrize("change", ["flipped bit", "other session", "no message", "other key", "empty"])
def test_what_does_not_open_is_unknown(cluster, run, change):
    async def meddle():
        made, link = await opened(cluster)
        name = f"meddled {change}"
        assert await give(made, name, b"state")
        lane = made._fingerprint(name)
        _, data = await link.last(STREAM, "$KV." + sessions.BUCKET + "." + lane.hex())
        if change == "other key":
            made.use(Sealer(OTHER, STATES))  # as a key that was rotated and is gone from the ring
            assert await take(made, name) is None
        else:
            to = made._fingerprint("its place") if change == "other session" else lane
            changed = {
                "flipped bit": data[:-1] + bytes([data[-1] ^ 1]), "other session": data, "no message": b"\xc1hello",
                "empty": b"",
            }[change]  # fmt: skip
            await link.stored("$KV." + sessions.BUCKET + "." + to.hex(), changed, f"meddled {change}")
            assert await take(made, "its place" if change == "other session" else name) is None
        await link.close()

    run(meddle())


@pytest.mark.parametrize(("ring", "key"), [(OTHER, KEY), (RING, b"q" * 32)])
def test_a_gateway_with_other_keys_than_the_others_does_not_start(cluster, run, ring, key):
    async def start():
        _, link = await opened(cluster)
        await link.close()
        with pytest.raises(UserError, match="have another masking_key"):
            await opened(cluster, ring, key)

    run(start())


def test_without_most_of_the_servers_nothing_is_lent_and_nothing_stored(mortal, run):
    async def fail():
        made, link = await opened(mortal)
        assert await give(made, "a", b"before")
        async with made.borrow(["a"]) as loan:
            leader = mortal.leader_of(STREAM)  # left alone, it would answer what was stored for some seconds more
            mortal.kill(leader)
            mortal.kill((leader + 1) % 3)
            with pytest.raises(Away):
                await loan.give_back({"a": b"after"})
        with pytest.raises(Away):
            await take(made, "a")
        await link.close()

    run(fail())
