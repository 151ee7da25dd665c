"""The `tests:` of rule files, each through the very pipeline that `gateway run` uses."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from gateway.core.message import Headers, Inbound
from gateway.insight.comparison import Stopped, attempt
from gateway.ruleset.program import Program
from gateway.ruleset.schema import RuleFile, RuleTest


@dataclass(frozen=True, slots=True)
class Verdict:
    """One test's outcome; `told` says what came instead, a line a difference."""

    test: RuleTest
    told: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        return not self.told


def run_tests(
    files: Sequence[RuleFile], program_of: Callable[[Sequence[str]], Program], clock: Callable[[], float]
) -> Iterator[Verdict]:
    """The verdict of each test, in the order of the files. `program_of` makes a program for trackers (none: any)."""
    programs: dict[str | None, Program] = {}
    for file in files:
        for test in file.tests:
            program = programs.get(test.tracker)
            if program is None:
                program = programs[test.tracker] = program_of([test.tracker] if test.tracker else [])
            yield Verdict(test, tuple(_differences(program, test, clock)))


def _differences(program: Program, test: RuleTest, clock: Callable[[], float]) -> Iterator[str]:
    body = json.dumps(test.input, ensure_ascii=False).encode()
    inbound = Inbound("POST", test.path or "/", Headers(test.headers.items()), body)
    inbound = replace(inbound, country=test.country, consented=test.consent is None)
    tried = attempt(program, inbound, clock)
    if isinstance(tried, Stopped):
        if test.expect != "refused":
            yield f"refused: {tried}; nothing of it would leave"
        return
    yield from differ(json.loads(tried.outbound.body), test.expect, "")


def differ(came: Any, wanted: Any, place: str) -> Iterator[str]:
    """Where two JSON values differ: a line a place."""
    if isinstance(came, dict) and isinstance(wanted, dict):
        for key in [*wanted, *(key for key in came if key not in wanted)]:
            inner = f"{place}.{key}" if place else str(key)
            if key not in came:
                yield f"{inner}: is gone, expected {_shown(wanted[key])}"
            elif key not in wanted:
                yield f"{inner}: is {_shown(came[key])}, expected to be gone"
            else:
                yield from differ(came[key], wanted[key], inner)
    elif isinstance(came, list) and isinstance(wanted, list) and len(came) == len(wanted):
        for index, (one, other) in enumerate(zip(came, wanted, strict=True)):
            yield from differ(one, other, f"{place}[{index}]")
    elif came != wanted or type(came) is not type(wanted):
        yield f"{place or 'body'}: is {_shown(came)}, expected {_shown(wanted)}"


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 120 else f"{text[:120]}…"
