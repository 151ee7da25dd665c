"""For one value, every place where a request holds it, and why it was or was not masked there.

The very pipeline of `gateway run`, watched: each claim's category, element and deciding rule with its file and line,
and of each detector a hit or the reason of its miss, from a closed list.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from gateway.core.category import NEVER_TOUCHED, Category
from gateway.core.document import Kind, Layer, Leaf
from gateway.core.errors import Refused
from gateway.core.limits import Budget
from gateway.core.message import Inbound, Outbound
from gateway.core.opening import leaves
from gateway.core.plugin import Context
from gateway.core.reading import Reading, read
from gateway.insight.reasons import BUILT_IN, HEADER_USES
from gateway.recording.claim import Claim
from gateway.recording.dom import UNKNOWN, Element
from gateway.ruleset.headers import Use, use_of
from gateway.ruleset.judge import Change, Judge, Operation
from gateway.ruleset.program import ANY_TRACKER, Program
from gateway.ruleset.request import Request
from gateway.ruleset.text import SpanRule, TextRules
from gateway.trackers.place import Place

_MOST = 500  # places of one value


@dataclass(frozen=True, slots=True)
class Sight:
    """What one detector, pattern or memory makes of the value. `verdict` is `hit` or the reason of a miss."""

    finder: str
    verdict: str
    rule: str = ""
    where: str = ""


@dataclass(slots=True)
class Candidate:
    """One place that holds the value."""

    request: int
    part: str
    place: str
    layers: str = ""
    category: str = ""
    category_from: str = ""
    element: str = ""
    private: bool = False
    selected_by: list[str] = field(default_factory=list)
    operator: str = ""
    rule: str = ""
    where: str = ""
    outcome: str = ""
    why: str = ""
    after: str = ""
    sights: list[Sight] = field(default_factory=list)


def explain(
    program: Program, where: Mapping[str, str], requests: Sequence[Inbound], value: str, clock: Callable[[], float]
) -> Iterator[Candidate]:
    """Every place of the requests that holds the value, in order; at most 500. `where` tells rules' places."""
    told = 0
    for number, inbound in enumerate(requests, 1):
        for candidate in _Explainer(program, where, number, inbound, value, clock).run():
            yield candidate
            told += 1
            if told == _MOST:
                return


