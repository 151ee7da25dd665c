"""OpenReplay's messages: what each string is, and which element it belongs to.

Facts (trackers 14 to 19; `formats.openreplay` reads the bytes). A message is a map: under a key that no text can write, its
name; then its fields. Node 0 is the page's root; an element is created without attributes, which follow one by one,
mostly as two numbers of a dictionary that runs on over the batches of a tab. A label is the text that a click's
element, and all in it, shows.

Invariant: a message that cannot be read goes; the element that it may have told a mark of is private from then on. So
does an attribute whose name an unknown batch told, and its element is private too, as is one of which a mark's value isn't
known. What a private or typed use refers to in an earlier batch is never referred to. Kept between batches: names of
attributes, and values of those that selectors name.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from gateway.core.category import Category
from gateway.core.document import Kind, Layer, Leaf, Map, Node
from gateway.core.words import words_of
from gateway.formats.openreplay import ABOUT, MESSAGE, UNREADABLE, OpenReplayLayer, Whole
from gateway.recording import rrweb
from gateway.recording.claim import Claim, Form, PlaceLike, Scene
from gateway.recording.dom import UNKNOWN, Element
from gateway.recording.rrweb import STATES, STRUCTURAL, STYLES, number
from gateway.recording.siblings import Siblings

_ROOT: Final = 0
_MOST_KNOWN: Final = 20_000
_MOST_SHOWN: Final = 64  # elements in one whose text was copied; what shows more may show anything
_LONGEST_VALUE: Final = 512
_LABELLED: Final = frozenset({"input", "textarea"})  # their labels are not what was typed into them
_ID: Final = re.compile(r"#([\w-]+)")
_STATE_KEY: Final = "isChecked"
# an entry that nothing uses yet stays where it is one of these, which name attributes and tell of nobody
_NAMES: Final = (
    STRUCTURAL
    | STATES
    | STYLES
    | {"href", "src", "srcset", "srcdoc", "alt", "title", "value", "placeholder", "content", "action"}
)
# messages that the general walk reads, with the category of their texts
_RECORDS: Final = {
    "network": Category.DATA_LOGS,
    "resource": Category.DATA_LOGS,
    "console": Category.DATA_LOGS,
    "exception": Category.DATA_LOGS,
    "page_location": Category.PAGE_TEXT,
    "connection": Category.STRUCTURE,
    "technical_info": Category.EVENT_PROPERTIES,
    "web_vitals": Category.STRUCTURE,
    "tab_change": Category.STRUCTURE,
    "tab_data": Category.STRUCTURE,
}


@dataclass(slots=True)
class Known:
    """What runs on from one batch of a tab to the next. No text but names and what selectors compare."""

    names: dict[int, str] = field(default_factory=dict)  # entry → the attribute that it names
    values: dict[int, str] = field(default_factory=dict)  # entry → the value, where an attribute of selectors has it
    order: Siblings = field(default_factory=Siblings)

    @staticmethod
    def remember(known: dict[int, str], entry: int, text: str) -> None:
        if len(known) < _MOST_KNOWN and len(text) <= _LONGEST_VALUE:
            known[entry] = text


def recognises(node: Map) -> bool:
    """Whether a map is one message."""
    return bool(node.items) and node.items[0][0].value == MESSAGE and node.items[0][0].kind is Kind.WORD


class Reader:
    """Reads messages of one tab into claims, keeping its mirror."""

    def __init__(self, scene: Scene) -> None:
        self.mirror = scene.mirror
        self._emit = scene.emit
        self._walk = scene.walk
        self._names = scene.attribute_names
        self._lines = scene.lines
        self._page = rrweb.Reader(scene)
        self._known = scene.mirror.memory if isinstance(scene.mirror.memory, Known) else Known()
        scene.mirror.memory = self._known

    def read(self, layer: Layer, event: Map, place: PlaceLike) -> None:
        """Claims every text of one message. `place` is the place of all messages."""
        name = event.items[0][1]
        kind = name.value if isinstance(name, Leaf) else UNREADABLE
        where = place.child(kind)
        handler = _MESSAGES.get(kind)
        if handler is not None:
            handler(self, layer, event, where)
        elif kind in _RECORDS:
            self._walk(layer, _texts(event), where, _RECORDS[kind])
        elif kind == UNREADABLE:
            if (element := self.mirror.element(_of(event, ABOUT))) is not UNKNOWN:
                self._hide(element)
            self._remove(layer, event, where)

    def _remove(self, layer: Layer, event: Map, place: PlaceLike) -> None:
        gone = Leaf("", event.start, event.end, Kind.WORD)
        self._emit(
            Claim(layer, gone, Category.FORM_INPUTS, place, UNKNOWN, Whole([], event.start, event.end), 0, Form.STATE)
        )

    # the page

    def _create_document(self, layer: Layer, event: Map, place: PlaceLike) -> None:  # noqa: ARG002 - one shape for all
        self._lines.reset()
        self.mirror.reset()
        self._known.order = Siblings()
        self.mirror.add(Element("html", {}, None, _ROOT))

    def _create_element(self, layer: Layer, event: Map, place: PlaceLike) -> None:
        tag = event.get("tag")
        name = tag.value.lower() if isinstance(tag, Leaf) else ""
        parent, node_id = _of(event, "parent"), _of(event, "id")
        before, behind = self._place(parent, node_id, _of(event, "index"))
        element = self.mirror.add(Element(name, {}, self.mirror.element(parent), node_id), before)
        self._lines.place(element, element.parent, behind)
        self._change(layer, event, place)

    def _create_text(self, layer: Layer, event: Map, place: PlaceLike) -> None:  # noqa: ARG002 - one shape for all
        parent, node_id = _of(event, "parent"), _of(event, "id")
        _, behind = self._place(parent, node_id, _of(event, "index"))
        self.mirror.add_text(node_id, self.mirror.element(parent))
        self._lines.place(node_id, self.mirror.element(parent), behind)
        self.mirror.shape += 1

    def _create_frame(self, layer: Layer, event: Map, place: PlaceLike) -> None:  # noqa: ARG002 - one shape for all
        """The document of a frame, or what hangs below a shadow host."""
        self.mirror.add(Element("html", {}, self.mirror.element(_of(event, "frame")), _of(event, "id")))

    def _move_node(self, layer: Layer, event: Map, place: PlaceLike) -> None:  # noqa: ARG002 - one shape for all
        parent, node_id = _of(event, "parent"), _of(event, "id")
        self._leave(node_id)
        before, behind = self._place(parent, node_id, _of(event, "index"))
        element = self.mirror.elements.get(node_id)
        if element is not None:
            moved = Element(element.tag, dict(element.attributes), self.mirror.element(parent), node_id)
            moved.private = element.private
            element = self.mirror.add(moved, before)
            self._lines.place(element, element.parent, behind)
        elif node_id in self.mirror.texts:
            self.mirror.add_text(node_id, self.mirror.element(parent))
            self._lines.place(node_id, self.mirror.element(parent), behind)

    def _remove_node(self, layer: Layer, event: Map, place: PlaceLike) -> None:  # noqa: ARG002 - one shape for all
        self._leave(_of(event, "id"))
        self.mirror.remove(_of(event, "id"))
        self._lines.remove(_of(event, "id"))

    def _place(self, parent: int, node_id: int, index: int) -> tuple[int | None, int | None]:
        """Notes where a node stands; the next element and the next node behind it."""
        behind = [one for one in self._known.order.place(parent, node_id, index) if one != node_id]
        return next((one for one in behind if one in self.mirror.elements), None), next(iter(behind), None)

    def _leave(self, node_id: int) -> None:
        element = self.mirror.elements.get(node_id)
        holder = element.parent if element is not None else self.mirror.texts.get(node_id)
        if holder is not None:
            self._known.order.take(holder.node_id, node_id)

    # attributes

    def _change(self, layer: Layer, event: Map, place: PlaceLike) -> None:  # noqa: ARG002 - one shape for all
        """Takes over the attributes of a whole run at its first message: marks count before what stands beside them."""
        run = layer.runs.get(id(event), []) if isinstance(layer, OpenReplayLayer) else []
        element = self.mirror.element(_of(event, "id"))
        if not run or run[0] is not event or element is UNKNOWN:
            return
        for message in run:
            name = self._name(layer, message)
            if name is None:
                continue
            if not name:
                self._hide(element)
            elif name.lower() in self._names:
                self._set(layer, message, element, name.lower())

    @staticmethod
    def _hide(element: Element) -> None:
        """What an element is marked with is not known: it is private."""
        element.private = True
        element.changed()

    def _set(self, layer: Layer, message: Map, element: Element, name: str) -> None:
        value = _raw(message, "value")
        use = layer.uses.get(id(message)) if isinstance(layer, OpenReplayLayer) else None
        text = value.value if value.kind is Kind.TEXT else None
        if use is not None:
            entry = _of(message, "valueKey")
            if use.entry is None:
                text = self._known.values.get(entry)
                if text is None:
                    self._hide(element)
                    return
            elif text is not None:
                self._known.remember(self._known.values, entry, text)
        element.set_attribute(name, text)

    def _name(self, layer: Layer, message: Map) -> str | None:
        """An attribute's name; empty where it is not known, None where the message has none."""
        use = layer.uses.get(id(message)) if isinstance(layer, OpenReplayLayer) else None
        if use is not None:
            if use.named_by is None:
                use.name.value = self._known.names.get(_of(message, "nameKey"), "")
            else:
                self._known.remember(self._known.names, _of(message, "nameKey"), use.name.value)
        name = _raw(message, "name")
        return name.value if name.kind is Kind.TEXT else None

    def _attribute(self, layer: Layer, event: Map, place: PlaceLike) -> None:
        self._change(layer, event, place)
        element = self.mirror.element(_of(event, "id"))
        name = self._name(layer, event)
        if not name:
            self._remove(layer, event, place)
            return
        held = Whole([(_raw(event, "name"), _raw(event, "value"))], event.start, event.end)
        self._page.attributes(layer, held, element, place)
        self._url(layer, event, place)

    def _entry(self, layer: Layer, event: Map, place: PlaceLike) -> None:
        """An entry that nothing in its batch uses: what it is for is not known yet."""
        entry = layer.entries.get(id(event)) if isinstance(layer, OpenReplayLayer) else None
        for known in (self._known.names, self._known.values):  # a key that is told again says something else
            known.pop(_of(event, "key"), None)
        if entry is not None and not entry.uses and not entry.is_name and entry.leaf.value.lower() not in _NAMES:
            self._page.claim(layer, entry.leaf, Category.PAGE_TEXT, place, UNKNOWN)
        elif entry is not None and not entry.uses:
            self._known.remember(self._known.names, _of(event, "key"), entry.leaf.value)

    # texts

    def _node_text(self, layer: Layer, event: Map, place: PlaceLike) -> None:
        node_id = _of(event, "id")
        holder = self.mirror.texts.get(node_id) or self.mirror.element(node_id)
        claim = self._page.text(layer, _raw(event, "textContent"), holder, place.child("textContent"), event, 2)
        if node_id in self.mirror.texts:
            self._lines.tell(node_id, claim, holder)

    def _css(self, layer: Layer, event: Map, place: PlaceLike) -> None:
        self._page.claim(layer, _raw(event, "css"), Category.PAGE_TEXT, place.child("css"), None, Form.STYLE)
        self._url(layer, event, place)

    def _url(self, layer: Layer, event: Map, place: PlaceLike) -> None:
        if event.get("url") is not None:
            self._page.claim(layer, _raw(event, "url"), Category.URLS, place.child("url"))

    def _input_value(self, layer: Layer, event: Map, place: PlaceLike) -> None:
        element = self.mirror.element(_of(event, "id"))
        where = place.child("text")
        self._page.claim(layer, _raw(event, "text"), Category.FORM_INPUTS, where, element, Form.INPUT, key="text")
        if event.get("label") is not None:
            self._label(layer, _raw(event, "label"), element, place.child("label"))

    def _checked(self, layer: Layer, event: Map, place: PlaceLike) -> None:
        element = self.mirror.element(_of(event, "id"))
        state = _raw(event, "checked")
        self._page.claim(layer, state, Category.FORM_INPUTS, place, element, Form.STATE, key=_STATE_KEY)

    def _labelled(self, layer: Layer, event: Map, place: PlaceLike) -> None:
        element = self.mirror.element(_of(event, "id"))
        self._label(layer, _raw(event, "label"), element, place.child("label"))
        if event.get("selector") is not None:
            where = place.child("selector")
            self._page.claim(layer, _raw(event, "selector"), Category.PAGE_TEXT, where, element, Form.STRUCTURE)

    def _incident(self, layer: Layer, event: Map, place: PlaceLike) -> None:
        """Names its element by a selector alone: but for an id on the page as it is known, that may be any element."""
        selector = _raw(event, "selector")
        told = _ID.fullmatch(selector.value)
        element = (self.mirror.find_by_id(told[1]) if told is not None else None) or UNKNOWN
        self._label(layer, _raw(event, "label"), element, place.child("label"))
        self._page.claim(layer, selector, Category.PAGE_TEXT, place.child("selector"), element, Form.STRUCTURE)
        self._page.claim(layer, _raw(event, "type"), Category.EVENT_PROPERTIES, place.child("type"))
        self._walk(layer, _raw(event, "payload"), place.child("payload"), Category.EVENT_PROPERTIES)
        self._url(layer, event, place)

    def _label(self, layer: Layer, leaf: Leaf, element: Element, place: PlaceLike) -> None:
        """A copy of what an element shows, with all that is in it: each of them has a say."""
        shown = list(islice(element.iter_subtree(), _MOST_SHOWN + 1)) if element is not UNKNOWN else [UNKNOWN]
        for one in shown if len(shown) <= _MOST_SHOWN else [UNKNOWN]:
            is_typed = one.is_field and not (one is element and one.tag in _LABELLED)
            self._page.claim(layer, leaf, Category.PAGE_TEXT, place, UNKNOWN if is_typed else one)

    def _selection(self, layer: Layer, event: Map, place: PlaceLike) -> None:
        """Text that was marked with the mouse, across any number of elements."""
        self._page.claim(layer, _raw(event, "selection"), Category.PAGE_TEXT, place.child("selection"), UNKNOWN)

    # the visitor

    def _custom_event(self, layer: Layer, event: Map, place: PlaceLike) -> None:
        name = _raw(event, "name")
        tells_user = rrweb.USER.longest_in(words_of(name.value)) > 0
        self._page.claim(layer, name, Category.EVENT_PROPERTIES, place.child("name"))
        category = Category.USER_TRAITS if tells_user else Category.EVENT_PROPERTIES
        self._walk(layer, _raw(event, "payload"), place.child("payload"), category)

    def _user(self, layer: Layer, event: Map, place: PlaceLike) -> None:
        key, leaf = event.items[1]
        category = Category.USER_TRAITS if key.value == "userId" else Category.DEVICE_IDS
        if isinstance(leaf, Leaf):
            self._page.claim(layer, leaf, category, place.child(key.value), key=key.value)

    def _metadata(self, layer: Layer, event: Map, place: PlaceLike) -> None:
        key = _raw(event, "key")
        self._page.claim(layer, key, Category.EVENT_PROPERTIES, place.child("key"))
        self._walk(layer, _raw(event, "value"), place.child(key.value), Category.USER_TRAITS)


