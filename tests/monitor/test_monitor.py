"""Which requests are sampled, what becomes of those that are not read, and that all of it is bounded."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter

import pytest

from gateway.core.masked import seal
from gateway.core.message import Headers, Outbound
from gateway.core.outcome import Send
from gateway.core.report import Finding, Report
from gateway.log import Event
from gateway.monitor.drift import Client
from gateway.monitor.monitor import (
    AT_LEAST,
    LARGEST,
    MOST_RESIDUES,
    TOLD_FOR,
    WAITING,
    Knowledge,
    Monitor,
    Result,
    Where,
)
from gateway.status import Reason
from tests.subject import default_rules, trackers

ROUTE = "shop"


def sent(body=b'{"properties": {"title": "write to jane.roe@example.org"}}', program="now"):
    findings = Counter({Finding("cards", "mask", "a"): 1})
    return Send(seal(Outbound("POST", "/e/", Headers([]), body), program), Report("posthog", findings=findings))


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def said():
    return []


def monitor(clock, said, share=1.0):
    knowledge = Knowledge.of(default_rules(), trackers(), [ROUTE], ["now"])
    return Monitor(share, 60.0, knowledge, lambda event, **fields: said.append((event, fields)), clock)


def waiting(watch):
    return watch._waiting.qsize()


def test_a_small_share_still_sees_one_each_ten_seconds(clock, said):
    watch = monitor(clock, said, share=1e-6)
    for _ in range(50):
        watch.saw(ROUTE, sent())
    assert waiting(watch) == 1
    clock.now += AT_LEAST
    watch.saw(ROUTE, sent())
    watch.saw("another", sent())
    assert waiting(watch) == 3


def test_what_is_too_large_or_too_much_is_dropped_and_counted(clock, said):
    watch = monitor(clock, said)
    watch.saw(ROUTE, sent(b"x" * (LARGEST + 1)))
    for _ in range(WAITING + 5):
        watch.saw(ROUTE, sent())
    assert waiting(watch) == WAITING
    assert (watch.sampled[Result.LARGE], watch.sampled[Result.DROPPED]) == (1, 5)
    large = monitor(clock, said)
    for _ in range(10):
        large.saw(ROUTE, sent(b"x" * LARGEST))
    assert waiting(large) == 4
    assert large.sampled[Result.DROPPED] == 6


def test_a_residue_is_a_trouble_for_an_hour_and_logged_once_in_it(clock, said):
    watch = monitor(clock, said)
    for _ in range(3):
        watch._found_residue(Where(Client(ROUTE, "posthog"), "properties.title", "email"), 1, clock.now, "now")
    assert [trouble.reason for trouble in watch.troubles()] == [Reason.RESIDUE_FOUND]
    assert [event for event, _ in said] == [Event.RESIDUE_FOUND]
    clock.now += TOLD_FOR
    assert list(watch.troubles()) == []


def test_what_former_rules_let_out_is_counted_and_no_trouble(clock, said):
    watch = monitor(clock, said)
    watch._found_residue(Where(Client(ROUTE, "posthog"), "url", "email"), 1, clock.now, "former")
    assert list(watch.troubles()) == []
    assert [sample.value for sample in watch.samples() if sample.metric == "gateway_monitor_residue_total"] == [1]


def test_places_are_bounded(clock, said):
    watch = monitor(clock, said)
    for number in range(MOST_RESIDUES + 20):
        watch._found_residue(Where(Client(ROUTE, "posthog"), f"p{number}", "email"), 1, clock.now, "now")
    counted = [sample for sample in watch.samples() if sample.metric == "gateway_monitor_residue_total"]
    assert len(counted) == MOST_RESIDUES + 1
    assert counted[-1].labels[2] == "elsewhere"
    assert counted[-1].value == 20


def test_the_reader_is_started_at_the_first_sample_and_ends_with_the_monitor(clock, said):
    async def story():
        watch = monitor(clock, said)
        running = asyncio.create_task(watch.run())
        assert watch.pid == 0
        watch.saw(ROUTE, sent())
        async with asyncio.timeout(60):
            while not watch.sampled[Result.READ]:  # noqa: ASYNC110 - it has no event
                await asyncio.sleep(0.05)
        pid = watch.pid
        os.kill(pid, signal.SIGTERM)  # meant for the front
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
        return watch.findings()

    found = asyncio.run(story())
    assert [(where.place, where.detector) for where, _ in found.residues] == [("properties.title", "email")]
