"""Two documents side by side: rows of pieces, each piece with the change that it is part of. Plain data, bounded.

A row stands for the same thing on both sides: what was dropped has nothing on its right. What is left out is counted.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Literal

type Kind = Literal["value", "key", "layer", "follows", "cut"]
"""`follows`: changed because something else was (a size, a reference); `cut`: says what is left out here."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much is shown of one part of a request. Rows beyond `rows` are left out where nothing near them changed."""

    rows: int = 1_000
    drawn: int = 20_000  # rows that are looked at for changes
    near: int = 3  # rows shown around a change, where not all are
    text: int = 2_000  # characters of one value
    around: int = 80  # characters shown around a change in a longer value
    marks: int = 2_000
    depth: int = 80


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of text of one row. `mark` is the number of the change that it is part of; 0: none."""

    text: str
    mark: int = 0
    kind: Kind = "value"


type Line = tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """One line on each side. Where it has no text, `left_out` rows are not shown here."""

    before: Line
    after: Line
    left_out: int = 0

    @property
    def is_changed(self) -> bool:
        """Whether the two sides differ."""
        return self.before != self.after

    @property
    def marks(self) -> list[int]:
        """The changes that are seen here, in order, each once."""
        return list(dict.fromkeys(piece.mark for piece in (*self.before, *self.after) if piece.mark))


def text_of(line: Line) -> str:
    """A line without its marks."""
    return "".join(piece.text for piece in line)


def fold(rows: Iterable[Row], bounds: Bounds) -> tuple[Row, ...]:
    """The rows to show: all of a few, else those near a change. Where rows end early, the last one says so."""
    drawn = list(islice(rows, bounds.drawn + 1))
    is_all = len(drawn) <= bounds.drawn
    drawn = drawn[: bounds.drawn]
    if is_all and len(drawn) <= bounds.rows:
        return tuple(drawn)
    shown: set[int] = set()
    for at, row in enumerate(drawn):
        if row.is_changed:
            shown.update(range(max(0, at - bounds.near), min(len(drawn), at + bounds.near + 1)))
            if len(shown) >= bounds.rows:
                break
    shown = shown or set(range(min(bounds.rows, len(drawn))))
    kept: list[Row] = []
    last = -1
    for at in sorted(shown):
        if at > last + 1:
            kept.append(Row((), (), at - last - 1))
        kept.append(drawn[at])
        last = at
    if last + 1 < len(drawn):
        kept.append(Row((), (), len(drawn) - last - 1))
    if not is_all:
        line = (Piece("… more follows, which is not drawn here", 0, "cut"),)
        kept.append(Row(line, line))
    return tuple(kept)
