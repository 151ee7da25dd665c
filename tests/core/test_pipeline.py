"""The pipeline: its steps in order, and nothing forwarded where one of them does not end."""

from __future__ import annotations

import pytest

from gateway.core.errors import Reason, Refused
from gateway.core.limits import Limits
from gateway.core.message import Headers, Inbound, Outbound
from gateway.core.outcome import Refuse, Response, Send
from gateway.core.pipeline import mask, masking
from gateway.core.report import Report

STEPS = ("open", "recognise", "read", "keys", "decide", "close", "verify", "reply")
INBOUND = Inbound("POST", "/x", Headers(), b"raw")
OUTBOUND = Outbound("POST", "/x", Headers(), b"masked")


class Work:
    """Notes its steps; one of them may fail."""

    def __init__(self, fails: str = "", error: BaseException | None = None) -> None:
        self.report = Report(tracker="posthog")
        self.steps: list[str] = []
        self._fails = fails
        self._error = error

    def __getattr__(self, name):
        if name not in STEPS:
            raise AttributeError(name)

        def step():
            self.steps.append(name)
            if name == self._fails:
                raise self._error
            return {"close": OUTBOUND, "keys": ["key"]}.get(name)

        return step

    def refusal(self, reason):
        return Response(418, body=reason.encode())


class Program:
    digest = "d" * 64
    limits = Limits(time=5.0)

    def __init__(self, work: Work) -> None:
        self.work = work
        self.budget = None

    def begin(self, inbound, budget):
        assert inbound is INBOUND
        self.budget = budget
        return self.work


def test_every_step_runs_in_order_and_what_leaves_is_sealed():
    work = Work()
    outcome = mask(INBOUND, Program(work), lambda: 0.0)
    assert isinstance(outcome, Send)
    assert work.steps == list(STEPS)
    assert outcome.masked.request is OUTBOUND
    assert outcome.masked.program_digest == "d" * 64
    assert outcome.report is work.report


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("reason", Reason)
def test_a_step_that_refuses_ends_it(step, reason):
    work = Work(step, Refused(reason))
    outcome = mask(INBOUND, Program(work), lambda: 0.0)
    assert outcome == Refuse(reason, Response(418, body=reason.encode()), "posthog")
    assert work.steps[-1] == step


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("error", [ValueError("x"), KeyError("x"), RecursionError(), AssertionError()], ids=repr)
def test_a_defect_forwards_nothing(step, error):
    outcome = mask(INBOUND, Program(Work(step, error)), lambda: 0.0)
    assert isinstance(outcome, Refuse)
    assert outcome.reason is Reason.FAULT


@pytest.mark.parametrize("step", STEPS)
def test_what_does_not_fit_into_memory_is_too_large(step):
    outcome = mask(INBOUND, Program(Work(step, MemoryError())), lambda: 0.0)
    assert outcome == Refuse(Reason.TOO_LARGE, Response(418, body=b"too_large"), "posthog")


def test_it_stops_once_where_its_sessions_are_known_and_no_state_has_been_used():
    work = Work()
    begun = masking(INBOUND, Program(work), lambda: 0.0)
    assert next(begun) == ["key"]
    assert work.steps == ["open", "recognise", "read", "keys"]
    with pytest.raises(StopIteration) as ended:
        next(begun)
    assert isinstance(ended.value.value, Send)


def test_who_stops_the_process_is_not_held_up():
    with pytest.raises(KeyboardInterrupt):
        mask(INBOUND, Program(Work("read", KeyboardInterrupt())), lambda: 0.0)


def test_the_time_of_a_request_begins_with_it():
    now = [100.0]
    program = Program(Work())
    mask(INBOUND, program, lambda: now[0])
    program.budget.check_time()
    now[0] = 105.1
    with pytest.raises(Refused):
        program.budget.check_time()
