"""The verdict: what of the visitor was in what each tracker sent, and what of her was in what the backend got.

Rests on `decoder` alone; what the gateway says of itself (rules, layers, times) is shown beside it and decides nothing.
A fact has arrived where its value, a part that gives it away, its digits, an unsalted hash of it, or five or more first
letters of it as a value by themselves are found in any leaf or layer of a request that reached the backend.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher
from functools import cache
from typing import Any, Final

from gateway.demo.recorded import Fact, Request
from gateway.demo.stage import Exchange
from gateway.monitor.decoder import Place, Reading, events_of, read, spellings

PREFIX: Final = 5  # letters; a shorter beginning may be chance
AROUND: Final = 46  # characters that an excerpt shows on each side
MOST_COMPARED: Final = 1200  # characters of a value
_WORDS: Final = re.compile(r"\[\w+\]|\*+|\w+|\W")
_HASHES: Final = ("md5", "sha1", "sha256")
_INDEX: Final = re.compile(r"\[\d+\]")
_GROUPING: Final = re.compile(r"[\s.\-]")
FEWEST_DIGITS: Final = 8
_NEVER_FORWARDED: Final = ("never forwarded", "drop")


@dataclass(frozen=True, slots=True)
class Sighting:
    """A fact seen in what was sent: where, in which words, what stood there when it arrived, and the rule that did it.

    The found part is `before[start:end]`; `after` is None where the place itself is gone.
    """

    place: str
    before: str
    start: int
    end: int
    after: str | None
    rule: str = ""
    operator: str = ""
    times: int = 1


@dataclass(slots=True)
class Trail:
    """One fact through one tracker. `beginnings`: its first letters that were sent by themselves, and what came."""

    fact: Fact
    sent: int = 0
    got: int = 0
    sightings: list[Sighting] = field(default_factory=list)
    beginnings: list[tuple[str, str | None]] = field(default_factory=list)


@dataclass(slots=True)
class Result:
    """One tracker's visit."""

    name: str
    title: str
    exchanges: list[Exchange]
    trails: list[Trail]
    chains: list[tuple[str, ...]]
    values: int
    kept: int
    unread: int
    events: tuple[list[dict[str, Any]], list[dict[str, Any]]]

    @property
    def chain(self) -> tuple[str, ...]:
        """The layers around the deepest value of all its requests."""
        return max(self.chains, key=len, default=())

    @property
    def forwarded(self) -> int:
        """How many requests the backend got."""
        return sum(exchange.got is not None for exchange in self.exchanges)

    @property
    def rules(self) -> Counter[str]:
        """How many values each rule changed."""
        return Counter(change.rule for exchange in self.exchanges for change in exchange.note.changes)

    @property
    def masked(self) -> int:
        """How many values were changed."""
        return sum(self.rules.values())

    @property
    def seconds(self) -> float:
        """Time in the pipeline."""
        return sum(exchange.note.seconds for exchange in self.exchanges)

    @property
    def sizes(self) -> tuple[int, int]:
        """Bytes of bodies, sent and got."""
        sent = sum(len(exchange.sent.body) for exchange in self.exchanges)
        return sent, sum(len(exchange.got.body) for exchange in self.exchanges if exchange.got is not None)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What arrived of what was looked for; `unread` values arrived that nobody could look into."""

    typed: int
    typed_arrived: int
    known: int
    known_arrived: int
    refused: int
    unread: int

    @property
    def holds(self) -> bool:
        """Whether every request arrived, could be read to its end, and told nothing of her."""
        return not (self.typed_arrived or self.known_arrived or self.refused or self.unread)


def judge(name: str, title: str, exchanges: list[Exchange], facts: Sequence[Fact]) -> Result:
    """Reads one tracker's exchanges."""
    trails = {fact.name: Trail(fact) for fact in facts}
    chains: list[tuple[str, ...]] = []
    events: tuple[list[dict[str, Any]], list[dict[str, Any]]] = ([], [])
    values = kept = unread = 0
    for exchange in exchanges:
        before, after = _read(exchange.sent), _read(exchange.got) if exchange.got is not None else None
        chains.append(before.chain)
        events[0].extend(events_of(before.root))
        if after is not None:
            events[1].extend(events_of(after.root))
            unread += after.unread
            body = [place for place in before.leaves if place[0] == "body" and "<key>" not in place]
            values += len(body)
            kept += sum(after.leaves.get(place) == before.leaves[place] for place in body)
        leaves = [(text, _folded(text)) for text in after.leaves.values()] if after is not None else []
        texts = [_folded(text) for text in after.texts] if after is not None else []
        for trail in trails.values():
            _follow(trail, exchange, before, after)
            trail.got += _arrived(trail.fact, leaves, texts)
    return Result(name, title, exchanges, list(trails.values()), chains, values, kept, unread, events)


