"""One request before and after: what the pipeline made of it, opened through all layers, each change with its reason.

The pipeline runs once, watched; its verdict is the one that counts, so that what is shown is what would leave. It
changes the session state of the Program that it is given, as any request does: whoever only looks gives one of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

from gateway.core.document import Document, Layer, Leaf, Map
from gateway.core.errors import Reason, Refused
from gateway.core.limits import Budget, Limits
from gateway.core.message import Headers, Inbound, Outbound
from gateway.core.outcome import Answer, Outcome, Refuse, ReplyEditor, Response, Send
from gateway.core.pipeline import Keys, finish, masking, steps
from gateway.core.report import Report
from gateway.insight.drawing import Cut, Drawing, Earlier, cuts_of_leaf, spans_of, write_spans
from gateway.insight.reasons import ADDRESSES, COOKIES, HEADER_USES, HEADERS, reason_of
from gateway.insight.rows import Bounds, Piece, Row, fold
from gateway.recording.claim import Claim
from gateway.recording.interned import Row as InternedRow
from gateway.ruleset.headers import use_of
from gateway.ruleset.judge import Change, Judge, Operation
from gateway.ruleset.program import Program
from gateway.ruleset.request import Request

type Clock = Callable[[], float]
_SHOWN = 400


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of one request: what would leave, and every change with its values."""

    outbound: Outbound
    report: Report
    changes: list[Change]


@dataclass(frozen=True, slots=True)
class Stopped:
    """A request of which nothing would leave."""

    reason: Reason
    tracker: str

    def __str__(self) -> str:
        return f"{self.reason} ({self.tracker})" if self.tracker else self.reason.value


@dataclass(frozen=True, slots=True)
class Mark:
    """One change. `number` is what pieces of rows refer to; `where` the rule's `file:line`; long texts are cut."""

    number: int
    part: str  # path, query, headers, cookies or body
    place: str
    rule: str
    where: str
    operator: str
    category: str
    detector: str
    why: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Section:
    """One part of a request: rows of both sides. `unseen` of its changes are in no row that is shown."""

    part: str
    layers: str
    rows: tuple[Row, ...]
    unseen: int = 0


@dataclass(frozen=True, slots=True)
class Comparison:
    """One request before and after. Sizes are bytes of the body as it came and as it leaves; plain data."""

    verdict: str  # send or refuse
    reason: str
    tracker: str
    method: str
    size_before: int
    size_after: int
    sections: tuple[Section, ...]
    marks: tuple[Mark, ...]
    changes: int  # all of them, the marks that were left out too

    def mark(self, number: int) -> Mark:
        """A change by its number."""
        return self.marks[number - 1]


@dataclass(frozen=True, slots=True)
class Compared:
    """The verdict, with what may leave, and what is to be seen of it."""

    outcome: Outcome
    comparison: Comparison


def attempt(program: Program, inbound: Inbound, clock: Clock) -> Tried | Stopped:
    """The pipeline's steps with a trace."""
    changes: list[Change] = []
    work = program.begin(inbound, Budget(program.limits, clock), changes)
    try:
        return Tried(finish(steps(work)), work.report, changes)
    except Refused as refused:
        return Stopped(refused.reason, work.report.tracker)


def compare(
    inbound: Inbound,
    program: Program,
    clock: Clock,
    where: Mapping[str, str] | None = None,
    bounds: Bounds | None = None,
    came: Headers | None = None,
) -> Compared:
    """The verdict on a request, and the request before and after.

    `where` tells rules' places (`insight.reasons.origins`); `came` are the header fields with those of addresses that the
    proxy took off, where there are such.
    """
    watched = _Watched(program)
    outcome = finish(masking(inbound, watched, clock))
    try:
        picture = _Picture(watched.work, inbound, outcome, where or {}, bounds or Bounds())
        return Compared(outcome, picture.comparison(clock, came or inbound.headers))
    finally:
        watched.work.request.release()


