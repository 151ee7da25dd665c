"""Which tracker made a request: by path, host, query, headers and the fields of its opened body, never by Content-Type.

The most telling entry wins: one that names fields of the body before one that names a path only, a longer path glob
before a shorter one. A request that fits no entry belongs to no known tracker.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase, translate

from gateway.core.document import Leaf, List, Map, Node, opened
from gateway.core.message import Inbound
from gateway.trackers.path import FieldPath, Step, Wild
from gateway.trackers.schema import Match, TrackerFile

_MOST_ITEMS = 8  # of a list that are looked at: trackers send lists of equal records
_MOST_ROWS = 64
_MOST_NODES = 2_000


@dataclass(frozen=True, slots=True)
class _Entry:
    """One entry with what is known of it before any request. `rank` is the first part of how telling it is."""

    tracker: TrackerFile
    match: Match
    rank: tuple[bool, int]
    path: re.Pattern[str] | None
    keys: frozenset[str]  # that a body must begin with

    def fits(self, inbound: Inbound, query: Mapping[str, str]) -> bool:
        """Whether every key holds that asks for nothing in the body."""
        match = self.match
        return (
            (not match.method or inbound.method in match.method)
            and (self.path is None or self.path.match(inbound.path) is not None)
            and (not match.host or any(fnmatchcase(inbound.host.lower(), glob.lower()) for glob in match.host))
            and all(name in query and fnmatchcase(query[name], glob) for name, glob in match.query.items())
            and all(
                name in inbound.headers and fnmatchcase(inbound.headers.get(name), glob)
                for name, glob in match.headers.items()
            )
        )

    def length(self, path: str) -> int:
        """The length of the longest glob that a path matches: of entries of one rank the longest counts."""
        return max((len(glob) for glob in self.match.path if fnmatchcase(path, glob)), default=0)


class Recogniser:
    """The entries of some tracker files, the most telling first, so that most of them need not be looked at."""

    def __init__(self, trackers: Iterable[TrackerFile]) -> None:
        entries = [_entry(tracker, match) for tracker in trackers for match in tracker.match]
        self._entries = sorted(
            entries, key=lambda entry: entry.rank, reverse=True
        )  # of equal ones the first stays first

    def __call__(self, inbound: Inbound, query: Mapping[str, str], root: Node | None) -> TrackerFile | None:
        """The tracker whose most telling entry fits, or None. `query` is decoded, `root` the opened body."""
        found: _Entry | None = None
        longest = 0
        keys = _first_keys(root)
        known: dict[FieldPath, bool] = {}  # trackers ask for the same fields
        for entry in self._entries:
            if found is not None and entry.rank < found.rank:
                break
            if (keys is not None and not entry.keys <= keys) or not entry.fits(inbound, query):
                continue
            length = entry.length(inbound.path)
            if length <= longest if found is not None else (*entry.rank, length) <= (False, 0, 0):
                continue
            if all(_is_there(root, path, known) for path in entry.match.body):
                found, longest = entry, length
        return found.tracker if found is not None else None


def _entry(tracker: TrackerFile, match: Match) -> _Entry:
    told = 4 * len(match.body) + 2 * len(match.query) + 2 * len(match.headers) + 3 * bool(match.host) + bool(match.path)
    return _Entry(
        tracker,
        match,
        (not tracker.last_resort, told),
        re.compile("|".join(map(translate, match.path))) if match.path else None,
        frozenset(step for path in match.body if isinstance(step := path.steps[0], str)),
    )


def _is_there(root: Node | None, path: FieldPath, known: dict[FieldPath, bool]) -> bool:
    there = known.get(path)
    if there is None:
        there = known[path] = root is not None and exists(root, path)
    return there


def _first_keys(root: Node | None) -> frozenset[str] | None:
    """The keys that a field's first step can name in a body: nearly all entries name one that is not there."""
    if root is None:
        return frozenset()
    node = opened(root)
    rows = node.items[:_MOST_ITEMS] if isinstance(node, List) else [node]
    keys: set[str] = set()
    for row in map(opened, rows):
        if isinstance(row, List) or (isinstance(row, Map) and len(row.items) == 2):  # a key beside its value, perhaps
            return None
        if isinstance(row, Map):
            keys.update(key.value for key, _ in row.items)
    return frozenset(keys)


def _is_row(node: Node) -> bool:
    """Whether a record is a key beside its value, as OpenTelemetry writes attributes."""
    return isinstance(node, Map) and len(node.items) == 2 and {key.value for key, _ in node.items} == {"key", "value"}


def exists(root: Node, path: FieldPath) -> bool:
    """Whether a field is there: through lists (their first items) and nested documents."""
    pending: list[tuple[Node, tuple[Step, ...]]] = [(root, path.steps)]
    looked = 0
    while pending:
        raw, steps = pending.pop()
        looked += 1
        if looked > _MOST_NODES:
            return False
        if not steps:
            return True
        node = opened(raw)
        if isinstance(node, List):
            most = _MOST_ROWS if _is_row(node.items[0] if node.items else node) else _MOST_ITEMS
            pending.extend((item, steps) for item in node.items[:most])
        elif isinstance(node, Map):
            step, rest = steps[0], steps[1:]
            name = node.get("key") if len(node.items) == 2 else None
            if isinstance(name, Leaf) and name.value == step:  # a key beside its value
                pending.extend((value, rest) for key, value in node.items if key.value == "value")
                continue
            if step is Wild.ANY:
                pending.append((node, rest))
                pending.extend((value, steps) for _, value in node.items)
            else:
                pending.extend((value, rest) for key, value in node.items if step is Wild.ONE or key.value == step)
    return False
