"""The order of nodes in their parents, texts included, for recorders that say where a node stands among all of them.

The mirror knows elements alone; to place one, it is told the next element behind. Bounded: beyond that, new nodes
come last.
"""

from __future__ import annotations

from typing import Final

_MOST_PLACED: Final = 200_000
_FAR: Final = 64  # nodes behind a new one in which the next element is looked for


class Siblings:
    """Node ids by parent, in order."""

    __slots__ = ("_placed", "_rows")

    def __init__(self, rows: dict[int, list[int]] | None = None, placed: int = 0) -> None:
        """As `told` told it."""
        self._rows = rows if rows is not None else {}
        self._placed = placed

    def told(self) -> tuple[dict[int, list[int]], int]:
        """Everything that it holds: numbers."""
        return self._rows, self._placed

    def place(self, parent: int, node: int, index: int) -> list[int]:
        """Places a node in its parent; returns those right behind it."""
        if self._placed >= _MOST_PLACED:
            return []
        self._placed += 1
        row = self._rows.setdefault(parent, [])
        behind = row[index : index + _FAR]
        row.insert(index, node)
        return behind

    def place_after(self, parent: int, node: int, previous: int | None) -> list[int]:
        """Places a node behind a sibling, or first; behind one that is not known, last."""
        row = self._rows.get(parent, [])
        try:
            index = 0 if previous is None else row.index(previous) + 1
        except ValueError:
            index = len(row)
        return self.place(parent, node, index)

    def take(self, parent: int, node: int) -> None:
        """Takes a node out of its parent."""
        row = self._rows.get(parent)
        if row is not None and node in row:
            row.remove(node)
            self._placed -= 1