class _Explainer:
    """One request, watched on its way."""

    def __init__(
        self,
        program: Program,
        where: Mapping[str, str],
        number: int,
        inbound: Inbound,
        value: str,
        clock: Callable[[], float],
    ) -> None:
        self._program = program
        self._where = where
        self._number = number
        self._inbound = inbound
        self._value = value
        self._changes: list[Change] = []
        self._claims: list[tuple[Claim, Candidate]] = []
        self._all: list[tuple[Claim, Operation]] = []
        self._judge: Judge | None = None
        self._work = program.begin(inbound, Budget(program.limits, clock), self._changes)
        self._work.watch = self._watch

    def run(self) -> Iterator[Candidate]:
        work = self._work
        try:
            work.open()
            work.recognise()
            work.read()
            parts = {id(layer): name for name, layer in work.opened}
            lonely = self._holding(work)
            work.decide()
            outbound = work.close()
            work.verify()
        except Refused as refused:
            if self._anywhere():
                yield Candidate(self._number, "request", "", outcome="refused", why=f"{refused.reason}: nothing leaves")
            return
        found = [candidate for _, candidate in self._claims]
        claimed = {id(claim.leaf) for claim, _ in self._claims}
        for claim, candidate in self._claims:
            candidate.part = parts.get(id(_outermost(claim.layer)), "body")
            self._settle(claim, candidate)
        for part, layer, leaf in lonely:
            if id(leaf) not in claimed and not claimed.intersection(map(id, _holders(layer))):
                found.append(self._covered(part, layer, leaf))
        yield from self._headers(outbound)
        yield from found

    # what is found

    def _holds(self, text: str) -> bool:
        return self._value in text or self._value in read(text).text

    def _holding(self, work: Request) -> list[tuple[str, Layer, Leaf]]:
        return [
            (name, layer, leaf)
            for name, layer in work.opened
            for leaf in leaves(layer.root)
            if leaf.child is None and leaf.kind is not Kind.BYTES and self._holds(leaf.value)
        ]

    def _anywhere(self) -> bool:
        return any(self._holding(self._work)) or self._holds(self._inbound.body.decode("utf-8", "replace"))

    def _watch(self, judge: Judge, claim: Claim, operation: Operation) -> None:
        self._judge = judge
        self._all.append((claim, operation))
        if not self._holds(claim.leaf.value) or len(self._claims) >= _MOST:
            return
        private, selected = judge.marks_of(claim.element) if claim.element is not None else (False, frozenset())
        category = claim.category
        candidate = Candidate(
            request=self._number,
            part="body",
            place=judge.place_of(claim),
            layers=_layers(claim.layer),
            category=category.value if category is not None else "",
            category_from=self._category_from(claim),
            element=_css(claim.element) if claim.element is not None else "",
            private=private,
            selected_by=[self._program.rule_name(number) for number in sorted(selected)],
            operator=operation.operator,
            rule=operation.rule,
            where=self._where.get(operation.rule, ""),
        )
        if category not in NEVER_TOUCHED and not operation.is_whole and claim.leaf.kind in (Kind.TEXT, Kind.NUMBER):
            held = category or Category.EVENT_PROPERTIES
            candidate.sights = self._sights(judge.text_rules, claim.leaf.value, held, judge.context_of(claim, held))
        self._claims.append((claim, candidate))

    def _category_from(self, claim: Claim) -> str:
        place = claim.place
        if not isinstance(place, Place):
            return "the place"
        tracker = self._work.report.tracker
        if claim.element is not None and claim.category is Category.FORM_INPUTS and claim.element.is_field:
            return "a form field of the page"
        if claim.category is None:
            return "nothing says what stands here"
        if claim.category is not place.effective:
            return "the shape of the record"
        if place.category is claim.category:
            return f"tracker file {tracker if place.fixed else ANY_TRACKER}"
        if place.hint is claim.category and place.inherited is not claim.category:
            return f"the key {place.key!r}, a hint of tracker file {ANY_TRACKER}"
        above: Place | None = place
        while above is not None and above.parent is not None and above.category is None and above.hint is None:
            above = above.parent
        return f"inherited from {above.path(lambda _: True) if above is not None else 'the root'}"

    # detectors

    def _sights(self, rules: TextRules, text: str, category: Category, context: Context) -> list[Sight]:
        """What each detector and pattern sees of the value in this text."""
        reading = read(text)
        spans = list(_occurrences(text, reading, self._value))
        sights: list[Sight] = []
        for detector in rules.detectors:
            hits = [
                reading.origin(start, end)
                for start, end in (
                    detector.find(reading.text, context) if detector.hint is None or detector.hint(reading.text) else ()
                )
            ]
            mine = [hit for hit in hits if _meets(hit, spans)]
            if mine:
                written = text[mine[0][0] : mine[0][1]]
                sights.append(
                    self._hit(rules, detector.name, rules.by_detector.get(detector.name, []), category, written)
                )
            elif detector.why_not is not None:
                misses = detector.why_not(reading.text, context)
                met = (miss for miss in misses if _meets(reading.origin(miss.start, miss.end), spans))
                sights += [Sight(miss.detector, miss.reason.value) for miss in islice(met, 1)]
        for rule in rules.patterns:
            if rule.pattern is not None and any(_meets(span, spans) for span in rule.pattern.spans(text)):
                sights.append(self._hit(rules, "pattern", [rule], category, ""))
        return sights

    def _hit(self, rules: TextRules, finder: str, by: Sequence[SpanRule], category: Category, written: str) -> Sight:
        chosen = next((one for one in reversed(by) if one.categories is None or category in one.categories), None)
        if chosen is None:
            last = by[-1] if by else None
            only = ", ".join(sorted(last.categories or ())) if last is not None else ""
            verdict = f"out_of_scope: only in {only}" if only else "out_of_scope: no rule uses it"
            return Sight(finder, verdict, last.name if last else "", self._where.get(last.name, "") if last else "")
        where = self._where.get(chosen.name, "")
        if chosen.operator in ("keep", "detect"):
            return Sight(finder, f"kept: the rule says {chosen.operator}", chosen.name, where)
        for allowance in rules.allowances if chosen.detector else ():
            if (allowance.categories is None or category in allowance.categories) and allowance.allows(written):
                return Sight(finder, f"allowed_by: {allowance.name}", chosen.name, where)
        return Sight(finder, "hit", chosen.name, where)

    # what became of it

    def _settle(self, claim: Claim, candidate: Candidate) -> None:
        """Fills in the outcome, from the changes that were made to this leaf."""
        mine = [change for change in self._changes if change.leaf is claim.leaf]
        deciding = [one for one in mine if self._holds(one.before) or (one.before and one.before in self._value)]
        if not deciding and not self._holds(claim.leaf.value):
            deciding = mine
        gone = [one for one in deciding if one.operator == "drop"]
        if gone and not gone[0].after:
            candidate.outcome = "dropped"
        elif deciding and not self._holds(claim.leaf.value):
            candidate.outcome = "masked"
        else:
            candidate.outcome = "not masked"
        if candidate.outcome == "not masked":
            deciding = []
        candidate.after = claim.leaf.value if deciding and candidate.outcome != "dropped" else ""
        if deciding:
            change = deciding[0]
            if change.rule != candidate.rule:
                candidate.rule, candidate.operator = change.rule, change.operator
                candidate.where = self._where.get(change.rule, "")
            candidate.why = self._decided(change, candidate)
        else:
            candidate.why = self._reason(claim, candidate)

    def _decided(self, change: Change, candidate: Candidate) -> str:
        if change.rule == candidate.category:
            return f"category {change.rule}: {change.operator}"
        if change.rule.startswith("secret of") or (not change.detector and not self._where.get(change.rule)):
            return BUILT_IN.get(change.rule, change.rule)
        finders = [one.finder for one in candidate.sights if one.verdict == "hit"]
        masked_earlier = [one for one in finders if change.detector and one != change.detector]
        earlier = f"; {', '.join(masked_earlier)}: masked by an earlier rule" if masked_earlier else ""
        how = f"detector {change.detector}" if change.detector else self._program.selector_of(change.rule)
        joined = "; read together with the texts beside it" if change.detector and not finders else ""
        return f"rule {change.rule!r} ({how}){earlier}{joined}"

    def _reason(self, claim: Claim, candidate: Candidate) -> str:
        if claim.category in NEVER_TOUCHED:
            return f"category {claim.category} is never touched: the backend and the replay need it as it is"
        if candidate.operator == "keep":
            return f"{candidate.rule} says keep"
        if candidate.operator not in ("detect", ""):
            return f"{candidate.operator} leaves it as it is"
        told = [f"{said(one.verdict)} ({one.finder})" for one in candidate.sights if one.verdict != "hit"]
        if claim.leaf.kind is Kind.NUMBER and not told:
            return "a number: no detector matched"
        return "; ".join(told) or "no detector matched"

    def _covered(self, part: str, layer: Layer, leaf: Leaf) -> Candidate:
        """A value that is no claim of its own: what holds it went as a whole, or it is the record's structure."""
        candidate = Candidate(self._number, part, "", _layers(layer))
        at: Layer | None = layer
        start, end = leaf.start, leaf.end
        while at is not None:
            for claim, operation in self._all:
                if claim.layer is at and claim.leaf.start <= start and end <= claim.leaf.end and operation.is_whole:
                    candidate.place = self._judge.place_of(claim) if self._judge is not None else ""
                    candidate.category = claim.category.value if claim.category is not None else ""
                    candidate.operator, candidate.rule = operation.operator, operation.rule
                    candidate.where = self._where.get(operation.rule, "")
                    candidate.outcome = "dropped" if operation.operator == "drop" else "masked"
                    candidate.why = f"it stands inside what {operation.rule!r} takes as a whole"
                    return candidate
            if at.parent is None:
                break
            at, holder = at.parent
            start, end = holder.start, holder.end
        is_left = self._holds(leaf.value)
        candidate.outcome = "not masked" if is_left else "masked"
        candidate.why = "the record's structure: nothing is read here" if is_left else "masked with what it belongs to"
        return candidate

    def _headers(self, outbound: Outbound) -> Iterator[Candidate]:
        left = dict(outbound.headers)
        tracker = self._work.report.tracker
        for name, value in self._inbound.headers:
            if not self._holds(value):
                continue
            rule = self._program.header_rule(name.lower(), tracker)
            after = left.get(name)
            candidate = Candidate(self._number, "header", name, after=after or "")
            candidate.outcome = "dropped" if after is None else "not masked" if self._holds(after) else "masked"
            candidate.why = HEADER_USES[use_of(name)]
            if rule is not None:
                candidate.rule, candidate.operator = rule.rule, rule.operator
                candidate.where, candidate.why = self._where.get(rule.rule, ""), f"rule {rule.rule!r} (headers)"
            elif after == value and use_of(name) is not Use.KEEP:
                context = Context((), Category.EVENT_PROPERTIES.value)
                candidate.sights = self._sights(self._program.law.text, value, Category.EVENT_PROPERTIES, context)
            yield candidate
        path = self._inbound.path
        if self._holds(path):
            kept = self._holds(outbound.target.partition("?")[0])
            yield Candidate(
                self._number, "path", path, outcome="not masked" if kept else "masked",
                why="no detector matched" if kept else "a detector matched",
                after=outbound.target.partition("?")[0],
            )  # fmt: skip


