"""Many field paths followed at once, one key a step: a small automaton over the keys of an opened document.

Lists and nested documents (JSON in a string, base64 in JSON) are transparent: `events.url` reads through them. A path
that names a map or list covers all in it. Steps are memoised by `Place`, so that a path costs its match once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gateway.trackers.path import FieldPath, Step, Wild


@dataclass(frozen=True, slots=True)
class Entry[T]:
    """One path and what it stands for. `weight` orders entries that match one place: more literal keys win."""

    steps: tuple[Step, ...]
    payload: T

    @property
    def weight(self) -> int:
        return sum(2 if isinstance(step, str) else 1 if step is Wild.ONE else 0 for step in self.steps)


type State[T] = tuple[tuple[Entry[T], int], ...]


class PathSet[T]:
    """`start` is the state at the root; `step` consumes one key."""

    __slots__ = ("_anchored", "_floating", "_floating_any")

    def __init__(self, paths: Iterable[tuple[FieldPath, T]]) -> None:
        anchored: list[tuple[Entry[T], int]] = []
        self._floating: dict[str, list[Entry[T]]] = {}
        self._floating_any: list[Entry[T]] = []
        for path, payload in paths:
            steps = path.steps[:-1] if len(path.steps) > 1 and path.steps[-1] is Wild.ANY else path.steps
            entry = Entry(steps, payload)
            second = steps[1] if len(steps) > 1 else None
            if steps[0] is not Wild.ANY or second is None:
                anchored.append((entry, 0))
            elif isinstance(second, str):
                self._floating.setdefault(second, []).append(entry)
            else:
                self._floating_any.append(entry)
        self._anchored: State[T] = tuple(anchored)

    def start(self) -> State[T]:
        """Where following begins."""
        return self._anchored

    def step(self, state: State[T], key: str) -> tuple[State[T], list[Entry[T]]]:
        """The state after `key`, and the entries that end exactly here."""
        after: list[tuple[Entry[T], int]] = []
        ended: list[Entry[T]] = []
        for entry, position in state:
            _advance(entry, position, key, after, ended)
        for entry in self._floating.get(key, ()):
            _advance(entry, 1, key, after, ended)
        for entry in self._floating_any:
            _advance(entry, 1, key, after, ended)
        return tuple(dict.fromkeys(after)), ended


def _advance[T](
    entry: Entry[T], position: int, key: str, after: list[tuple[Entry[T], int]], ended: list[Entry[T]]
) -> None:
    steps = entry.steps
    while steps[position] is Wild.ANY:
        after.append((entry, position))
        if position + 1 == len(steps):
            ended.append(entry)
            return
        position += 1
    step = steps[position]
    if step is Wild.ONE or step == key:
        if position + 1 == len(steps):
            ended.append(entry)
        else:
            after.append((entry, position + 1))
