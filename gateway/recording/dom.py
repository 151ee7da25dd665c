"""The recorded page's structure: what a later text, attribute or typed input needs to be decided by its element.

Holds node ids, parents, order, tags and the attributes that selectors name; never a text, never an input's value.
A node whose parent is not known hangs under `UNKNOWN`, which is private: unknown masks until the next full snapshot.
Marks only ever add up: an element that was private once stays so until the next full snapshot, one that was a password
field for as long as its id is in use.

`Element` offers what cssselect2's compiled selectors ask of an element, so selectors run on the mirror itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from threading import Lock
from typing import Any, Final

import cssselect2
from cssselect2.parser import (
    AttributeSelector,
    ClassSelector,
    CombinedSelector,
    IDSelector,
    LocalNameSelector,
    parse,
)

from gateway.recording.vocabulary import name_of

FIELD_TAGS: Final = frozenset({"input", "textarea", "select", "option", "optgroup", "datalist"})
_KEPT_VALUE: Final = 512  # characters of an attribute that are kept for selectors
_DEEPEST: Final = 512  # elements above one; what is deeper, or hangs on itself, is unknown
_COMBINES: Final = re.compile(
    r"[+~>\s]|:(?:has|is|where|not|nth-|first-|last-|only-|empty|root|in-range|lang|dir)", re.ASCII
)


class Element:
    """One element of the page, or a pseudo-element made from a record that names a tag, class or id."""

    __slots__ = (
        "_below",
        "_classes",
        "_matched",
        "attributes",
        "first_child",
        "is_presumed",
        "last_child",
        "left",
        "mirror",
        "node_id",
        "parent",
        "private",
        "right",
        "tag",
        "version",
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
        self.private = False
        self.is_presumed = False  # private for want of knowledge: what it shows may be any word
        self.was_password = attributes.get("type", "").lower() == "password"
        self.version = 0  # counts attribute changes
        self._classes: frozenset[str] | None = None
        self._matched: tuple[Selectors, int, frozenset[int]] | None = None
        self._below: tuple[Selectors, int, tuple[bool, frozenset[int]], int] | None = None
        # siblings are linked, so that placing one costs the same among ten and among a hundred thousand
        self.first_child: Element | None = None
        self.last_child: Element | None = None
        self.left: Element | None = None
        self.right: Element | None = None

    # what rules ask

    def lineage(self) -> Iterator[Element]:
        """The element and all above it; where they are too many, what is above is unknown."""
        element: Element | None = self
        for _ in range(_DEEPEST):
            if element is None:
                return
            yield element
            element = element.parent
        if element is not None:
            yield UNKNOWN

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
            if self.mirror is not None:
                self.mirror.passwords.add(self.node_id)
        if value is None:
            if name == "contenteditable" or name not in self.attributes:
                return
            del self.attributes[name]
        else:
            if len(value) > _KEPT_VALUE:
                value = value[:_KEPT_VALUE]
            if (name == "contenteditable" and value.lower() == "false") or self.attributes.get(name) == value:
                return
            self.attributes[name] = value
        self.changed()
        if name == "id" and self.mirror is not None:
            self.mirror.rename(self)

    def changed(self) -> None:
        """Says that attributes are others now: what was matched is to be matched again."""
        self.version += 1
        self._classes = None
        if self.mirror is not None:
            self.mirror.epoch += 1

    # where it stands among its siblings

    def attach(self, parent: Element, before: Element | None) -> None:
        """Takes its place under `parent`, before that child of it, or last."""
        self.parent = parent
        after = before.left if before is not None else parent.last_child
        self.left, self.right = after, before
        if after is None:
            parent.first_child = self
        else:
            after.right = self
        if before is None:
            parent.last_child = self
        else:
            before.left = self

    def detach(self) -> None:
        """Leaves its place; still knows under which parent it was."""
        parent = self.parent
        if parent is None:
            return
        if self.left is not None:
            self.left.right = self.right
        elif parent.first_child is self:
            parent.first_child = self.right
        if self.right is not None:
            self.right.left = self.left
        elif parent.last_child is self:
            parent.last_child = self.left
        self.left = self.right = None

    def part(self) -> None:
        """Leaves the page for good: refers to nothing of it. Who still asks finds it under `UNKNOWN`, which masks."""
        self.parent = UNKNOWN
        self.first_child = self.last_child = self.left = self.right = self.mirror = None
        self._matched = self._below = None

    @property
    def is_placed(self) -> bool:
        """Whether it stands among its parent's children: what was removed only remembers its parent."""
        return self.left is not None or (self.parent is not None and self.parent.first_child is self)

    @property
    def children(self) -> list[Element]:
        return list(self.iter_children())

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
        return list(self.iter_siblings())

    @property
    def etree_children(self) -> list[Element]:
        return self.children

    @property
    def index(self) -> int:
        return sum(1 for _ in self.iter_previous_siblings())

    @property
    def previous(self) -> Element | None:
        return self.left

    @property
    def ancestors(self) -> list[Element]:
        return list(self.lineage())[1:]

    @property
    def previous_siblings(self) -> list[Element]:
        return list(self.iter_previous_siblings())[::-1]

    def iter_siblings(self) -> Iterator[Element]:
        yield from self.previous_siblings
        yield self
        yield from self.iter_next_siblings()

    def iter_next_siblings(self) -> Iterator[Element]:
        element = self.right
        while element is not None:
            yield element
            element = element.right

    def iter_previous_siblings(self) -> Iterator[Element]:
        element = self.left
        while element is not None:
            yield element
            element = element.left

    def iter_children(self) -> Iterator[Element]:
        element = self.first_child
        while element is not None:
            yield element
            element = element.right

    def iter_subtree(self) -> Iterator[Element]:
        pending = [self]
        while pending:
            element = pending.pop()
            yield element
            pending.extend(reversed(element.children))


