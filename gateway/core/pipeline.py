"""The whole product on one page: a request comes in, a verdict goes out. Pure: no I/O, no clock, no chance of its own.

    open layers → recognise the tracker → read (claims) → [its sessions are known] → decide (edits) → splice and close → verify

Only `masking` makes a `Masked`. What cannot be opened, read, decided or closed within its budget is refused: nothing of it
leaves, and the answer makes the SDK drop it. Up to the bracket no state is used and none is changed: a shell may stop
there, hand in the state of those sessions, or give the request to the process that has it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Protocol

from gateway.core.errors import Reason, Refused
from gateway.core.limits import Budget, Limits
from gateway.core.masked import seal
from gateway.core.message import Inbound, Outbound
from gateway.core.outcome import Outcome, Refuse, ReplyEditor, Response, Send
from gateway.core.report import Report

type Keys = Sequence[str]
"""The names of the sessions that a request touches, each once; the first one says whose the request is."""


class Work(Protocol):
    """One request in the making. Each step raises `Refused` where it must not go on."""

    report: Report

    def open(self) -> None: ...
    def recognise(self) -> None: ...
    def read(self) -> None: ...
    def keys(self) -> Keys: ...
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


def steps(work: Work) -> Generator[Keys, None, Outbound]:
    """All steps of one request, in their order: what may leave. Raises `Refused` where nothing may."""
    work.open()
    work.recognise()
    work.read()
    yield work.keys()
    work.decide()
    outbound = work.close()
    work.verify()
    return outbound


def masking(inbound: Inbound, program: Program, clock: Callable[[], float]) -> Generator[Keys, None, Outcome]:
    """The verdict on one request: `Send` with what may leave, or `Refuse`. `clock` is in seconds, never back.

    Yields once, unless it ends before: the request's sessions, whose state comes into play from there on.
    """
    work = program.begin(inbound, Budget(program.limits, clock))
    try:
        outbound = yield from steps(work)
        reply = work.reply()
        session = work.session()
    except Refused as refused:
        reason = refused.reason
    except MemoryError:
        reason = Reason.TOO_LARGE
    except Exception:  # noqa: BLE001 - one of the two edges: a defect of ours must forward nothing
        reason = Reason.FAULT
    else:
        return Send(seal(outbound, program.digest), work.report, reply, session)
    return Refuse(reason, work.refusal(reason), work.report.tracker)


def finish[T](steps: Generator[Keys, None, T]) -> T:
    """Runs steps to their end, with the state that the program holds itself."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            ended: T = end.value
            return ended


def mask(inbound: Inbound, program: Program, clock: Callable[[], float]) -> Outcome:
    """The verdict of a program that holds all state itself: `masking` without a stop."""
    return finish(masking(inbound, program, clock))
