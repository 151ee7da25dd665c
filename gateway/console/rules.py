"""Rules as operations and pages show and change them: read, check, compare, publish, roll back.

What is published was checked in the workshop, its own tests included, is written whole, and is live when the answer says so;
a rule with an error never replaces a good one. Who read another text than is there changes nothing (412).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from gateway import config
from gateway.console import tasks
from gateway.console.call import Call, Desk, Model, Problem
from gateway.console.history import Announced, Edition
from gateway.console.people import when
from gateway.console.rulefile import OnDisk, etag_of, files_of, named, text_of
from gateway.console.trail import Act
from gateway.core.errors import UserError
from gateway.core.message import Inbound
from gateway.insight.effective import show_rules
from gateway.traffic import Exchange

SIZE = 1 << 20
Text = Annotated[str, Field(max_length=SIZE)]
FileName = Annotated[str, Field(min_length=1, max_length=500)]
Note = Annotated[str, Field(max_length=200)]


class Table(Model):
    """A table of what is in effect."""

    name: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


class Hits(Model):
    """How many values a rule, a category or a detector masked since the start, and when last."""

    rule: str
    count: int
    last: datetime


class FileView(Model):
    """A rule file. `why_not` says why it can't be changed from here; empty where it can."""

    name: str
    built_in: bool
    why_not: str
    etag: str
    rules: int
    tests: int


class RulesView(Model):
    """What is in effect, in order, and how often it was."""

    digests: tuple[str, ...]
    files: tuple[FileView, ...]
    tables: tuple[Table, ...]
    hits: tuple[Hits, ...]


class FileText(Model):
    """A rule file's text, and the ETag to change it with."""

    name: str
    text: str
    etag: str
    why_not: str


class Candidate(Model):
    """A new text for a rule file."""

    file: FileName
    text: Text


class TestVerdict(Model):
    """One of the file's own tests; `told` says what came instead."""

    name: str
    where: str
    passed: bool
    told: tuple[str, ...]


class Remark(Model):
    """Something at a place: `file:line`."""

    where: str
    message: str


class Checked(Model):
    """Whether a text is good. Where there are errors, nothing else is known."""

    good: bool
    errors: tuple[Remark, ...] = ()
    tests: tuple[TestVerdict, ...] = ()
    warnings: tuple[Remark, ...] = ()
    digests: tuple[str, ...] = ()


class Comparing(Candidate):
    """A new text, and pasted requests (HAR, captured requests, a body); without them, those that passed lately.

    Recent requests are there in debug mode alone: otherwise nobody keeps what came before masking.
    """

    capture: Annotated[str, Field(max_length=16 << 20)] = ""
    route: Annotated[str, Field(max_length=500)] = ""


class Change(Model):
    """One value that the two texts treat differently. An empty result: as it came."""

    request: int
    place: str
    before: str
    old: str
    new: str
    count: int
    loosens: bool


class ComparedRules(Model):
    """What a text would alter. `loosens`: values that would leave as they came."""

    requests: int
    total: int
    loosens: int
    differences: tuple[Change, ...]


class Publication(Model):
    """A new text, and why."""

    text: Text
    note: Note = ""


class Published(Model):
    """What is live now."""

    file: str
    etag: str
    digests: tuple[str, ...]


class EditionView(Model):
    """One line of the history. `until`: when the next one began; null while live. `file` is empty for a change elsewhere."""

    number: int
    at: datetime
    until: datetime | None
    file: str
    etag: str
    who: str
    by: str
    note: str
    digests: tuple[str, ...]


class HistoryPage(Model):
    """Lines, newest first."""

    editions: tuple[EditionView, ...]


class HistoryQuery(Model):
    """Which lines: those before a number, and how many."""

    before: Annotated[int, Field(ge=1, le=1 << 53)] | None = None
    most: Annotated[int, Field(ge=1, le=500)] = 100


class EditionText(EditionView):
    """A line with the text that went live."""

    text: str