UNKNOWN: Final = Element("", {})
UNKNOWN.private = True


type Test = tuple[Callable[[Element], bool], int]
"""A compiled selector, and what holds where it matches."""

_NO_TESTS: Final[list[Test]] = []
_NONE: Final[frozenset[int]] = frozenset()
NOTHING: Final[tuple[bool, frozenset[int]]] = (False, _NONE)


class Selectors:
    """The CSS selectors of all rules and private marks, compiled once; `match` says which hold for an element.

    Numbers at or above 0 are rules; `PRIVATE` is any vendor's private mark.
    """

    __slots__ = (
        "_by_attribute",
        "_by_class",
        "_by_id",
        "_by_tag",
        "_is_local",
        "_of_all",
        "attribute_names",
        "count",
    )

    PRIVATE: Final = -1

    def __init__(self, selectors: Iterable[tuple[int, str]]) -> None:
        """Raises `cssselect2.SelectorError` where a selector does not parse."""
        # by what an element must have for a test to hold: most elements have nothing that any selector asks for
        self._by_id: dict[str, list[Test]] = {}
        self._by_class: dict[str, list[Test]] = {}
        self._by_attribute: dict[str, list[Test]] = {}
        self._by_tag: dict[str, list[Test]] = {}
        self._of_all: list[Test] = []
        self.attribute_names: set[str] = {"id", "class", "type", "contenteditable", "name", "role", "autocomplete"}
        self.count = 0
        self._is_local = True  # whether an element's own attributes decide, and no other element
        for number, css in selectors:
            for parsed, compiled in zip(parse(css), cssselect2.compile_selector_list(css), strict=True):
                self._file(parsed.parsed_tree, (compiled.test, number))
                self.count += 1
            self.attribute_names.update(_attribute_names(css))
            self._is_local = self._is_local and not any(_COMBINES.search(one) for one in _alternatives(css))

    def _file(self, tree: Any, test: Test) -> None:
        """Files a test under the rarest thing that it asks of the element itself."""
        asked: dict[type, str] = {}
        for part in (tree.right if isinstance(tree, CombinedSelector) else tree).simple_selectors:
            match part:
                case IDSelector():
                    asked[IDSelector] = part.ident
                case ClassSelector():
                    asked[ClassSelector] = part.class_name
                case AttributeSelector() if not part.namespace:
                    asked[AttributeSelector] = part.lower_name
                case LocalNameSelector():
                    asked[LocalNameSelector] = part.lower_local_name.lower()
        for kind, index in (
            (IDSelector, self._by_id),
            (ClassSelector, self._by_class),
            (AttributeSelector, self._by_attribute),
            (LocalNameSelector, self._by_tag),
        ):
            if kind in asked:
                index.setdefault(asked[kind], []).append(test)
                return
        self._of_all.append(test)

    def match(self, element: Element) -> frozenset[int]:
        """The numbers that hold for this element itself (not for those above it), memoised until it changes."""
        mirror = element.mirror
        stamp = element.version if self._is_local or mirror is None else mirror.shape + mirror.epoch
        memo = element._matched  # noqa: SLF001 - the memo is part of the element
        if memo is not None and memo[0] is self and memo[1] == stamp:
            return memo[2]
        tests = self._tests_of(element)
        found = frozenset(number for test, number in tests if test(element)) if tests else _NONE
        if Selectors.PRIVATE in found and not element.private:
            element.private = True
            if mirror is not None:
                mirror.others += 1
        element._matched = (self, stamp, found)  # noqa: SLF001
        return found

    def _tests_of(self, element: Element) -> list[Test]:
        """The tests that may hold for an element."""
        tests = self._of_all + self._by_tag.get(element.tag.lower(), _NO_TESTS)
        for name, value in element.attributes.items():
            if name in self._by_attribute:
                tests += self._by_attribute[name]
            if name == "class":
                for one in value.split():  # not `classes`, which every element of every page would then keep
                    tests += self._by_class.get(one, _NO_TESTS)
            elif name == "id":
                tests += self._by_id.get(value, _NO_TESTS)
        return tests

    def match_lineage(self, element: Element) -> tuple[bool, frozenset[int]]:
        """Whether the element or one above it is private, and the rules that hold for it or one above it."""
        memo = self._known_of(element)
        if memo is not None:
            return memo[0]
        private = False
        rules: frozenset[int] = frozenset()
        height = 0
        for one in element.lineage():
            memo = self._known_of(one)
            if memo is not None and height + memo[1] <= _DEEPEST:  # what is above was looked at already
                private = private or memo[0][0]
                rules |= memo[0][1]
                height += memo[1]
                break
            height += 1
            found = self.match(one)
            if found:
                rules |= found
            private = private or one.private
        result = (private, rules - {Selectors.PRIVATE}) if private or rules else NOTHING
        element._below = (self, self._stamp(element), result, height)  # noqa: SLF001
        return result

    def _known_of(self, element: Element) -> tuple[tuple[bool, frozenset[int]], int] | None:
        """What `match_lineage` found for an element, with how many elements it looked at, as long as that holds."""
        memo = element._below  # noqa: SLF001
        if memo is None or element.mirror is None or memo[0] is not self or memo[1] != self._stamp(element):
            return None
        return memo[2], memo[3]

    def _stamp(self, element: Element) -> int:
        mirror = element.mirror
        return 0 if mirror is None else mirror.epoch if self._is_local else mirror.shape + mirror.epoch


