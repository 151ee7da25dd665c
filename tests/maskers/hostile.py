"""Programs that do in a masker what no payload should be able to: for the tests of what happens then.

A masker unpickles the blueprint, so these stand in a module that it can import.
"""

from __future__ import annotations

import os
import re
import time
from dataclasses import dataclass

from gateway.maskers.blueprint import Blueprint

SPIN, EAT, WAIT, DIE = b"!spin", b"!eat", b"!wait", b"!die"


MISDEEDS = {
    SPIN: lambda: re.fullmatch(r"(a+)+", "a" * 64 + "b"),  # one call that never looks at the budget
    EAT: lambda: [bytes(1_000_000) + b"x" for _ in range(100_000)],
    WAIT: lambda: time.sleep(600),
    DIE: os.abort,
}


class HostileProgram:
    """A Program, but for bodies that name a misdeed."""

    def __init__(self, program):
        self._program = program
        self._states = {}

    def __getattr__(self, name):
        return getattr(self._program, name)

    def begin(self, inbound, budget):
        work = self._program.begin(inbound, budget)
        work.open = MISDEEDS.get(inbound.body, work.open)
        return work

    # shared state: how often a session was masked

    def import_state(self, state):
        self._states = dict(state)

    def export_state(self, keys):
        return {key: self._states[key] + b"." for key in keys}


@dataclass(frozen=True, slots=True)
class HostileBlueprint(Blueprint):
    def programs(self, share=1):
        # not `super()`: a dataclass with slots is another class than the one that the method was written in
        return {name: HostileProgram(program) for name, program in Blueprint.programs(self, share).items()}


@dataclass(frozen=True, slots=True)
class StillbornBlueprint(Blueprint):
    def programs(self, share=1):
        if "STILLBORN" not in os.environ:  # what the front has set; a masker gets no more of it than it needs
            os._exit(3)
        return Blueprint.programs(self, share)
