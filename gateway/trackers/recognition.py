"""Which tracker made a request: by path, host, query, headers and the fields of its opened body, never by Content-Type.

The most telling entry wins: one that names fields of the body before one that names a path only, a longer path glob
before a shorter one. A request that fits no entry belongs to no known tracker.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase, translate
from functools import lru_cache

from gateway.core.document import Leaf, List, Map, Node, opened
from gateway.core.message import Inbound
from gateway.trackers.path import FieldPath, Step, Wild
from gateway.trackers.schema import Match, TrackerFile

_MOST_ITEMS = 8  # of a list that are looked at: trackers send lists of equal records
_MOST_ROWS = 64
_MOST_NODES = 2_000


def recognise(
    trackers: Iterable[TrackerFile], inbound: Inbound, query: Mapping[str, str], root: Node | None
) -> TrackerFile | None:
    """The tracker whose most telling entry fits, or None. `query` is decoded, `root` the opened body."""
    best: tuple[bool, int, int] = (False, 0, 0)
    found: TrackerFile | None = None
    keys = _first_keys(root)
    for tracker in trackers:
        for entry in tracker.match:
            if fits(entry, inbound, query, root, keys):
                weight = (not tracker.last_resort, *_weight(entry, inbound))
                if weight > best:
                    best, found = weight, tracker
    return found


def fits(
    entry: Match, inbound: Inbound, query: Mapping[str, str], root: Node | None, keys: frozenset[str] | None = None
) -> bool:
    """Whether every key that an entry gives holds. `keys` are all that a field's first step may be, where they are known."""
    return (
        (not entry.path or _any_of(entry.path).match(inbound.path) is not None)
        and (keys is None or all(not isinstance(path.steps[0], str) or path.steps[0] in keys for path in entry.body))
        and (not entry.host or any(fnmatchcase(inbound.host.lower(), glob.lower()) for glob in entry.host))
        and (not entry.method or inbound.method in entry.method)
        and all(name in query and fnmatchcase(query[name], glob) for name, glob in entry.query.items())
        and all(
            name in inbound.headers and fnmatchcase(inbound.headers.get(name), glob)
            for name, glob in entry.headers.items()
        )
        and all(root is not None and exists(root, path) for path in entry.body)
    )


@lru_cache(maxsize=1024)  # as many as tracker files have entries, several times over
def _any_of(globs: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(translate(glob) for glob in globs))


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


def _weight(entry: Match, inbound: Inbound) -> tuple[int, int]:
    told = 4 * len(entry.body) + 2 * len(entry.query) + 2 * len(entry.headers) + 3 * bool(entry.host) + bool(entry.path)
    longest = max((len(glob) for glob in entry.path if fnmatchcase(inbound.path, glob)), default=0)
    return told, longest


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
