"""The requests that passed lately, as operations and the live page show them.

Who may see what: everyone what left, masked; editors what came, while debug mode keeps it, and each time it is seen stands
in the audit log.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Final

from aiohttp import web
from pydantic import Field

from gateway.console.call import Call, Model, Problem
from gateway.console.seeing import Sight, Subject, Window, see
from gateway.console.trail import Act
from gateway.core.message import Inbound, Outbound
from gateway.insight.comparison import Mark, Section
from gateway.insight.rows import Line
from gateway.traffic import Exchange, Traffic, Verdict

MOST: Final = 500
STREAM_SECONDS: Final = 60.0
"""How long a stream lasts: who listens asks again, and is asked again who they are."""

BEAT_SECONDS: Final = 15.0
EARLIER: Final = 200
EARLIER_SIZE: Final = 16 << 20

Word = Annotated[str, Field(max_length=200)]


class TrafficQuery(Model):
    """Which requests. `after` and `before` are numbers; `rule` is a part of a rule's, category's or detector's name."""

    after: Annotated[int, Field(ge=0, le=1 << 53)] = 0
    before: Annotated[int, Field(ge=1, le=1 << 53)] | None = None
    most: Annotated[int, Field(ge=1, le=MOST)] = 100
    tracker: Word = ""
    verdict: Verdict | None = None
    route: Word = ""
    rule: Word = ""


class StreamQuery(TrafficQuery):
    """Which requests, and for how many seconds."""

    seconds: Annotated[int, Field(ge=0, le=60)] = 60


class FindingView(Model):
    """One kind of change: how often which rule did what, where. `place` has keys that trackers and rules know, or `*`."""

    rule: str
    detector: str
    operator: str
    category: str
    place: str
    count: int


class ExchangeView(Model):
    """One request as it ended. Sizes are bytes of bodies, delays seconds; `session` is a keyed fingerprint."""

    number: int
    at: datetime
    verdict: Verdict
    reason: str
    route: str
    tracker: str
    method: str
    path: str
    size_in: int
    size_out: int
    masking: float
    upstream: float
    masked: int
    findings: tuple[FindingView, ...]
    program: str
    session: str
    has_before: bool
    has_after: bool


class TrafficPage(Model):
    """Requests, newest first. `newest` is the number to ask `after`; `debug` whether requests are kept as they came."""

    exchanges: tuple[ExchangeView, ...]
    newest: int
    debug: bool


class SightQuery(Model):
    """Which rows of a request: those near a change or all, a page at a time."""

    page: Annotated[int, Field(ge=1, le=10_000)] = 1
    all_rows: bool = False


class PieceView(Model):
    """A stretch of text. `change` is the number of the change that it is part of; 0: none."""

    text: str
    change: int
    kind: str


class RowView(Model):
    """One line of each side; `left_out` rows are not shown here."""

    before: tuple[PieceView, ...]
    after: tuple[PieceView, ...]
    left_out: int


class PartView(Model):
    """One part of a request: path, query, headers, cookies or body, opened through `layers`."""

    part: str
    layers: str
    rows: tuple[RowView, ...]


class ChangeView(Model):
    """One change: by which rule (with its file and line), and why."""

    number: int
    part: str
    place: str
    rule: str
    where: str
    operator: str
    category: str
    detector: str
    why: str
    before: str
    after: str


class SightView(Model):
    """A request to be looked at. `same`: masked again it is what left; `former`: by rules that have changed since."""

    exchange: ExchangeView
    parts: tuple[PartView, ...]
    changes: tuple[ChangeView, ...]
    changed: int
    page: int
    pages: int
    same: bool
    former: bool
    where: dict[str, str]


async def list_traffic(call: Call) -> TrafficPage:
    """The requests that passed lately."""
    asked, traffic = call.query, call.desk.traffic
    found: list[ExchangeView] = []
    for one in traffic:
        if one.number <= asked.after or len(found) == asked.most:
            break
        if (asked.before is None or one.number < asked.before) and fits(one, asked):
            found.append(view(one))
    return TrafficPage(exchanges=tuple(found), newest=traffic.coming - 1, debug=traffic.debug)


async def stream_traffic(call: Call) -> web.StreamResponse:
    """Requests as they pass, as server-sent events: `id` is a request's number, `data` the request."""
    return events(call, lambda one: view(one).model_dump_json(), call.query.seconds)


async def read_exchange(call: Call) -> SightView:
    """One request as it left, opened through all layers."""
    exchange = _exchange(call)
    return await _sight(call, exchange, Subject(exchange.route, exchange.program, _sent(exchange)))


async def compare_exchange(call: Call) -> SightView:
    """One request before and after. That it was seen stands in the audit log."""
    exchange = _exchange(call)
    if exchange.before is None:
        why = "it was too large to be kept" if exchange.is_cut else "it was not kept: that is console.debug"
        raise Problem(409, f"there is no before of this request: {why}")
    await call.note(Act.BEFORE_SEEN, f"request {exchange.number}")
    subject = Subject(
        exchange.route,
        exchange.program,
        _sent(exchange),
        exchange.before,
        exchange.came,
        _earlier(call.desk.traffic, exchange),
    )
    return await _sight(call, exchange, subject)


