"""What the workshop does with a payload that somebody tries: before and after by other rules, and the rule test that keeps it.

Runs in the workshop's process alone. Nothing that is tried is kept, but what an editor asks to be kept as a rule test.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from gateway import config
from gateway.console.context import Context, program_of
from gateway.console.seeing import ordered, short_place, writable
from gateway.core.errors import UserError
from gateway.core.message import Headers, Inbound
from gateway.core.yaml import quoted
from gateway.insight.captures import read_capture
from gateway.insight.comparison import Mark, Section, Stopped, attempt, compare
from gateway.insight.difference import differences
from gateway.insight.explanation import explain
from gateway.insight.keeping import keep_test
from gateway.insight.reasons import origins
from gateway.insight.rows import Bounds
from gateway.maskers.blueprint import Blueprint
from gateway.ruleset.program import Program

BOUNDS: Final = Bounds(rows=400, marks=500)
_BY_KEY: Final = frozenset({"hash", "encrypt"})
_MOST: Final = 200


@dataclass(frozen=True, slots=True)
class Payload:
    """What is tried: a body, a captured request or a HAR file, of which the first request counts."""

    data: bytes
    tracker: str = ""
    path: str = "/"
    content_type: str = ""


@dataclass(frozen=True, slots=True)
class Tryout:
    """What becomes of a payload by the rules that are tried. `against`: where the live rules do something else."""

    verdict: str
    reason: str
    tracker: str
    requests: int
    size_before: int
    size_after: int
    changed: int
    sections: tuple[Section, ...]
    marks: tuple[Mark, ...]
    against: tuple[dict[str, Any], ...]
    places: tuple[dict[str, Any], ...]


def try_out(context: Context, changed: tuple[Path, str] | None, payload: Payload, value: str) -> Tryout:
    """Before and after by a file's new text (None: by the live rules), and why `value` was masked or not."""
    blueprint = context.candidate({changed[0]: changed[1]}) if changed is not None else context.blueprint
    requests = _requests(payload)
    inbound = requests[0]
    where = {rule: short_place(place) for rule, place in origins(blueprint.rules, config.read_text).items()}
    told = compare(inbound, _program(blueprint, payload), time.thread_time, where, BOUNDS).comparison
    against = []
    if changed is not None:
        pair = [attempt(_program(one, payload), inbound, time.thread_time) for one in (context.blueprint, blueprint)]
        against = [{**asdict(one), "loosens": one.loosens} for one in differences(1, *pair)][:_MOST]
    places = []
    if value:
        found = explain(_program(blueprint, payload), where, [inbound], value, time.thread_time)
        places = [asdict(one) for one in found][:_MOST]
    return Tryout(
        verdict=told.verdict,
        reason=told.reason,
        tracker=told.tracker,
        requests=len(requests),
        size_before=told.size_before,
        size_after=told.size_after,
        changed=told.changes,
        sections=tuple(ordered(told.sections)),
        marks=tuple(map(writable, told.marks)),
        against=tuple(against),
        places=tuple(places),
    )


def with_test(context: Context, changed: tuple[Path, str], payload: Payload, name: str) -> str:
    """The file's text with one rule test more: this payload, and what these rules make of it.

    Raises `UserError` for what is no JSON, and for pseudonyms, which are others by another key.
    """
    blueprint = context.candidate({changed[0]: changed[1]})
    inbound = _requests(payload)[0]
    try:
        given = json.loads(inbound.body)
    except (ValueError, RecursionError):
        raise UserError("a rule test holds JSON: paste the body as JSON") from None
    plain = Inbound(
        "POST", payload.path, Headers(), json.dumps(given, ensure_ascii=False).encode("utf-8", "surrogatepass")
    )
    tried = attempt(_program(blueprint, payload), plain, time.thread_time)
    if isinstance(tried, Stopped):
        return keep_test(changed[1], name, payload.tracker, payload.path, given, "refused")
    by_key = sorted({change.place for change in tried.changes if change.operator in _BY_KEY})
    if by_key:
        places = ", ".join(quoted(place) for place in by_key[:3])
        raise UserError(f"a pseudonym is another one by another key: leave {places} out of the payload")
    return keep_test(changed[1], name, payload.tracker, payload.path, given, json.loads(tried.outbound.body))


def _requests(payload: Payload) -> tuple[Inbound, ...]:
    fields = Headers([("Content-Type", payload.content_type)] if payload.content_type else [])
    requests = read_capture(payload.data, Inbound("POST", payload.path, fields), "").requests
    if not requests:
        raise UserError("this holds no request: paste a body, a captured request or a HAR file")
    return requests


def _program(blueprint: Blueprint, payload: Payload) -> Program:
    if payload.tracker and payload.tracker not in blueprint.trackers:
        raise UserError("no tracker has this name")
    return program_of(blueprint, [payload.tracker] if payload.tracker else [])