def _alternatives(css: str) -> Iterator[str]:
    """The parts of a selector list, strings taken out. A comma in brackets parts too: what has them is not local."""
    for part in re.sub(r"\"[^\"]*\"|'[^']*'", "", css).split(","):
        yield re.sub(r"\s*[~|^$*]?=\s*", "=", part).strip()


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

    __slots__ = (
        "_by_name",
        "_former",
        "documents",
        "elements",
        "epoch",
        "known",
        "lock",
        "memory",
        "others",
        "passwords",
        "printed",
        "room",
        "shape",
        "texts",
        "told",
        "used",
    )

    def __init__(self, room: int = 100_000) -> None:
        self.elements: dict[int, Element] = {}
        self.texts: dict[int, Element] = {}  # a text node's id → the element that holds it
        self.documents: dict[int, Element | None] = {}  # a document's id → the frame that holds it
        self.passwords: set[int] = set()  # ids of what is or was a password field; outlives snapshots, as ids do
        self.known = False
        self.epoch = 0  # counts changes of attributes and of an element's place
        self.shape = 0  # counts all other changes: what stands beside or in an element
        self.others = 0  # counts what selectors don't ask for: marks, texts, documents
        self.told: tuple[object, bytes] | None = None  # the page as bytes, and of what it is
        self.memory: object = None  # what a reader keeps beside the page: bounded, names and numbers, never a text
        self.used = 0.0
        self.lock = Lock()  # held by the one request that reads or changes this page
        self.printed: Callable[[str], str] | None = None  # where some names are known by their fingerprints alone
        self._by_name: dict[str, int] = {}
        self._former: list[dict[int, Element]] = []
        self.room = room

    def __len__(self) -> int:
        return len(self.elements) + len(self.texts) + len(self.documents)

    def reset(self) -> None:
        """A full snapshot begins: everything before it is another page."""
        self.forget()
        self.known = True

    def forget(self) -> None:
        """The page is not known any more: masked until its next full snapshot."""
        if self.elements:
            self._former.append(self.elements)
        self.elements = {}
        self.texts = {}
        self.documents = {}
        self._by_name = {}
        if len(self.passwords) > self.room:
            self.passwords = set()
        self.known = False
        self.epoch += 1

    def clear_up(self) -> None:
        """Parts the elements of pages that were forgotten, once no claim asks for them: they refer to each other, and would
        stay in memory until the collector comes by.
        """
        for elements in self._former:
            for element in elements.values():
                element.part()
        self._former = []

    def end(self) -> None:
        """Forgets the page, and all that belonged to it."""
        self.forget()
        self.clear_up()

    def element(self, node_id: int) -> Element:
        """The element of this id, or `UNKNOWN`."""
        return self.elements.get(node_id, UNKNOWN)

    def holder_of_text(self, node_id: int) -> Element:
        """The element that holds the text node of this id, or `UNKNOWN`."""
        return self.texts.get(node_id, UNKNOWN)

    def add(self, element: Element, before: int | None = None) -> Element:
        """Places an element under its parent, before the sibling of that id (or last); returns what stands there.

        Where the id is known already, the known element takes over what is new, and keeps its marks and what is in it.
        """
        old = self.elements.get(element.node_id)
        if old is None and len(self) >= self.room:  # a page beyond the bound is not known: what comes is masked
            element.private = True
            return element
        parent = element.parent
        self.shape += 1
        if old is not None:
            parent = self._take_over(old, element)
            element = old
        element.mirror = self
        self.elements[element.node_id] = element
        if element.was_password or (element.node_id in self.passwords and element.tag == "input"):
            element.was_password = True
            self.passwords.add(element.node_id)
        self.name(element)
        if parent is None or parent is UNKNOWN:
            element.parent = parent
            return element
        sibling = self.elements.get(before) if before is not None else None
        if sibling is not None and (sibling.parent is not parent or sibling is element or not sibling.is_placed):
            sibling = None
        element.attach(parent, sibling)
        return element

    @staticmethod
    def _take_over(old: Element, new: Element) -> Element | None:
        """Makes `old` what `new` says; returns where it belongs."""
        parent = new.parent
        if parent is not None and any(one is old for one in parent.lineage()):
            parent = UNKNOWN  # an element in itself
        old.detach()
        editable = old.attributes.get("contenteditable")
        old.tag = new.tag
        old.attributes = new.attributes
        if editable is not None and new.attributes.get("contenteditable", "false").lower() == "false":
            old.attributes["contenteditable"] = editable
        old.private = old.private or new.private
        old.was_password = old.was_password or new.was_password
        old.changed()
        new.parent = old  # who holds on to the new one is decided by the old one too
        return parent

    def add_text(self, node_id: int, holder: Element) -> None:
        """Remembers which element a text node stands in."""
        if node_id in self.texts or len(self) < self.room:
            self.texts[node_id] = holder
            self.others += 1

    def add_document(self, node_id: int, frame: Element | None) -> None:
        """Remembers which frame holds a document; None for the page's own."""
        if node_id in self.documents or len(self) < self.room:
            self.documents[node_id] = frame
            self.others += 1

    def remove(self, node_id: int) -> None:
        """Takes a node off the page. It stays known, so that a late or retried change still finds its element."""
        element = self.elements.get(node_id)
        if element is not None:
            self.shape += 1
            element.detach()

    def find_by_id(self, name: str) -> Element | None:
        """The element whose `id` attribute is `name`."""
        name = name[:_KEPT_VALUE]
        if name not in self._by_name and self.printed is not None:
            name = self.printed(name)
        node_id = self._by_name.get(name)
        element = self.elements.get(node_id) if node_id is not None else None
        return element if element is not None and element.id is not None and name_of(element.id) == name else None

    def is_found(self, element: Element) -> bool:
        """Whether its `id` attribute finds this element."""
        return element.id is not None and self._by_name.get(name_of(element.id)) == element.node_id

    def rename(self, element: Element) -> None:
        """Says that an element's `id` attribute changed."""
        if len(self._by_name) < self.room:
            self.name(element)

    def name(self, element: Element) -> None:
        """Has its `id` attribute find an element."""
        if element.id is not None:
            self._by_name[name_of(element.id)] = element.node_id
