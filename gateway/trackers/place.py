"""Places: one node per distinct path of keys, with what tracker files and rules know of it, worked out once.

The walk of a document steps from place to place (`child(key)`), so a field path costs its match once per program and
not once per value. The number of places kept is bounded; beyond it they are worked out anew each time, never wrong.

What a place holds, by precedence: `category` (the tracker file's own, most literal path first), `hint` (key phrases of
`_any.yaml` that hold for all trackers), `inherited` (a container's category covers what is in it).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from gateway.core.category import NEVER_TOUCHED, Category
from gateway.core.words import Phrases, words_of
from gateway.trackers.pathset import PathSet, State

_MOST_PLACES = 60_000
_UNNAMED = frozenset({"value", "values", "data", "attributes", "string", "val", "v"})


@dataclass(frozen=True, slots=True)
class Mark:
    """What one field path of a tracker file says of a place."""

    category: Category | None = None
    session: int = -1  # this place tells sessions apart: its rank in the session key
    elements: bool = False  # an element chain in one string
    value: str | None = None  # a switch: the value that is always sent
    part: re.Pattern[str] | None = None  # of a session's value: what its first group finds is the key
    decoded_size: bool = False  # says how long the body's content is
    order: int = 0
    general: bool = False  # from the tracker file for all trackers: yields to a specific one's


@dataclass(slots=True)
class Knowledge:
    """What all places of a program are worked out from."""

    marks: PathSet[Mark]
    hints: tuple[tuple[Category, Phrases], ...]
    rule_paths: PathSet[int]
    rule_keys: tuple[tuple[int, Phrases], ...]
    parameters: tuple[
        tuple[int, re.Pattern[str]], ...
    ] = ()  # rules by names of query parameters, for a query's own places
    counter: list[int] = field(default_factory=lambda: [0])


class Place:
    """One path of keys. `rules` are the numbers of rules whose `fields` or `keys` match here or above."""

    __slots__ = (
        "_children",
        "_knowledge",
        "_mark_state",
        "_rule_state",
        "category",
        "decoded_size",
        "elements",
        "fixed",
        "has_exact_below",
        "hint",
        "inherited",
        "key",
        "own_rules",
        "parent",
        "part",
        "rules",
        "session",
        "value",
        "words",
    )

    def __init__(self, knowledge: Knowledge, parent: Place | None, key: str) -> None:
        self._knowledge = knowledge
        self._children: dict[str, Place] = {}
        self.parent = parent
        self.key = key
        self.session = -1
        self.part: re.Pattern[str] | None = None
        self.elements = False
        self.decoded_size = False
        self.value: str | None = None
        self.category: Category | None = None
        self.fixed = False  # the category comes from an exact place
        self.hint: Category | None = None
        self.own_rules: tuple[int, ...] = ()
        if parent is None:
            self._mark_state: State[Mark] = knowledge.marks.start()
            self._rule_state: State[int] = knowledge.rule_paths.start()
            self.words: tuple[str, ...] = ()
            self.inherited: Category | None = None
            self.rules: tuple[int, ...] = ()
            self.has_exact_below = False
            return
        own_words = words_of(key)
        self.words = own_words if own_words and not (len(own_words) == 1 and own_words[0] in _UNNAMED) else parent.words
        self._mark_state, ended = knowledge.marks.step(parent._mark_state, key)  # noqa: SLF001 - of its own class
        self._rule_state, rules = knowledge.rule_paths.step(parent._rule_state, key)  # noqa: SLF001 - of its own class
        self.has_exact_below = any(
            entry.payload.category is not None and position > 0 and not entry.payload.general
            for entry, position in self._mark_state
        )
        self._take_marks([(entry.weight, entry.payload) for entry in ended])
        own = {entry.payload for entry in rules}
        if parent.parent is None:
            own.update(number for number, pattern in knowledge.parameters if pattern.match(key))
        if own_words:
            own.update(number for number, phrases in knowledge.rule_keys if phrases.longest_in(own_words))
            longest = 0
            self.hint = _hint_of_form(key)
            for category, phrases in knowledge.hints:
                size = phrases.longest_in(own_words)
                if size > longest:
                    longest, self.hint = size, category
        above = parent.effective
        self.inherited = (
            None if above is Category.PROJECT_KEYS else above
        )  # a key is one value: it covers nothing in it
        self.own_rules = tuple(sorted(own))
        self.rules = tuple(sorted(own.union(parent.rules)))

    def _take_marks(self, marks: list[tuple[int, Mark]]) -> None:
        for _, mark in sorted(marks, key=lambda item: (not item[1].general, item[0], item[1].order)):
            if mark.category is not None:
                self.category = mark.category
                self.fixed = not mark.general
            if mark.session >= 0:
                self.session, self.part = mark.session, mark.part
            if mark.elements:
                self.elements = True
            if mark.decoded_size:
                self.decoded_size = True
            if mark.value is not None:
                self.value = mark.value

    @property
    def _is_claimed(self) -> bool:
        """Whether a hint says "never touched" of what stands in something that a rule picks (`{auth: {time: …}}`)."""
        return self.hint in NEVER_TOUCHED and self.parent is not None and bool(self.parent.rules)

    @property
    def effective(self) -> Category | None:
        """The category that holds for values here."""
        if self.category is not None and (self.fixed or self.inherited not in _HOLDS_BELOW):
            return self.category
        if self.hint is not None and self.inherited not in _HOLDS_BELOW and not self._is_claimed:
            return self.hint
        return self.inherited if self.inherited is not None else self.category

    def session_key(self, value: str) -> str:
        """The part of a value here that tells sessions apart; empty where it is none."""
        if self.part is None:
            return value
        found = self.part.fullmatch(value)
        return found[1] if found is not None else ""

    def child(self, key: str) -> Place:
        """The place one key further."""
        place = self._children.get(key)
        if place is None:
            place = Place(self._knowledge, self, key)
            counter = self._knowledge.counter
            if counter[0] < _MOST_PLACES and len(key) <= 128:
                counter[0] += 1
                self._children[key] = place
        return place

    def path(self, known: Callable[[str], bool]) -> str:
        """The dotted path for reports; keys that are data and not names become `*`."""
        keys: list[str] = []
        place: Place | None = self
        while place is not None and place.parent is not None:
            keys.append(place.key if known(place.key) else "*")
            place = place.parent
        return ".".join(reversed(keys))


def _hint_of_form(key: str) -> Category | None:
    """Keys whose first part says what they hold: a field's name behind `input:`, a person's trait behind `user.`."""
    first, mark, rest = key.partition(":")
    if mark and rest and first.lower() in _FIELDS:
        return Category.FORM_INPUTS
    first, mark, rest = key.partition(".")
    last = key.rpartition(".")[2]
    if mark and rest and (first.lower() in _PEOPLE or first in _PROPERTIES or last.lower() in _PEOPLE):
        return Category.USER_TRAITS
    return None


_FIELDS = frozenset({"input", "field", "textarea", "select", "form"})
_PROPERTIES = frozenset({"up", "upn"})  # how Google Analytics writes a user's property
_PEOPLE = frozenset({"enduser", "user", "usr", "person", "customer", "visitor", "identity", "traits"})
# a hint by key name does not reopen what a container's category closed, nor touch what is never touched
_HOLDS_BELOW = NEVER_TOUCHED | {Category.FORM_INPUTS}
