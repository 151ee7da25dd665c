"""A claim: one leaf of a document, with what the walk and the recording know of it. Rules decide on claims alone.

The recording only labels; it never changes a value and knows no operator.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from enum import IntEnum
from typing import NamedTuple, Protocol

from gateway.core.category import Category
from gateway.core.document import Layer, Leaf, List, Map, Node
from gateway.recording.dom import Element, Mirror


class Form(IntEnum):
    """What kind of text a leaf holds, where the record tells it."""

    PLAIN = 0
    STYLE = 1  # CSS: detectors only, never as a whole
    STATE = 2  # a checked or selected state: its presence is the value
    BLOB = 3  # a picture, font or canvas: nothing in it can be read
    INPUT = 4  # typed text, one event a keystroke
    STRUCTURE = 5  # tag names, ids, types: what replay needs


class Claim:
    """One leaf to decide on. `element` is None where the leaf belongs to no element of a page.

    A page goes on changing behind it: `marks` are the private mark and the rules of its element at its time.
    """

    __slots__ = ("category", "element", "form", "holder", "index", "key", "layer", "leaf", "marks", "place")

    def __init__(
        self,
        layer: Layer,
        leaf: Leaf,
        category: Category | None,
        place: object = None,
        element: Element | None = None,
        holder: Map | List | None = None,
        index: int = 0,
        form: Form = Form.PLAIN,
        key: str = "",
    ) -> None:
        self.layer = layer
        self.leaf = leaf
        self.category = category
        self.place = place
        self.element = element
        self.holder = holder
        self.index = index
        self.form = form
        self.key = key
        self.marks: tuple[bool, frozenset[int]] | None = None  # what held for the element when the claim was made


type Emit = Callable[[Claim], None]


class PlaceLike(Protocol):
    """The part of a tracker's place that a recording needs: one key further."""

    def child(self, key: str) -> PlaceLike: ...


# hands a part of a recorded event that is no page (a custom event's payload, say) back to the general walk
type WalkOn = Callable[[Layer, Node, PlaceLike, Category | None], None]


class LinesLike(Protocol):
    """What a reader tells of where nodes stand, and of what their texts are (`lines.Lines` says what is meant)."""

    def place(self, node: Element | int, parent: Element | None, before: int | None = None) -> None: ...
    def tell(self, node_id: int | None, claim: Claim, holder: Element | None) -> None: ...
    def remove(self, node_id: int) -> None: ...
    def reset(self) -> None: ...
    def flush(self) -> None: ...
    def apart(self) -> LinesLike: ...


def _pass_over(layer: Layer, record: Map) -> None:
    """Nobody asks."""


class Scene(NamedTuple):
    """What a reader works with: one window's page in one request."""

    mirror: Mirror
    emit: Emit
    walk: WalkOn  # for payloads outside a page
    attribute_names: Container[str]  # kept for selectors
    lines: LinesLike
    begin: Callable[[Layer, Map], None] = _pass_over  # told of each record of a batch, before it is read


class PageReader(Protocol):
    """Reads one kind of recorded events into claims, keeping the mirror of their window, and the lines of its page."""

    def __init__(self, scene: Scene) -> None: ...

    def read(self, layer: Layer, event: Map, place: PlaceLike) -> None:
        """Claims every leaf of one event. `place` is the event's own."""
        ...