def weigh(results: Iterable[Result]) -> Verdict:
    """The verdict over all trackers: a fact counts once, wherever it arrived."""
    got: dict[str, int] = {}
    facts: dict[str, Fact] = {}
    refused = unread = 0
    for result in results:
        refused += len(result.exchanges) - result.forwarded
        unread += result.unread
        for trail in result.trails:
            facts[trail.fact.name] = trail.fact
            got[trail.fact.name] = got.get(trail.fact.name, 0) + trail.got
    typed = [name for name, fact in facts.items() if fact.is_typed]
    known = [name for name in facts if name not in typed]
    typed_arrived, known_arrived = (sum(got[name] > 0 for name in names) for names in (typed, known))
    return Verdict(len(typed), typed_arrived, len(known), known_arrived, refused, unread)


def _read(request: Request) -> Reading:
    return read(request.target, request.headers, request.body)


@cache
def plain_needles(fact: Fact) -> tuple[str, ...]:
    """A fact as it is, and without what groups its digits."""
    value = fact.value.casefold()
    compact = _GROUPING.sub("", value)
    return (value, compact) if sum(map(str.isdigit, compact)) >= FEWEST_DIGITS else (value,)


@cache
def needles_of(fact: Fact) -> tuple[str, ...]:
    """All that gives a fact away inside a longer text, the plainest first."""
    hashed = [text.encode() for one in plain_needles(fact) for text in (one, one.upper())] + [fact.value.encode()]
    digests = [hashlib.new(kind, text, usedforsecurity=False).hexdigest() for kind in _HASHES for text in hashed]
    return tuple(dict.fromkeys((*plain_needles(fact), *(tell.casefold() for tell in fact.tells), *digests)))


def is_keystroke(fact: Fact, text: str) -> bool:
    """Whether a whole value is a beginning of what was typed."""
    return fact.is_typed and PREFIX <= len(text) < len(fact.value) and fact.value.startswith(text)


def _folded(text: str) -> list[str]:
    """The spellings to search in: as it stands, resolved, and with nothing between digits."""
    folded = [one.casefold() for one in spellings(text)]
    return [*folded, *(_GROUPING.sub("", one) for one in folded if any(map(str.isdigit, one)))]


def _tells(fact: Fact, folded: list[str]) -> bool:
    return any(needle in text for needle in needles_of(fact) for text in folded)


def _arrived(fact: Fact, leaves: list[tuple[str, list[str]]], texts: list[list[str]]) -> int:
    """How many values tell the fact; where none does, how many layers do as a whole."""
    count = sum(is_keystroke(fact, text) or _tells(fact, folded) for text, folded in leaves)
    return count or sum(_tells(fact, folded) for folded in texts)


def _follow(trail: Trail, exchange: Exchange, before: Reading, after: Reading | None) -> None:
    fact = trail.fact
    seen: dict[tuple[str, str], int] = {}
    for place, text in before.leaves.items():
        if is_keystroke(fact, text):
            trail.beginnings.append((text, after.leaves.get(place) if after is not None else None))
            continue
        found = _find(fact, text)
        if found is None:
            continue
        trail.sent += 1
        spelling, start, end = found
        left = after.leaves.get(place) if after is not None else None
        cause = _cause(exchange, place, fact, text)
        shown = (name_of(place), cause[0])
        if shown in seen:
            held = trail.sightings[seen[shown]]
            trail.sightings[seen[shown]] = replace(held, times=held.times + 1)
            continue
        seen[shown] = len(trail.sightings)
        trail.sightings.append(Sighting(shown[0], spelling, start, end, _as_spelled(left, text, spelling), *cause))