def routes_of(desk: Desk) -> list[str]:
    """The labels of all routes."""
    return [route.label for route in desk.control.configuration.settings.routes]


def live_files(desk: Desk) -> list[OnDisk]:
    """The rule files of what is live, in effective order."""
    return files_of(desk.control.configuration.rules, desk.control.context.base)


async def read_rules(call: Call) -> RulesView:
    """What is in effect."""
    desk = call.desk
    rules = desk.control.configuration.rules
    files = live_files(desk)
    counted = {file.file: (len(file.mask), len(file.tests)) for file in rules}

    def views() -> tuple[FileView, ...]:
        return tuple(
            FileView(
                name=one.name,
                built_in=one.built_in,
                why_not=one.why_not,
                etag=etag_of(text_of(one)),
                rules=counted[str(one.path)][0],
                tests=counted[str(one.path)][1],
            )
            for one in files
        )

    sections = show_rules(rules)
    base = f"{desk.control.context.base}/"
    return RulesView(
        digests=tuple(desk.control.digests),
        files=await desk.run(views),
        tables=tuple(
            Table(
                name=one.name, title=one.title, columns=one.columns, rows=tuple(_shown(row, base) for row in one.rows)
            )
            for one in sections
        ),
        hits=tuple(
            Hits(rule=name, count=hits.count, last=when(hits.last)) for name, hits in sorted(desk.traffic.rules.items())
        ),
    )


def _shown(row: tuple[str, ...], base: str) -> tuple[str, ...]:
    """The packaged files by their short names, one's own as seen from gateway.yaml."""
    packaged = f"{config.rules_directory()}/"
    cells = (f"built-in {cell.removeprefix(packaged)}" if cell.startswith(packaged) else cell for cell in row)
    return tuple(cell.removeprefix(base) for cell in cells)


async def read_rule_file(call: Call) -> FileText:
    """One rule file's text."""
    return await _read(call.desk, call.path["file"])


async def _read(desk: Desk, name: str) -> FileText:
    file = named(live_files(desk), name)
    text = await desk.run(file.read)
    return FileText(name=file.name, text=text, etag=etag_of(text), why_not=await desk.run(lambda: file.why_not))


async def check_rules(call: Call) -> Checked:
    """Whether a new text would be good; nothing is changed."""
    asked: Candidate = call.body
    return await check_text(call.desk, named(live_files(call.desk), asked.file), asked.text)


async def check_text(desk: Desk, file: OnDisk, text: str) -> Checked:
    try:
        found = await desk.workshop.run(tasks.check, dict, desk.control.context, file.path, text)
    except UserError as error:
        each = getattr(error, "each", (error,))
        return Checked(good=False, errors=tuple(Remark(where=one.where, message=one.message) for one in each))
    tests = tuple(TestVerdict.model_validate(one) for one in found["tests"])
    return Checked(
        good=all(one.passed for one in tests),
        tests=tests,
        warnings=tuple(Remark(where=where, message=message) for where, message in found["warnings"]),
        digests=tuple(found["digests"]),
    )


async def compare_rules(call: Call) -> ComparedRules:
    """What a new text would alter on pasted requests, or on those that passed lately."""
    desk, asked = call.desk, call.body
    file = named(live_files(desk), asked.file)
    context = desk.control.context
    if asked.capture:
        if asked.route and asked.route not in routes_of(desk):
            raise Problem(422, "no route has this name")
        data = asked.capture.encode("utf-8", "surrogatepass")
        found = await desk.workshop.run(tasks.compare_capture, dict, context, file.path, asked.text, data, asked.route)
    else:
        requests = recent(desk.traffic)
        if not requests:
            raise Problem(
                409,
                "no request is kept as it came: paste some, or set `console.debug: true` while there is traffic of your own",
            )
        await call.note(Act.BEFORE_SEEN, f"{len(requests)} requests, compared by other rules")
        found = await desk.workshop.run(tasks.compare, dict, context, file.path, asked.text, requests)
    return ComparedRules.model_validate(found)


