"""Clarity's rows: what each string is, and which element it belongs to.

Facts (clarity-js 0.8; `formats.clarity` reads the arrays). A row is [time, code, …]. Code 5 tells the page, as far as
it is there, 6 what was added or changed since: a node that is told again is told anew. 9 is a click with a copy of its
element's text, 27 and 42 are typed values, 42 with an unsalted digest of the value behind it; 1 holds what the page
and the browser are, 34 what the site tells of its visitor. Node 1 is the document.

Invariant: strings of a row that nobody here knows are masked, and so is what hangs on an unknown node.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Final

from gateway.core.category import Category
from gateway.core.document import Kind, Layer, Leaf, List, Map, Node
from gateway.core.words import words_of
from gateway.formats.clarity import ROW, TEXT_TAG, UNREADABLE, Attributes, ClarityLayer, DomNode, is_payload
from gateway.recording import rrweb
from gateway.recording.claim import Form, PlaceLike, Scene
from gateway.recording.dom import UNKNOWN, Element
from gateway.recording.rrweb import leaves, number
from gateway.recording.siblings import Siblings

_DOCUMENT: Final = 1
_MOST_SHOWN: Final = 64  # elements in one whose text was copied; what shows more may show anything
_LONGEST_VALUE: Final = 512
_CLICK_TEXT: Final = 10
_CLICK_LINK: Final = 11
_KNOWN_TAGS: Final = frozenset({"*d", "*s", "*m"})  # doctype, shadow root, one that waits
_OF_PAGE, _OF_AGENT, _PLAIN = Category.PAGE_TEXT, Category.USER_AGENT, Category.EVENT_PROPERTIES

# rows whose strings are words of the SDK, hashes of selectors, or nothing: code → name
_PLAIN_ROWS: Final = {
    "0": "metric", "2": "upload", "3": "upgrade", "4": "baseline", "8": "document", "10": "scroll", "11": "resize",
    "12": "move", "13": "down", "14": "up", "15": "wheel", "16": "double_click", "17": "touch_start", "18": "touch_end",
    "19": "touch_move", "20": "touch_cancel", "21": "selection", "25": "ping", "26": "unload", "28": "visibility",
    "29": "navigation", "35": "limit", "36": "summary", "38": "clipboard", "39": "submit", "47": "consent",
}  # fmt: skip
_LOG_ROWS: Final = {"31": "script_error", "33": "log"}
# what a dimension holds: id → its name, which rules can name too, and its category
_DIMENSIONS: Final = {
    0: ("userAgent", _OF_AGENT), 1: ("url", Category.URLS), 2: ("referrer", Category.URLS),
    3: ("pageTitle", _OF_PAGE), 4: ("networkHosts", _PLAIN), 5: ("schemaType", _OF_PAGE),
    6: ("productBrand", _OF_PAGE), 7: ("productAvailability", _OF_PAGE), 8: ("authorName", _OF_PAGE),
    9: ("language", _PLAIN), 10: ("productName", _OF_PAGE), 11: ("productCategory", _OF_PAGE),
    12: ("productSku", _OF_PAGE), 13: ("productCurrency", _OF_PAGE), 14: ("productCondition", _OF_PAGE),
    15: ("tabId", Category.STRUCTURE), 16: ("pageLanguage", _PLAIN), 17: ("direction", _PLAIN),
    18: ("headline", _OF_PAGE), 19: ("metaType", _OF_PAGE), 20: ("metaTitle", _OF_PAGE), 21: ("generator", _OF_PAGE),
    22: ("platform", _OF_AGENT), 23: ("platformVersion", _OF_AGENT), 24: ("brand", _OF_AGENT),
    25: ("model", _OF_AGENT), 26: ("pixelRatio", _PLAIN), 27: ("connection", _PLAIN), 28: ("clicks", _PLAIN),
    29: ("cookieVersion", _PLAIN), 30: ("deviceFamily", _OF_AGENT), 31: ("firstSelector", _PLAIN),
    32: ("lastSelector", _PLAIN), 33: ("scroll", _PLAIN), 34: ("timezone", _PLAIN), 35: ("timezoneOffset", _PLAIN),
    36: ("consent", _PLAIN), 37: ("interaction", _PLAIN), 38: ("isFrame", _PLAIN),
}  # fmt: skip


def recognises(node: Map) -> bool:
    """Whether a map is one row, or a payload that its format could not take apart."""
    if not node.items:
        return False
    return (node.items[0][0].value == ROW and node.items[0][0].kind is Kind.WORD) or is_payload(node)


class Reader:
    """Reads rows of one page into claims, keeping its mirror."""

    def __init__(self, scene: Scene) -> None:
        self.mirror = scene.mirror
        self._walk = scene.walk
        self._names = scene.attribute_names
        self._lines = scene.lines
        self._page = rrweb.Reader(scene)
        self._order = scene.mirror.memory if isinstance(scene.mirror.memory, Siblings) else Siblings()
        scene.mirror.memory = self._order

    def read(self, layer: Layer, event: Map, place: PlaceLike) -> None:
        """Claims every text of one row. `place` is the place of all rows."""
        name, told = event.items[0][1], event.items[-1][1]
        code = name.value if isinstance(name, Leaf) and event.items[0][0].value == ROW else UNREADABLE
        nodes = layer.nodes.get(id(event)) if isinstance(layer, ClarityLayer) else None
        if nodes is not None:
            if code == "5":
                self._restart()
            for node in nodes:
                self._node(layer, node, place.child("dom"))
        elif isinstance(told, List) and code in _ROWS:
            _ROWS[code](self, layer, told, place)
        elif code in _PLAIN_ROWS:
            self._all(layer, told, place.child(_PLAIN_ROWS[code]), Category.EVENT_PROPERTIES)
        elif code in _LOG_ROWS:
            self._all(layer, told, place.child(_LOG_ROWS[code]), Category.DATA_LOGS)
        else:
            self._all(layer, event, place, Category.PAGE_TEXT, UNKNOWN)

    def _all(
        self, layer: Layer, node: Node, place: PlaceLike, category: Category, element: Element | None = None
    ) -> None:
        for at, leaf, _, _ in leaves(layer, node):
            if leaf.kind is Kind.TEXT:
                self._page.claim(at, leaf, category, place, element)

    # the page

    def _restart(self) -> None:
        self._lines.reset()
        self.mirror.reset()
        self.mirror.memory = self._order = Siblings()

    def _node(self, layer: Layer, node: DomNode, place: PlaceLike) -> None:
        node_id, parent_id, previous = _numbers(node)
        tag = _tag(node.tag)
        if node.tag == TEXT_TAG:
            holder = self.mirror.holder_of_text(node_id)
            if parent_id is not None:
                holder = self.mirror.element(parent_id)
                _, behind = self._stand(node_id, parent_id, previous)
                self.mirror.add_text(node_id, holder)
                self._lines.place(node_id, holder, behind)
                self.mirror.shape += 1
        elif parent_id is None and not node.attributes and not node.texts:  # it went
            self._leave(node_id)
            self.mirror.remove(node_id)
            self._lines.remove(node_id)
            return
        else:
            holder = self._element(node, node_id, parent_id, previous, tag)
        self._page.attributes(layer, Attributes(node.attributes), holder, place.child("attributes"))
        is_read = node.tag == TEXT_TAG or not tag.startswith("*")
        for token in node.texts:
            if token.leaf is not None:
                held = Map([(Leaf("textContent", 0, 0, Kind.WORD), token.leaf)], 0, 0)
                element = holder if is_read else UNKNOWN
                claim = self._page.text(layer, token.leaf, element, place.child("textContent"), held, 0)
                if node.tag == TEXT_TAG:
                    self._lines.tell(node_id, claim, holder)

    def _element(self, node: DomNode, node_id: int, parent_id: int | None, previous: int | None, tag: str) -> Element:
        attributes: dict[str, str] = {}
        for name, token in node.attributes:
            if name.lower() in self._names and token.leaf is not None:
                attributes[name.lower()] = token.leaf.value[:_LONGEST_VALUE]
        known = self.mirror.elements.get(node_id)
        parent: Element | None
        if parent_id is None:
            parent = known.parent if known is not None else None if tag == "*d" else UNKNOWN
        elif parent_id == _DOCUMENT and _DOCUMENT not in self.mirror.elements:
            parent = None
        else:
            parent = self.mirror.element(parent_id)
        before, behind = self._stand(node_id, parent_id, previous) if parent_id is not None else (None, None)
        element = Element(tag, attributes, parent, node_id)
        element.private = tag.startswith("*") and tag not in _KNOWN_TAGS
        element = self.mirror.add(element, before)
        if parent_id is not None:
            self._lines.place(element, element.parent, behind)
        return element

    def _stand(self, node_id: int, parent_id: int, previous: int | None) -> tuple[int | None, int | None]:
        """Notes where a node stands; the next element and the next node behind it."""
        self._leave(node_id)
        behind = [one for one in self._order.place_after(parent_id, node_id, previous) if one != node_id]
        return next((one for one in behind if one in self.mirror.elements), None), next(iter(behind), None)

    def _leave(self, node_id: int) -> None:
        element = self.mirror.elements.get(node_id)
        holder = element.parent if element is not None else self.mirror.texts.get(node_id)
        if holder is not None:
            self._order.take(holder.node_id, node_id)

    # what was typed and clicked

    def _input(self, layer: Layer, row: List, place: PlaceLike) -> None:
        self._typed(layer, row, place.child("input"), 3)

    def _change(self, layer: Layer, row: List, place: PlaceLike) -> None:
        where = place.child("change")
        element = self._typed(layer, row, where, 4)
        for leaf in _texts(row, 5):  # a digest is as good as the value
            self._page.claim(layer, leaf, Category.FORM_INPUTS, where.child("checksum"), element, Form.BLOB)

    def _typed(self, layer: Layer, row: List, place: PlaceLike, at: int) -> Element:
        element = self._target(row)
        for index, leaf in _indexed(row):
            if index == at:
                where = place.child("text")
                self._page.claim(layer, leaf, Category.FORM_INPUTS, where, element, Form.INPUT, key="text")
            elif index < at:
                self._page.claim(layer, leaf, Category.EVENT_PROPERTIES, place.child("type"), None, Form.STRUCTURE)
        if at < len(row.items) and not isinstance(row.items[at], Leaf):
            self._all(layer, row.items[at], place, Category.FORM_INPUTS, UNKNOWN)
        return element

    def _click(self, layer: Layer, row: List, place: PlaceLike) -> None:
        where = place.child("click")
        element = self._target(row)
        for index, leaf in _indexed(row):
            if index == _CLICK_TEXT:
                self._shown(layer, leaf, element, where.child("text"))
            elif index == _CLICK_LINK:
                self._page.claim(layer, leaf, Category.URLS, where.child("link"), element)
            else:
                self._page.claim(layer, leaf, Category.PAGE_TEXT, where.child("element"), element, Form.STRUCTURE)

    def _shown(self, layer: Layer, leaf: Leaf, element: Element, place: PlaceLike) -> None:
        """A copy of what an element shows, with all that is in it: each of them has a say."""
        shown = list(islice(element.iter_subtree(), _MOST_SHOWN + 1)) if element is not UNKNOWN else [UNKNOWN]
        for one in shown if len(shown) <= _MOST_SHOWN else [UNKNOWN]:
            self._page.claim(layer, leaf, Category.PAGE_TEXT, place, UNKNOWN if one.is_field else one)

    def _target(self, row: List) -> Element:
        target = number(row.items[2]) if len(row.items) > 2 else None
        return self.mirror.element(target) if target is not None else UNKNOWN

    # what the page, the browser and the visitor are

    def _dimensions(self, layer: Layer, row: List, place: PlaceLike) -> None:
        name, category = "", Category.PAGE_TEXT
        element: Element | None = UNKNOWN
        where = place.child("dimension")
        for item in row.items[2:]:
            told = number(item)
            if told is not None:
                known = _DIMENSIONS.get(told)
                name, category = known if known is not None else ("", Category.PAGE_TEXT)
                element = None if known is not None else UNKNOWN
            else:
                self._all(layer, item, where.child(name) if name else where, category, element)

    def _custom_event(self, layer: Layer, row: List, place: PlaceLike) -> None:
        name = ""
        where = place.child("custom_event")
        for index, item in enumerate(row.items[2:]):
            if index == 0 and isinstance(item, Leaf):
                name = item.value
                self._page.claim(layer, item, Category.EVENT_PROPERTIES, where)
                continue
            tells_user = rrweb.USER.longest_in(words_of(name)) > 0
            category = Category.USER_TRAITS if tells_user else Category.EVENT_PROPERTIES
            self._walk(layer, item, where.child(name), category)

    def _variables(self, layer: Layer, row: List, place: PlaceLike) -> None:
        where = place.child("variable")
        for at in range(2, len(row.items), 2):
            name = row.items[at]
            if isinstance(name, Leaf) and at + 1 < len(row.items):
                told = Map([(name, row.items[at + 1])], name.start, row.items[at + 1].end)
                self._walk(layer, told, where, Category.USER_TRAITS)
            else:
                self._all(layer, name, where, Category.USER_TRAITS)


def _numbers(node: DomNode) -> tuple[int, int | None, int | None]:
    """A node's id, its parent's, and that of the sibling before it."""
    node_id, parent, previous, *_ = (*node.numbers, None, None)
    return abs(node_id or 0), parent, previous


def _tag(written: str) -> str:
    """`svg:text` is a text, `iframe:HTML` the root of another document, `DIV~2` the second of its kind."""
    return written.rpartition(":")[2].partition("~")[0].lower()


def _indexed(row: List) -> Iterator[tuple[int, Leaf]]:
    for index, item in enumerate(row.items):
        if isinstance(item, Leaf) and item.kind is Kind.TEXT:
            yield index, item


def _texts(row: List, at: int) -> Iterator[Leaf]:
    return (leaf for index, leaf in _indexed(row) if index >= at)


_ROWS: Final[dict[str, Callable[[Reader, Layer, List, PlaceLike], None]]] = {
    "1": Reader._dimensions,  # noqa: SLF001 - its own
    "9": Reader._click,  # noqa: SLF001 - its own
    "24": Reader._custom_event,  # noqa: SLF001 - its own
    "27": Reader._input,  # noqa: SLF001 - its own
    "34": Reader._variables,  # noqa: SLF001 - its own
    "42": Reader._change,  # noqa: SLF001 - its own
}
