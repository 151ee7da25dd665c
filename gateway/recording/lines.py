"""Which texts of a page a person reads as one: those of text nodes with nothing but inline elements between them.

`<p>4111 1111 <b>1111</b> 1111</p>` is one line of three texts. A block, a cell, a list item, a line break or a picture ends it.
Readers say where nodes stand and what their texts are; `found` is the lines in which something was new. What stands
between requests is the mirror's: this holds texts, and so lives as long as one request.

Where a node stands among its siblings is known as far as this request tells it; of a text that changed in a page from
an earlier one, by its number among those of its siblings: recorders number nodes in the order of the page.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from gateway.core.category import Category
from gateway.core.document import Kind
from gateway.recording.claim import Claim, Form
from gateway.recording.dom import UNKNOWN, Element, Mirror

INLINE: Final = frozenset(
    """a abbr acronym b bdi bdo big cite code data del dfn em font i ins kbd label mark nobr q s samp small span strike
    strong sub sup time tt u var wbr""".split()
)
_DEEPEST: Final = 64  # inline elements in each other
_MOST: Final = 4096  # nodes of one parent among which a new one's place is looked for, or a changed one's neighbours
_NEAR: Final = 128  # characters beside a changed text that are read with it


class Part(NamedTuple):
    """One text of a line, as it came."""

    claim: Claim
    value: str


class Told(NamedTuple):
    part: Part
    holder: Element
    block: Element


class Lines:
    """The lines of one page in one request."""

    __slots__ = (
        "_fresh",
        "_mirror",
        "_nameless",
        "_rows",
        "_shown",
        "_told",
        "_top",
        "_touched",
        "_where",
        "found",
    )

    def __init__(self, mirror: Mirror, found: list[list[Part]] | None = None) -> None:
        self.found: list[list[Part]] = [] if found is None else found
        self._mirror = mirror
        self._top = Element("", {})
        self._nameless = 0  # numbers for texts that have none: below 0
        self._rows: dict[Element, list[Element | int | None]] = {}  # parent → what stands in it; None: not known what
        self._where: dict[Element | int, list[Element | int | None]] = {}
        self._told: dict[int, Told] = {}
        self._shown: dict[Element, set[int]] = {}  # block → its texts that are not blank
        self._fresh: set[int] = set()
        self._touched: dict[Element, None] = {}

    def apart(self) -> Lines:
        """For markup that stands in a text or attribute of the page: lines of its own."""
        return Lines(Mirror(), self.found)

    def place(self, node: Element | int, parent: Element | None, before: int | None = None) -> None:
        """Says where an element, or the text node of a number, stands: before the sibling of that number, or last."""
        parent = parent or self._top
        row = self._rows.get(parent)
        if row is None:
            row = self._rows[parent] = [one for one in parent.iter_children() if one is not node]
        old = self._where.get(node)
        if old is not None and len(old) <= _MOST and node in old:
            old.remove(node)
        self._where[node] = row
        if before is None:
            row.append(node)
            return
        sibling = self._mirror.elements.get(before, before)
        if len(row) <= _MOST and sibling in row:
            row.insert(row.index(sibling), node)
        else:
            row += (None, node, None)

    def tell(self, node_id: int | None, claim: Claim, holder: Element | None) -> None:
        """Says what a text node holds."""
        leaf = claim.leaf
        if leaf.kind is not Kind.TEXT or leaf.child is not None or not leaf.value or holder is UNKNOWN:
            return
        if claim.category is not Category.PAGE_TEXT or claim.form is not Form.PLAIN:
            return
        holder = holder or self._top
        if node_id is None:
            self._nameless -= 1
            node_id = self._nameless
            self.place(node_id, holder)
        elif node_id not in self._where:
            self._settle(node_id, holder)
        elif node_id in self._fresh:
            self.flush()
        block = holder
        for _ in range(_DEEPEST):
            if block.tag not in INLINE or block.parent is UNKNOWN:
                break
            block = block.parent or self._top
        self._told[node_id] = Told(Part(claim, leaf.value), holder, block)
        shown = self._shown.setdefault(block, set())
        if leaf.value.isspace():
            shown.discard(node_id)
        else:
            shown.add(node_id)
            self._fresh.add(node_id)
            self._touched[block] = None

    def remove(self, node_id: int) -> None:
        """A node leaves the page."""
        if self._fresh:
            self.flush()
        told = self._told.pop(node_id, None)
        if told is not None:
            self._shown[told.block].discard(node_id)

    def reset(self) -> None:
        """Another page begins."""
        self.flush()
        self._rows, self._where, self._told, self._shown = {}, {}, {}, {}

    def flush(self) -> None:
        """What was told so far is one state of the page: its lines are found."""
        touched, self._touched = self._touched, {}
        for block in touched:
            shown = self._shown[block]
            if len(shown) > 1:
                for line in self._lines(block):
                    self._find(line)
        self._fresh = set()

    def _settle(self, node_id: int, holder: Element) -> None:
        """Places a text that stood on the page before this request, by its number."""
        row = self._rows.get(holder)
        if row is None:
            row = self._rows[holder] = list(holder.iter_children())
        self._where[node_id] = row
        if len(row) <= _MOST:
            for at, one in enumerate(row):
                if one is not None and (one if isinstance(one, int) else one.node_id) > node_id:
                    row.insert(at, node_id)
                    return
        row.append(node_id)

    def _lines(self, block: Element) -> list[list[int]]:
        """The numbers of the texts in a block, line by line."""
        lines: list[list[int]] = [[]]
        pending: list[tuple[Element, Element | int | None]] = [(block, one) for one in reversed(self._row(block))]
        is_first = self._shown[block] <= self._fresh
        steps = 0
        while pending:
            steps += 1
            if steps > _MOST and not is_first:
                break
            owner, node = pending.pop()
            if isinstance(node, int):
                told = self._told.get(node)
                if told is not None and told.holder is owner:
                    lines[-1].append(node)
            elif node is None:
                lines.append([])
            elif node.parent is owner or owner is self._top:
                if node.node_id and not node.is_placed and node.parent is not None:
                    continue  # it was taken off the page
                if node.tag in INLINE:
                    pending.extend((node, one) for one in reversed(self._row(node)))
                else:
                    lines.append([])
        return lines

    def _row(self, element: Element) -> list[Element | int | None]:
        row = self._rows.get(element)
        return row if row is not None else list(element.iter_children())

    def _find(self, line: list[int]) -> None:
        """Takes up a line: as much of it as stands near what is new."""
        fresh = [at for at, node_id in enumerate(line) if node_id in self._fresh]
        if not fresh or len(line) < 2:
            return
        first, last = fresh[0], fresh[-1]
        room = _NEAR
        while first > 0 and room > 0:
            first -= 1
            room -= len(self._told[line[first]].part.value)
        room = _NEAR
        while last + 1 < len(line) and room > 0:
            last += 1
            room -= len(self._told[line[last]].part.value)
        parts = [self._told[node_id].part for node_id in line[first : last + 1]]
        if sum(not part.value.isspace() for part in parts) > 1:
            self.found.append(parts)
