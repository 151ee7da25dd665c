"""The recorded page's structure: what a later text, attribute or typed input needs to be decided by its element.

Holds node ids, parents, order, tags and the attributes that selectors name; never a text, never an input's value.
A node whose parent is not known hangs under `UNKNOWN`, which is private: unknown masks until the next full snapshot.
Marks only ever add up: an element that was private or a password field once stays so until the next full snapshot.

`Element` offers what cssselect2's compiled selectors ask of an element, so selectors run on the mirror itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from threading import Lock
from typing import Final

import cssselect2

FIELD_TAGS: Final = frozenset({"input", "textarea", "select", "option", "optgroup", "datalist"})
_KEPT_VALUE: Final = 512  # characters of an attribute that are kept for selectors


class Element:
    """One element of the page, or a pseudo-element made from a record that names a tag, class or id."""

    __slots__ = (
        "_classes",
        "_matched",
        "_matched_epoch",
        "attributes",
        "children",
        "mirror",
        "node_id",
        "parent",
        "private",
        "tag",
        "was_password",
    )

    in_html_document = True
    namespace_url = ""
    lang = ""
    in_disabled_fieldset = False
    text = None
    tail = None

    def __init__(
        self,
        tag: str,
        attributes: dict[str, str],
        parent: Element | None = None,
        node_id: int = 0,
        mirror: Mirror | None = None,
    ) -> None:
        self.tag = tag
        self.attributes = attributes
        self.parent = parent
        self.node_id = node_id
        self.mirror = mirror
        self.children: list[Element] = []
        self.private = False
        self.was_password = attributes.get("type", "").lower() == "password"
        self._classes: frozenset[str] | None = None
        self._matched: frozenset[int] = frozenset()
        self._matched_epoch = -1

    # what rules ask

    def lineage(self) -> Iterator[Element]:
        """The element and all above it."""
        element: Element | None = self
        while element is not None:
            yield element
            element = element.parent

    @property
    def is_field(self) -> bool:
        """Whether what stands in it was typed, chosen or preset: a form field, or editable by the visitor."""
        for element in self.lineage():
            if element.tag in FIELD_TAGS:
                return True
            editable = element.attributes.get("contenteditable")
            if editable is not None and editable.lower() != "false":
                return True
        return False

    @property
    def is_password(self) -> bool:
        """Whether it is, or ever was, a password field."""
        return self.was_password

    def set_attribute(self, name: str, value: str | None) -> None:
        """Takes over an attribute change; a password field stays one, an editable element stays editable."""
        if name == "type" and value is not None and value.lower() == "password":
            self.was_password = True
        if value is None:
            if name != "contenteditable":
                self.attributes.pop(name, None)
        elif name != "contenteditable" or value.lower() != "false":
            self.attributes[name] = value[:_KEPT_VALUE]
        self._classes = None

    # what cssselect2 asks

    @property
    def etree_element(self) -> Element:
        return self

    @property
    def attrib(self) -> Mapping[str, str]:
        return self.attributes

    def get(self, key: str, default: str | None = None) -> str | None:
        return self.attributes.get(key, default)

    @property
    def local_name(self) -> str:
        return self.tag

    @property
    def id(self) -> str | None:
        return self.attributes.get("id")

    @property
    def classes(self) -> frozenset[str]:
        if self._classes is None:
            self._classes = frozenset(self.attributes.get("class", "").split())
        return self._classes

    @property
    def etree_siblings(self) -> list[Element]:
        return self.parent.children if self.parent is not None else [self]

    @property
    def etree_children(self) -> list[Element]:
        return self.children

    @property
    def index(self) -> int:
        siblings = self.etree_siblings
        return next((at for at, sibling in enumerate(siblings) if sibling is self), 0)

    @property
    def previous(self) -> Element | None:
        at = self.index
        return self.etree_siblings[at - 1] if at > 0 else None

    @property
    def ancestors(self) -> list[Element]:
        return list(self.lineage())[1:]

    @property
    def previous_siblings(self) -> list[Element]:
        return self.etree_siblings[: self.index]

    def iter_siblings(self) -> Iterator[Element]:
        return iter(self.etree_siblings)

    def iter_next_siblings(self) -> Iterator[Element]:
        return iter(self.etree_siblings[self.index + 1 :])

    def iter_previous_siblings(self) -> Iterator[Element]:
        return reversed(self.previous_siblings)

    def iter_children(self) -> Iterator[Element]:
        return iter(self.children)

    def iter_subtree(self) -> Iterator[Element]:
        pending = [self]
        while pending:
            element = pending.pop()
            yield element
            pending.extend(reversed(element.children))


UNKNOWN: Final = Element("", {})
UNKNOWN.private = True


class Selectors:
    """The CSS selectors of all rules and private marks, compiled once; `match` says which hold for an element.

    Numbers at or above 0 are rules; `PRIVATE` is any vendor's private mark.
    """

    PRIVATE: Final = -1

    def __init__(self, selectors: Iterable[tuple[int, str]]) -> None:
        """Raises `cssselect2.SelectorError` where a selector does not parse."""
        self._matcher = cssselect2.Matcher()
        self.attribute_names: set[str] = {"id", "class", "type", "contenteditable", "name", "role", "autocomplete"}
        self.count = 0
        for number, css in selectors:
            for compiled in cssselect2.compile_selector_list(css):
                self._matcher.add_selector(compiled, number)
                self.count += 1
            self.attribute_names.update(_attribute_names(css))

    def match(self, element: Element) -> frozenset[int]:
        """The numbers that hold for this element itself (not for those above it), memoised until the page changes."""
        epoch = element.mirror.epoch if element.mirror is not None else 0
        if element._matched_epoch != epoch:  # noqa: SLF001 - the memo is part of the element
            found = frozenset(payload for _, _, _, payload in self._matcher.match(element))
            if Selectors.PRIVATE in found:
                element.private = True
            element._matched = found  # noqa: SLF001
            element._matched_epoch = epoch  # noqa: SLF001
        return element._matched  # noqa: SLF001

    def match_lineage(self, element: Element) -> tuple[bool, frozenset[int]]:
        """Whether the element or one above it is private, and the rules that hold for it or one above it."""
        private = False
        rules: frozenset[int] = frozenset()
        for one in element.lineage():
            found = self.match(one)
            if found:
                rules |= found
            private = private or one.private
        return private, rules - {Selectors.PRIVATE}


def _attribute_names(css: str) -> Iterator[str]:
    at = 0
    while (at := css.find("[", at)) >= 0:
        at += 1
        end = at
        while end < len(css) and (css[end].isalnum() or css[end] in "-_ :"):
            end += 1
        name = css[at:end].strip().lower()
        if name:
            yield name


class Mirror:
    """One page of one window of one session. `known` is False until a full snapshot was seen."""

    __slots__ = ("_room", "documents", "elements", "epoch", "known", "lock", "texts", "used")

    def __init__(self, room: int = 100_000) -> None:
        self.elements: dict[int, Element] = {}
        self.texts: dict[int, Element] = {}  # a text node's id → the element that holds it
        self.documents: dict[int, Element | None] = {}  # a document's id → the frame that holds it
        self.known = False
        self.epoch = 0
        self.used = 0.0
        self.lock = Lock()  # held by the one request that reads or changes this page
        self._room = room

    def __len__(self) -> int:
        return len(self.elements) + len(self.texts)

    def reset(self) -> None:
        """A full snapshot begins: everything before it is another page."""
        self.elements = {}
        self.texts = {}
        self.documents = {}
        self.known = True
        self.epoch += 1

    def element(self, node_id: int) -> Element:
        """The element of this id, or `UNKNOWN`."""
        return self.elements.get(node_id, UNKNOWN)

    def holder_of_text(self, node_id: int) -> Element:
        """The element that holds the text node of this id, or `UNKNOWN`."""
        return self.texts.get(node_id, UNKNOWN)

    def add(self, element: Element, before: int | None = None) -> None:
        """Places an element under its parent, before the sibling of that id (or last)."""
        if len(self) >= self._room:  # a page beyond the bound is not known: what comes is masked
            element.private = True
            return
        element.mirror = self
        old = self.elements.get(element.node_id)
        if old is not None:
            if old.was_password:
                element.was_password = True
            self._detach(old)
        self.elements[element.node_id] = element
        parent = element.parent
        if parent is None or parent is UNKNOWN:
            return
        sibling = self.elements.get(before) if before is not None else None
        if sibling is not None and sibling.parent is parent:
            parent.children.insert(sibling.index, element)
        else:
            parent.children.append(element)

    def add_text(self, node_id: int, holder: Element) -> None:
        """Remembers which element a text node stands in."""
        if len(self) < self._room:
            self.texts[node_id] = holder

    def remove(self, node_id: int) -> None:
        """Takes a node off the page. It stays known: an out-of-order or retried change still finds its element."""
        element = self.elements.get(node_id)
        if element is not None:
            self._detach(element)

    def find_by_id(self, name: str) -> Element | None:
        """The element whose `id` attribute is `name`."""
        return next((one for one in self.elements.values() if one.attributes.get("id") == name), None)

    @staticmethod
    def _detach(element: Element) -> None:
        parent = element.parent
        if parent is not None and parent is not UNKNOWN:
            parent.children = [child for child in parent.children if child is not element]


class Sessions:
    """The mirrors of all sessions, bounded in number, in nodes and in idle time; the least recently used goes first.

    A session that was dropped starts unknown: masked until its next full snapshot.
    """

    def __init__(self, most: int = 10_000, nodes: int = 5_000_000, idle: float = 3600.0) -> None:
        self.most = most
        self.nodes = nodes
        self.idle = idle
        self._mirrors: dict[str, Mirror] = {}
        self._sizes: dict[str, int] = {}
        self._lock = Lock()
        self._held = 0

    def __len__(self) -> int:
        return len(self._mirrors)

    @contextmanager
    def hold(self, keys: Iterable[str], now: float) -> Iterator[dict[str, Mirror]]:
        """The mirrors of these sessions and windows, each for this request alone; made where there is none.

        `now` is in seconds of any monotonic clock. Where the request fails, its sessions are dropped: a state that is
        half changed is unknown, and unknown state masks.
        """
        wanted = sorted(set(keys))
        with ExitStack() as locks:
            with self._lock:
                mirrors = {key: self._open(key, now) for key in wanted}
            for key in wanted:  # in one order for all requests, so that two never wait for each other
                locks.enter_context(mirrors[key].lock)
            try:
                yield mirrors
            except BaseException:
                with self._lock:
                    for key in wanted:
                        self._drop(key)
                raise
            with self._lock:
                self._settle(wanted)

    def _open(self, key: str, now: float) -> Mirror:
        mirror = self._mirrors.pop(key, None)
        if mirror is None or now - mirror.used > self.idle:
            mirror = Mirror()
        mirror.used = now
        self._mirrors[key] = mirror
        return mirror

    def _settle(self, keys: Iterable[str]) -> None:
        for key in keys:
            size = len(self._mirrors[key]) if key in self._mirrors else 0
            self._held += size - self._sizes.get(key, 0)
            self._sizes[key] = size
        while self._mirrors and (len(self._mirrors) > self.most or self._held > self.nodes):
            self._drop(next(iter(self._mirrors)))

    def _drop(self, key: str) -> None:
        self._mirrors.pop(key, None)
        self._held -= self._sizes.pop(key, 0)
