"""Datadog's replay segments: what each string is, and which element it belongs to.

Facts (browser-rum 7; the types are in the vendor's published schema). A segment is {records, start, end, index_in_view,
session, view, …}. Records 2 (with `format: 1`) and 12 hold changes, [[op, …], …]; others are rrweb's, or hold numbers.
A string stands as a literal, as {role, string}, or as a number: its place in a table that op 11 ([role, …strings]) and
op 0 (…strings) append to. Nodes are numbered as op 1 adds them. Both counts run on over records and segments of a view
until its next full snapshot.

Invariant: a segment that does not follow the one before it (lost, swapped, another process) is unknown, and masked.
What a private or typed use refers to in an earlier segment is never referred to: a literal stands in its place.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from gateway.core.category import Category
from gateway.core.document import Kind, Layer, Leaf, List, Map, Node, opened
from gateway.recording import rrweb
from gateway.recording.claim import Claim, Form, PlaceLike, Scene
from gateway.recording.dom import UNKNOWN, Element
from gateway.recording.interned import Entry, Row, Strings, Table, Use
from gateway.recording.rrweb import enter, number, pick
from gateway.recording.vocabulary import Reduced

_SNAPSHOT, _CHANGE = 2, 12
_OTHERS: Final = frozenset({4, 6, 7, 8, 9})  # meta, focus, view end, viewport, frustration
_SEGMENT: Final = frozenset({"records", "session", "view"})
_NAME, _ATTRIBUTE, _TYPED, _STYLE = 1, 2, 5, 6  # roles of strings
_FORMS: Final = {_NAME: Form.STRUCTURE, _ATTRIBUTE: Form.STRUCTURE, _STYLE: Form.STYLE}
_DOCUMENTS: Final = frozenset({"#document", "#document-fragment", "#shadow-root"})
_EARLIER: Final = "x"  # stands for a string that an earlier segment told, and that nobody here remembers
_LONGEST_VALUE: Final = 512


class _Change(NamedTuple):
    """One change, with where it stands."""

    layer: Layer
    strings: Strings
    holder: List
    position: int
    place: PlaceLike

    @property
    def node(self) -> Node:
        return self.holder.items[self.position]


class Segment:
    """Reads a segment, or a lone record of changes, into claims, keeping the mirror of its view."""

    def __init__(self, scene: Scene) -> None:
        self.mirror = scene.mirror
        self._emit = scene.emit
        self._walk = scene.walk
        self._names = scene.attribute_names
        self._lines = scene.lines
        self._begin = scene.begin
        self._page = rrweb.Reader(scene)
        self._table = scene.mirror.memory if isinstance(scene.mirror.memory, Table) else Table()
        scene.mirror.memory = self._table
        self._entries: list[Entry] = []
        self._fresh: dict[int, Entry] = {}
        self._named: dict[int, Use] = {}  # entry → its use as a name
        self._before: int | None = None  # the sibling that the node added last stands before
        self._changes_by_code: dict[int, Callable[[_Change], None]] = {
            0: self._add_string, 1: self._add_node, 2: self._remove, 3: self._set_attributes, 4: self._set_text,
            5: self._count, 6: self._count, 7: self._add_style, 8: self._count, 9: self._count, 10: self._count,
            11: self._add_strings, 12: self._set_value, 13: self._set_selection,
        }  # fmt: skip

    def read(self, layer: Layer, event: Map, place: PlaceLike) -> None:
        """Claims every leaf of a segment. `place` is the segment's own."""
        found = pick(layer, event, "records")
        if found is None or not isinstance(found[1], List):
            self._table.begin(("", ""), None)
            self._record(layer, event, place)
            self._leftover(place)
            return
        index = number(event.get("index_in_view"))
        if not self._table.begin((identity(event.get("session")), identity(event.get("view"))), index):
            self._lines.reset()
            self.mirror.forget()
        for key, value in event.items:
            if key.value != "records":
                self._walk(layer, value, place.child(key.value), None)
        where = place.child("records")
        for record in found[1].items:
            at, one = enter(found[0], record)
            if isinstance(one, Map):
                self._begin(at, one)
                self._record(at, one, where)
            else:
                self._close_off(at, record, where)
        self._leftover(where)
        self._lines.flush()
        self._table.end(index)

    # records

    def _record(self, layer: Layer, record: Map, place: PlaceLike) -> None:
        kind = number(record.get("type"))
        data = pick(layer, record, "data")
        if data is not None and isinstance(data[1], List) and kind in (_SNAPSHOT, _CHANGE):
            if record.get("slotId") is not None:  # one of several pages in one segment: whose counts are these?
                self._table.is_known = False
            elif kind == _SNAPSHOT:
                self._lines.reset()
                self.mirror.reset()
                self._table.restart()
                self._fresh, self._named = {}, {}
            self.mirror.epoch += 1
            self._changes(*data, place)
            rest = [(key.value, value) for key, value in record.items if key.value not in ("type", "timestamp", "data")]
        elif rrweb.recognises(record):
            if kind == _SNAPSHOT:
                self._table.is_known = False
            self._page.read(layer, record, place)
            return
        elif kind in _OTHERS:
            rest = [(key.value, value) for key, value in record.items if key.value not in ("type", "timestamp")]
        else:
            self._close_off(layer, record, place)
            return
        for name, value in rest:
            self._walk(layer, value, place.child(name), None)

    def _changes(self, layer: Layer, node: Node, place: PlaceLike) -> None:
        if not isinstance(node, List):
            return
        strings = Strings(layer)
        for index, item in enumerate(node.items):
            code = number(item.items[0]) if isinstance(item, List) and item.items else None
            change = self._changes_by_code.get(code) if code is not None else None
            if not isinstance(item, List) or change is None:
                # nobody here knows what it adds to the counts, so that what follows is unknown too
                self._table.is_known = False
                gone = Leaf("", item.start, item.end, Kind.WORD)
                self._emit(Claim(layer, gone, Category.FORM_INPUTS, place, UNKNOWN, node, index, Form.STATE))
                continue
            for position in range(1, len(item.items)):
                change(_Change(layer, strings, item, position, place))

    # changes

    def _add_string(self, change: _Change) -> None:
        self._add_entry(change.layer, change.node, 0)

    def _add_strings(self, change: _Change) -> None:
        items = change.node.items if isinstance(change.node, List) else []
        role = number(items[0]) if items else None
        if role is None:
            self._table.is_known = False
            self._close_off(change.layer, change.node, change.place)
            return
        for node in items[1:]:
            self._add_entry(change.layer, node, role)

    def _add_entry(self, layer: Layer, node: Node, role: int) -> None:
        table = self._table
        if not isinstance(node, Leaf) or node.kind is not Kind.TEXT:
            self._close_off(layer, node, None)
            table.is_known = False
            return
        entry = Entry(layer, node, table.strings, role)
        self._entries.append(entry)
        if not table.is_known:
            return
        self._fresh[table.strings] = entry
        if table.keeps_texts or role in (_NAME, _ATTRIBUTE) or not node.value or node.value.isspace():
            table.remember(table.strings, node.value)
        table.strings += 1

    def _add_node(self, change: _Change) -> None:
        layer, node, place = change.layer, change.node, change.place
        if not isinstance(node, List) or len(node.items) < 2:
            self._table.is_known = False
            self._close_off(layer, node, place)
            return
        node_id, table = self._table.nodes, self._table
        table.nodes += 1
        name = self._name(layer, node.items[1], place)
        holder, before = self._stand(node_id, node.items[0]) if table.is_known else (UNKNOWN, None)
        if name == "#text":
            self._keep_text(node_id, holder)
            if table.is_known:
                self._lines.place(node_id, holder, before)
            for value in node.items[2:]:
                self._text(change, value, node_id, holder)
        elif name in _DOCUMENTS or name in ("#doctype", "#cdata-section"):
            self._keep_document(node_id, holder)
            for value in node.items[2:]:
                leaf, _ = self._string(layer, value, place)
                if leaf is not None:
                    self._page.claim(change.strings, leaf, Category.PAGE_TEXT, place, holder, Form.STRUCTURE)
        else:
            tag = name.rpartition(">")[2].lower() if name is not None else ""
            row, told, is_unsure = self._attributes(change, node, 2)
            attributes = {key: value for key, value in told.items() if value is not None}
            element = Element(tag, attributes, holder, node_id)
            element.private = name is None or is_unsure or not table.is_known
            if table.is_known:
                element = self.mirror.add(element, before)
                self._lines.place(element, holder, before)
            self._page.attributes(change.strings, row, element, place.child("attributes"))

    def _set_attributes(self, change: _Change) -> None:
        node = change.node
        if not isinstance(node, List) or not node.items:
            self._close_off(change.layer, node, change.place)
            return
        element = self._element(node.items[0])
        row, told, is_unsure = self._attributes(change, node, 1)
        if element is not UNKNOWN:
            element.private = element.private or is_unsure
            for name, value in told.items():
                element.set_attribute(name, value)
        self._page.attributes(change.strings, row, element, change.place.child("attributes"))

    def _attributes(self, change: _Change, node: List, first: int) -> tuple[Row, dict[str, str | None], bool]:
        """The attributes of a change, those that selectors name, and whether one that may be a mark is not known."""
        layer, place, row = change.layer, change.place, Row()
        told: dict[str, str | None] = {}
        is_unsure = False
        for index in range(first, len(node.items)):
            pair = node.items[index]
            if isinstance(pair, Leaf):  # a text, where nobody knows of which node
                leaf, _ = self._string(layer, pair, place)
                if leaf is not None:
                    self._page.claim(change.strings, leaf, Category.PAGE_TEXT, place, UNKNOWN)
                continue
            if not isinstance(pair, List) or not 1 <= len(pair.items) <= 2:
                self._close_off(layer, pair, place)
                continue
            name = self._name(layer, pair.items[0], place)
            leaf, text = self._string(layer, pair.items[1], place) if len(pair.items) == 2 else (None, None)
            lower = name.lower() if name is not None else None
            if lower is None or (lower in self._names and leaf is not None and text is None):
                is_unsure = True
            elif lower in self._names:
                told[lower] = text if text is None or isinstance(text, Reduced) else text[:_LONGEST_VALUE]
                if isinstance(leaf, Use) and leaf.entry is not None and text is not None:
                    self._table.remember(leaf.entry.index, text, is_value=True)
            if leaf is None:
                continue
            if name is None:
                self._page.claim(change.strings, leaf, Category.PAGE_TEXT, place, UNKNOWN)
            else:
                row.put(name, leaf)
                row.sites.append((node, index))
        return row, told, is_unsure

    def _set_text(self, change: _Change) -> None:
        node = change.node
        if not isinstance(node, List) or len(node.items) != 2:
            self._close_off(change.layer, node, change.place)
            return
        node_id = number(node.items[0]) if self._table.is_known else None
        holder = self.mirror.holder_of_text(node_id) if node_id is not None else UNKNOWN
        self._text(change, node.items[1], node_id, holder)

    def _set_value(self, change: _Change) -> None:
        node = change.node
        if not isinstance(node, List) or len(node.items) != 2:
            self._close_off(change.layer, node, change.place)
            return
        leaf, _ = self._string(change.layer, node.items[1], change.place)
        if leaf is not None:
            element = self._element(node.items[0])
            where = change.place.child("text")
            self._page.claim(change.strings, leaf, Category.FORM_INPUTS, where, element, Form.INPUT, key="text")

    def _set_selection(self, change: _Change) -> None:
        """Which boxes and options are chosen: the whole goes, or nothing."""
        node = change.node
        if not isinstance(node, List) or not node.items:
            self._close_off(change.layer, node, change.place)
            return
        element = self._element(node.items[1]) if len(node.items) > 1 else UNKNOWN
        state = Leaf("", node.start, node.end, Kind.WORD)
        where = change.place.child("checked")
        self._emit(
            Claim(change.layer, state, Category.FORM_INPUTS, where, element, change.holder, change.position, Form.STATE)
        )

    def _add_style(self, change: _Change) -> None:
        items = change.node.items if isinstance(change.node, List) else [change.node]
        for index, item in enumerate(items):
            for node in item.items if isinstance(item, List) else [item]:
                if isinstance(node, Leaf) and node.kind is Kind.WORD:
                    continue
                leaf, _ = self._string(change.layer, node, change.place)
                if leaf is not None:
                    form = Form.STRUCTURE if index else Form.STYLE
                    self._page.claim(
                        change.strings, leaf, Category.PAGE_TEXT, change.place.child("cssText"), None, form
                    )

    def _remove(self, change: _Change) -> None:
        node_id = number(change.node)
        if node_id is not None and self._table.is_known:
            self.mirror.remove(node_id)
            self._lines.remove(node_id)
        self._close_off(change.layer, change.node, change.place)

    def _count(self, change: _Change) -> None:
        """Sizes, positions, states: numbers only."""
        self._close_off(change.layer, change.node, change.place)

    # strings

    def _string(self, layer: Layer, node: Node, place: PlaceLike) -> tuple[Leaf | None, str | None]:
        """A string's leaf, to claim, and its text where it is known."""
        if isinstance(node, Map):
            written = next((value for key, value in node.items if key.value == "string"), None)
            if isinstance(written, Leaf):
                node = written
        if isinstance(node, Leaf) and node.kind is Kind.TEXT:
            return node, node.value
        index = number(node)
        if index is None or not isinstance(node, Leaf):
            self._close_off(layer, node, place)
            return None, None
        entry = self._fresh.get(index) if self._table.is_known else None
        if entry is not None:
            return Use(layer, node, entry, entry.leaf.value), entry.leaf.value
        text = self._table.known.get(index) if self._table.is_known else None
        return Use(layer, node, None, _EARLIER if text is None or isinstance(text, Reduced) else text), text

    def _name(self, layer: Layer, node: Node, place: PlaceLike) -> str | None:
        """The name of a node or attribute. One claim for all its uses: no mask of a value ever reaches them."""
        index = number(node)
        if index is None or not isinstance(node, Leaf):
            leaf, text = self._string(layer, node, place)
            if leaf is not None:
                self._page.claim(Strings(layer), leaf, Category.PAGE_TEXT, place, None, Form.STRUCTURE)
            return text
        if not self._table.is_known:
            return None
        entry = self._fresh.get(index)
        if entry is None:
            known = self._table.known.get(index)
            return None if isinstance(known, Reduced) else known
        use = self._named.get(index)
        if use is None:
            use = self._named[index] = Use(layer, node, entry, entry.leaf.value)
            self._table.remember(index, use.value)
            self._page.claim(Strings(layer), use, Category.PAGE_TEXT, place, None, Form.STRUCTURE)
        elif use.layer is layer:
            use.sites.append(node)
        else:
            Use(layer, node, entry, entry.leaf.value)
        return entry.leaf.value

    # nodes

    def _element(self, node: Node) -> Element:
        node_id = number(node) if self._table.is_known else None
        return self.mirror.element(node_id) if node_id is not None else UNKNOWN

    def _stand(self, node_id: int, node: Node) -> tuple[Element | None, int | None]:
        """What a new node hangs on, and the sibling that it stands before.

        null is the root, 0 behind the node added before it, n last in the node n earlier, -n before the node n earlier.
        """
        step = number(node)
        if step is None:
            is_root = isinstance(node, Leaf) and node.kind is Kind.WORD
            return (None if is_root else UNKNOWN), None
        if step:
            self._before = node_id + step if step < 0 else None
        if step > 0:
            return self._inside(node_id - step), None
        return self._beside(self._before if step < 0 and self._before is not None else node_id - 1), self._before

    def _inside(self, node_id: int) -> Element | None:
        mirror = self.mirror
        if node_id in mirror.elements:
            return mirror.elements[node_id]
        return mirror.documents.get(node_id, UNKNOWN)

    def _beside(self, node_id: int) -> Element | None:
        mirror = self.mirror
        if node_id in mirror.elements:
            return mirror.elements[node_id].parent
        if node_id in mirror.texts:
            return mirror.texts[node_id]
        return mirror.documents.get(node_id, UNKNOWN)

    def _keep_text(self, node_id: int, holder: Element | None) -> None:
        if not self._table.is_known:
            return
        if holder is None:
            self._keep_document(node_id, holder)
        else:
            self.mirror.add_text(node_id, holder)

    def _keep_document(self, node_id: int, holder: Element | None) -> None:
        if self._table.is_known:
            self.mirror.add_document(node_id, holder)

    # claims

    def _text(self, change: _Change, node: Node, node_id: int | None, holder: Element | None) -> None:
        leaf, _ = self._string(change.layer, node, change.place)
        if leaf is None:
            return
        if not leaf.value or leaf.value.isspace():  # its use is counted, and there is nothing in it
            claim = Claim(change.strings, leaf, Category.PAGE_TEXT)
        else:
            row = Row()
            row.put("textContent", leaf)
            claim = self._page.text(change.strings, leaf, holder, change.place.child("textContent"), row, 0)
        if node_id is not None and self._table.is_known:
            self._lines.tell(node_id, claim, holder)

    def _close_off(self, layer: Layer, node: Node, place: PlaceLike | None) -> None:
        """Texts where none are expected: nobody knows whose they are."""
        for at, leaf, _, _ in rrweb.leaves(layer, node):
            if leaf.kind in (Kind.TEXT, Kind.BYTES):
                self._emit(Claim(at, leaf, Category.FORM_INPUTS, place, UNKNOWN))

    def _leftover(self, place: PlaceLike) -> None:
        """Strings that nothing here uses, or that nobody can number: what they are for is not known."""
        for entry in self._entries:
            if not entry.uses:
                form = _FORMS.get(entry.role, Form.PLAIN)
                self._page.claim(entry.layer, entry.leaf, Category.PAGE_TEXT, place, UNKNOWN, form)
            elif entry.role == _TYPED:  # whatever it is used for
                for use in entry.uses:
                    self._page.claim(Strings(use.layer), use, Category.FORM_INPUTS, place, None, Form.INPUT)


def recognises(node: Map) -> bool:
    """Whether a map is a segment, or one record of changes."""
    if _is_change(node):
        return True
    if not any(key.value == "records" for key, _ in node.items):
        return False
    records = node.get("records")
    if not isinstance(records, List):
        return False
    names = {key.value for key, _ in node.items}
    return names >= _SEGMENT or any(_is_change(record) for record in map(opened, records.items))


def _is_change(node: Node) -> bool:
    if not isinstance(node, Map) or len(node.items) > 12:
        return False
    kind = data = None
    is_stamped = False
    for key, value in node.items:
        if key.value == "type":
            kind = number(value)
        elif key.value == "data":
            data = opened(value)
        elif key.value == "timestamp":
            is_stamped = True
    if kind not in (_SNAPSHOT, _CHANGE) or not is_stamped or not isinstance(data, List):
        return False
    return any(isinstance(one, List) for one in data.items)


def identity(node: Node | None) -> str:
    """The `id` in a record such as `session` or `view`."""
    found = node.get("id") if isinstance(node, Map) else None
    return found.value[:128] if isinstance(found, Leaf) else ""
