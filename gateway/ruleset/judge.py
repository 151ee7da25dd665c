"""The judge: which operator each claim gets, by the precedence that `gateway check` prints, and the edits that follow.

    private mark and typed input › later rule › earlier rule › category › detectors

Two rounds: first everything that goes as a whole (its values become the request's secrets), then what is left of the
text, read with those secrets known. Works on one request; holds values in memory only as long as that.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from gateway.core.category import NEVER_TOUCHED, Category
from gateway.core.document import Kind, Leaf, Map
from gateway.core.limits import Budget
from gateway.core.plugin import Context, Situation
from gateway.core.report import Finding, Report
from gateway.operators.user_agent import coarsen_text
from gateway.recording.claim import Claim, Form
from gateway.recording.dom import UNKNOWN, Element, Selectors
from gateway.recording.lines import Part
from gateway.ruleset import joins
from gateway.ruleset.secrets import Memory, Search, Secrets
from gateway.ruleset.text import MASK, SECRET_STRENGTH, Edit, TextRules, resolve, splice
from gateway.trackers.place import Place

PIXEL: Final = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"
"""One transparent pixel: what stands where a picture stood, so that a replay draws a gap and not an error."""

PRIVATE_MARK: Final = "private mark"
_TYPED_STATE: Final = "isChecked"
_FRAGMENTS: Final = (("hash",), ("fragment",))
_TELLING_SWITCHES: Final = frozenset({Category.FORM_INPUTS, Category.USER_TRAITS})
_TOLD: Final = re.compile(r"[^\W_]")
_NAME: Final = re.compile(r"[A-Za-z_$]{1,64}")
_FRACTION: Final = re.compile(r"\.(?!0*$)(?!.*[eE])")
_NO_IDS: Final = frozenset(
    {"anonymous", "browser", "default", "desktop", "guest", "mobile", "none", "null"}
    | {"server", "tablet", "undefined", "unknown", "web"}
)  # what SDKs write where they have no id: hashed, it would look like one
_MOST_EDITS: Final = 65_536  # texts of one request whose edits are kept while it lasts
_SHORTEST_NUMBER: Final = 8  # digits; no detector takes a shorter number for a person


@dataclass(frozen=True, slots=True)
class Operation:
    """An operator made ready, with the rule it came from."""

    rule: str
    operator: str
    strength: int
    apply: Callable[[str, Situation], str]
    picks_switches: bool = False  # whether true, false and null are values to it: not to a rule on words of a key

    @property
    def reads(self) -> bool:
        """Whether it leaves the value to the detectors."""
        return self.operator == "detect"

    @property
    def is_whole(self) -> bool:
        """Whether it replaces the value as a whole."""
        return self.operator not in ("detect", "keep")


@dataclass(frozen=True, slots=True)
class WholeRule:
    """A rule that picks whole values: by element, place or name."""

    operation: Operation
    categories: frozenset[Category] | None = None
    trackers: frozenset[str] | None = None


@dataclass(slots=True)
class Change:
    """One change with its values, for `gateway mask --explain` and `--diff` alone: it stays in memory."""

    place: str
    before: str
    after: str
    rule: str
    operator: str
    category: str
    detector: str = ""
    leaf: Leaf | None = None
    at: int = -1  # where in the value it begins; -1: it is the whole


@dataclass(frozen=True, slots=True)
class Law:
    """What a compiled program says, as the judge needs it."""

    record: dict[Category, Operation]
    rules: dict[int, WholeRule]
    private: Operation
    text: TextRules
    selectors: Selectors
    sealing: tuple[str, bytes] | None
    known_word: Callable[[str], bool]
    keep: Operation
    detect: Operation
    hash: Operation
    seals: bool


class Judge:
    """Decides on the claims of one request."""

    def __init__(
        self, law: Law, key: bytes, tracker: str, report: Report, budget: Budget, trace: list[Change] | None = None
    ) -> None:
        """`key` makes pseudonyms; it may be set anew once the request's session is known, before anything is decided."""
        self._law = law
        self._tracker = tracker
        self._report = report
        self._budget = budget
        self._trace = trace
        self.watch: Callable[[Claim, Operation], None] | None = None  # told of each claim before anything is changed
        self._memo: dict[tuple[Place, Category | None], Operation] = {}
        self._places: dict[Place, str] = {}
        self._contexts: dict[Place, Context] = {}
        self.key = key
        self.hashed: dict[str, str] = {}  # pseudonym → the id as the SDK knows it, for the reply to this request
        self._names: dict[str, bool] = {}  # a key → whether it may hold more than a name
        self.secrets = Secrets()
        self._search = Search(self.secrets)
        self._joined: dict[int, list[Edit]] = {}  # claim, by identity → what was found in it and its neighbours as one
        # pages repeat themselves: classes, labels, dates
        self._edits: dict[tuple[str, Category, Kind, object], list[Edit]] = {}

    def situation(self, category: Category | None, kind: Kind = Kind.TEXT, place: str = "") -> Situation:
        """What an operator is told."""
        return Situation(self.key, kind, (category or Category.EVENT_PROPERTIES).value, place, self._law.sealing)

    # decisions

    def at_place(self, place: Place, category: Category | None) -> Operation:
        """The operator of a value of this place and category that belongs to no element."""
        memo = (place, category)
        operation = self._memo.get(memo)
        if operation is None:
            operation = self._memo[memo] = self._by_rules(place.rules, category)
        return operation

    def _by_rules(self, numbers: tuple[int, ...] | list[int], category: Category | None) -> Operation:
        law = self._law
        if category in NEVER_TOUCHED:
            return law.keep
        held = category if category is not None else Category.EVENT_PROPERTIES
        for number in reversed(numbers):
            rule = law.rules[number]
            if (rule.categories is None or held in rule.categories) and (
                rule.trackers is None or self._tracker in rule.trackers
            ):
                return rule.operation
        return law.record.get(held, law.detect)

    def takes_whole(self, place: Place, category: Category | None) -> bool:
        """Whether values here are replaced as a whole, unless their element says otherwise."""
        return self.at_place(place, self._category(place, category)).is_whole

    def drops(self, place: Place, category: Category | None) -> bool:
        """Whether a rule drops all that stands here."""
        return self.at_place(place, self._category(place, category)).operator == "drop"

    @staticmethod
    def _category(place: Place, forced: Category | None) -> Category | None:
        effective = place.effective
        return effective if effective is not None and (place.fixed or forced not in NEVER_TOUCHED) else forced

    def decide(self, claim: Claim) -> Operation:
        """The operator of one claim."""
        place = claim.place
        category = claim.category
        if not isinstance(place, Place):
            return self._by_rules((), category)
        operation = self.at_place(place, category)
        if claim.form is Form.STYLE:
            return operation if operation.operator in ("drop", "keep") else self._law.detect
        if category in NEVER_TOUCHED:
            return operation
        element = claim.element
        if element is not None:
            private, rules = claim.marks if claim.marks is not None else self.marks_of(element)
            if rules:
                operation = self._by_rules(sorted(rules.union(place.rules)), category)
            if claim.form is Form.STRUCTURE:
                return operation if operation.operator == "drop" else self._law.detect
            if private:
                operation = self._stronger(operation, self._law.private)
            if category is Category.FORM_INPUTS:
                operation = self._stronger(operation, self._law.record[category])
                if element.is_password:
                    operation = self._stronger(operation, self._law.private)
        elif claim.form is Form.STRUCTURE:
            return self._law.detect
        elif category is Category.FORM_INPUTS:
            operation = self._stronger(operation, self._law.record[category])
        return operation

    @staticmethod
    def _stronger(one: Operation, other: Operation) -> Operation:
        return other if other.strength > one.strength else one

    @property
    def marks_of(self) -> Callable[[Element], tuple[bool, frozenset[int]]]:
        """Whether an element is private, and the rules whose selectors hold for it or one above it."""
        return self._law.selectors.match_lineage

    # rounds

    def keep_names(self, record: Map) -> None:
        """Says that a record's keys are names, so that a value that happens to be called like one is no secret."""
        for key, _ in record.items:
            name = key.value
            if name not in self._names:
                self._names[name] = _NAME.fullmatch(name) is None
                if not self._names[name]:
                    self.secrets.keep(name)

    def telling_keys(self, record: Map) -> list[Leaf]:
        """Those keys of a record that hold a secret."""
        found: list[Leaf] = []
        for key, _ in record.items:
            if self._names.get(key.value, True) and self.secrets.find(key.value):
                found.append(key)
        return found

    def stands_kept(self, claims: list[Claim], texts: set[str]) -> bool:
        """Whether all of these texts are parts of values that are never touched (an event's name, a session id)."""
        left = {text.lower() for text in texts}
        for claim in claims:
            if claim.category in NEVER_TOUCHED and left:
                value = claim.leaf.value.lower()
                left -= {text for text in left if text in value}
        return not left

    def remember(self, memories: list[Memory]) -> None:
        """Takes up what the request's sessions are known to keep secret."""
        for memory in memories:
            if memory:
                self._search.add(memory, self._replacement)

    def release(self) -> None:
        """Ends the work: no longer refers to itself."""
        self._search = Search(self.secrets)
        self.watch = None

    def _replacement(self, text: str, operator: str) -> str:
        return self._law.hash.apply(text, Situation(self.key)) if operator == "hash" else MASK

    def settle(
        self, claims: list[Claim], lines: Sequence[list[Part]] = (), rows: Sequence[tuple[list[Leaf], Place]] = ()
    ) -> None:
        """Both rounds over all claims; texts of one line and items of one array are read together, too."""
        left: list[tuple[Claim, Operation]] = []
        pieces = self._pieces(claims, rows)
        for claim in claims:
            if claim.category in NEVER_TOUCHED:
                self.secrets.keep(claim.leaf.value)
        for at, claim in enumerate(claims):
            if at % 512 == 0:
                self._budget.check_time()
            operation = self.decide(claim)
            if self.watch is not None:
                self.watch(claim, operation)
            if (
                claim.leaf.kind is Kind.WORD
                and claim.leaf.value
                and claim.category not in _TELLING_SWITCHES
                and not operation.picks_switches
            ):
                continue  # a switch, even beside a sensitive key (`{password: true}` in an SDK's options), tells of nobody
            if operation.is_whole and not (claim.category is Category.URLS and claim.leaf.kind is not Kind.TEXT):
                self._whole(claim, operation)
            elif operation.reads or claim.category not in NEVER_TOUCHED:
                left.append((claim, operation))
        self.secrets.close()  # what is read from here on must not depend on the order in which it is read
        for parts, is_line in (*((line, True) for line in lines), *((row, False) for row in pieces)):
            self._budget.check_time()
            self._join(parts, is_line)
        for at, (claim, operation) in enumerate(left):
            if at % 256 == 0:
                self._budget.check_time()
            self._read(claim, operation)

    @staticmethod
    def _pieces(claims: list[Claim], rows: Sequence[tuple[list[Leaf], Place]]) -> list[list[Part]]:
        """The claims of the items of arrays, as they came."""
        wanted = {id(leaf) for leaves, _ in rows for leaf in leaves}
        found = {id(claim.leaf): Part(claim, claim.leaf.value) for claim in claims if id(claim.leaf) in wanted}
        return [[found[id(leaf)] for leaf in leaves] for leaves, _ in rows if all(id(leaf) in found for leaf in leaves)]

    def _join(self, parts: list[Part], is_line: bool) -> None:
        """Reads parts as one text and keeps what is found in it for the time when each of them is read."""
        values = [part.value for part in parts]
        is_read = not is_line or bool(self._law.text.patterns) or joins.may_cross(values)
        if not is_read and not self._search:
            return
        joined = (joins.join_line if is_line else joins.join_items)(values)
        claim = parts[0].claim
        category = claim.category or Category.EVENT_PROPERTIES
        context = self.context_of(claim, category)
        if is_read:
            situation = self.situation(category, Kind.TEXT, self.place_of(claim) if self._law.seals else "")
            search = self._search.find if is_line else None
            edits = self._law.text.edits(joined.text, category, context, situation, url_find=False, search=search)
        else:
            edits = [Edit(*one, "mask", SECRET_STRENGTH) for one in self._search.find(joined.text)]
        if is_line:
            edits = [edit for edit in edits if joins.is_of_line(edit, joined, values, context)]
        else:
            edits = [edit for edit in edits if joins.is_value(edit, joined.text, context.keys)]
        for index, edit in joins.spread(edits, joined):
            self._joined.setdefault(id(parts[index].claim), []).append(edit)

    def _whole(self, claim: Claim, operation: Operation) -> None:
        leaf = claim.leaf
        value = leaf.value
        if claim.form is Form.STATE:
            self._state(claim, operation)
            return
        if claim.form is Form.BLOB or (claim.category is Category.MEDIA and leaf.kind is Kind.TEXT):
            self._put(claim, PIXEL if value.startswith("data:image") or claim.key == "rr_dataurl" else "", operation)
            return
        if leaf.kind is Kind.BYTES:
            self._put(claim, b"", operation)
            return
        if operation.operator == "drop":
            self._drop(claim, operation)
            return
        if not value or value.isspace() or (leaf.kind is Kind.WORD and value == "null"):
            return
        if claim.category is not Category.FORM_INPUTS and leaf.kind is Kind.TEXT and not _TOLD.search(value):
            return  # nothing but marks: masked at its source already, or a rule
        if operation.operator == "hash" and value.lower() in _NO_IDS:
            return
        situation = self.situation(
            claim.category, leaf.kind, self.place_of(claim) if operation.operator == "encrypt" else ""
        )
        if operation.operator == "generalise" and claim.category is Category.USER_AGENT and leaf.kind is not Kind.WORD:
            words = claim.place.words if isinstance(claim.place, Place) else ()
            read = splice(value, self._law.text.edits(value, Category.USER_AGENT, Context(words), situation))
            after = coarsen_text(read, words)  # what is no agent at all would stay as it is
        else:
            after = operation.apply(value, situation)
        if after == value:
            return
        if leaf.kind is Kind.TEXT and (operation.operator == "hash" or is_secret_place(claim, operation)):
            self.secrets.add(value, after, operation.rule, operation.operator)
        if operation.operator == "hash":
            self.hashed[after] = value
        self._put(claim, after, operation)

    def _state(self, claim: Claim, operation: Operation) -> None:
        """A checked or selected state: in an event it becomes false, elsewhere its presence goes."""
        if claim.leaf.kind is Kind.WORD and claim.key == _TYPED_STATE:
            if claim.leaf.value == "true":
                self._put(claim, "false", operation)
        elif claim.holder is not None:
            self._note(claim, operation, claim.leaf.value, "")
            claim.layer.drop(claim.holder, claim.index)
        elif claim.leaf.kind is Kind.TEXT:
            self._put(claim, MASK, operation)

    def _drop(self, claim: Claim, operation: Operation) -> None:
        leaf = claim.leaf
        if leaf.kind is Kind.TEXT and claim.category is Category.FORM_INPUTS:
            self.secrets.add(leaf.value, MASK, operation.rule, "mask")
        if isinstance(claim.holder, Map):
            self._note(claim, operation, leaf.value, "")
            claim.layer.drop(claim.holder, claim.index)
            leaf.child = None
        elif leaf.kind is Kind.NUMBER:
            self._put(claim, "0", operation)
        elif leaf.kind is Kind.WORD:
            self._put(claim, "null", operation)
        elif leaf.value or leaf.child is not None:
            self._put(claim, "", operation)

    def _read(self, claim: Claim, operation: Operation) -> None:
        leaf = claim.leaf
        value = leaf.value
        if leaf.child is not None or leaf.kind in (Kind.WORD, Kind.BYTES) or not value:
            return
        joined = self._joined.get(id(claim))
        if leaf.kind is Kind.NUMBER and not joined and (len(value) < _SHORTEST_NUMBER or _FRACTION.search(value)):
            return  # a measured quantity: no detector's number has a fraction
        category = claim.category or Category.EVENT_PROPERTIES
        if operation.operator == "keep":
            self._read_secrets(claim)
            return
        if category is not Category.URLS and value.startswith(("http://", "https://", "data:", "blob:")):
            category = Category.URLS
            known = claim.place
            operation = self.at_place(known, category) if isinstance(known, Place) and operation.reads else operation
            if operation.is_whole:
                claim.category = category
                self._whole(claim, operation)
                return
        if value.startswith("data:") and self._law.record[Category.MEDIA].is_whole and claim.form is not Form.STYLE:
            self._put(claim, PIXEL if value.startswith("data:image") else "data:,", self._law.record[Category.MEDIA])
            return
        if value[0] == "#" and isinstance(claim.place, Place) and claim.place.words[-1:] in _FRAGMENTS:
            category = Category.URLS
        memo = (value, category, leaf.kind, claim.place)
        edits = self._edits.get(memo)
        if edits is None:
            edits = self._law.text.edits(
                value,
                category,
                self.context_of(claim, category),
                self.situation(category, leaf.kind, self.place_of(claim) if self._law.seals else ""),
                url_whole=category is Category.URLS,
                url_find=leaf.kind is Kind.TEXT and self._law.record[Category.URLS].operator != "keep",
                search=self._search.find,
            )
            if len(self._edits) < _MOST_EDITS:
                self._edits[memo] = edits
        if joined:
            edits = resolve([*edits, *joined])
        if edits:
            self._apply(claim, value, edits, category)

    def _read_secrets(self, claim: Claim) -> None:
        """A value that a rule keeps is still no place for another one's secret."""
        value = claim.leaf.value
        found = [Edit(*one, "mask", SECRET_STRENGTH) for one in self._search.find(value)]
        if found:
            self._apply(claim, value, resolve(found), claim.category or Category.EVENT_PROPERTIES)

    def _apply(self, claim: Claim, value: str, edits: list[Edit], category: Category) -> None:
        after = "0" if claim.leaf.kind is Kind.NUMBER else splice(value, edits)
        if after == value:
            return
        place = self.place_of(claim)
        for edit in edits:
            self._report.add(Finding(edit.rule, edit.operator, place, category.value, edit.detector))
            if self._trace is not None:
                before = value[edit.start : edit.end]
                told = before, edit.replacement, edit.rule, edit.operator
                self._trace.append(Change(place, *told, category, edit.detector, claim.leaf, edit.start))
        claim.layer.replace(claim.leaf, after)

    def read_text(self, value: str, category: Category, words: tuple[str, ...], place: str) -> str:
        """One text outside a document (a header's value, a path), read like any other."""
        edits = self._law.text.edits(
            value,
            category,
            Context(words, category.value, self._budget.check_time),
            self.situation(category, Kind.TEXT, place),
            url_whole=category is Category.URLS,
            search=self._search.find,
        )
        for edit in edits:
            self._report.add(Finding(edit.rule, edit.operator, place, category.value, edit.detector))
            if self._trace is not None:
                told = value[edit.start : edit.end], edit.replacement, edit.rule, edit.operator
                self._trace.append(Change(place, *told, category, edit.detector, at=edit.start))
        return splice(value, edits)

    def read_key(self, claim: Claim) -> None:
        """A map's key that holds more than a name."""
        self._budget.check_time()
        value = claim.leaf.value
        category = Category.URLS if "://" in value else Category.EVENT_PROPERTIES
        edits = self._law.text.edits(
            value,
            category,
            Context((), category.value, self._budget.check_time),
            self.situation(category, Kind.TEXT, self.place_of(claim)),
            search=self._search.find,
        )
        if edits:
            self._apply(claim, value, edits, category)

    # reports

    def _put(self, claim: Claim, after: str | bytes, operation: Operation) -> None:
        leaf = claim.leaf
        if after == leaf.value and leaf.child is None and leaf.kind is not Kind.BYTES:
            return
        self._note(claim, operation, leaf.value, after if isinstance(after, str) else "")
        claim.layer.replace(leaf, after)

    def _note(self, claim: Claim, operation: Operation, before: str, after: str) -> None:
        category = claim.category.value if claim.category is not None else ""
        place = self.place_of(claim)
        self._report.add(Finding(operation.rule, operation.operator, place, category))
        if self._trace is not None:
            self._trace.append(
                Change(place, before, after, operation.rule, operation.operator, category, leaf=claim.leaf)
            )

    @property
    def text_rules(self) -> TextRules:
        """What reads texts here."""
        return self._law.text

    def place_of(self, claim: Claim) -> str:
        """The dotted path of a claim's place."""
        place = claim.place
        if not isinstance(place, Place):
            return str(place or "")
        path = self._places.get(place)
        if path is None:
            path = self._places[place] = place.path(self._law.known_word)
        return path

    def context_of(self, claim: Claim, category: Category) -> Context:
        """What detectors are told of a claim's keys."""
        place = claim.place
        if not isinstance(place, Place):
            return Context((), category.value, self._budget.check_time)
        context = self._contexts.get(place)
        if context is None:
            above = place.parent.words if place.parent is not None else ()
            context = self._contexts[place] = Context((*place.words, *above), category.value, self._budget.check_time)
        return context


def is_secret_place(claim: Claim, operation: Operation) -> bool:
    """Whether a masked value counts as a secret: typed into a field, or found under a key that a rule names (promise 4).

    What goes because its category goes (a trait, a city) or because its element is not known is no secret by itself: it
    may be any word.
    """
    if claim.category is Category.FORM_INPUTS:
        return True
    if operation.rule == PRIVATE_MARK and claim.element is not None:
        return not any(one is UNKNOWN or one.is_presumed for one in claim.element.lineage())
    return operation.rule != claim.category