def _find(fact: Fact, text: str) -> tuple[str, int, int] | None:
    """Where a text holds the value itself: the spelling it does so in, and the span."""
    for spelling in spellings(text):
        folded = spelling.casefold()
        for needle in plain_needles(fact):
            start = folded.find(needle)
            if start >= 0:
                return spelling, start, start + len(needle)
    return None


def _as_spelled(after: str | None, before: str, spelling: str) -> str | None:
    """What arrived, resolved as often as what was sent had to be."""
    if after is None or before == spelling:
        return after
    resolved = list(spellings(after))
    return resolved[min(list(spellings(before)).index(spelling), len(resolved) - 1)]


def _cause(exchange: Exchange, place: Place, fact: Fact, text: str) -> tuple[str, str]:
    """The rule and operator that changed this value, as the gateway tells: by place first, then by what it changed."""
    steps = [step for step in place if not _INDEX.fullmatch(step)]
    last = steps[-1]
    if place[0] == "header":
        told = next((one for one in exchange.note.changes if one.place in (last, f"header {last}")), None)
        return (told.rule, told.operator) if told is not None else _NEVER_FORWARDED
    best, rank = ("", ""), 0
    for change in exchange.note.changes:
        stands_above = change.operator == "drop" and change.place.rpartition(".")[2] in steps
        is_part = change.before in text and change.place.endswith(last) and _concerns(change.before, fact)
        if not (stands_above or is_part):
            continue
        fit = 1 + (change.before == text) + is_part
        if fit > rank:
            best, rank = (change.rule, change.operator), fit
    return best


def _concerns(changed: str, fact: Fact) -> bool:
    """Whether what a rule changed holds the fact, or a good part of it."""
    return _tells(fact, _folded(changed)) or (len(changed) >= PREFIX and changed in fact.value)


def name_of(place: Place) -> str:
    """A place for people: without indexes, its last three steps."""
    steps = [step for step in place if not _INDEX.fullmatch(step) and step not in ("<key>", "body")]
    return " › ".join(list(dict.fromkeys(steps))[-3:])


def excerpt(text: str, start: int, end: int) -> tuple[str, str, str]:
    """What stands before, in and after a span, cut to a line."""
    head, tail = text[:start], text[end:]
    if len(head) > AROUND:
        head = f"…{head[-AROUND:]}"
    if len(tail) > AROUND:
        tail = f"{tail[:AROUND]}…"
    return head, text[start:end], tail


def pieces_of(before: str, after: str) -> list[tuple[str, bool]]:
    """`after` in pieces, each with whether it is new; what it shares with `before` at both ends is cut to a line."""
    old, new = _WORDS.findall(before[:MOST_COMPARED]), _WORDS.findall(after[:MOST_COMPARED])
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    pieces = [
        ("".join(new[low:high]), kind != "equal") for kind, _, _, low, high in matcher.get_opcodes() if high > low
    ]
    if pieces and not pieces[0][1] and len(pieces[0][0]) > AROUND:
        pieces[0] = f"…{pieces[0][0][-AROUND:]}", False
    if pieces and not pieces[-1][1] and len(pieces[-1][0]) > AROUND:
        pieces[-1] = f"{pieces[-1][0][:AROUND]}…", False
    return pieces


def tells_most(sighting: Sighting) -> tuple[bool, bool, bool, int]:
    """The order of sightings: in a sentence before by itself, bodies before fields, short before long."""
    around = sighting.before[: sighting.start] + sighting.before[sighting.end :]
    is_sentence = " " in around.strip() and "://" not in around
    return sighting.place.startswith("header"), sighting.after is None, not is_sentence, len(around)
