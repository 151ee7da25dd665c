"""What the workshop does with rules: plain data in, plain data out.

Runs in the workshop's process alone: it may take its time and its memory. Wrong rules are `FileErrors` or `UserError`.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from gateway import config
from gateway.console.context import Context, program_for, program_of
from gateway.core.errors import UserError
from gateway.core.message import Headers, Inbound
from gateway.insight.captures import read_capture
from gateway.insight.comparison import attempt
from gateway.insight.difference import Difference, differences
from gateway.insight.effective import warn_of_rules
from gateway.insight.explanation import explain as explained
from gateway.insight.reasons import origins
from gateway.insight.trial import run_tests

MOST_DIFFERENCES: Final = 500


def check(context: Context, path: Path, text: str) -> dict[str, Any]:
    """Whether rules with this file's new text are good: digests by route, the file's own tests, warnings."""
    blueprint = context.candidate({path: text})
    programs = blueprint.programs()
    own = [file for file in blueprint.rules if Path(file.file) == path]
    if not own:
        raise UserError("is not among the rules of gateway.yaml any more", str(path))
    tests = run_tests(own, lambda names: program_of(blueprint, names), time.thread_time)
    return {
        "digests": list(dict.fromkeys(program.digest for program in programs.values())),
        "tests": [
            {"name": one.test.name, "where": one.test.where, "passed": one.passed, "told": list(one.told)}
            for one in tests
        ],
        "warnings": [list(one) for one in warn_of_rules(own, datetime.now(UTC).date())],
    }


def compare(context: Context, path: Path, text: str, requests: Sequence[tuple[str, Inbound]]) -> dict[str, Any]:
    """What a file's new text would alter on requests, each with its route. Sessions begin with the first of them."""
    candidate = context.candidate({path: text})
    routes = dict.fromkeys(route for route, _ in requests)
    programs = {route: tuple(program_for(one, route) for one in (context.blueprint, candidate)) for route in routes}
    found: list[Difference] = []
    total = loosens = 0
    for number, (route, inbound) in enumerate(requests, 1):
        old, new = (attempt(program, inbound, time.thread_time) for program in programs[route])
        for difference in differences(number, old, new):
            total += 1
            loosens += difference.loosens
            if len(found) < MOST_DIFFERENCES:
                found.append(difference)
    shown = [{**asdict(one), "loosens": one.loosens} for one in found]
    return {"requests": len(requests), "total": total, "loosens": loosens, "differences": shown}


def compare_capture(context: Context, path: Path, text: str, capture: bytes, route: str) -> dict[str, Any]:
    """The same on pasted requests."""
    return compare(context, path, text, [(route, inbound) for inbound in captured(capture)])


def explain(
    context: Context, capture: bytes, value: str, tracker: str, changed: tuple[Path, str] | None
) -> list[dict[str, Any]]:
    """For one value, every place of pasted requests that holds it, and why it was or was not masked there."""
    blueprint = context.candidate({changed[0]: changed[1]}) if changed is not None else context.blueprint
    if tracker and tracker not in blueprint.trackers:
        raise UserError("no tracker has this name")
    program = program_of(blueprint, [tracker] if tracker else [])
    where = origins(blueprint.rules, config.read_text)
    return [asdict(one) for one in explained(program, where, captured(capture), value, time.thread_time)]


def captured(data: bytes) -> Sequence[Inbound]:
    """The requests of a HAR file, of captured requests, or of a body."""
    return read_capture(data, Inbound("POST", "/", Headers()), "").requests