def recent(exchanges: Any) -> list[tuple[str, Inbound]]:
    """The requests that are kept as they came, oldest first, each with its route."""
    kept: list[Exchange] = [one for one in exchanges if one.before is not None]
    return [(one.route, one.before) for one in reversed(kept[:500]) if one.before is not None]


async def publish_rules(call: Call) -> Published:
    """Makes a new text live."""
    asked: Publication = call.body
    return await publish(call, call.path["file"], asked.text, call.match, asked.note, Act.RULES_PUBLISHED)


async def roll_back(call: Call) -> Published:
    """Makes an old text live again. If-Match is that of the file as it is now."""
    edition = await _edition(call)
    if not edition.file:
        raise Problem(409, "this was a change of the configuration: there is no rule file to bring back")
    note = f"as of number {edition.number}"
    return await publish(call, edition.file, edition.text, call.match, note, Act.RULES_ROLLED_BACK)


async def publish(call: Call, name: str, text: str, was: str, note: str, act: Act) -> Published:
    """Checks, writes, reloads; where the reload refuses, the old text is back."""
    desk = call.desk
    async with desk.publishing:
        file = named(live_files(desk), name)
        old = await desk.run(file.read)
        if etag_of(old) != was:
            raise Problem(412, f"{name} was changed meanwhile: read it again; nothing was written")
        if file.why_not:
            raise Problem(409, f"{name} {file.why_not}")
        checked = await check_text(desk, file, text)
        if not checked.good:
            told = [(one.where, one.message) for one in checked.errors]
            told += [
                (one.where, f'test "{one.name}": {line}')
                for one in checked.tests
                if not one.passed
                for line in one.told
            ]
            raise Problem(422, "not published: there are mistakes", told)
        fresh = etag_of(text)
        desk.history.announce(Announced(name, fresh, call.actor.name, call.actor.by, note))
        try:
            await desk.run(file.write, text, was)
            try:
                await desk.control.reload()
            except UserError as error:
                await desk.run(file.write, old, fresh)
                await desk.control.reload()
                raise Problem(422, f"not published: {error.message}", [(error.where, error.message)]) from None
            await desk.run(desk.history.record, live_files(desk), desk.control.digests)
        finally:
            desk.history.announce(None)
        await call.note(act, f"{name}: {fresh[:12]}")
    return Published(file=name, etag=fresh, digests=tuple(desk.control.digests))


async def read_history(call: Call) -> HistoryPage:
    """Which rules were live when."""
    asked: HistoryQuery = call.query
    before = asked.before
    found = await call.desk.run(call.desk.history.read, before=before, most=asked.most)
    until = None
    if before is not None:
        after = await call.desk.run(call.desk.history.get, before)
        until = after.at if after is not None else None
    return HistoryPage(editions=tuple(EditionView(**one) for one in _views(found, until)))


async def read_edition(call: Call) -> EditionText:
    """One line of the history, with its text."""
    edition = await _edition(call)
    newer = await call.desk.run(call.desk.history.read, most=500)
    until = min((one.at for one in newer if one.number > edition.number), default=None)
    (view,) = _views([edition], until)
    return EditionText(**view, text=edition.text)


async def _edition(call: Call) -> Edition:
    told = call.path["number"]
    number = int(told) if told.isascii() and told.isdecimal() and len(told) < 16 else 0
    found = await call.desk.run(call.desk.history.get, number)
    if found is None:
        raise Problem(404, "the history has no such line")
    return found


def _views(found: Sequence[Edition], until: float | None) -> list[dict[str, Any]]:
    views: list[dict[str, Any]] = []
    for one in found:
        views.append(
            {
                "number": one.number,
                "at": when(one.at),
                "until": when(until) if until is not None else None,
                "file": one.file,
                "etag": one.etag,
                "who": one.who,
                "by": one.by,
                "note": one.note,
                "digests": one.digests,
            }
        )
        until = one.at
    return views
