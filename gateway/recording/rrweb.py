"""rrweb events, whoever wraps them: what each leaf is, and which element it belongs to.

Facts (rrweb 2): an event is {type, data, timestamp}. Types: 0 DOMContentLoaded, 1 Load, 2 FullSnapshot {node}, 3
IncrementalSnapshot {source, …}, 4 Meta {href, width, height}, 5 Custom {tag, payload}, 6 Plugin {plugin, payload}.
Nodes: 0 Document, 1 Doctype, 2 Element {tagName, attributes, childNodes}, 3 Text, 4 CDATA, 5 Comment {textContent}.
Any part may be a nested document (a packed event, a compressed mutation list): the document model has opened it.

A typed value is an Input event (source 5), one a keystroke; a contenteditable's is a text mutation under its element.
A text added under a private parent carries its parent's id only: the mirror decides. Structure first, then values, so
that an added node's children find it whatever their order in the list.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Final

from gateway.core.category import Category
from gateway.core.document import Kind, Layer, Leaf, List, Map, Node, opened
from gateway.core.words import PLAIN_KEY, Phrases, words_of
from gateway.native import compiled
from gateway.recording.claim import Claim, Form, PlaceLike, Scene
from gateway.recording.dom import FIELD_TAGS, NOTHING, UNKNOWN, Element, Mirror, Selectors
from gateway.recording.lines import INLINE, Lines, Part, Told

# attributes that replay needs as they are; personal data in them is still looked for
STRUCTURAL: Final = frozenset(
    {
        "id", "class", "type", "name", "for", "role", "rel", "width", "height", "rows", "cols", "size", "colspan",
        "rowspan", "lang", "dir", "tabindex", "method", "enctype", "target", "autocomplete", "viewbox", "d", "points",
        "transform", "fill", "stroke", "x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "r", "rx", "ry", "xmlns",
        "charset", "media", "crossorigin", "integrity", "loading", "sizes", "contenteditable", "maxlength", "minlength",
        "min", "max", "step", "pattern", "disabled", "readonly", "required", "multiple", "hidden", "open", "async",
        "defer", "rr_width", "rr_height", "rr_scrollleft", "rr_scrolltop", "rr_mediastate", "rr_mediacurrenttime",
        "nth-child", "nth-of-type", "data-rr-is-password",
    }
)  # fmt: skip
STATES: Final = frozenset({"checked", "selected"})
STYLES: Final = frozenset({"style", "_csstext"})
BLOBS: Final = frozenset({"rr_dataurl"})
VALUED: Final = FIELD_TAGS | {"button"}

_HIGHEST_TYPE: Final = 6
_LONG: Final = 8  # digits of a number that may be more than a node id, a size or a coordinate
USER: Final = Phrases(
    ("identify", "identity", "user", "user properties", "traits"), anchored=True
)  # a custom event's tag
# pointer, scroll, size, media, drag, selection, custom elements: numbers about nodes, and no text that was typed
_HARMLESS: Final = frozenset({1, 2, 3, 4, 6, 7, 12, 14, 16})
_SNAPSHOT, _INCREMENT, _META, _CUSTOM, _PLUGIN = 2, 3, 4, 5, 6
_DOCUMENT, _COMMENT = 0, 5


def enter(layer: Layer, node: Node) -> tuple[Layer, Node]:
    """The layer and root that a leaf opened into, through any number of layers."""
    while isinstance(node, Leaf) and node.child is not None:
        layer = node.child
        node = layer.root
    return layer, node


def pick(layer: Layer, node: Node | None, key: str) -> tuple[Layer, Node] | None:
    """The opened value of `key` with its layer, or None."""
    if isinstance(node, Map):
        for name, value in reversed(node.items):
            if name.value == key:
                return enter(layer, value)
    return None


def number(node: Node | None) -> int | None:
    """An integer leaf's value."""
    if isinstance(node, Leaf) and node.kind is Kind.NUMBER and len(node.value) < 20:
        try:
            return int(node.value)
        except ValueError:
            return None
    return None


