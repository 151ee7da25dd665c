"""Recorded pages as their backends see them: the sessions in `Traffic`, and one page of one at a moment.

Shown is what left, masked. A session is known by its fingerprint; a request that tells of none stands for itself
(`request-17`), since its neighbour may be another visitor's.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Final

from pydantic import Field

from gateway.console.call import Call, Model, Problem
from gateway.console.people import when
from gateway.console.replay import Asked, Shown, show
from gateway.console.trail import Act
from gateway.core.message import Inbound
from gateway.insight import page
from gateway.traffic import Exchange

MOST_BYTES: Final = 24 << 20
"""Of one session's requests, the newest, that a page is rebuilt from."""
_SHOWN: Final = 12  # hex digits of a fingerprint, as the live page shows them
_ALONE: Final = re.compile(r"request-(\d{1,12})")
_LONGEST_RULE: Final = 4000
_NAME: Final = re.compile(r"[^\w .-]+")


class Recording(Model):
    """One session's requests, as far as they are kept. `bytes` are those of masked bodies."""

    id: str
    route: str
    tracker: str
    requests: int
    bytes: int
    first: datetime
    last: datetime


class Recordings(Model):
    """Newest first."""

    recordings: tuple[Recording, ...]


class PageQuery(Model):
    """Which window and moment, by number; without them, the first window that shows a page, as it is last.

    `node`: an element that is chosen. `rule`: a rule file's text; the page is shown as it would leave under it, too.
    """

    window: Annotated[int, Field(ge=0, le=100_000)] | None = None
    moment: Annotated[int, Field(ge=0, le=1_000_000)] | None = None
    node: Annotated[int, Field(ge=-(2**53), le=2**53)] | None = None
    rule: Annotated[str, Field(max_length=_LONGEST_RULE)] = ""


class Masked(Model):
    """What of an element was masked: its `text`, its `value` or an attribute; by which rule (empty: a detector or a secret)."""

    part: str
    rule: str
    operator: str


class Element(Model):
    """An element of the page. `selector` is for `select:` rules; `unique`: it picks this element alone on this page."""

    number: int
    parent: int
    depth: int
    tag: str
    label: str
    selector: str
    unique: bool
    masked: tuple[Masked, ...]


class Window(Model):
    """A window of the session, or a page that is recorded beside it."""

    title: str
    moments: int


class Moment(Model):
    """A state of the page. `came`: `page` (all of it), `input` or `change`; `request`: the exchange that brought it."""

    time: datetime
    came: str
    request: int


class RecordedPage(Model):
    """A page at a moment. `html` is a whole document that runs nothing and asks for nothing; empty: no full snapshot is kept."""

    windows: tuple[Window, ...]
    window: int
    moments: tuple[Moment, ...]
    moment: int
    width: int
    height: int
    html: str
    elements: tuple[Element, ...]
    listed: int
    chosen: tuple[Element, ...]
    suggestion: str  # a rule that masks what was chosen
    cut: bool
    unread: int


async def list_recordings(call: Call) -> Recordings:
    """What of sessions is in memory. A request that names none is one where its tracker never does."""
    trackers = call.desk.control.configuration.trackers
    telling = {name for name, file in trackers.items() if file.session or file.headers.session}
    found: dict[str, list[Exchange]] = {}
    for one in call.desk.traffic:
        if one.sent is not None and (one.session or one.tracker not in telling):
            found.setdefault(one.session[:_SHOWN] or f"request-{one.number}", []).append(one)
    return Recordings(recordings=tuple(_recording(name, rows) for name, rows in found.items()))


def _recording(name: str, rows: list[Exchange]) -> Recording:
    return Recording(
        id=name,
        route=rows[0].route,
        tracker=rows[0].tracker,
        requests=len(rows),
        bytes=sum(_size(one) for one in rows),
        first=when(rows[-1].at),
        last=when(rows[0].at),
    )


async def read_page(call: Call) -> RecordedPage:
    """A page at a moment, with its elements."""
    shown, _ = await shown_page(call, call.path["id"], call.query)
    return page_of(shown)


async def shown_page(call: Call, name: str, asked: PageQuery, *, is_noted: bool = True) -> tuple[Shown, Recording]:
    """A page, made in the workshop; who sees it is written down, once for its first look."""
    rows = list(_exchanges(call, name))
    if not rows:
        raise Problem(404, "this session is not in memory, or not any more")
    if is_noted and asked.moment is None and asked.node is None:
        await call.note(Act.PAGE_SEEN, str(rows[0].number))
    blueprint = call.desk.control.blueprint(rows[0].program)
    shown = await call.desk.workshop.run(show, Shown, blueprint, _asked(rows, asked), asked.node)
    return shown, _recording(name, rows)


def _exchanges(call: Call, name: str) -> Iterable[Exchange]:
    """A recording's exchanges with what they sent, newest first."""
    alone = _ALONE.fullmatch(name)
    if alone is not None:
        one = call.desk.traffic.get(int(alone[1]))
        return [one] if one is not None and one.sent is not None and not one.session else []
    return [one for one in call.desk.traffic if name and one.session[:_SHOWN] == name and one.sent is not None]


def _asked(rows: list[Exchange], asked: PageQuery) -> Asked:
    sent: list[page.Sent] = []
    room = MOST_BYTES
    for one in rows:
        room -= _size(one)
        if room < 0 and sent:
            break
        if one.sent is not None:
            out = one.sent.request
            request = Inbound(out.method, out.target, out.headers, out.body, route=one.route)
            sent.append(page.Sent(one.number, one.at * 1000, request))
    return Asked(tuple(sent[::-1]), asked.window, asked.moment, asked.rule)


def _size(one: Exchange) -> int:
    return len(one.sent.request.body) if one.sent is not None else 0


def page_of(shown: Shown) -> RecordedPage:
    """A page as the API tells it."""
    view = shown.view
    return RecordedPage(
        windows=tuple(Window(title=one.title, moments=one.moments) for one in view.windows),
        window=view.window,
        moments=tuple(Moment(time=when(one.time / 1000), came=one.kind, request=one.request) for one in view.moments),
        moment=view.moment,
        width=view.width,
        height=view.height,
        html=view.html,
        elements=tuple(_element(one) for one in view.items),
        listed=shown.listed,
        chosen=tuple(_element(one) for one in shown.chosen),
        suggestion=suggestion(shown.chosen[-1]) if shown.chosen else "",
        cut=view.is_cut,
        unread=view.unread,
    )


def _element(item: page.Item) -> Element:
    return Element(
        number=item.number,
        parent=item.parent,
        depth=item.depth,
        tag=item.tag,
        label=item.label,
        selector=item.selector,
        unique=item.is_unique,
        masked=tuple(Masked(part=one.part, rule=one.rule, operator=one.operator) for one in item.masks),
    )


def suggestion(item: page.Item, operator: str = "mask") -> str:
    """A rule that masks what an element shows, in a rule file's own words."""
    name = " ".join(_NAME.sub(" ", item.selector).split())[-48:].strip() or item.tag
    return (
        f"mask:\n  - name: {json.dumps(f'element {name}')}\n"
        f"    select: {json.dumps(item.selector, ensure_ascii=False)}\n    with: {operator}\n"
    )