def fits(one: Exchange, asked: TrafficQuery) -> bool:
    """Whether an exchange is one that was asked for."""
    rule = asked.rule.casefold()
    return (
        (not asked.tracker or one.tracker == asked.tracker)
        and (asked.verdict is None or one.verdict is asked.verdict)
        and (not asked.route or one.route == asked.route)
        and (
            not rule
            or any(
                rule in word.casefold()
                for finding in one.findings
                for word in (finding.rule, finding.category, finding.detector)
            )
        )
    )


def events(call: Call, write: Callable[[Exchange], str], seconds: float = STREAM_SECONDS) -> web.Response:
    """A stream of what passes from `after` on (0: from now on), each written as one event."""
    asked, traffic = call.query, call.desk.traffic

    async def lines() -> AsyncIterator[bytes]:
        last = asked.after or traffic.coming - 1
        end = time.monotonic() + seconds
        yield b"retry: 1000\n\n"
        while (left := end - time.monotonic()) > 0:
            try:
                async with asyncio.timeout(min(left, BEAT_SECONDS)):
                    found = await traffic.after(last)
            except TimeoutError:
                yield b": still here\n\n"
                continue
            last = found[-1].number
            yield b"".join(_event(one.number, write(one)) for one in found if fits(one, asked)) or b": passed\n\n"

    headers = {"Content-Type": "text/event-stream; charset=utf-8", "X-Accel-Buffering": "no"}
    return web.Response(body=lines(), headers=headers)


def _event(number: int, text: str) -> bytes:
    data = "".join(f"data: {line}\n" for line in text.splitlines())
    return f"id: {number}\n{data}\n".encode()


def view(one: Exchange) -> ExchangeView:
    """An exchange as it is told."""
    return ExchangeView(
        number=one.number,
        at=datetime.fromtimestamp(one.at, UTC),
        verdict=one.verdict,
        reason=one.reason,
        route=one.route,
        tracker=one.tracker,
        method=one.method.value,
        path=one.path,
        size_in=one.size_in,
        size_out=one.size_out,
        masking=round(one.masking, 6),
        upstream=round(one.upstream, 6),
        masked=one.masked,
        findings=tuple(
            FindingView(
                rule=finding.rule,
                detector=finding.detector,
                operator=finding.operator,
                category=finding.category,
                place=finding.place,
                count=count,
            )
            for finding, count in sorted(one.findings.items(), key=lambda told: (-told[1], told[0].rule, told[0].place))
        ),
        program=one.program,
        session=one.session[:12],
        has_before=one.before is not None,
        has_after=one.sent is not None,
    )


def _exchange(call: Call) -> Exchange:
    number = call.path["number"]
    found = call.desk.traffic.get(int(number)) if number.isascii() and number.isdecimal() and len(number) < 17 else None
    if found is None:
        raise Problem(404, "this request is not there, or no longer: only the last ones are kept")
    return found


def _sent(exchange: Exchange) -> Outbound | None:
    return exchange.sent.request if exchange.sent is not None else None


def _earlier(traffic: Traffic, exchange: Exchange) -> tuple[Inbound, ...]:
    """What the session sent before, oldest first, as far as it is still there."""
    found: list[Inbound] = []
    size = 0
    for one in traffic:
        if one.number >= exchange.number or one.before is None or not exchange.session:
            continue
        if (one.session, one.route) == (exchange.session, exchange.route):
            size += len(one.before.body)
            if size > EARLIER_SIZE or len(found) == EARLIER:
                break
            found.append(one.before)
    return tuple(reversed(found))


async def _sight(call: Call, exchange: Exchange, subject: Subject) -> SightView:
    asked: SightQuery = call.query
    blueprint = call.desk.control.blueprint(exchange.program)
    sight = await call.desk.workshop.run(see, Sight, blueprint, subject, Window(asked.page, asked.all_rows))
    return SightView(
        exchange=view(exchange),
        parts=parts_of(sight.sections),
        changes=changes_of(sight.marks),
        changed=sight.changed,
        page=min(asked.page, sight.pages),
        pages=sight.pages,
        same=sight.is_same,
        former=sight.is_former,
        where=sight.where,
    )


def parts_of(sections: Sequence[Section]) -> tuple[PartView, ...]:
    """Parts of a request as they are told."""
    return tuple(
        PartView(
            part=section.part,
            layers=section.layers,
            rows=tuple(
                RowView(before=_pieces(row.before), after=_pieces(row.after), left_out=row.left_out)
                for row in section.rows
            ),
        )
        for section in sections
    )


def changes_of(marks: Sequence[Mark]) -> tuple[ChangeView, ...]:
    """Changes as they are told."""
    return tuple(
        ChangeView(
            number=mark.number,
            part=mark.part,
            place=mark.place,
            rule=mark.rule,
            where=mark.where,
            operator=mark.operator,
            category=mark.category,
            detector=mark.detector,
            why=mark.why,
            before=mark.before,
            after=mark.after,
        )
        for mark in marks
    )


def _pieces(line: Line) -> tuple[PieceView, ...]:
    return tuple(PieceView(text=piece.text, change=piece.mark, kind=piece.kind) for piece in line)