def recognises(node: Map) -> bool:
    """Whether a map is an rrweb event: by its shape, never by where it stands."""
    if not 2 <= len(node.items) <= 12:
        return False
    kind = data = None
    stamped = False
    for key, value in node.items:
        if key.value == "type":
            kind = number(value)
        elif key.value == "timestamp":
            stamped = isinstance(value, Leaf) and value.kind is Kind.NUMBER
        elif key.value == "data":
            data = value
    if kind is None or not 0 <= kind <= _HIGHEST_TYPE:
        return False
    while isinstance(data, Leaf) and data.child is not None:
        data = data.child.root
    if kind in (0, 1):
        return stamped and (data is None or isinstance(data, Map))
    if not isinstance(data, Map):
        return False
    if not stamped:  # a page or a change of it is known by itself
        return (kind == _SNAPSHOT and isinstance(_of(data.get("node"), "childNodes"), List)) or (
            kind == _INCREMENT and number(data.get("source")) is not None
        )
    needed = {_SNAPSHOT: "node", _INCREMENT: "source", _META: "href", _CUSTOM: "tag", _PLUGIN: "plugin"}[kind]
    return any(key.value == needed for key, _ in data.items)


class Reader:
    """Reads events of one window into claims, keeping its mirror."""

    __slots__ = ("_emit", "_names", "_walk", "lines", "mirror")

    def __init__(self, scene: Scene) -> None:
        self.mirror = scene.mirror
        self.lines = scene.lines
        self._emit = scene.emit
        self._walk = scene.walk
        self._names = scene.attribute_names

    def read(self, layer: Layer, event: Map, place: PlaceLike) -> None:
        """Claims every leaf of one event. `place` is the event's own."""
        if compiled is None or not _read_increment(self, layer, event, place):
            self.read_in_python(layer, event, place)

    def read_in_python(self, layer: Layer, event: Map, place: PlaceLike) -> None:
        """`read`, not compiled."""
        kind = number(event.get("type"))
        for key, value in event.items:
            if key.value in ("type", "timestamp") and isinstance(value, Leaf) and value.kind is Kind.NUMBER:
                continue
            inner, node = enter(layer, value)
            if key.value != "data" or not isinstance(node, Map):
                self._walk(layer, value, place.child(key.value), None)
                continue
            where = place.child("data")
            if kind == _SNAPSHOT:
                self._snapshot(inner, node, where)
            elif kind == _INCREMENT:
                self._increment(inner, node, where)
            elif kind == _META:
                self._rest(inner, node, where, Category.URLS)
            elif kind == _PLUGIN:
                self._rest(inner, node, where, Category.DATA_LOGS)
            else:
                tag = _text(node.get("tag"))
                tells_user = tag is not None and USER.longest_in(words_of(tag)) > 0
                self._rest(inner, node, where, Category.USER_TRAITS if tells_user else Category.EVENT_PROPERTIES)
        self.lines.flush()

    # snapshots

    def _snapshot(self, layer: Layer, data: Map, place: PlaceLike) -> None:
        self.lines.reset()
        self.mirror.reset()
        for key, value in data.items:
            if key.value == "node":
                self.nodes(layer, value, None, place.child("node"))
            else:
                self._strays(layer, value, place.child(key.value), None)

    def nodes(
        self, layer: Layer, top: Node, parent: Element | None, place: PlaceLike, before: int | None = None
    ) -> None:
        """Adds a serialised node and all below it. A document's own parent is the frame that holds it, if any."""
        _read_nodes(self, layer, top, parent, place, before)

    def nodes_in_python(
        self, layer: Layer, top: Node, parent: Element | None, place: PlaceLike, before: int | None = None
    ) -> None:
        """`nodes`, not compiled."""
        pending: list[tuple[Layer, Node, Element | None, int | None]] = [(layer, top, parent, before)]
        lines = self.lines
        while pending:
            at, raw, holder, sibling = pending.pop()
            at, node = enter(at, raw)
            if not isinstance(node, Map):
                if isinstance(node, Leaf):
                    self.claim(at, node, Category.PAGE_TEXT, place, holder)
                continue
            element = holder
            parts = {key.value: opened(value) for key, value in node.items}  # of two of one name the last, as `Map.get`
            tag, node_id = _text(parts.get("tagName")), number(parts.get("id"))
            if tag is not None:
                element = self._element(parts.get("attributes"), tag, holder, node_id)
                if element.node_id:
                    element = self.mirror.add(element, sibling)
                lines.place(element, holder, sibling)
            elif node_id is not None:
                kind = number(parts.get("type"))
                if kind == _DOCUMENT:
                    self.mirror.add_document(node_id, holder)
                elif holder is not None:
                    self.mirror.add_text(node_id, holder)
                    if kind != _COMMENT:
                        lines.place(node_id, holder, sibling)
            for index, (key, value) in enumerate(node.items):
                name = key.value
                inner, child = enter(at, value)
                if name == "childNodes" and isinstance(child, List):
                    pending.extend((inner, one, element, None) for one in reversed(child.items))
                elif name == "attributes" and isinstance(child, Map):
                    self.attributes(inner, child, element, place.child("attributes"))
                elif isinstance(value, Leaf):
                    if name == "textContent":
                        claim = self.text(at, value, element, place.child(name), node, index)
                        if tag is None and number(parts.get("type")) != _COMMENT:
                            lines.tell(node_id, claim, holder)
                    elif value.kind is Kind.TEXT and name not in ("tagName", "publicId", "systemId", "name"):
                        self.claim(at, value, Category.PAGE_TEXT, place.child(name), element, Form.STRUCTURE)
                else:
                    self._walk(inner, child, place.child(name), Category.PAGE_TEXT)

    def _element(self, held: Node | None, tag: str, parent: Element | None, node_id: int | None) -> Element:
        attributes: dict[str, str] = {}
        if isinstance(held, Map):
            for key, value in held.items:
                name = key.value.lower()
                if name in self._names and isinstance(value, Leaf):
                    attributes[name] = value.value[:512] if value.kind is Kind.TEXT else ""
        return Element(tag.lower(), attributes, parent, node_id or 0, self.mirror)

    def text(
        self, layer: Layer, leaf: Leaf, element: Element | None, place: PlaceLike, holder: Map, index: int
    ) -> Claim:
        """Claims what a text node holds."""
        category, form = Category.PAGE_TEXT, Form.PLAIN
        if element is not None and element.tag == "style":
            form = Form.STYLE
        elif element is not None and element.is_field:
            category = Category.FORM_INPUTS
        return self.claim(layer, leaf, category, place, element, form, holder, index)

    def attributes(
        self, layer: Layer, held: Map, element: Element | None, place: PlaceLike, *, is_chain: bool = False
    ) -> None:
        """Claims an element's attributes; in an element chain the element's text is one of them."""
        tag = element.tag if element is not None else ""
        unknown = element is UNKNOWN
        for index, (key, value) in enumerate(held.items):
            name = key.value.lower().removeprefix("attr__").removeprefix("attr_")
            where = place.child(key.value)
            if is_chain and name == "text" and isinstance(value, Leaf):
                self.text(layer, value, element, where, held, index)
                continue
            if not isinstance(value, Leaf):
                self._attribute_tree(layer, value, where, element, name)
                continue
            category, form = Category.PAGE_TEXT, Form.PLAIN
            if name in STYLES:
                form = Form.STYLE
            elif name in BLOBS:
                category, form = Category.MEDIA, Form.BLOB
            elif name in STATES:
                category, form = Category.FORM_INPUTS, Form.STATE
            elif name == "value" and (tag in VALUED or "-" in tag or unknown):
                category = Category.FORM_INPUTS
            elif name in STRUCTURAL:
                form = Form.STRUCTURE
            elif name == "content" and tag == "meta":
                named = held.get("name") or held.get("property")
                if isinstance(named, Leaf):
                    where = place.child(named.value)
            self.claim(layer, value, category, where, element, form, held, index, name)

    def _attribute_tree(self, layer: Layer, value: Node, where: PlaceLike, element: Element | None, name: str) -> None:
        """Claims what an attribute holds that is told in parts."""
        form = Form.STYLE if name in STYLES else Form.PLAIN
        for at, leaf, holder, position in leaves(layer, value):
            self.claim(at, leaf, Category.PAGE_TEXT, where, element, form, holder, position, name)

    # increments

    def _increment(self, layer: Layer, data: Map, place: PlaceLike) -> None:
        source = number(data.get("source"))
        if source == 0:
            self._mutation(layer, data, place)
        elif source == 5:
            self._input(layer, data, place)
        elif source in (9, 10):  # canvas commands, fonts: nothing in them can be read
            for at, leaf, holder, index in leaves(layer, data):
                form = Form.BLOB if leaf.kind is Kind.TEXT and len(leaf.value) > 32 else Form.STRUCTURE
                self.claim(at, leaf, Category.MEDIA, place, None, form, holder, index)
        elif source in (8, 13, 15):  # style sheet rules, declarations, adopted style sheets
            for at, leaf, holder, index in leaves(layer, data):
                self.claim(at, leaf, Category.PAGE_TEXT, place, None, Form.STYLE, holder, index)
        elif source == 11:
            self._rest(layer, data, place, Category.DATA_LOGS)
        elif source in _HARMLESS:
            node_id = number(data.get("id"))
            element = self.mirror.element(node_id) if node_id is not None else None
            self._strays(layer, data, place, element)
        else:  # a kind of change that nobody here knows
            self._strays(layer, data, place, UNKNOWN)

    def _mutation(self, layer: Layer, data: Map, place: PlaceLike) -> None:
        mirror = self.mirror
        mirror.shape += 1
        for at, record in self._records(layer, data, "removes", place):
            node_id = number(record.get("id"))
            if node_id is not None:
                mirror.remove(node_id)
                self.lines.remove(node_id)
            self._others(at, record, ("id", "parentId"), place.child("removes"))
        changes = [
            (at, record, number(record.get("id"))) for at, record in self._records(layer, data, "attributes", place)
        ]
        for at, record, node_id in changes:  # before what is added, which may stand under it
            self._change(at, record, node_id)
        self._adds(layer, data, place.child("adds"))
        where = place.child("attributes")
        for at, record, node_id in changes:
            element = self._change(at, record, node_id)
            held = pick(at, record, "attributes")
            if held is not None and isinstance(held[1], Map):
                self.attributes(held[0], held[1], element, where.child("attributes"))
                self._others(at, record, ("id", "attributes"), where)
            else:
                self._others(at, record, ("id",), where)
        for at, record in self._records(layer, data, "texts", place):
            node_id = number(record.get("id"))
            holder = mirror.holder_of_text(node_id) if node_id is not None else UNKNOWN
            for index, (key, value) in enumerate(record.items):
                if isinstance(value, Leaf) and (value.kind is Kind.TEXT or key.value != "id"):
                    claim = self.text(at, value, holder, place.child("texts").child(key.value), record, index)
                    if key.value == "value" and node_id is not None:
                        self.lines.tell(node_id, claim, holder)
                elif not isinstance(value, Leaf):
                    self._strays(at, value, place.child("texts"), UNKNOWN)
        for key, value in data.items:
            if key.value not in ("source", "adds", "removes", "attributes", "texts"):
                self._strays(layer, value, place.child(key.value), UNKNOWN)

    def _change(self, layer: Layer, record: Map, node_id: int | None) -> Element:
        """Takes over the attributes that selectors ask for; returns the element that they belong to."""
        element = self.mirror.element(node_id) if node_id is not None else UNKNOWN
        held = pick(layer, record, "attributes")
        if element is not UNKNOWN and held is not None and isinstance(held[1], Map):
            for key, value in held[1].items:
                name = key.value.lower()
                if name in self._names and isinstance(value, Leaf):
                    gone = value.kind is Kind.WORD and value.value in ("null", "false")
                    element.set_attribute(name, None if gone else value.value if value.kind is Kind.TEXT else "")
        return element

    def _adds(self, layer: Layer, data: Map, place: PlaceLike) -> None:
        """Adds nodes in any order: a child that stands before its parent waits until the parent is there."""
        mirror = self.mirror
        records = deque(self._records(layer, data, "adds", place, below=False))
        coming = {number(_of(record.get("node"), "id")) for _, record in records}
        waiting: dict[int, list[tuple[Layer, Map]]] = {}
        while records:
            at, record = records.popleft()
            parent_id = number(record.get("parentId"))
            node_id = number(_of(record.get("node"), "id"))
            if (
                parent_id is not None
                and parent_id != node_id
                and parent_id in coming
                and parent_id not in mirror.elements
            ):
                waiting.setdefault(parent_id, []).append((at, record))
            else:
                coming.discard(node_id)
                self._added(at, record, parent_id, place)
                if node_id is not None:
                    records.extend(waiting.pop(node_id, ()))
            if not records and waiting:  # parents that never come, or wait for each other: unknown, so private
                coming.clear()
                records.extend(one for row in waiting.values() for one in row)
                waiting.clear()

    def _added(self, layer: Layer, record: Map, parent_id: int | None, place: PlaceLike) -> None:
        parent = self.mirror.elements.get(parent_id) if parent_id is not None else None
        for key, value in record.items:
            if key.value == "node":
                holder = parent if parent is not None else self._documents_parent(parent_id)
                self.nodes(layer, value, holder, place.child("node"), number(record.get("nextId")))
        self._others(layer, record, ("node", "parentId", "nextId", "previousId"), place)

    def _documents_parent(self, parent_id: int | None) -> Element | None:
        """What a node under a document hangs on: the frame that holds it, nothing for the page's own, or unknown."""
        return self.mirror.documents.get(parent_id, UNKNOWN) if parent_id is not None else UNKNOWN

    def _input(self, layer: Layer, data: Map, place: PlaceLike) -> None:
        node_id = number(data.get("id"))
        element = self.mirror.element(node_id) if node_id is not None else UNKNOWN
        for index, (key, value) in enumerate(data.items):
            if (
                key.value in ("source", "id", "userTriggered")
                and isinstance(value, Leaf)
                and value.kind is not Kind.TEXT
            ):
                continue
            where, form = place.child(key.value), Form.INPUT if key.value == "text" else Form.STATE
            if isinstance(value, Leaf):  # what was typed goes as a whole, whatever it opens into
                self.claim(layer, value, Category.FORM_INPUTS, where, element, form, data, index, key.value)
                continue
            for at, leaf, holder, position in leaves(layer, value, data, index):
                self.claim(at, leaf, Category.FORM_INPUTS, where, element, form, holder, position, key.value)

    # the rest

    def _records(
        self, layer: Layer, data: Map, key: str, place: PlaceLike, *, below: bool = True
    ) -> Iterator[tuple[Layer, Map]]:
        """The records of a list of changes; what is none is claimed at once. `below`: the list is below the place."""
        where = place.child(key) if below else place
        for name, value in data.items:
            if name.value != key:
                continue
            inner, found = enter(layer, value)
            if not isinstance(found, List):
                self._strays(inner, found, where, UNKNOWN)
                continue
            for item in found.items:
                at, record = enter(inner, item)
                if isinstance(record, Map):
                    yield at, record
                else:
                    self._strays(at, record, where, UNKNOWN)

    def _others(self, layer: Layer, record: Map, known: tuple[str, ...], place: PlaceLike) -> None:
        """What a record of a change holds beside its known parts, and texts where ids belong."""
        for key, value in record.items:
            if key.value not in known or (isinstance(value, Leaf) and value.kind is Kind.TEXT and value.child is None):
                self._strays(layer, value, place.child(key.value), UNKNOWN)

    def _strays(self, layer: Layer, node: Node, place: PlaceLike, element: Element | None) -> None:
        """Texts where none are expected: read like a page's, or masked where their element is not known."""
        for at, leaf, holder, index in leaves(layer, node):
            if leaf.kind is Kind.NUMBER and len(leaf.value) >= _LONG:
                self.claim(at, leaf, Category.PAGE_TEXT, place)
            elif leaf.kind in (Kind.TEXT, Kind.BYTES):
                self.claim(at, leaf, Category.PAGE_TEXT, place, element, Form.PLAIN, holder, index)

    def _rest(self, layer: Layer, data: Map, place: PlaceLike, category: Category) -> None:
        for key, value in data.items:
            if key.value in ("source", "plugin"):
                continue
            if key.value == "tag" and isinstance(value, Leaf) and value.child is None:
                self.claim(layer, value, Category.EVENT_PROPERTIES, place.child(key.value))
            else:
                self._walk(layer, value, place.child(key.value), category)

    def claim(
        self,
        layer: Layer,
        leaf: Leaf,
        category: Category,
        place: PlaceLike,
        element: Element | None = None,
        form: Form = Form.PLAIN,
        holder: Map | List | None = None,
        index: int = 0,
        key: str = "",
    ) -> Claim:
        """Claims a leaf, and what it opened into: the whole goes where an element is private, its parts where not."""
        claim = Claim(layer, leaf, category, place, element, holder, index, form, key)
        self._emit(claim)
        if leaf.child is not None:
            self._inside(claim)
        return claim

    def _inside(self, claim: Claim) -> None:
        """Claims what a claimed leaf opened into."""
        element, category, form, key = claim.element, claim.category, claim.form, claim.key
        place: PlaceLike = claim.place  # type: ignore[assignment]  # a claim of this reader has the place of its walk
        inner, root = enter(claim.layer, claim.leaf)
        if inner.name == "html" and isinstance(root, List):
            around, self.lines = self.lines, self.lines.apart()
            for node in root.items:
                self.nodes(inner, node, element, place)
            self.lines.flush()
            self.lines = around
            return
        for at, part, above, position in leaves(inner, root):
            self._emit(Claim(at, part, category, place, element, above, position, form, key))


