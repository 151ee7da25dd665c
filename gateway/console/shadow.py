"""A rule file's new text on trial: `maskers.shadow` masks a share of the visitors by it, and only counts."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Annotated

from pydantic import Field

from gateway.console import rules
from gateway.console.call import Call, Model, Problem
from gateway.console.people import when
from gateway.console.rulefile import etag_of, named
from gateway.console.trail import Act
from gateway.console.trial import Trial
from gateway.maskers.shadow import Shadow, Tally

Share = Annotated[float, Field(gt=0, le=1)]


class Shadowing(rules.Candidate):
    """A new text, and which share of the visitors it is tried on."""

    share: Share = 0.1


class Counts(Model):
    """What rules did: verdicts, and values by rule."""

    verdicts: dict[str, int]
    values: dict[str, int]


class ShadowView(Model):
    """A trial. Both counts are of the same requests; `alike` of them left the same, byte for byte."""

    running: bool
    file: str = ""
    etag: str = ""
    who: str = ""
    since: datetime | None = None
    share: float = 0
    digests: tuple[str, ...] = ()
    requests: int = 0
    alike: int = 0
    missed: int = 0
    live: Counts | None = None
    tried: Counts | None = None


async def read_shadow(call: Call) -> ShadowView:
    """What the trial counted so far."""
    return _view(call.desk.trials.current)


async def begin_shadow(call: Call) -> ShadowView:
    """Begins a trial in the place of the one that there was."""
    desk, asked = call.desk, call.body
    async with desk.publishing:
        file = named(rules.live_files(desk), asked.file)
        checked = await rules.check_text(desk, file, asked.text)
        if checked.errors:
            raise Problem(422, "not tried: there are mistakes", [(one.where, one.message) for one in checked.errors])
        candidate = await desk.run(desk.control.context.candidate, {file.path: asked.text})
        shadow = Shadow(asked.share)
        await shadow.begin(candidate)
        trial = Trial(shadow, file.name, etag_of(asked.text), call.actor.name, time.time())
        await desk.trials.take(trial, desk.control.shadow)
    await call.note(Act.SHADOW_BEGUN, f"{file.name}: {trial.etag[:12]}, {asked.share:.0%}")
    return _view(trial)


async def end_shadow(call: Call) -> None:
    """Ends the trial, if there is one."""
    desk = call.desk
    trial = desk.trials.current
    await desk.trials.take(None, desk.control.shadow)
    if trial is not None:
        await call.note(Act.SHADOW_ENDED, f"{trial.file}: {trial.etag[:12]}")


def _view(trial: Trial | None) -> ShadowView:
    if trial is None:
        return ShadowView(running=False)
    shadow = trial.shadow
    return ShadowView(
        running=True,
        file=trial.file,
        etag=trial.etag,
        who=trial.who,
        since=when(trial.since),
        share=shadow.share,
        digests=shadow.digests,
        requests=shadow.tried.verdicts.total(),
        alike=shadow.alike,
        missed=shadow.missed,
        live=_counts(shadow.live),
        tried=_counts(shadow.tried),
    )


def _counts(tally: Tally) -> Counts:
    return Counts(verdicts=dict(tally.verdicts), values=dict(tally.values))
