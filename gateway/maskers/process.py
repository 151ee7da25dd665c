"""A masker: one process, one thread, one request after another. It knows no address and opens no file of its own.

Run by the front as `python -m gateway.maskers.process SOCKET NUMBER COUNT`, with a socket to it. It ends when the front
does (the socket's other end closes), and with the request that overruns its bounds; never by a signal that is meant
for the front (service managers and terminals send them to all).
"""

from __future__ import annotations

import gc
import socket
import sys
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import count
from typing import Protocol, assert_never, cast

from gateway.core.errors import Reason
from gateway.core.outcome import Outcome, Refuse, Response, Send
from gateway.core.pipeline import Keys, finish, masking
from gateway.maskers import wire
from gateway.maskers.blueprint import Blueprint
from gateway.maskers.bounds import Bounds, Stopwatch
from gateway.maskers.child import be_child
from gateway.ruleset.program import Program
from gateway.ruleset.replies import ReplyPlan
from gateway.trackers.schema import ReplyEdit


class Stateful(Protocol):
    """What a Program does where session state is shared."""

    def import_state(self, state: Mapping[str, bytes]) -> None:
        """Goes on from this state; empty bytes, or bytes that can't be read, stand for none."""
        ...

    def export_state(self, keys: Sequence[str]) -> Mapping[str, bytes]:
        """What is known of these sessions now."""
        ...


@dataclass(frozen=True, slots=True)
class Asked:
    """By what a request is judged."""

    edition: int
    route: str
    program: Program
    watch: Stopwatch


@dataclass(frozen=True, slots=True)
class Parked:
    """A request that waits for the state of its sessions."""

    asked: Asked
    steps: Generator[Keys, None, Outcome]
    keys: Keys


def owner_of(key: str, maskers: int) -> int:
    """Whose a session is: by its hash, so that every front and masker says the same."""
    return int.from_bytes(blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).digest()) % maskers


class Worker:
    """Answers the front's questions."""

    def __init__(self, number: int, maskers: int, bounds: Bounds) -> None:
        self._number = number
        self._maskers = maskers
        self._bounds = bounds
        self._editions: dict[int, dict[str, Program]] = {}
        self._current = 0
        self._parked: dict[int, Parked] = {}
        self._numbers = count(1)

    def answer(self, question: wire.Question) -> wire.Reading | None:
        """The answer to one question; None for what has none."""
        match question:
            case wire.Mask():
                return self._mask(question)
            case wire.State(number, state):
                return self._go_on(number, state)
            case wire.Edit():
                return self._edit(question)
            case wire.Drop(number):
                self._parked.pop(number, None)
                return None
            case wire.Count():
                programs = self._editions.get(self._current, {})
                return wire.Counted({name: _kept(program) for name, program in programs.items()})
            case wire.Prepare(edition, blueprint):
                for unused in [one for one in self._editions if one > self._current]:
                    del self._editions[unused]
                gc.collect()  # rules are compiled into cycles: those of the edition before last go now, not one day
                self._editions[edition] = Blueprint.unpacked(blueprint).programs(self._maskers)
                return wire.Ready(edition)
            case _:
                assert_never(question)

    def _mask(self, question: wire.Mask) -> wire.Reading:
        inbound = question.inbound
        program = self._programs(question.edition).get(inbound.route)
        if program is None:  # the front goes by an edition that this masker, started again since, never had
            return wire.Verdict(wire.pack(Refuse(Reason.FAULT, Response(415)), None))
        asked = Asked(question.edition, inbound.route, program, Stopwatch())
        with self._bounds.around(program.limits, asked.watch):
            begun = masking(inbound, program, asked.watch)
            try:
                keys = next(begun)
            except StopIteration as end:
                return _verdict(asked, end.value)
            if keys and not question.settled and (owner := owner_of(keys[0], self._maskers)) != self._number:
                begun.close()
                return wire.Elsewhere(owner)
            if keys and question.shared:
                number = next(self._numbers)
                self._parked[number] = Parked(asked, begun, keys)
                return wire.Wants(number, list(keys))
            return _verdict(asked, finish(begun))

    def _go_on(self, number: int, state: Mapping[str, bytes]) -> wire.Reading:
        parked = self._parked.pop(number, None)
        if parked is None:
            return wire.Gone()
        asked, keeper = parked.asked, cast(Stateful, parked.asked.program)
        with self._bounds.around(asked.program.limits, asked.watch):
            keeper.import_state({key: state.get(key, b"") for key in parked.keys})
            return _verdict(asked, finish(parked.steps), dict(keeper.export_state(parked.keys)))

    def _edit(self, question: wire.Edit) -> wire.Edited:
        told = question.reply
        program = self._programs(told.edition).get(told.route)
        if program is None:
            return wire.Edited(None)
        entries = _entries(program, told.tracker)
        watch = Stopwatch()
        edits = [entries[number] for number in told.edits if number < len(entries)]
        plan = ReplyPlan(program.opener, program.limits, watch, edits, told.ids)
        with self._bounds.around(program.limits, watch):
            return wire.Edited(plan.edit(question.body, question.content_type, question.encodings, question.hosts))

    def _programs(self, edition: int) -> Mapping[str, Program]:
        """An edition's Programs; the first request of a new edition puts it in force, sessions go on under it."""
        if edition not in self._editions:
            edition = max(self._editions)
        if edition > self._current:
            former = self._editions.get(self._current, {})
            for name, program in self._editions[edition].items():
                if name in former:
                    program.adopt(former[name])
            self._editions = {one: self._editions[one] for one in (self._current, edition) if one in self._editions}
            self._current = edition
        return self._editions[edition]


def _verdict(asked: Asked, outcome: Outcome, state: dict[str, bytes] | None = None) -> wire.Verdict:
    reply = None
    if isinstance(outcome, Send) and isinstance(outcome.reply, ReplyPlan):
        tracker, plan = outcome.report.tracker, outcome.reply
        numbers = [number for number, one in enumerate(_entries(asked.program, tracker)) if one in plan.edits]
        reply = wire.Reply(asked.edition, asked.route, tracker, numbers, dict(plan.ids))
    return wire.Verdict(wire.pack(outcome, reply), state or {}, asked.watch())


def _entries(program: Program, tracker: str) -> Sequence[ReplyEdit]:
    return next((one.replies for one in program.trackers if one.tracker == tracker), ())


def _kept(program: Program) -> tuple[int, int, int]:
    return len(program.sessions), program.sessions.held, program.memories.held


def serve(link: socket.socket, worker: Worker) -> None:
    """Answers until the front is gone."""
    with link.makefile("rb") as incoming:
        while len(head := incoming.read(wire.LENGTH.size)) == wire.LENGTH.size:
            (length,) = wire.LENGTH.unpack(head)
            data = incoming.read(length)
            if len(data) < length:
                return
            answer = worker.answer(wire.question(data))
            if answer is not None:
                link.sendall(_framed(answer))


def _framed(answer: wire.Reading) -> bytes:
    try:
        return wire.frame(answer)
    except UnicodeEncodeError:  # half of a pair of surrogates where a header or an address should be
        return wire.frame(wire.Verdict(wire.pack(Refuse(Reason.FAULT, Response(415)), None)))


def main(arguments: Sequence[str]) -> None:
    """Until the front is gone."""
    be_child("masker")
    descriptor, number, maskers = map(int, arguments)
    with socket.socket(fileno=descriptor) as link:
        try:
            serve(link, Worker(number, maskers, Bounds()))
        except ConnectionError:
            return  # the front is gone


if __name__ == "__main__":
    main(sys.argv[1:])