def opened_request(inbound: Inbound, program: Program, clock: Clock) -> Request:
    """A request opened through its layers, as far as it can be read within its limits."""
    request = program.begin(inbound, Budget(program.limits, clock))
    with suppress(Refused):
        request.open()
        request.recognise()
        request.read()
    return request


class _Watched:
    """A Program whose one work is watched (`core.pipeline.Program`)."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self.work: _Work

    @property
    def digest(self) -> str:
        return self._program.digest

    @property
    def limits(self) -> Limits:
        return self._program.limits

    def begin(self, inbound: Inbound, budget: Budget) -> _Work:
        self.work = _Work(self._program, inbound, budget)
        return self.work


class _Work:
    """A request's work that takes down its documents before they are edited, and is not taken apart at its end."""

    def __init__(self, program: Program, inbound: Inbound, budget: Budget) -> None:
        self.program = program
        self.changes: list[Change] = []
        self.request: Request = program.begin(inbound, budget, self.changes)
        self.request.watch = self._watch
        self.earlier = Earlier()
        self.claims: dict[int, Claim] = {}
        self._is_taken_down = False

    @property
    def report(self) -> Report:
        return self.request.report

    @report.setter
    def report(self, report: Report) -> None:
        self.request.report = report

    def _watch(self, _judge: Judge, claim: Claim, _operation: Operation) -> None:
        self.take_down()
        self.claims[id(claim.leaf)] = claim

    def take_down(self) -> None:
        """Before the first edit by a rule, once."""
        if not self._is_taken_down:
            self._is_taken_down = True
            self._remember()

    def _remember(self) -> None:
        for _, document in self.request.documents:
            self.earlier.remember(document)

    def open(self) -> None:
        self.request.open()

    def recognise(self) -> None:
        self.request.recognise()

    def read(self) -> None:
        self._remember()  # a tracker file's switches are set while it reads
        self.request.read()

    def keys(self) -> Keys:
        return self.request.keys()

    def decide(self) -> None:
        self.request.decide()
        self.take_down()

    def close(self) -> Outbound:
        return self.request.close()

    def verify(self) -> None:
        self.request.verify()

    def refusal(self, reason: Reason) -> Response:
        return self.request.refusal(reason)

    def reply(self) -> ReplyEditor | None:
        return self.request.reply()

    def session(self) -> bytes:
        return self.request.session()

    def release(self) -> None:
        """Later: its documents are still to be looked at."""