def _occurrences(text: str, reading: Reading, value: str) -> Iterator[tuple[int, int]]:
    """Where the value stands in the text, as written or as it reads."""
    for source, written in ((text, True), (reading.text, False)):
        at = source.find(value)
        while at >= 0:
            yield (at, at + len(value)) if written else reading.origin(at, at + len(value))
            at = source.find(value, at + len(value))


def _meets(span: tuple[int, int], spans: Sequence[tuple[int, int]]) -> bool:
    return any(span[0] < end and start < span[1] for start, end in spans)


def _outermost(layer: Layer) -> Layer:
    while layer.parent is not None:
        layer = layer.parent[0]
    return layer


def _holders(layer: Layer) -> Iterator[Leaf]:
    """The leaves that a layer was opened from, innermost first."""
    while layer.parent is not None:
        layer, leaf = layer.parent
        yield leaf


def _layers(layer: Layer) -> str:
    names = [layer.name]
    while layer.parent is not None:
        layer = layer.parent[0]
        names.append(layer.name)
    return " › ".join(reversed(names))


def _css(element: Element) -> str:
    if element is UNKNOWN:
        return "an element that is not known"
    told = element.tag
    if identity := element.attributes.get("id"):
        told += f"#{identity}"
    return told + "".join(f".{name}" for name in element.attributes.get("class", "").split()[:3])


def said(verdict: str) -> str:
    """A verdict in words."""
    return verdict.replace("_", " ")
