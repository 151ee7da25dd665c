"""The whole product on one page: a request comes in, a verdict goes out. Pure: no I/O, no clock, no chance of its own.

    open layers → recognise the tracker → read (claims) → decide (edits) → splice and close → verify

Only `mask` makes a `Masked`. What cannot be opened, read, decided or closed within its budget is refused: nothing of it
leaves, and the answer makes the SDK drop it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from gateway.core.errors import Reason, Refused
from gateway.core.limits import Budget, Limits
from gateway.core.masked import seal
from gateway.core.message import Inbound, Outbound
from gateway.core.outcome import Outcome, Refuse, ReplyEditor, Response, Send
from gateway.core.report import Report


class Work(Protocol):
    """One request in the making. Each step raises `Refused` where it must not go on."""

    report: Report

    def open(self) -> None: ...
    def recognise(self) -> None: ...
    def read(self) -> None: ...
    def decide(self) -> None: ...
    def close(self) -> Outbound: ...
    def verify(self) -> None: ...
    def refusal(self, reason: Reason) -> Response: ...
    def reply(self) -> ReplyEditor | None: ...
    def session(self) -> bytes: ...


class Program(Protocol):
    """What runs: compiled rules and trackers with the plug-ins they use. Immutable, known by its digest."""

    @property
    def digest(self) -> str: ...

    @property
    def limits(self) -> Limits: ...

    def begin(self, inbound: Inbound, budget: Budget) -> Work: ...


def finish(work: Work) -> Outbound:
    """All steps of one request, in their order: what may leave. Raises `Refused` where nothing may."""
    work.open()
    work.recognise()
    work.read()
    work.decide()
    outbound = work.close()
    work.verify()
    return outbound


def mask(inbound: Inbound, program: Program, clock: Callable[[], float]) -> Outcome:
    """The verdict on one request: `Send` with what may leave, or `Refuse`. `clock` is in seconds, never back."""
    budget = Budget(program.limits, clock)
    work = program.begin(inbound, budget)
    try:
        outbound = finish(work)
        reply = work.reply()
        session = work.session()
    except Refused as refused:
        return Refuse(refused.reason, work.refusal(refused.reason), work.report.tracker)
    except Exception:  # noqa: BLE001 - one of the two edges: a defect of ours must forward nothing
        return Refuse(Reason.FAULT, work.refusal(Reason.FAULT), work.report.tracker)
    return Send(seal(outbound, program.digest), work.report, reply, session)
