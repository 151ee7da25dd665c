"""The gateway under test without a socket: the shipped rules, rules of a test's own, and one request through them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import date
from functools import cache
from pathlib import PurePath
from typing import Any

from gateway import config
from gateway.core.limits import Limits
from gateway.core.message import Headers, Inbound, Outbound
from gateway.core.outcome import Refuse, Send
from gateway.core.pipeline import mask
from gateway.core.yaml import parse, read_model
from gateway.ruleset.loading import load_rules
from gateway.ruleset.program import Program
from gateway.ruleset.schema import RuleFile
from gateway.trackers.loading import load_trackers
from gateway.trackers.schema import TrackerFile

KEY = b"k" * 32
TODAY = date(2026, 11, 24)
PRIVATE = "mask: [{name: private, select: .private, with: mask}]"


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@cache
def trackers() -> Mapping[str, TrackerFile]:
    return load_trackers(config.tracker_paths(), config.read_text)


def rule_file(text: str) -> RuleFile:
    """A rule file of a test's own."""
    return read_model(parse(text, "mine.yaml"), RuleFile, config.known_names(trackers()))


@cache
def default_rules() -> tuple[RuleFile, ...]:
    return load_rules([], PurePath(), config.built_in_rules(), config.read_text, config.known_names(trackers()))


def program(rules: str = "", *names: str, default: bool = True, clock: Clock | None = None, **options: Any) -> Program:
    """What runs: the default rules and, after them, those of the test. `names` are the trackers of the route."""
    files = (*(default_rules() if default else ()), *([rule_file(rules)] if rules else ()))
    options.setdefault("limits", Limits(time=60.0))
    return Program(files, trackers(), names=names, key=KEY, today=TODAY, clock=clock or Clock(), **options)


def request(
    body: Any = b"", *, path: str = "/", headers: Iterable[tuple[str, str]] = (), method: str = "POST", **more: Any
) -> Inbound:
    """One request; a body that is no bytes is sent as JSON."""
    data = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    return Inbound(method, path, Headers(headers), data, **more)


def sent(subject: Program, inbound: Inbound) -> Outbound:
    """What leaves; fails where the request was refused."""
    outcome = mask(inbound, subject, subject.clock)
    assert isinstance(outcome, Send), outcome
    return outcome.masked.request


def refused(subject: Program, inbound: Inbound) -> str:
    """Why a request is refused; fails where it leaves."""
    outcome = mask(inbound, subject, subject.clock)
    assert isinstance(outcome, Refuse), outcome
    return outcome.reason.value


def masked(subject: Program, body: Any, **more: Any) -> Any:
    """What a JSON body reads as once it has left."""
    return json.loads(sent(subject, request(body, **more)).body)
