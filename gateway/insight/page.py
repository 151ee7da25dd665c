"""A recorded page as its backend will see it: rebuilt from requests that are masked already, at any moment of them.

Every recorder that `gateway.recording` reads is read here, by the same readers: what is shown is what the gateway itself
made of the page, and an element's selector is tried on the elements that rules judge. Results are plain data.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from gateway.core.category import Category
from gateway.core.document import Kind, Layer, Leaf, Map, Node
from gateway.core.errors import Refused
from gateway.core.limits import Budget
from gateway.core.message import Inbound
from gateway.formats.clarity import ROW, ClarityLayer
from gateway.formats.openreplay import MESSAGE
from gateway.insight.marks import Marker, Mask
from gateway.insight.markup import Markup, typed_of
from gateway.insight.selector import Selectors
from gateway.insight.tree import Everything, Tree
from gateway.recording.claim import PlaceLike, Scene
from gateway.recording.dom import FIELD_TAGS, Element, Mirror
from gateway.recording.interned import Table
from gateway.recording.rrweb import pick
from gateway.ruleset.program import Program
from gateway.ruleset.walk import Event
from gateway.trackers.schema import TrackerFile

_SECONDS: Final = 1e11  # a time below it is one in seconds
_LATEST: Final = 4e12  # a time above it is none
_MOST_MOMENTS: Final = 20_000
_MOST_ITEMS: Final = 20_000
_LABEL: Final = 80
_ROW_TIME: Final = re.compile(r"\[\s*(\d{1,15})")
_META: Final = "4"
_SIZE: Final = range(200, 4001)
_ALWAYS_LISTED: Final = FIELD_TAGS | {"a", "button", "img", "form", "table", "nav", "main"}
_NOT_LISTED: Final = frozenset({"html", "body", "option"})
_NOT_SHOWN: Final = frozenset({"head", "style", "script", "noscript", "meta", "link", "title", "template", "base"})


@dataclass(frozen=True, slots=True)
class Sent:
    """A masked request as it left. `number` tells it from others; `time` is in milliseconds since 1970."""

    number: int
    time: float
    request: Inbound


@dataclass(frozen=True, slots=True)
class Moment:
    """A state of the page: when (milliseconds since 1970, by the visitor's clock), what came, and with which request.

    What came is `page` (a full snapshot), `input` or `change`.
    """

    time: float
    kind: str
    request: int


@dataclass(frozen=True, slots=True)
class Item:
    """An element to pick: its number and its parent's (0: none), what it is and shows, its selector, what of it is masked.

    `is_listed`: it shows something, or has a name; others are around such.
    """

    number: int
    parent: int
    depth: int
    tag: str
    label: str
    selector: str
    is_unique: bool
    masks: tuple[Mask, ...]
    is_listed: bool


@dataclass(frozen=True, slots=True)
class Window:
    """One window of the session, or another page that is recorded beside it."""

    title: str
    moments: int


@dataclass(frozen=True, slots=True)
class View:
    """One window's page at one moment. `html` is empty where no full snapshot is among the requests."""

    windows: tuple[Window, ...]
    window: int
    moments: tuple[Moment, ...]
    moment: int
    width: int
    height: int
    html: str
    items: tuple[Item, ...]
    is_cut: bool  # the page is larger than what is shown of it
    unread: int  # requests that could not be read

    def way(self, number: int) -> tuple[Item, ...]:
        """The element of a number, behind all that it stands in, outermost first; nothing where there is none."""
        by_number = {one.number: one for one in self.items}
        found: list[Item] = []
        while (one := by_number.pop(number, None)) is not None:
            found.append(one)
            number = one.parent
        return tuple(found[::-1])


def rebuild(
    sent: Sequence[Sent],
    program_of: Callable[[str], Program | None],
    clock: Callable[[], float],
    window: int | None = None,
    moment: int | None = None,
    seconds: float = 20.0,
) -> View:
    """The page of a window at a moment; without them, the first window that shows one, as it is last.

    `program_of` gives the program of a route, by its name; `clock` and `seconds` are the budget of the whole, and what is
    beyond it counts as not read. A number that is too high stands for the last one.
    """
    pages: dict[tuple[str, ...], _Page] = {}
    unread, end = 0, clock() + seconds
    for one in sent:
        program = program_of(one.request.route)
        if program is None:
            unread += 1
            continue
        work = program.begin(one.request, Budget(replace(program.limits, time=end - clock()), clock))
        try:
            work.open()
            work.recognise()
            work.read()
            for session, event in work.recorded:
                key = (one.request.route, work.report.tracker, *session)
                page = pages.get(key)
                if page is None:
                    is_wanted = window is None or window == len(pages)
                    page = pages[key] = _Page(program, work.report.tracker, clock, moment if is_wanted else None)
                page.play(event, one)
            for page in pages.values():
                page.settle(one)
        except Refused:
            unread += 1
        finally:
            work.release()
    found = list(pages.values())
    if window is None:
        window = next((at for at, page in enumerate(found) if page.is_shown), 0)
    window = min(window, max(0, len(found) - 1))
    windows = tuple(Window(page.title, len(page.moments)) for page in found)
    if not found:
        return View((), 0, (), 0, *_Page.SIZE, "", (), is_cut=False, unread=unread)
    return found[window].view(windows, window, unread)


class _Page:
    """One window while its events are read."""

    SIZE: Final = (1280, 800)

    def __init__(self, program: Program, tracker: str, clock: Callable[[], float], wanted: int | None) -> None:
        self.mirror = Mirror()
        self.mirror.memory = Table(keeps_texts=True)
        self.tree = Tree(self.mirror)
        self.moments: list[Moment] = []
        self.is_shown = False
        self._wanted = wanted
        self._time = 0.0
        self._now: Sent | None = None
        self._size = self.SIZE
        self._numbers: defaultdict[Element, int] = defaultdict(self._next)
        self._kept: tuple[str, tuple[Item, ...], bool, tuple[int, int]] | None = None
        file = _tracker(program, tracker)
        self._marker = Marker(program, file, Budget(program.limits, clock))
        self._scene = Scene(self.mirror, self.tree.hear, _pass_over, Everything(), self.tree, self._begin)

    def _next(self) -> int:
        return -len(self._numbers) - 1

    def play(self, event: Event, sent: Sent) -> None:
        """Reads one event."""
        reader, layer, record, place, _ = event
        self._now = sent
        self._begin(layer, record)
        reader(self._scene).read(layer, record, place)
        if not self.mirror.known and self.is_shown:  # nobody knows what is on the page
            self.tree.reset()
            self.is_shown = False

    def settle(self, sent: Sent) -> None:
        """What has happened so far makes a moment."""
        if not self.tree.happened or len(self.moments) >= _MOST_MOMENTS:
            return
        kind = next(one for one in ("page", "input", "change") if one in self.tree.happened)
        self.tree.happened.clear()
        self.is_shown = self.is_shown or (kind == "page" and self.mirror.known)
        if not self.is_shown:
            return
        self.moments.append(Moment(self._time or sent.time, kind, sent.number))
        if self._wanted == len(self.moments) - 1:
            self._kept = self._render()

    def _begin(self, layer: Layer, record: Map) -> None:
        time = _time(layer, record)
        if 0 < time < _LATEST and time != self._time and self._now is not None:
            self.settle(self._now)
            self._time = time
        data = record.get("data")
        if _value(record, "type") == _META and isinstance(data, Map):
            width, height = (int(_number(_value(data, key))) for key in ("width", "height"))
            if width in _SIZE and height in _SIZE:
                self._size = width, height

    def view(self, windows: tuple[Window, ...], window: int, unread: int) -> View:
        """The page at the wanted moment, or the last."""
        last = max(0, len(self.moments) - 1)
        moment = last if self._wanted is None or self._kept is None else self._wanted
        if self._kept is not None and self._wanted == moment:
            html, items, is_cut, size = self._kept
        elif self.is_shown:
            html, items, is_cut, size = self._render()
        else:
            html, items, is_cut, size = "", (), False, self._size
        return View(windows, window, tuple(self.moments), moment, *size, html, items, is_cut, unread)

    def _render(self) -> tuple[str, tuple[Item, ...], bool, tuple[int, int]]:
        markup = Markup(self.tree, self._marker, self._number)
        html = markup.document()
        items, is_whole = self._items()
        return html, items, markup.is_cut or not is_whole, self._size

    @property
    def title(self) -> str:
        """The title of the page as it is last."""
        for element, _ in self.tree.elements():
            if element.tag == "title":
                return _text(self.tree, element)
        return ""

    def _number(self, element: Element) -> int:
        return element.node_id or self._numbers[element]

    # what can be picked

    def _items(self) -> tuple[tuple[Item, ...], bool]:
        tree = self.tree
        selectors = Selectors(tree, self._is_masked)
        items: list[Item] = []
        for element, depth in tree.elements():
            if element.tag in _NOT_SHOWN:
                continue
            if len(items) >= _MOST_ITEMS:
                return tuple(items), False
            masks = self._masks(element)
            label = _text(tree, element) or self._typed(element)
            is_listed = element.tag not in _NOT_LISTED and (
                bool(masks or label) or element.tag in _ALWAYS_LISTED or "id" in element.attributes
            )
            css, is_unique = selectors.of(element)
            parent = tree.parent(element)
            above = self._number(parent) if parent is not None else 0
            items.append(
                Item(self._number(element), above, depth, element.tag, label, css, is_unique, masks, is_listed)
            )
        return tuple(items), True

    def _is_masked(self, element: Element, name: str) -> bool:
        told = dict(self.tree.attributes(element)).get(name)
        return told is not None and bool(self._marker.spans(told, name))

    def _masks(self, element: Element) -> tuple[Mask, ...]:
        tree, marker = self.tree, self._marker
        found: list[Mask] = []
        for node in tree.children(element):
            if isinstance(node, int) and node in tree.texts:
                found += marker.masks(tree.texts[node], "text")
        for name, told in tree.attributes(element):
            if name not in ("class", "style", "d"):
                found += marker.masks(told, name)
        if element in tree.values:
            found += marker.masks(tree.values[element], "value")
        return tuple(dict.fromkeys(found))

    def _typed(self, element: Element) -> str:
        told = dict(self.tree.attributes(element))
        typed = typed_of(self.tree, element) if element.tag in FIELD_TAGS else None
        shown = typed.value if typed is not None else ""
        named = next((told[name].value for name in ("aria-label", "alt", "title", "placeholder") if name in told), "")
        return " ".join((shown or named).split())[:_LABEL]


def _text(tree: Tree, element: Element) -> str:
    """The element's own text, on one line."""
    texts = (tree.texts[one].value for one in tree.children(element) if isinstance(one, int) and one in tree.texts)
    return " ".join(" ".join(texts).split())[:_LABEL]


def _pass_over(layer: Layer, node: Node, place: PlaceLike, category: Category | None) -> None:
    """What is no page."""


def _tracker(program: Program, name: str) -> TrackerFile | None:
    return next((one for one in program.trackers if one.tracker == name), None)


def _value(record: Map, key: str) -> str:
    node = record.get(key)
    return node.value if isinstance(node, Leaf) and node.kind is Kind.NUMBER else ""


def _time(layer: Layer, record: Map) -> float:
    """When a record was made, in milliseconds; 0 where it does not tell."""
    first = record.items[0][0].value if record.items else ""
    if first == ROW and isinstance(layer, ClarityLayer):
        row = _ROW_TIME.match(str(layer.source), record.start)
        begun = pick(layer, layer.root, "e")
        start = _value(begun[1], "start") if begun is not None and isinstance(begun[1], Map) else ""
        return _number(start) + (_number(row[1]) if row is not None else 0.0)
    if first == MESSAGE:
        name = record.items[0][1]
        return _number(_value(record, "timestamp")) if isinstance(name, Leaf) and name.value == "timestamp" else 0.0
    for key in ("timestamp", "time"):
        if told := _number(_value(record, key)):
            return told * 1000 if told < _SECONDS else told
    return 0.0


def _number(text: str) -> float:
    try:
        told = float(text) if len(text) < 32 else 0.0
    except ValueError:
        return 0.0
    return told if 0 < told < _LATEST else 0.0