def leaves(
    layer: Layer, node: Node, holder: Map | List | None = None, index: int = 0
) -> Iterator[tuple[Layer, Leaf, Map | List | None, int]]:
    """Every leaf below a node, nested documents and keys that hold more than a name included, with what holds it."""
    pending: list[tuple[Layer, Node, Map | List | None, int]] = [(layer, node, holder, index)]
    while pending:
        at, raw, above, position = pending.pop()
        inner, one = enter(at, raw)
        if isinstance(one, Leaf):
            same = inner is at
            yield inner, one, above if same else None, position
        elif isinstance(one, Map):
            for place, (key, value) in reversed(list(enumerate(one.items))):
                pending.append((inner, value, one, place))
                if key.kind is Kind.TEXT and not PLAIN_KEY.fullmatch(key.value):
                    pending.append((inner, key, None, 0))
        else:
            pending.extend((inner, value, one, place) for place, value in reversed(list(enumerate(one.items))))


def _of(node: Node | None, key: str) -> Node | None:
    return node.get(key) if isinstance(node, Map) else None


def _text(node: Node | None) -> str | None:
    return node.value if isinstance(node, Leaf) and node.kind is Kind.TEXT else None


# what an attribute's name says of it, in the order in which it is asked; numbers as in native/_page.h
_ATTRIBUTES: Final = {
    **dict.fromkeys(["content"], 6),
    **dict.fromkeys(STRUCTURAL, 5),
    **dict.fromkeys(["value"], 4),
    **dict.fromkeys(STATES, 3),
    **dict.fromkeys(BLOBS, 2),
    **dict.fromkeys(STYLES, 1),
}

_read_increment: Callable[[Reader, Layer, Map, PlaceLike], bool]
_read_nodes: Callable[[Reader, Layer, Node, Element | None, PlaceLike, int | None], None] = Reader.nodes_in_python

if compiled is not None:
    compiled.setup_page(
        {one.__name__: one for one in (Element, Mirror, Selectors, Claim, Lines, Part, Told, Reader)}
        | {one.name: one for one in (*Form, Category.PAGE_TEXT, Category.FORM_INPUTS, Category.MEDIA)}
        | {"UNKNOWN": UNKNOWN, "FIELD_TAGS": FIELD_TAGS, "VALUED": VALUED, "INLINE": INLINE}
        | {"NOTHING": NOTHING, "ATTRIBUTES": _ATTRIBUTES, "is_plain": PLAIN_KEY.fullmatch}
    )
    _read_nodes = compiled.read_nodes
    _read_increment = compiled.read_increment
