"""Drift: a field that was never there before, and a rule that used to match and no longer does, as after a site's release.

In memory alone, bounded, and by the clock that is handed in. Nothing is drift while it is still being learned.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from gateway.monitor.place import ANY, Steps, is_site_name, template

MOST_FIELDS: Final = 20_000
MOST_CHILDREN: Final = 100  # keys below one that no file knows: more, and it is a map whose keys are values
TIMES: Final = 3  # a new field is told of once it was in so many samples
SESSIONS: Final = (
    5  # a key that no file knows is called by its name once so many sessions have sent it: then it is the site's
)
NEW_FOR: Final = 86400.0  # seconds that a new field is told of; then it is known
FEWEST: Final = 20  # matches of a rule, before anything is expected of it
EXPECTED: Final = 30.0  # matches that its former rate would have given since the last one


class Client(NamedTuple):
    """Whose traffic: a route's, of one tracker. Both are names that the site owner or a tracker file wrote."""

    route: str
    tracker: str


@dataclass(slots=True)
class Node:
    """One key of one client's requests."""

    first: float
    last: float = 0.0
    times: int = 0  # as the end of a place
    is_open: bool = False
    sessions: set[bytes] = field(default_factory=set)
    below: dict[str, Node] = field(default_factory=dict)


class NewField(NamedTuple):
    """A field that appeared: `place` of known keys alone, and `name`, with the site's own keys, where many sent them."""

    client: Client
    place: str
    name: str
    first: float
    times: int


class Fields:
    """Which fields there are. `learn`: seconds from a client's first sample on in which every field is taken as known."""

    def __init__(self, words: frozenset[str], learn: float) -> None:
        self.words = words
        self.learn = learn
        self._roots: dict[Client, Node] = {}
        self._nodes = 0

    def see(self, client: Client, places: list[Steps], session: bytes, now: float) -> list[NewField]:
        """Takes note of a sample's fields; those that are found to be new by it."""
        root = self._roots.setdefault(client, Node(now))
        root.times += 1
        found: list[NewField] = []
        for place in places:
            path, settled = self._walk(root, place, session, now)
            if not path:
                continue
            end = path[-1]
            end.times += 1
            end.last = now
            if end.times == TIMES and self._is_new(root, end, now):
                found.append(self._told(client, settled, path))
        return found

    def new(self, now: float) -> Iterator[NewField]:
        """Those that are new now."""
        for client, root in self._roots.items():
            stack: list[tuple[Steps, list[Node]]] = [((), [root])]
            while stack:
                steps, path = stack.pop()
                if path[-1].times >= TIMES and steps and self._is_new(root, path[-1], now):
                    yield self._told(client, steps, path[1:])
                stack += (((*steps, step), [*path, node]) for step, node in path[-1].below.items())

    def keep(self, words: frozenset[str], routes: Collection[str]) -> None:
        """After a reload."""
        self.words = words
        self._roots = {client: root for client, root in self._roots.items() if client.route in routes}
        self._nodes = sum(_size(root) - 1 for root in self._roots.values())

    def _is_new(self, root: Node, node: Node, now: float) -> bool:
        return node.first - root.first > self.learn and now - node.first < NEW_FOR

    def _walk(self, root: Node, place: Steps, session: bytes, now: float) -> tuple[list[Node], Steps]:
        node, path, settled = root, list[Node](), list[str]()
        for step in place:
            is_known = step in self.words or node is root  # the first one is the request's part
            if not is_known and (node.is_open or not is_site_name(step)):
                step = ANY  # noqa: PLW2901 - what stands for it from here on
            inner = node.below.get(step)
            if inner is None:
                if self._nodes >= MOST_FIELDS:
                    return [], ()
                if not is_known and step != ANY and len(node.below) >= MOST_CHILDREN:
                    step = ANY  # noqa: PLW2901 - the same
                    self._open(node)
                inner = node.below.get(step)
                if inner is None:
                    inner = node.below[step] = Node(now)
                    self._nodes += 1
            if session and len(inner.sessions) < SESSIONS:
                inner.sessions.add(session)
            node = inner
            path.append(node)
            settled.append(step)
        return path, tuple(settled)

    def _open(self, node: Node) -> None:
        """Its keys are values: they count as one, which is as old as the oldest."""
        node.is_open = True
        apart = {step: inner for step, inner in node.below.items() if step not in self.words}
        for step in apart:
            del node.below[step]
        self._nodes -= sum(_size(inner) for inner in apart.values()) - 1
        node.below[ANY] = Node(min((inner.first for inner in apart.values()), default=node.first))

    def _told(self, client: Client, steps: Steps, path: list[Node]) -> NewField:
        seen = {step for step, node in zip(steps, path, strict=True) if len(node.sessions) >= SESSIONS and step != ANY}
        place, name = (template(steps, words) for words in (self.words, self.words | seen))
        return NewField(client, place, name, path[-1].first, path[-1].times)


def _size(node: Node) -> int:
    return 1 + sum(_size(inner) for inner in node.below.values())


class Stopped(NamedTuple):
    """A rule that no longer matches: in how many requests it used to, of how many; and how many passed since."""

    client: Client
    rule: str
    matched: int
    of: int
    since: int
    last: float


@dataclass(slots=True)
class _Rule:
    begun: int  # requests of its client before its first match
    last_at: int  # requests of its client up to its last match
    last: float
    matched: int = 0
    is_told: bool = False


class Rules:
    """Which rules match, and how often. `quiet`: seconds without a match before it can count as stopped."""

    def __init__(self, quiet: float) -> None:
        self.quiet = quiet
        self._requests: dict[Client, int] = {}
        self._rules: dict[Client, dict[str, _Rule]] = {}

    def see(self, client: Client, rules: Collection[str], now: float) -> None:
        """Takes note of one request, and of the rules that matched in it."""
        number = self._requests[client] = self._requests.get(client, 0) + 1
        known = self._rules.setdefault(client, {})
        for name in rules:
            rule = known.get(name)
            if rule is None:
                rule = known[name] = _Rule(number - 1, number, now)
            rule.matched += 1
            rule.last_at, rule.last, rule.is_told = number, now, False

    def keep(self, names: Collection[str], routes: Collection[str]) -> None:
        """After a reload: a rule that is no longer there is expected no more. One of the same name goes on being expected."""
        self._rules = {
            client: {name: rule for name, rule in rules.items() if name in names}
            for client, rules in self._rules.items()
            if client.route in routes
        }

    def stopped(self, now: float) -> Iterator[Stopped]:
        """Those that match no more: their former rate would have given `EXPECTED` matches since the last one."""
        for client, rules in self._rules.items():
            number = self._requests[client]
            for name, rule in rules.items():
                of, since = rule.last_at - rule.begun, number - rule.last_at
                if rule.matched >= FEWEST and now - rule.last >= self.quiet and rule.matched * since >= EXPECTED * of:
                    yield Stopped(client, name, rule.matched, of, since, rule.last)

    def fresh(self, now: float) -> list[Stopped]:
        """Those of them that were not told of yet."""
        found = [one for one in self.stopped(now) if not self._rules[one.client][one.rule].is_told]
        for one in found:
            self._rules[one.client][one.rule].is_told = True
        return found