def _of(event: Map, key: str) -> int:
    """A number of a message; -1, which is no node, where it has none."""
    found = number(event.get(key))
    return -1 if found is None else found


def _raw(event: Map, key: str) -> Leaf:
    """A field's own leaf, as it stands in the message."""
    node: Node | None = next((value for name, value in event.items if name.value == key), None)
    return node if isinstance(node, Leaf) else Leaf("", event.start, event.start, Kind.WORD)


def _texts(event: Map) -> Map:
    """The texts of a message, for the general walk."""
    items = [item for item in event.items[1:] if isinstance(item[1], Leaf) and item[1].kind is Kind.TEXT]
    return Map(items, event.start, event.end)


_MESSAGES: Final[dict[str, Callable[[Reader, Layer, Map, PlaceLike], None]]] = {
    "create_document": Reader._create_document,  # noqa: SLF001 - its own
    "create_element": Reader._create_element,  # noqa: SLF001 - its own
    "create_text": Reader._create_text,  # noqa: SLF001 - its own
    "create_frame": Reader._create_frame,  # noqa: SLF001 - its own
    "move_node": Reader._move_node,  # noqa: SLF001 - its own
    "remove_node": Reader._remove_node,  # noqa: SLF001 - its own
    "entry": Reader._entry,  # noqa: SLF001 - its own
    "attribute": Reader._attribute,  # noqa: SLF001 - its own
    "remove_attribute": Reader._change,  # noqa: SLF001 - its own
    "text": Reader._node_text,  # noqa: SLF001 - its own
    "css": Reader._css,  # noqa: SLF001 - its own
    "input_target": Reader._labelled,  # noqa: SLF001 - its own
    "input_value": Reader._input_value,  # noqa: SLF001 - its own
    "input_change": Reader._input_value,  # noqa: SLF001 - its own
    "input_checked": Reader._checked,  # noqa: SLF001 - its own
    "click": Reader._labelled,  # noqa: SLF001 - its own
    "incident": Reader._incident,  # noqa: SLF001 - its own
    "selection": Reader._selection,  # noqa: SLF001 - its own
    "custom_event": Reader._custom_event,  # noqa: SLF001 - its own
    "user_id": Reader._user,  # noqa: SLF001 - its own
    "user_anonymous_id": Reader._user,  # noqa: SLF001 - its own
    "metadata": Reader._metadata,  # noqa: SLF001 - its own
}
