"""What the workshop does for the page view: a recorded page at a moment, as it left, or as it would leave under one more rule.

Runs in the workshop's process alone. It keeps what it made last, since a page is asked for once for its frame and once for
what stands beside it; nothing of that is written anywhere.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import lru_cache

from gateway import config
from gateway.core.outcome import Send
from gateway.core.pipeline import mask
from gateway.core.yaml import parse, read_model
from gateway.insight.page import Item, Sent, View, rebuild
from gateway.maskers.blueprint import Blueprint
from gateway.ruleset.program import Program
from gateway.ruleset.schema import RuleFile

SECONDS = 8.0
LISTED = 600
TRIAL = "the rule that you try"


@dataclass(frozen=True, slots=True)
class Shown:
    """A page, with the element that was chosen in it, behind all that it stands in."""

    view: View
    chosen: tuple[Item, ...]
    listed: int  # how many elements could be listed; the view has the first of them


@dataclass(frozen=True, slots=True)
class Asked:
    """Which page: its requests, the window and moment (the last where None), and a rule to try, or none."""

    sent: tuple[Sent, ...]
    window: int | None = None
    moment: int | None = None
    rule: str = ""


def show(blueprint: bytes, asked: Asked, node: int | None) -> Shown:
    """The page. Raises `UserError` where the rule to try can't be read."""
    view = _rebuilt(blueprint, asked)
    chosen = view.way(node) if node is not None else ()
    listed = [one for one in view.items if one.is_listed]
    return Shown(replace(view, items=tuple(listed[:LISTED])), chosen, len(listed))


@lru_cache(maxsize=6)
def _rebuilt(blueprint: bytes, asked: Asked) -> View:
    programs = _programs(blueprint, asked.rule)
    sent = asked.sent
    if asked.rule:
        sent = tuple(again for one in sent if (again := _masked(one, programs)) is not None)
    return rebuild(sent, programs.get, time.thread_time, asked.window, asked.moment, SECONDS)


@lru_cache(maxsize=3)
def _programs(blueprint: bytes, rule: str) -> dict[str, Program]:
    made = Blueprint.unpacked(blueprint)
    if rule:
        told = read_model(parse(rule, TRIAL), RuleFile, config.known_names(made.trackers))
        made = replace(made, rules=(*made.rules, told))
    return made.programs()


def _masked(one: Sent, programs: dict[str, Program]) -> Sent | None:
    """A request masked once more, or None where nothing of it would leave."""
    program = programs.get(one.request.route)
    outcome = mask(one.request, program, time.thread_time) if program is not None else None
    if not isinstance(outcome, Send):
        return None
    out = outcome.masked.request
    return replace(one, request=replace(one.request, target=out.target, headers=out.headers, body=out.body))
