"""A payload and rules to try on it, as operations: before and after, what the live rules do differently, why; kept as a test.

What is pasted is worked on in the workshop and forgotten, unless an editor keeps it as a rule test: a rule file is read by
many, so that only what is made up belongs there, and whoever keeps one says so.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from gateway.console import bench, rules
from gateway.console.call import Call, Model, Problem
from gateway.console.explaining import Place
from gateway.console.live import ChangeView, PartView, changes_of, parts_of
from gateway.console.rulefile import named
from gateway.console.trail import Act

SIZE = 4 << 20
Capture = Annotated[str, Field(min_length=1, max_length=SIZE)]
Tracker = Annotated[str, Field(max_length=100)]
RequestPath = Annotated[str, Field(max_length=4_000, pattern=r"^/[!-~]*$")]


class Trying(Model):
    """A body, a captured request or a HAR file (its first request), and rules to try beside the live ones.

    `value`: to be told why it was, or was not, masked.
    """

    capture: Capture
    tracker: Tracker = ""
    path: RequestPath = "/"
    content_type: Annotated[str, Field(max_length=200, pattern=r"^[ -~]*$")] = ""
    candidate: rules.Candidate | None = None
    value: Annotated[str, Field(max_length=10_000)] = ""


class TriedView(Model):
    """What becomes of the payload. `against`: what the live rules do otherwise. Sizes are bytes of the body."""

    verdict: Literal["send", "refuse"]
    reason: str
    tracker: str
    requests: int
    size_before: int
    size_after: int
    changed: int
    parts: tuple[PartView, ...]
    changes: tuple[ChangeView, ...]
    against: tuple[rules.Change, ...]
    places: tuple[Place, ...]


class Keeping(Model):
    """A rule file's new text, and a payload to keep in it as a test. `made_up`: no value in it is a real person's."""

    text: rules.Text
    name: Annotated[str, Field(min_length=1, max_length=200)]
    capture: Annotated[str, Field(min_length=1, max_length=100_000)]
    tracker: Tracker = ""
    path: RequestPath = "/"
    made_up: Literal[True]


async def try_rules(call: Call) -> TriedView:
    """Before and after of a payload, by rules that are tried."""
    asked: Trying = call.body
    desk = call.desk
    changed = _changed(call, asked.candidate) if asked.candidate is not None else None
    data = asked.capture.encode("utf-8", "surrogatepass")
    payload = bench.Payload(data, asked.tracker, asked.path, asked.content_type)
    found = await desk.workshop.run(bench.try_out, bench.Tryout, desk.control.context, changed, payload, asked.value)
    return TriedView(
        verdict="send" if found.verdict == "send" else "refuse",
        reason=found.reason,
        tracker=found.tracker,
        requests=found.requests,
        size_before=found.size_before,
        size_after=found.size_after,
        changed=found.changed,
        parts=parts_of(found.sections),
        changes=changes_of(found.marks),
        against=tuple(rules.Change.model_validate(one) for one in found.against),
        places=tuple(Place.model_validate(one) for one in found.places),
    )


async def keep_rule_test(call: Call) -> rules.Published:
    """Publishes a rule file's text with the payload as one test more."""
    asked: Keeping = call.body
    file = call.path["file"]
    if not asked.made_up:
        raise Problem(422, "a rule test is read by many: keep made-up values only")
    candidate = rules.Candidate(file=file, text=asked.text)
    data = asked.capture.encode("utf-8", "surrogatepass")
    payload = bench.Payload(data, asked.tracker, asked.path)
    text = await call.desk.workshop.run(
        bench.with_test, str, call.desk.control.context, _changed(call, candidate), payload, asked.name
    )
    return await rules.publish(call, file, text, call.match, f"with the test {asked.name}"[:200], Act.RULES_PUBLISHED)


def _changed(call: Call, candidate: rules.Candidate) -> tuple[Path, str]:
    return named(rules.live_files(call.desk), candidate.file).path, candidate.text
