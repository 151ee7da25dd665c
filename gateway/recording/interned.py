"""Strings that stand once in a table and are referred to by number from wherever they are used.

One entry serves many nodes: what a private element shows may be the very entry that a heading shows. So each *use* is a
text of its own, claimed and edited like any other. The first edit goes to the entry; from then on all its other uses
have literals in the places of their references, each what became of it. A reference that is shared would still tell
that two fields hold the same.

Invariant: the table keeps its length and order, so that numbering stays right for both sides, and holds no text that
one of its uses had masked.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from gateway.core.document import Layer, Leaf, List, Map

_MASKED: Final = "***"
_MOST_KNOWN: Final = 20_000
_MOST_SEGMENTS: Final = 256
_LONGEST_KNOWN: Final = 512


@dataclass(slots=True)
class Table:
    """What runs on from one segment of a view to the next: counts, and the strings that selectors need. No text."""

    owner: tuple[str, str] = ("", "")  # session and view
    printed_owner: str = ""  # where these are known by a keyed fingerprint alone
    printed: Callable[[str], str] | None = None
    is_known: bool = False
    strings: int = 0
    nodes: int = 0
    known: dict[int, str] = field(default_factory=dict)  # names, values of attributes that selectors name, blanks
    values: set[int] = field(default_factory=set)  # those of them that are values
    starts: dict[int, tuple[int, int]] = field(default_factory=dict)  # segment → strings and nodes before it
    keeps_texts: bool = False  # for who rebuilds a masked page: all strings, so that a later segment can show them

    def begin(self, owner: tuple[str, str], index: int | None) -> bool:
        """Takes up a segment, a retried one too; whether it is of the same view as the one before."""
        is_same = self.is_of(owner)
        self.owner, self.printed_owner = owner, ""
        if not is_same:
            self.known, self.values, self.starts = {}, set(), {}
        start = self.starts.get(index) if index is not None else None
        self.is_known = start is not None
        self.strings, self.nodes = start or (0, 0)
        return is_same

    def is_of(self, owner: tuple[str, str]) -> bool:
        """Whether it is a session's and view's."""
        if self.printed_owner and self.printed is not None:
            return self.printed(name_of_owner(owner)) == self.printed_owner
        return owner == self.owner

    def restart(self) -> None:
        """A full snapshot begins."""
        self.is_known = True
        self.strings = self.nodes = 0
        self.known, self.values, self.starts = {}, set(), {}

    def end(self, index: int | None) -> None:
        """The segment is read: the next one goes on from here."""
        if self.is_known and index is not None:
            self.starts[index + 1] = (self.strings, self.nodes)
            if len(self.starts) > _MOST_SEGMENTS:
                del self.starts[next(iter(self.starts))]

    def remember(self, index: int, text: str, *, is_value: bool = False) -> None:
        """Keeps a string that a later segment may name an element by, or that a selector may ask for."""
        if self.keeps_texts or (len(self.known) < _MOST_KNOWN and len(text) <= _LONGEST_KNOWN):
            self.known[index] = text
            if is_value:
                self.values.add(index)


def name_of_owner(owner: tuple[str, str]) -> str:
    """A session and its view as one name."""
    return "\0".join(owner)


class Entry:
    """A string of this request's part of the table."""

    __slots__ = ("first", "index", "is_opened", "layer", "leaf", "outcome", "role", "uses")

    def __init__(self, layer: Layer, leaf: Leaf, index: int, role: int) -> None:
        self.layer = layer
        self.leaf = leaf
        self.index = index
        self.role = role
        self.is_opened = leaf.child is not None
        self.outcome: str | None = None
        self.first: Use | None = None  # whose edit the entry took
        self.uses: list[Use] = []


class Use(Leaf):
    """One use of a table entry: a text of its own, written where the reference stands. A name's use has many places."""

    __slots__ = ("entry", "layer", "sites")

    def __init__(self, layer: Layer, site: Leaf, entry: Entry | None, text: str) -> None:
        super().__init__(text, site.start, site.end)
        self.layer = layer
        self.sites = [site]
        self.entry = entry
        if entry is not None:
            self.child = entry.leaf.child
            entry.uses.append(self)

    def write(self, text: str) -> None:
        """A literal in the reference's place."""
        for site in self.sites:
            self.layer.write_literal(site, self.layer.writer.write(Leaf("", 0, 0), text))


class Row(Map):
    """Strings by name, as the page's reader wants them, with the list that each of them is an item of, if it may go."""

    __slots__ = ("sites",)

    def __init__(self) -> None:
        super().__init__([], 0, 0)
        self.sites: list[tuple[List, int]] = []

    def put(self, name: str, leaf: Leaf) -> None:
        self.items.append((Leaf(name, 0, 0), leaf))


class Strings(Layer):
    """Takes the edits of strings, and writes them into the layers where the table and its references stand."""

    __slots__ = ("_under",)

    def __init__(self, under: Layer) -> None:
        super().__init__("datadog", under.source, under.root, under.writer)
        self._under = under

    def replace(self, leaf: Leaf, value: str | bytes) -> None:
        if not isinstance(leaf, Use):
            self._under.replace(leaf, value)
            return
        text = value if isinstance(value, str) else ""
        self._replace(leaf, text)
        leaf.value, leaf.child = text, None

    def drop(self, holder: Map | List, index: int) -> None:
        if not isinstance(holder, Row):
            self._under.drop(holder, index)
        elif holder.sites:
            self._under.drop(*holder.sites[index])
        elif isinstance(leaf := holder.items[index][1], Leaf):
            self.replace(leaf, "")

    @staticmethod
    def _replace(use: Use, text: str) -> None:
        entry = use.entry
        if entry is None:
            use.write(text)
        elif entry.outcome is None:
            entry.outcome, entry.first = text, use
            entry.layer.replace(entry.leaf, text)
            if not entry.is_opened:  # what was opened is not written out again: all its users share what became of it
                for other in entry.uses:
                    if other is not use:
                        other.write(other.value)
        elif entry.is_opened:
            if entry.outcome != text:
                entry.outcome = _MASKED
                entry.layer.replace(entry.leaf, _MASKED)
        elif use is entry.first:
            entry.outcome = text
            entry.layer.replace(entry.leaf, text)
        else:
            use.write(text)
