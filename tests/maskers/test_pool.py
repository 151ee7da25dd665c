"""Maskers as processes: they mask as one process would, and what one payload breaks ends with its masker."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import uvloop

from gateway.core.errors import Reason, UserError
from gateway.core.limits import Limits
from gateway.core.outcome import Refuse, Send
from gateway.core.pipeline import mask
from gateway.maskers import wire
from gateway.maskers.blueprint import Blueprint, RouteRules
from gateway.maskers.link import End
from gateway.maskers.pool import MOST_DEATHS, PATIENCE, Busy, Maskers, Slot
from gateway.maskers.process import owner_of
from gateway.ruleset.keys import Keys
from tests.maskers.hostile import DIE, EAT, SPIN, WAIT, HostileBlueprint, StillbornBlueprint
from tests.subject import KEY, TODAY, default_rules, request, rule_file, trackers

ROOT = Path(__file__).parents[2]
ROUTES = {"": RouteRules(), "s": RouteRules(("posthog",))}
EVENT = {"event": "x", "properties": {"note": "write to jane.roe@example.org"}}


def blueprint(rules: str = "", kind: type[Blueprint] = Blueprint, limits: Limits | None = None) -> Blueprint:
    files = (*default_rules(), *([rule_file(rules)] if rules else ()))
    return kind(files, trackers(), ROUTES, Keys(KEY), TODAY, limits or Limits(time=30.0))


@contextlib.asynccontextmanager
async def maskers(count: int, plans: Blueprint, shared=None) -> AsyncIterator[tuple[Maskers, object, list[End]]]:
    ends: list[End] = []
    pool = Maskers(count, told=ends.append, shared=shared)
    edition = await pool.start(plans)
    try:
        yield pool, edition, ends
    finally:
        pids = pool.pids
        await pool.stop()
        assert not any(map(is_there, pids))


def is_there(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


@pytest.fixture(autouse=True)
def hostile_programs_are_found(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


def run(test) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(test)


def shown(outcome) -> object:
    """What can be compared of an outcome."""
    if isinstance(outcome, Send):
        return outcome.masked.request, outcome.masked.program_digest, outcome.report
    return outcome


def visit(session: str) -> list[object]:
    """A page with a private element, then a change in it that names its parent by number alone."""
    element = {"type": 2, "id": 3, "tagName": "p", "attributes": {"class": "ph-no-capture"}, "childNodes": []}
    page = {
        "type": 0,
        "id": 1,
        "childNodes": [{"type": 2, "id": 2, "tagName": "body", "attributes": {}, "childNodes": [element]}],
    }
    events = [
        {"type": 2, "timestamp": 1, "data": {"node": page, "initialOffset": {"left": 0, "top": 0}}},
        {"type": 3, "timestamp": 2, "data": {"source": 0, "texts": [], "attributes": [], "removes": [], "adds": [
            {"parentId": 3, "nextId": None, "node": {"type": 3, "id": 9, "textContent": "for Kim alone"}},
            {"parentId": 2, "nextId": None, "node": {"type": 3, "id": 10, "textContent": "for everybody"}},
        ]}},
    ]  # fmt: skip
    return [
        {"event": "$snapshot", "properties": {"$session_id": session, "$window_id": "w", "$snapshot_data": [one]}}
        for one in events
    ]


def test_two_maskers_say_what_one_process_says_and_keep_each_session_together():
    plans = blueprint()
    alone = plans.programs()
    sessions = [f"0193{number:04x}-0000-7000-8000-000000000000" for number in range(8)]
    asked = [
        # each request from another address, so that nothing but the session's key leads to its masker
        request(body, path="/s/", route="s", client=f"192.0.2.{place * 8 + number}")
        for place in range(2)
        for number, body in enumerate(visit(session)[place] for session in sessions)
    ]
    asked += [request(EVENT), request(b"{broken", headers=[("Content-Type", "application/json")])]

    last = b""

    async def test() -> None:
        nonlocal last
        async with maskers(2, plans) as (_, edition, ends):
            for inbound in asked:
                outcome = await edition.mask(inbound)
                assert shown(outcome) == shown(mask(inbound, alone[inbound.route], lambda: 0.0))
                if inbound.route == "s":
                    last = outcome.masked.request.body
            assert ends == []

    run(test())
    assert {owner_of(f"s\0posthog\0{session}", 2) for session in sessions} == {0, 1}
    assert b"for everybody" in last
    assert b"Kim" not in last


async def until(held) -> None:
    """Waits for what another process is about to do."""
    async with asyncio.timeout(30):
        while not held():  # noqa: ASYNC110 - of another process
            await asyncio.sleep(0.01)


def test_one_that_overruns_its_time_is_ended_and_its_request_alone_is_refused():
    async def test() -> None:
        plans = blueprint(kind=HostileBlueprint, limits=Limits(time=0.2))
        async with maskers(1, plans) as (pool, edition, ends):
            (before,) = pool.pids
            await edition.mask(request(visit("s1")[0], path="/s/", route="s"))
            spun = asyncio.create_task(edition.mask(request(SPIN, path="/s/", route="s")))
            beside = [asyncio.create_task(edition.mask(request(EVENT))) for _ in range(3)]
            refused = await spun
            assert isinstance(refused, Refuse)
            assert refused.reason is Reason.TOO_SLOW
            assert refused.tracker == "posthog"
            answer = trackers()["posthog"].answers.unreadable
            assert (refused.response.status, refused.response.body) == (answer.status, answer.body.encode())
            assert all(isinstance(outcome, Send) for outcome in await asyncio.gather(*beside))
            assert ends == [End.OVERRAN]
            assert pool.pids != [before]
            # the page went with the masker: what is not known is masked
            late = await edition.mask(request(visit("s1")[1], path="/s/", route="s"))
            assert b"for everybody" not in late.masked.request.body

    run(test())


@pytest.mark.parametrize("misdeed", [WAIT, DIE])
def test_one_that_is_killed_within_a_request_takes_that_one_along_and_no_other(misdeed):
    async def test() -> None:
        async with maskers(1, blueprint(kind=HostileBlueprint)) as (pool, edition, ends):
            (pid,) = pool.pids
            within = asyncio.create_task(edition.mask(request(misdeed)))
            behind = [asyncio.create_task(edition.mask(request(EVENT))) for _ in range(5)]
            if misdeed == WAIT:
                await until(lambda: waits(pid))
                os.kill(pid, signal.SIGKILL)
            refused = await within
            assert (refused.reason, refused.response.status) == (Reason.FAULT, 415)
            assert all(isinstance(outcome, Send) for outcome in await asyncio.gather(*behind))
            assert ends == [End.DIED]
            assert pool.is_well

    run(test())


def told_of(pid: int, what: str) -> str:
    return Path(f"/proc/{pid}/{what}").read_text()


def waits(pid: int) -> bool:
    """Whether a process is in the sleep that the hostile body asked for, and no longer in its wait for a question."""
    return "nanosleep" in told_of(pid, "wchan")


def test_one_that_waits_for_ever_is_ended_from_outside(monkeypatch):
    monkeypatch.setattr("gateway.maskers.pool.STUCK_SECONDS", 0.5)

    async def test() -> None:
        async with maskers(1, blueprint(kind=HostileBlueprint)) as (_, edition, ends):
            refused = await edition.mask(request(WAIT))
            assert refused.reason is Reason.TOO_SLOW
            await until(lambda: ends == [End.STUCK])

    run(test())


def test_what_takes_too_much_memory_is_refused_and_the_masker_goes_on():
    # two bytes become an object of the document: 2 MiB of them are more than what a request may take with these limits
    numbers = b"[" + b",".join([b"7"] * 1_000_000) + b"]"

    async def test() -> None:
        plans = blueprint(kind=HostileBlueprint, limits=Limits(time=60.0, decoded=2 * 1024 * 1024))
        async with maskers(1, plans) as (pool, edition, ends):
            (before,) = pool.pids
            for body in (EAT, numbers):
                refused = await edition.mask(request(body, headers=[("Content-Type", "application/json")]))
                assert (refused.reason, refused.response.status) == (Reason.TOO_LARGE, 413)
                assert isinstance(await edition.mask(request(EVENT)), Send)
            assert ends == []
            assert pool.pids == [before]

    run(test())


def test_new_rules_are_taken_by_all_at_once_and_sessions_go_on():
    typed = {"event": "x", "properties": {"$session_id": "s7", "password": "Tr0ub4dor-77"}}
    repeated = {"event": "x", "properties": {"$session_id": "s7", "note": "it was Tr0ub4dor-77"}}
    said = {"event": "x", "properties": {"note": "order KD-123456"}}
    rule = "mask: [{name: orders, pattern: 'KD-[0-9]{6}', with: {replace: '[order]'}}]"

    def body(outcome) -> bytes:
        return outcome.masked.request.body

    async def test() -> None:
        async with maskers(2, blueprint()) as (pool, edition, ends):
            assert b"Tr0ub4dor" not in body(await edition.mask(request(typed, route="s")))
            fresh = await pool.prepare(blueprint(rule))
            assert b"KD-123456" in body(await edition.mask(request(said)))
            pool.take(fresh)
            assert all([b"[order]" in body(await fresh.mask(request(said, client=f"192.0.2.{n}"))) for n in range(4)])
            assert b"KD-123456" in body(await edition.mask(request(said)))  # a request that began before
            assert b"Tr0ub4dor" not in body(await fresh.mask(request(repeated, route="s")))
            for pid in pool.pids:
                os.kill(pid, signal.SIGKILL)
            await until(lambda: len(ends) == 2)
            assert b"[order]" in body(await fresh.mask(request(said)))

    run(test())


def test_one_that_starts_while_new_rules_are_made_has_them_too():
    async def test() -> None:
        async with maskers(1, blueprint()) as (pool, _, ends):
            fresh = await pool.prepare(blueprint("record: {page_text: mask}"))
            os.kill(pool.pids[0], signal.SIGKILL)
            await until(lambda: ends and pool.pids)
            pool.take(fresh)  # the new one was given the old rules
            outcome = await fresh.mask(request(EVENT))
            assert outcome.masked.program_digest == fresh.programs[""].digest

    run(test())


def test_where_none_starts_the_gateway_does_not_either(monkeypatch):
    monkeypatch.setenv("STILLBORN", "1")

    async def test() -> None:
        pool = Maskers(2, told=lambda _: None)
        with pytest.raises(UserError, match="a masker does not start"):
            await pool.start(blueprint(kind=StillbornBlueprint))
        assert pool.pids == []

    run(test())


def test_new_rules_that_a_masker_ends_over_are_not_taken(monkeypatch):
    monkeypatch.setenv("STILLBORN", "1")

    async def test() -> None:
        async with maskers(1, blueprint()) as (pool, edition, _):
            with pytest.raises(UserError, match="the old ones stay"):
                await pool.prepare(blueprint(kind=StillbornBlueprint))
            assert isinstance(await edition.mask(request(EVENT)), Send)

    run(test())


def test_a_place_is_not_well_where_its_maskers_end_again_and_again_or_none_comes():
    async def test() -> None:
        slot = Slot(0)
        for number in range(MOST_DEATHS):
            slot.empty(float(number))
        assert slot.is_well(float(MOST_DEATHS))
        assert not slot.is_well(MOST_DEATHS + PATIENCE)
        slot.empty(float(MOST_DEATHS))
        assert not slot.is_well(float(MOST_DEATHS))

    run(test())


def test_who_would_wait_in_a_queue_without_an_end_is_sent_away(monkeypatch):
    monkeypatch.setattr("gateway.maskers.pool.WAITING", 2)
    monkeypatch.setattr("gateway.maskers.pool.PATIENCE", 0.05)

    async def test() -> None:
        slot = Slot(0)
        question = wire.Mask(1, request(EVENT))
        asked = [asyncio.create_task(slot.ask(question)) for _ in range(3)]
        assert all(isinstance(one, Busy) for one in await asyncio.gather(*asked, return_exceptions=True))
        assert slot.load == 0

    run(test())


def test_a_reply_is_edited_in_a_masker():
    setup = request(b'{"token":"phc_x","distinct_id":"visitor-4711"}', path="/flags/?v=2", route="s")
    came = b'{"sessionRecording":{"endpoint":"/s/"},"distinctId":"visitor-4711"}'

    async def test() -> None:
        plans = blueprint()
        alone = mask(setup, plans.programs()["s"], lambda: 0.0)
        async with maskers(1, plans) as (_, edition, _):
            outcome = await edition.mask(setup)
            assert outcome.reply.reads("application/json")
            assert not outcome.reply.reads("image/png")
            edited = await outcome.reply.edit(came, "application/json", [], {})
            assert edited is not None
            assert edited == alone.reply.edit(came, "application/json", [], {})
            assert await outcome.reply.edit(b"\xff", "application/json", [], {}) is None

    run(test())


class Store:
    """State that gateways share, in memory; `conflicts` says how often another gateway is first."""

    def __init__(self, conflicts: int = 0) -> None:
        self.kept: dict[str, bytes] = {}
        self.conflicts = conflicts
        self.state: dict[str, bytes] = {}

    @contextlib.asynccontextmanager
    async def borrow(self, keys):
        self.state = {key: self.kept.get(key, b"?") for key in keys}
        yield self

    async def give_back(self, state):
        if self.conflicts:
            self.conflicts -= 1
            return False
        self.kept.update(state)
        return True


def test_shared_state_is_lent_once_the_sessions_are_known_and_given_back_with_the_verdict():
    async def test() -> None:
        store = Store(conflicts=1)
        async with maskers(2, blueprint(kind=HostileBlueprint), store) as (_, edition, _):
            asked = request(visit("s1")[0], path="/s/", route="s")
            assert isinstance(await edition.mask(asked), Send)
            assert store.kept == dict.fromkeys(
                ("s\x00posthog\x00s1", "s\x00posthog\x00w", "s\x00posthog\x00s1\x00w"), b"?."
            )
            assert isinstance(await edition.mask(asked), Send)
            assert set(store.kept.values()) == {b"?.."}
            assert isinstance(await edition.mask(request(EVENT)), Send)  # of no session
            store.conflicts = 1000
            assert (await edition.mask(asked)).reason is Reason.FAULT

    run(test())


class Unreachable:
    @contextlib.asynccontextmanager
    async def borrow(self, _keys):
        raise ConnectionRefusedError
        yield


def test_without_the_store_the_request_is_to_come_back():
    async def test() -> None:
        async with maskers(1, blueprint(kind=HostileBlueprint), Unreachable()) as (_, edition, _):
            with pytest.raises(Busy):
                await edition.mask(request(visit("s1")[0], path="/s/", route="s"))
            assert isinstance(await edition.mask(request(EVENT)), Send)

    run(test())


def test_a_masker_is_not_told_the_secrets_of_the_environment_and_leaves_signals_to_the_front(monkeypatch):
    monkeypatch.setenv("GATEWAY_KEY", "a secret")

    async def test() -> None:
        async with maskers(1, blueprint()) as (pool, edition, ends):
            (pid,) = pool.pids
            assert "GATEWAY" not in told_of(pid, "environ")
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                os.kill(pid, number)
            assert isinstance(await edition.mask(request(EVENT)), Send)
            assert (pool.pids, ends) == ([pid], [])
            assert resource.prlimit(pid, resource.RLIMIT_CORE) == (0, 0)

    run(test())
