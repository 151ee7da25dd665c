"""For one value of pasted requests: every place that holds it, and why it was or was not masked there. Nothing is kept."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from gateway.console import rules, tasks
from gateway.console.call import Call, Model, Problem
from gateway.console.rulefile import named


class Asked(Model):
    """Requests (a HAR file, captured ones, a body), a value in them, whose they are, and rules to try beside the live ones."""

    capture: Annotated[str, Field(min_length=1, max_length=16 << 20)]
    value: Annotated[str, Field(min_length=1, max_length=10_000)]
    tracker: Annotated[str, Field(max_length=100)] = ""
    candidate: rules.Candidate | None = None


class Sight(Model):
    """What one detector, pattern or memory makes of the value. `verdict` is `hit` or the reason of a miss."""

    finder: str
    verdict: str
    rule: str
    where: str


class Place(Model):
    """One place that holds the value, and what became of it there."""

    request: int
    part: str
    place: str
    layers: str
    category: str
    category_from: str
    element: str
    private: bool
    selected_by: tuple[str, ...]
    operator: str
    rule: str
    where: str
    outcome: str
    why: str
    after: str
    sights: tuple[Sight, ...]


class Explanation(Model):
    """All places, in order."""

    places: tuple[Place, ...]


async def explain(call: Call) -> Explanation:
    """Why a value was or was not masked."""
    desk, asked = call.desk, call.body
    context = desk.control.context
    if asked.tracker and asked.tracker not in desk.control.configuration.trackers:
        raise Problem(422, "no tracker has this name")
    changed = None
    if asked.candidate is not None:
        changed = named(rules.live_files(desk), asked.candidate.file).path, asked.candidate.text
    data = asked.capture.encode("utf-8", "surrogatepass")
    found = await desk.workshop.run(tasks.explain, list, context, data, asked.value, asked.tracker, changed)
    return Explanation.model_validate({"places": found})
