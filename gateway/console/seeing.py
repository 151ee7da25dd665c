"""One exchange made to be seen: its request before and after, or after alone, a page of rows at a time.

Runs in the workshop. Before it compares, it masks what the ring still has of the session's earlier requests, so that the
session is known as it was then; whether what comes out is what left is said, not assumed.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from gateway.config import read_text, rules_directory
from gateway.core.message import Headers, Inbound, Outbound
from gateway.core.outcome import Send
from gateway.core.pipeline import mask
from gateway.core.yaml import one_line
from gateway.insight.comparison import Mark, Section, compare
from gateway.insight.looking import look
from gateway.insight.reasons import origins
from gateway.insight.rows import Bounds, Piece, Row
from gateway.maskers.blueprint import Blueprint

ROWS: Final = 250  # of one page
NEAR: Final = 2  # rows shown before and after a change
UNOPENED: Final = 20_000  # bytes shown of a body that can't be opened
EARLIER_SECONDS: Final = 3.0
BOUNDS: Final = Bounds(rows=40_000, drawn=40_000, marks=10_000)


@dataclass(frozen=True, slots=True)
class Subject:
    """What is to be seen. `sent` is what left; `before` what came, with what the session sent before it, oldest first."""

    route: str
    program: str
    sent: Outbound | None
    before: Inbound | None = None
    came: Headers | None = None
    earlier: tuple[Inbound, ...] = ()


@dataclass(frozen=True, slots=True)
class Window:
    """Which rows: of all, or of those near a change; page 1 is the first."""

    page: int = 1
    all_rows: bool = False


@dataclass(frozen=True, slots=True)
class Sight:
    """A page of rows. `changed` counts the changes; `pages` the pages of the longest section.

    `is_same`: masked again, it is what left, byte for byte. `is_former`: the rules have changed since.
    """

    sections: tuple[Section, ...]
    marks: tuple[Mark, ...] = ()
    changed: int = 0
    pages: int = 1
    is_same: bool = True
    is_former: bool = False
    where: dict[str, str] = field(default_factory=dict)  # rule or category → file:line


def see(blueprint: bytes, subject: Subject, window: Window) -> Sight:
    """The request before and after where there is a before, else after alone. Compiles the rules anew each time."""
    plan = Blueprint.unpacked(blueprint)
    rules = plan.routes.get(subject.route)
    if rules is None:
        return Sight((), is_former=True)
    program = replace(plan, routes={subject.route: rules}).programs()[subject.route]
    where = {rule: short_place(place) for rule, place in origins(plan.rules, read_text).items()}
    is_former = bool(subject.program) and subject.program != program.digest
    if subject.before is None:
        sections = ordered(look(subject.sent, program, time.thread_time, BOUNDS)) if subject.sent is not None else []
        shown, pages = _window(sections, Window(window.page, all_rows=True))
        return Sight(shown, pages=pages, is_former=is_former, where=where)
    end = time.thread_time() + EARLIER_SECONDS
    for one in subject.earlier:
        if time.thread_time() > end:
            break
        mask(one, program, time.thread_time)
    compared = compare(subject.before, program, time.thread_time, where, BOUNDS, subject.came)
    told, outcome = compared.comparison, compared.outcome
    again = outcome.masked.request if isinstance(outcome, Send) else None
    sections = ordered(told.sections)
    if subject.before.body and not any(section.part == "body" for section in sections):
        sections.insert(0, _unopened(subject.before.body))
    shown, pages = _window(sections, window)
    seen = {number for section in shown for row in section.rows for number in row.marks}
    return Sight(
        sections=shown,
        marks=tuple(writable(mark) for mark in told.marks if mark.number in seen),
        changed=told.changes,
        pages=pages,
        is_same=again == subject.sent,
        is_former=is_former,
        where=where,
    )


def ordered(sections: Iterable[Section]) -> list[Section]:
    """The body first: it is what most look for."""
    return sorted(sections, key=lambda section: section.part != "body")


def _unopened(body: bytes) -> Section:
    """A body that could not be opened, as text as far as it is any."""
    text = "".join(
        char if char in "\n\t" else one_line(char) for char in body[:UNOPENED].decode("utf-8", "backslashreplace")
    )
    lines = [(Piece(line),) for line in text.split("\n")]
    if len(body) > UNOPENED:
        lines.append((Piece(f"… {len(body) - UNOPENED} more bytes", 0, "cut"),))
    return Section("body", "not opened", tuple(Row(line, ()) for line in lines))


def writable(mark: Mark) -> Mark:
    """Half of a surrogate pair as its escape: nothing else can be sent on."""
    before, after = (text.encode("utf-8", "backslashreplace").decode() for text in (mark.before, mark.after))
    return replace(mark, before=before, after=after)


def short_place(place: str) -> str:
    """A shipped file by its name, others as they are."""
    return place.removeprefix(f"{rules_directory()}/")


def _window(sections: Sequence[Section], window: Window) -> tuple[tuple[Section, ...], int]:
    """The sections' rows of one page, and how many pages there are."""
    folded = [(section, section.rows if window.all_rows else tuple(_near(section.rows))) for section in sections]
    longest = max((len(rows) for _, rows in folded), default=0)
    pages = max(1, -(-longest // ROWS))
    first = (min(window.page, pages) - 1) * ROWS
    shown = tuple(
        Section(section.part, section.layers, rows[first : first + ROWS], section.unseen)
        for section, rows in folded
        if first == 0 or len(rows) > first
    )
    return shown, pages


def _near(rows: Sequence[Row]) -> Iterator[Row]:
    """The rows near a change, and one for each stretch that is left out; all of a few."""
    changed = [at for at, row in enumerate(rows) if row.is_changed]
    shown = (
        sorted({near for at in changed for near in range(max(0, at - NEAR), min(len(rows), at + NEAR + 1))})
        if len(rows) > 4 * NEAR
        else range(len(rows))
    )
    last = -1
    for at in shown:
        if at > last + 1:
            yield _left_out(rows[last + 1 : at])
        yield rows[at]
        last = at
    if last + 1 < len(rows):
        yield _left_out(rows[last + 1 :])


def _left_out(rows: Sequence[Row]) -> Row:
    return Row((), (), sum(max(1, row.left_out) for row in rows))
