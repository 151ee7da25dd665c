"""What a masker compiles: rules, trackers, routes and keys, as the front has read and checked them.

It goes from the front to its own children, and only that way, so pickle may carry it: nothing that a client sent is in it,
and a masker that starts later gets the very rules that the others have, whatever the files say by then.
"""

from __future__ import annotations

import pickle
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Self

from gateway.core.limits import Limits
from gateway.recording.sessions import Sessions
from gateway.ruleset.keys import Keys
from gateway.ruleset.program import Program
from gateway.ruleset.schema import RuleFile
from gateway.ruleset.secrets import Memories
from gateway.trackers.schema import TrackerFile


@dataclass(frozen=True, slots=True)
class RouteRules:
    """What a route says of masking: its trackers (none: any), and what happens to what none of them knows."""

    trackers: tuple[str, ...] = ()
    unrecognised: str = "detect"


@dataclass(frozen=True, slots=True)
class Kept:
    """How much of visitors' sessions a route keeps, in all maskers together; for how long, in seconds."""

    most: int = 10_000
    nodes: int = 5_000_000
    secrets: int = 2_000_000
    idle: float = 3600.0


@dataclass(frozen=True, slots=True)
class Blueprint:
    """Everything that the Programs of a configuration are made of."""

    rules: tuple[RuleFile, ...]
    trackers: Mapping[str, TrackerFile]
    routes: Mapping[str, RouteRules]
    keys: Keys
    today: date
    limits: Limits
    kept: Kept = field(default_factory=Kept)

    def programs(self, share: int = 1) -> dict[str, Program]:
        """The Program of each route. One of `share` maskers keeps that part of the sessions that one alone would keep."""
        kept = self.kept
        most, nodes, secrets = (max(1, one // share) for one in (kept.most, kept.nodes, kept.secrets))
        return {
            name: Program(
                self.rules,
                self.trackers,
                names=route.trackers,
                key=self.keys,
                today=self.today,
                clock=time.monotonic,
                limits=self.limits,
                unrecognised=route.unrecognised,
                sessions=Sessions(most, nodes, kept.idle),
                memories=Memories(self.keys.master, most, secrets, kept.idle),
            )
            for name, route in self.routes.items()
        }

    def packed(self) -> bytes:
        """For a masker of this gateway."""
        return pickle.dumps(self, pickle.HIGHEST_PROTOCOL)

    @classmethod
    def unpacked(cls, data: bytes) -> Self:
        """What the front sent. Never called on anything else."""
        made = pickle.loads(data)  # noqa: S301 - from the process that started this one
        if not isinstance(made, cls):
            raise TypeError("is no blueprint")
        return made
