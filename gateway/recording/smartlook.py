"""Smartlook's recorded page: a page's discovery, changes of its nodes, and what was typed, told node by node.

Read from its description and not from recorded traffic, hence by shape: a record whose type is one of `TYPES` holds
node records, at whatever depth: an id, what it stands in (`parent`), a tag with attributes, or a value. What stands
under a node that the mirror does not know, and a text in a place that nobody here knows, is masked.

Invariant: every leaf of such a record is claimed, with the element that it belongs to or as unknown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway.core.category import Category
from gateway.core.document import Kind, Layer, Leaf, List, Map, Node
from gateway.recording.claim import Claim, Form, PlaceLike, Scene
from gateway.recording.dom import UNKNOWN, Element
from gateway.recording.rrweb import Reader as Page
from gateway.recording.rrweb import enter, leaves, number

if TYPE_CHECKING:
    from collections.abc import Iterator

_DISCOVERY: Final = "dom-discovery"
_TYPING: Final = "input-typing"
TYPES: Final = frozenset({_DISCOVERY, "dom-discovery-iframe", "node-mutation", _TYPING, "selection"})
_ID_KEYS: Final = ("id", "node", "nodeId")
_PARENT_KEYS: Final = ("parent", "parentId")
_CHILD_KEYS: Final = frozenset({"children", "childNodes", "nodes"})
_TAG_KEYS: Final = ("tag", "tagName")
_STRUCTURE_KEYS: Final = frozenset(
    {
        "id",
        "node",
        "nodeId",
        "parent",
        "parentId",
        "previous",
        "next",
        "action",
        "tag",
        "tagName",
        "time",
        "timestamp",
        "type",
    }
)
_WORDS: Final = frozenset({"action", "tag", "tagName", "type"})
_URL_KEYS: Final = frozenset({"url", "pageUrl", "href", "baseUrl"})
_REMOVES: Final = frozenset({"remove", "removed", "delete", "removal"})


def recognises(node: Map) -> bool:
    """Whether a map is a page event of Smartlook: by its type's name."""
    return _kind_of(node) in TYPES


