"""A recorded page with its texts, while masked events tell it: what stands where, and what each value was last.

It is what `recording`'s own readers tell of a page, taken down: the elements are the very ones that rules judge. Made for
events that are masked already; of others it would hold what visitors typed.

Invariant: what hangs on an element that is not known is not shown.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from gateway.core.category import Category
from gateway.core.document import Kind, Leaf, List, Map
from gateway.formats.clarity import ClarityLayer
from gateway.recording.claim import Claim, Form
from gateway.recording.dom import UNKNOWN, Element, Mirror

_MOST: Final = 4096  # nodes of one parent among which a place is looked for
_MOST_STYLES: Final = 4_000_000  # characters of style sheets that scripts made
_MOST_LETTERS: Final = 200  # of a text that tells but its length
_TYPED, _STATE = "text", "isChecked"

type Node = Element | int
"""An element, or the number of a text node."""


@dataclass(slots=True)
class Told:
    """A value as the last event told it, with what rules decide by. `is_length`: it stood for a text masked at its source."""

    value: str
    category: Category | None
    form: Form
    place: object
    element: Element | None
    is_length: bool = False


class Everything:
    """The names of all attributes: a page that is looked at is more than what selectors ask for."""

    def __contains__(self, name: object) -> bool:
        return True


class Tree:
    """One page. A reader's `lines`, and with `hear` its `emit`."""

    def __init__(self, mirror: Mirror) -> None:
        self._mirror = mirror
        self._nameless = 0  # numbers for texts that have none: below 0
        self.happened: set[str] = set()  # what has changed since someone looked: `page`, `change`, `input`
        self._clear()

    def _clear(self) -> None:
        self._rows: dict[Element | None, list[Node]] = {}
        self._where: dict[Node, Element | None] = {}
        self._attributes: dict[Element, dict[str, Told]] = {}
        self._styles: dict[Element, dict[str, str]] = {}  # declarations that scripts set one by one
        self._sheets: dict[Element, str] = {}
        self.texts: dict[int, Told] = {}
        self.values: dict[Element, Told] = {}
        self.checked: dict[Element, bool] = {}
        self.added_styles: list[str] = []
        self._room = _MOST_STYLES

    # what a page looks like

    def children(self, element: Element | None) -> list[Node]:
        """What stands in an element, or for None in the document itself, in order."""
        return self._rows.get(element, [])

    def elements(self) -> Iterator[tuple[Element, int]]:
        """All elements on the page in document order, with their depth."""
        pending: list[tuple[Node, int]] = [(node, 0) for node in reversed(self.children(None))]
        while pending:
            node, depth = pending.pop()
            if isinstance(node, Element):
                yield node, depth
                pending.extend((one, depth + 1) for one in reversed(self.children(node)))

    def parent(self, element: Element) -> Element | None:
        """What an element stands in; None for the document."""
        return self._where.get(element)

    def attributes(self, element: Element) -> Iterator[tuple[str, Told]]:
        """An element's attributes, in full."""
        told = self._attributes.get(element, {})
        for name, value in element.attributes.items():
            last = told.get(name)
            if last is not None and last.value.startswith(value):
                yield name, last
            else:
                yield name, Told(value, Category.PAGE_TEXT, Form.PLAIN, last.place if last else None, element)

    def style(self, element: Element) -> str:
        """The declarations of an element's own."""
        told = dict(self.attributes(element)).get("style")
        own = [f"{name}:{value}" for name, value in self._styles.get(element, {}).items()]
        return ";".join([*([told.value] if told is not None else []), *own])

    def sheet(self, element: Element) -> str:
        """The text of a style sheet's element."""
        told = dict(self.attributes(element)).get("_csstext")
        if told is not None:
            return told.value
        written = "".join(self.texts[node].value for node in self.children(element) if node in self.texts)
        return written or self._sheets.get(element, "")

    # what a reader tells: values

    def hear(self, claim: Claim) -> None:
        """Takes down one value of the page."""
        element, leaf = claim.element, claim.leaf
        if element is None:
            if claim.form is Form.STYLE and leaf.kind is Kind.TEXT and "{" in leaf.value:
                self._room -= len(leaf.value)
                if self._room >= 0:
                    self.added_styles.append(leaf.value)
                    self.happened.add("change")
        elif element in self._where:
            self._heard(claim, element)

    def _heard(self, claim: Claim, element: Element) -> None:
        leaf, name = claim.leaf, claim.key
        if claim.form is Form.INPUT:
            if leaf.kind is Kind.TEXT:
                self.values[element] = _told(claim)
                self.happened.add("input")
        elif claim.form is Form.STATE and name == _STATE:
            self.checked[element] = leaf.value == "true"
            self.happened.add("input")
        elif name:
            own = _name_of(claim.holder, claim.index, leaf)
            if name == "style" and own not in ("", "style"):
                self._set_style(element, own, leaf)
            elif own == name and leaf.kind is not Kind.WORD:
                self._attributes.setdefault(element, {})[name] = _told(claim)
                if name == "style":
                    self._styles.pop(element, None)
                elif name == "value":
                    self.values.pop(element, None)
            self.happened.add("change")
        elif claim.form is Form.STYLE and element.tag == "style":
            self._sheets[element] = leaf.value
            self.happened.add("change")

    def _set_style(self, element: Element, name: str, leaf: Leaf) -> None:
        styles = self._styles.setdefault(element, {})
        if leaf.kind is Kind.TEXT:
            styles[name] = leaf.value
        else:
            styles.pop(name, None)

    # what a reader tells: where nodes stand (`recording.claim.LinesLike`)

    def place(self, node: Node, parent: Element | None, before: int | None = None) -> None:
        """Says where an element, or the text node of a number, stands: before the sibling of that number, or last."""
        self._take(node)
        self.happened.add("change")
        if not self._stands(parent):
            return
        self._where[node] = parent
        row = self._rows.setdefault(parent, [])
        sibling: Node | None = self._mirror.elements.get(before, before) if before is not None else None
        if sibling is not None and len(row) <= _MOST and sibling in row:
            row.insert(row.index(sibling), node)
        else:
            row.append(node)

    def _stands(self, parent: Element | None) -> bool:
        """Whether an element is on the page; roots of documents are there once something stands in them."""
        way: list[Element] = []
        while parent is not None and parent not in self._where:
            if parent is UNKNOWN or len(way) > 1 or not (parent.parent is None or parent.is_placed):
                return False
            way.append(parent)
            parent = parent.parent
        for root in reversed(way):
            self._where[root] = root.parent
            self._rows.setdefault(root.parent, []).append(root)
        return True

    def tell(self, node_id: int | None, claim: Claim, holder: Element | None) -> None:
        """Says what a text node holds."""
        if node_id is None:
            self._nameless -= 1
            node_id = self._nameless
            self.place(node_id, holder)
        if claim.leaf.kind is Kind.TEXT:
            self.texts[node_id] = _told(claim)
            self.happened.add("change")

    def remove(self, node_id: int) -> None:
        """A node leaves the page."""
        self._take(self._mirror.elements.get(node_id, node_id))
        self.happened.add("change")

    def reset(self) -> None:
        """Another page begins."""
        self._clear()
        self.happened.add("page")

    def flush(self) -> None:
        """What was told so far is one state of the page."""

    def apart(self) -> Tree:
        """For markup that stands in a text or attribute of the page, and is not shown as part of it."""
        return Tree(Mirror())

    def _take(self, node: Node) -> None:
        if node not in self._where:
            return
        row = self._rows.get(self._where.pop(node), [])
        if row and row[-1] == node:
            row.pop()
        elif node in row:
            row.remove(node)


def _told(claim: Claim) -> Told:
    leaf = claim.leaf
    if isinstance(claim.layer, ClarityLayer) and claim.layer.is_length(leaf):
        try:
            count = min(int(leaf.value, 36), _MOST_LETTERS)
        except ValueError:
            count = 1
        return Told("•" * count, claim.category, claim.form, claim.place, claim.element, is_length=True)
    return Told(leaf.value, claim.category, claim.form, claim.place, claim.element)


def _name_of(holder: Map | List | None, index: int, leaf: Leaf) -> str:
    """The key under which a leaf stands, as attributes are named; empty where it stands under none."""
    if not isinstance(holder, Map) or not 0 <= index < len(holder.items) or holder.items[index][1] is not leaf:
        return ""
    return holder.items[index][0].value.lower().removeprefix("attr__").removeprefix("attr_")
