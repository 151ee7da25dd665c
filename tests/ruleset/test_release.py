"""A request's documents, claims and pages are gone with it: nothing of them waits for the garbage collector.

What waits may wait for hours: the collector looks at old objects the more seldom, the more of them live.
"""

from __future__ import annotations

import gc
from collections import Counter

import pytest

from gateway.cli.subject import load_subject
from gateway.core.message import Headers, Inbound
from gateway.core.outcome import Refuse, Send
from gateway.core.pipeline import finish, mask, masking
from gateway.recording.sessions import Sessions
from tests.judge.recorded import CORPUS, load_run

OURS = {"Leaf", "Map", "List", "Layer", "Document", "Claim", "Walk", "Judge", "Request", "Element", "Mirror", "Secrets"}
# of Datadog and OpenReplay, tables of strings and their uses refer to each other: what waits there is small
RUNS = ("posthog", "rrweb", "sentry", "clarity", "newrelic", "hyperdx", "snowplow", "faro", "mixpanel", "highlight")


@pytest.fixture
def waiting():
    """What only the collector would free, by type, of all that `run` made."""

    def count(run):
        gc.collect()
        gc.disable()
        gc.set_debug(gc.DEBUG_SAVEALL)
        try:
            kept = run()
            gc.collect()
            found = Counter(type(one).__name__ for one in gc.garbage)
        finally:
            gc.set_debug(0)
            gc.garbage.clear()
            gc.enable()
        assert kept
        return {name: count for name, count in found.items() if name in OURS or name.endswith("Layer")}

    return count


def inbound(request, session=""):
    body = request.body.replace(b"session", b"session" + session.encode())
    return Inbound(request.method, request.target, Headers(request.headers), body)


@pytest.mark.parametrize("run", RUNS)
def test_a_request_leaves_nothing_behind(run, waiting):
    program = load_subject(None, ()).program()
    requests = load_run(CORPUS, run)

    def visit():
        return [type(mask(inbound(one), program, lambda: 0.0)) for one in requests]

    visit()  # what is compiled at first use stays
    assert waiting(visit) == {}


def test_a_session_that_is_dropped_leaves_nothing_behind(waiting):
    program = load_subject(None, ()).program()
    program.sessions = Sessions(most=1)
    requests = load_run(CORPUS, "rrweb")

    def visit():
        for number in range(3):
            for one in requests:
                body = one.body.replace(b'"sessionId":"', b'"sessionId":"%d' % number)
                assert isinstance(
                    mask(Inbound(one.method, one.target, Headers(one.headers), body), program, lambda: 0.0), Send
                )
        return len(program.sessions) == 1

    visit()
    assert waiting(visit) == {}


def test_a_refused_request_leaves_nothing_behind(waiting):
    program = load_subject(None, ()).program()
    (largest,) = sorted(load_run(CORPUS, "posthog"), key=lambda one: len(one.body))[-1:]
    clock = iter(range(10**9)).__next__

    def visit():
        return isinstance(mask(inbound(largest), program, clock), Refuse)

    visit()
    assert waiting(visit) == {}


@pytest.mark.parametrize("run", ["rrweb", "clarity", "posthog"])
def test_a_session_that_hops_leaves_nothing_behind(run, waiting):
    gateways = [load_subject(None, ()).program() for _ in range(2)]
    requests = load_run(CORPUS, run)

    def visit():
        shared: dict[str, bytes] = {}
        for number, one in enumerate(requests):
            program = gateways[number % 2]
            steps = masking(inbound(one), program, lambda: 0.0)
            keys = list(next(steps))
            program.import_state({key: shared.get(key, b"") for key in keys})
            finish(steps)
            shared.update(program.export_state(keys))
        return any(shared.values())

    visit()
    assert waiting(visit) == {}