class Reader:
    """Reads page events of one window into claims, keeping its mirror."""

    def __init__(self, scene: Scene) -> None:
        self._mirror = scene.mirror
        self._emit = scene.emit
        self._names = scene.attribute_names
        self._lines = scene.lines
        self._page = Page(scene)

    def read(self, layer: Layer, event: Map, place: PlaceLike) -> None:
        """Claims every leaf of one event. `place` is the event's own."""
        kind = _kind_of(event)
        if kind == _DISCOVERY:
            self._lines.reset()
            self._mirror.reset()
        if kind == _TYPING:
            self._typed(layer, event, place)
            return
        nodes = list(_nodes(layer, event, place))
        for at, record, where, holder in nodes:
            self._node(at, record, where, holder)
        self._lines.flush()

    def _typed(self, layer: Layer, event: Map, place: PlaceLike) -> None:
        element = self._element(_first(event, _ID_KEYS))
        for index, (key, value) in enumerate(event.items):
            if (
                key.value in _STRUCTURE_KEYS
                and isinstance(value, Leaf)
                and (key.value == "type" or value.kind is not Kind.TEXT)
            ):
                continue
            for at, leaf, holder, position in leaves(layer, value, event, index):
                self._claim(
                    at, leaf, Category.FORM_INPUTS, place.child(key.value), element, Form.INPUT, holder, position
                )

    def _node(self, layer: Layer, record: Map, place: PlaceLike, above: int | None) -> None:
        node_id = number(_first(record, _ID_KEYS))
        told = number(_first(record, _PARENT_KEYS))
        parent_id = told if told is not None else above
        tag = _text(_first(record, _TAG_KEYS))
        action = _text(record.get("action")) or ""
        mirror = self._mirror
        if node_id is not None and action.lower() in _REMOVES:
            mirror.remove(node_id)
            self._lines.remove(node_id)
        element = self._standing(node_id, parent_id, tag, record)
        for index, (key, value) in enumerate(record.items):
            name = key.value
            inner, node = enter(layer, value)
            where = place.child(name)
            if name in _STRUCTURE_KEYS and isinstance(node, Leaf):
                if node.kind is Kind.TEXT and name in _WORDS:
                    self._claim(inner, node, Category.PAGE_TEXT, where, element, Form.STRUCTURE)
                elif node.kind is Kind.TEXT:  # where a number belongs
                    self._claim(inner, node, Category.PAGE_TEXT, where, UNKNOWN, Form.PLAIN, record, index)
            elif name == "attributes" and isinstance(node, Map):
                self._attributes(node, element)
                self._page.attributes(inner, node, element, where)
            elif name == "value" and isinstance(node, Leaf):
                style = element is not None and element.tag == "style"
                field = element is not None and element.is_field
                category = Category.FORM_INPUTS if field else Category.PAGE_TEXT
                form = Form.STYLE if style else Form.PLAIN
                claim = self._claim(inner, node, category, where, element, form, record, index)
                if tag is None and node_id is not None:
                    self._lines.tell(node_id, claim, element)
            elif name in _URL_KEYS and isinstance(node, Leaf):
                self._claim(inner, node, Category.URLS, where, None, Form.PLAIN, record, index)
            elif isinstance(node, Leaf) or not _holds_nodes(inner, node):
                category = Category.FORM_INPUTS if element is not None and element.is_field else Category.PAGE_TEXT
                for at, leaf, holder, position in leaves(layer, value, record, index):
                    if leaf.kind in (Kind.TEXT, Kind.BYTES):
                        self._claim(at, leaf, category, where, element or UNKNOWN, Form.PLAIN, holder, position)

    def _standing(self, node_id: int | None, parent_id: int | None, tag: str | None, record: Map) -> Element | None:
        """The element that a record tells of, or that the text which it tells of stands in."""
        mirror = self._mirror
        parent = mirror.elements.get(parent_id) if parent_id is not None else None
        if tag is not None and not tag.startswith("#"):
            is_top = parent_id in (None, 0, -1) and tag.lower() == "html"
            holder = parent if parent is not None else None if is_top else mirror.documents.get(parent_id or 0, UNKNOWN)
            element = Element(tag.lower(), {}, holder, node_id or 0, mirror)
            held = record.get("attributes")
            if isinstance(held, Map):
                self._attributes(held, element)
            element = mirror.add(element) if node_id else element
            self._lines.place(element, element.parent)
            return element
        if node_id is not None and node_id in mirror.elements:
            return mirror.elements[node_id]
        if tag == "#document" and node_id is not None:
            mirror.add_document(node_id, parent)
            return parent
        if node_id is not None and parent is not None:
            mirror.add_text(node_id, parent)
            self._lines.place(node_id, parent)
            return parent
        return mirror.holder_of_text(node_id) if node_id is not None else UNKNOWN

    def _attributes(self, held: Map, element: Element | None) -> None:
        if element is None or element is UNKNOWN:
            return
        for key, value in held.items:
            name = key.value.lower()
            if name in self._names and isinstance(value, Leaf):
                element.set_attribute(name, value.value if value.kind is Kind.TEXT else "")

    def _element(self, node: Node | None) -> Element:
        node_id = number(node)
        return self._mirror.element(node_id) if node_id is not None else UNKNOWN

    def _claim(
        self,
        layer: Layer,
        leaf: Leaf,
        category: Category,
        place: PlaceLike,
        element: Element | None,
        form: Form = Form.PLAIN,
        holder: Map | List | None = None,
        index: int = 0,
    ) -> Claim:
        claim = Claim(layer, leaf, category, place, element, holder, index, form)
        self._emit(claim)
        return claim


def _nodes(layer: Layer, event: Map, place: PlaceLike) -> Iterator[tuple[Layer, Map, PlaceLike, int | None]]:
    """The event's own record and every node record below it, parents first, with the id of the record around it."""
    pending: list[tuple[Layer, Map, PlaceLike, int | None]] = [(layer, event, place, None)]
    while pending:
        at, record, where, above = pending.pop()
        yield at, record, where, above
        own = number(_first(record, _ID_KEYS))
        found: list[tuple[Layer, Map, PlaceLike, int | None]] = []
        for key, value in record.items:
            inner, node = enter(at, value)
            if key.value == "attributes" or isinstance(node, Leaf) or not _holds_nodes(inner, node):
                continue
            rows = node.items if isinstance(node, List) else [node]
            for row in rows:
                deeper, one = enter(inner, row)
                if isinstance(one, Map):
                    found.append((deeper, one, where.child(key.value), own))
        pending.extend(reversed(found))


def _holds_nodes(layer: Layer, node: Node) -> bool:
    """Whether a container is a node record, or a list of records alone."""
    if isinstance(node, Map):
        return any(key.value in _ID_KEYS or key.value in _CHILD_KEYS for key, _ in node.items)
    return (
        isinstance(node, List) and bool(node.items) and all(isinstance(enter(layer, one)[1], Map) for one in node.items)
    )


def _kind_of(node: Map) -> str:
    return _text(node.get("type")) or ""


def _first(record: Map, keys: tuple[str, ...]) -> Node | None:
    return next((value for key in keys if (value := record.get(key)) is not None), None)


def _text(node: Node | None) -> str | None:
    return node.value if isinstance(node, Leaf) and node.kind is Kind.TEXT else None