class _Picture:
    """Draws one request that has been through the pipeline."""

    def __init__(
        self, work: _Work, inbound: Inbound, outcome: Outcome, where: Mapping[str, str], bounds: Bounds
    ) -> None:
        self._work = work
        self._program = work.program
        self._inbound = inbound
        self._outcome = outcome
        self._where = where
        self._bounds = bounds
        self._marks: list[Mark] = []
        self._cuts: dict[int, list[Cut]] = {}
        self._changes = 0
        self._tracker = work.report.tracker

    def comparison(self, clock: Clock, came: Headers) -> Comparison:
        work, inbound = self._work, self._inbound
        work.take_down()
        outbound, reason = None, ""
        match self._outcome:
            case Send(masked):
                outbound = masked.request
            case Refuse(why):
                reason = why.value
            case Answer():
                raise AssertionError("the pipeline gives no answers")
        after = None
        if outbound is not None:
            again = replace(self._inbound, target=outbound.target, headers=outbound.headers, body=outbound.body)
            after = opened_request(again, self._program, clock)
        parts = {id(layer): part for part, layer in work.request.opened}
        for change in work.changes if outbound is not None else ():
            if change.leaf is not None:
                self._place(change, parts)
        documents = dict(work.request.documents)
        news = dict(after.documents) if after is not None else {}
        sections = [
            self._path(outbound),
            self._document("query", documents, news),
            self._document("body", documents, news),
            self._headers(came, outbound),
            self._cookies(outbound, clock),
        ]
        if after is not None:
            after.release()
        return Comparison(
            verdict="send" if outbound is not None else "refuse",
            reason=reason,
            tracker=self._tracker,
            method=inbound.method,
            size_before=len(inbound.body),
            size_after=len(outbound.body) if outbound is not None else 0,
            sections=tuple(section for section in sections if section is not None),
            marks=tuple(self._marks),
            changes=self._changes,
        )

    # changes

    def _number(self, part: str, place: str, change: Change) -> int:
        """A new mark's number; 0 where there are too many."""
        self._changes += 1
        if len(self._marks) >= self._bounds.marks:
            return 0
        selector = self._program.selector_of(change.rule)
        told = change.rule, change.operator, str(change.category), change.detector
        self._marks.append(
            Mark(
                number=len(self._marks) + 1,
                part=part,
                place=place,
                rule=change.rule,
                where=self._where.get(change.rule, ""),
                operator=change.operator,
                category=str(change.category),
                detector=change.detector,
                why=reason_of(*told, selector),
                before=_short(change.before),
                after=_short(change.after),
            )
        )
        return len(self._marks)

    def _place(self, change: Change, parts: Mapping[int, str]) -> None:
        """Finds what a change was made to: a leaf, or what a rule dropped as a whole."""
        leaf = change.leaf
        assert leaf is not None
        claim = self._work.claims.get(id(leaf))
        part = parts.get(id(_outermost(claim.layer)), "body") if claim is not None else "body"
        number = self._number(part, change.place, change)
        if not number:
            return
        cut = Cut(number, change.at, change.before, change.after)
        for identity in cuts_of_leaf(leaf):
            self._cuts.setdefault(identity, []).append(cut)
        if claim is None or claim.holder is None or change.after:
            return
        holder, index = claim.holder, claim.index
        if isinstance(holder, InternedRow) and holder.sites:
            holder, index = holder.sites[index]
        if 0 <= index < len(holder.items):
            item = holder.items[index]
            node = item[1] if isinstance(item, tuple) else item
            if node is not leaf:
                self._cuts.setdefault(id(node), []).append(cut)

    # parts

    def _document(self, part: str, documents: Mapping[str, Document], news: Mapping[str, Document]) -> Section | None:
        document, new = documents.get(part), news.get(part)
        root = document.layers[0].root if document is not None and document.layers else None
        new_root = new.layers[0].root if new is not None and new.layers else None
        if document is None or root is None:
            return None
        drawing = Drawing(self._work.earlier, self._cuts, self._bounds, self._open_chain)
        layers = " › ".join(chain_of(document, self._work.earlier))
        return self._section(part, drawing.rows(root, new_root), layers)

    def _section(self, part: str, drawn: Iterable[Row], layers: str = "") -> Section:
        rows = fold(drawn, self._bounds)
        seen = {number for row in rows for number in row.marks}
        mine = {mark.number for mark in self._marks if mark.part == part}
        return Section(part, layers, rows, len(mine - seen))

    def _open_chain(self, text: str) -> Layer | None:
        try:
            return self._program.open_chain(text, Budget(Limits(), lambda: 0.0))
        except Refused:
            return None

    def _path(self, outbound: Outbound | None) -> Section:
        before = self._inbound.path
        after = outbound.target.partition("?")[0] if outbound is not None else None
        row = self._field("path", "path", "", before, after, [])
        return self._section("path", [row])

    def _headers(self, came: Headers, outbound: Outbound | None) -> Section:
        kept = list(self._inbound.headers)
        left = list(outbound.headers) if outbound is not None else []
        rows: list[Row] = []
        for name, value in came:
            if name.lower() == "cookie":
                if left and left[0][0].lower() == "cookie":
                    left.pop(0)
                if kept and kept[0] == (name, value):
                    kept.pop(0)
                continue
            seen = bool(kept) and kept[0] == (name, value)
            if seen:
                kept.pop(0)
            after = None
            if seen and left and left[0][0] == name:
                after = left.pop(0)[1]
            if outbound is None:
                rows.append(self._field("headers", name, f"{name}: ", value, None, []))
                continue
            operation = self._program.header_rule(name.lower(), self._tracker) if seen else None
            use = use_of(name)
            rule = operation.rule if operation is not None else HEADERS if seen else ADDRESSES
            how = operation.operator if operation is not None else "mask" if after is not None else "drop"
            why = HEADER_USES[use] if rule == HEADERS else ""
            rows.append(self._field("headers", name, f"{name}: ", value, after, [(rule, how, why)]))
        rows += [
            Row((), (Piece(f"{name}: ", 0, "key"), Piece(value))) for name, value in left if name.lower() != "cookie"
        ]
        return self._section("headers", rows)

    def _field(
        self, part: str, place: str, key: str, before: str, after: str | None, whole: Sequence[tuple[str, str, str]]
    ) -> Row:
        """A text outside of documents. `whole`: the rule that took it as a whole where no smaller changes add up."""
        name = (Piece(key, 0, "key"),) if key else ()
        if before == after or (after is None and not whole):
            line = (*name, Piece(_short(before, self._bounds.text)))
            return Row(line, line if after is not None else ())
        changes = [one for one in self._work.changes if one.leaf is None and one.place == place.lower() and one.at >= 0]
        cuts = [Cut(at, one.at, one.before, one.after) for at, one in enumerate(changes)]
        if after is not None and spans_of(before, after, cuts) is not None:
            numbers = [self._number(part, place, one) for one in changes]
            cuts = [replace(cut, number=number) for cut, number in zip(cuts, numbers, strict=True)]
            left, right = spans_of(before, after, cuts) or ([], [])
            draw = partial(write_spans, bounds=self._bounds, quoted=False)
            return Row((*name, *draw(before, left)), (*name, *draw(after, right)))
        rule, how, why = whole[0] if whole else (HEADERS, "mask", "")
        number = self._number(part, place, Change(place, before, after or "", rule, how, ""))
        if why and number:
            self._marks[number - 1] = replace(self._marks[number - 1], why=why)
        old = (*name, Piece(_short(before, self._bounds.text), number))
        return Row(old, (*name, Piece(_short(after, self._bounds.text), number)) if after is not None else ())

    def _cookies(self, outbound: Outbound | None, clock: Clock) -> Section | None:
        jars = [self._jar(value, clock) for value in self._inbound.headers.all("cookie")]
        if not jars:
            return None
        left = [
            pair for value in (outbound.headers.all("cookie") if outbound else ()) for pair in self._jar(value, clock)
        ]
        rows: list[Row] = []
        for name, value in (pair for jar in jars for pair in jar):
            after = None
            if left and left[0][0] == name:
                after = left.pop(0)[1]
            operation = self._program.cookie_rule(name, self._tracker)
            rule = operation.rule if operation is not None else COOKIES
            how = operation.operator if operation is not None else "drop"
            whole = [(rule, how, "")] if outbound is not None else []
            rows.append(self._field("cookies", name, f"{name}=", value, after, whole))
        return self._section("cookies", rows)

    def _jar(self, value: str, clock: Clock) -> list[tuple[str, str]]:
        try:
            document = self._program.opener.open_cookies(value, Budget(self._program.limits, clock))
        except Refused:
            return []
        root = document.layers[0].root if document.layers else None
        return (
            [(key.value, node.value) for key, node in root.items if isinstance(node, Leaf)]
            if isinstance(root, Map)
            else []
        )


def _outermost(layer: Layer) -> Layer:
    while layer.parent is not None:
        layer = layer.parent[0]
    return layer


def chain_of(document: Document, earlier: Earlier) -> Iterator[str]:
    """The layers down to the first document with a structure."""
    layer: Layer | None = document.layers[0]
    while layer is not None:
        yield layer.name
        layer = earlier.children.get(id(layer.root)) if isinstance(layer.root, Leaf) else None


def _short(text: str, most: int = _SHOWN) -> str:
    return text if len(text) <= most else f"{text[:most]}…({len(text)} characters)"
