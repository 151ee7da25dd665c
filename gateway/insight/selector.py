"""A CSS selector for an element of a recorded page, such as `select:` rules take: short, telling, and unique where it can be.

Asked in this order: an id, a `data-*` attribute or a field's name, classes, and else the way down from the nearest element
that has one of these. What was masked can't be asked for, since rules meet the page as it was; nor is what looks made by a
machine (`css-1x2y3z`, a long number), which is another one after the site's next release.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import combinations
from typing import Final, NamedTuple

from gateway.insight.tree import Tree
from gateway.recording.dom import FIELD_TAGS, Element

_LONGEST: Final = 64
_MOST_CLASSES: Final = 6
_LONGEST_WAY: Final = 64
_LONGEST_CSS: Final = 600
_LAST_STEPS: Final = 8
_TAG: Final = re.compile(r"[a-z][a-z0-9-]*", re.ASCII)
_WORDS: Final = re.compile(r"-?[A-Za-z_][\w-]*(?::[\w-]+)*", re.ASCII)
_MADE: Final = re.compile(
    r"\d{4,}|^(?:css|sc|jss|emotion|svelte|jsx|ng-tns|ember|radix|headlessui|mui|react-aria)-?[\w-]*\d|^:r"
    r"|(?=[a-z]*[0-9])(?=[^a-z]*[a-z])[0-9a-z]{8,}|^(?=.*[a-z])(?=.*[A-Z])(?=.*\d)\w{5,8}$|__\w{5}$"
)
_OF_FRAMEWORKS: Final = re.compile(r"data-(?:v-|react|ng|svelte|rr-|n-|gateway|emotion|sentry|dd-action)")
_NAMED: Final = ("data-testid", "data-test", "data-test-id", "data-cy", "data-qa")
_SPECIAL: Final = re.compile(r"[^\w-]", re.ASCII)


class Selector(NamedTuple):
    """A selector, and whether it picks this element alone on the page as it is."""

    css: str
    is_unique: bool


class Selectors:
    """Selectors for the elements of one page, as it is now."""

    def __init__(self, tree: Tree, is_masked: Callable[[Element, str], bool]) -> None:
        """`is_masked` says that an element's attribute is not what it was on the page."""
        self._tree = tree
        self._is_masked = is_masked
        self._parts: dict[Element, list[str]] = {}
        self._counts: Counter[str] = Counter()
        for element, _ in tree.elements():
            parts = self._parts[element] = list(dict.fromkeys(self._own(element)))
            self._counts.update(parts)
        self._memo: dict[Element, Selector] = {}
        self._rows: dict[Element | None, dict[Element, str]] = {}

    def of(self, element: Element) -> Selector:
        """The selector of an element of this page."""
        way: list[str] = []
        one: Element | None = element
        while one is not None and len(way) < _LONGEST_WAY:
            known = self._memo.get(one)
            own = known.css if known is not None and known.is_unique else self._alone(one)
            if own is not None:
                found = Selector(" > ".join([own, *reversed(way)]), is_unique=True)
                break
            way.append(self._step(one))
            one = self._tree.parent(one)
        else:
            found = Selector(" > ".join(reversed(way)), is_unique=one is None)
        if len(found.css) > _LONGEST_CSS:
            found = Selector(" > ".join(found.css.split(" > ")[-_LAST_STEPS:]), is_unique=False)
        self._memo[element] = found
        return found

    def _alone(self, element: Element) -> str | None:
        """The first of its own parts that no other element has."""
        return next((part for part in self._parts.get(element, ()) if self._counts[part] == 1), None)

    def _step(self, element: Element) -> str:
        """The element among its siblings."""
        parent = self._tree.parent(element)
        steps = self._rows.get(parent)
        if steps is None:
            row = [one for one in self._tree.children(parent) if isinstance(one, Element)]
            alike, told = Counter(one.tag for one in row), Counter[str]()
            steps = self._rows[parent] = {}
            for place, one in enumerate(row, 1):
                told[one.tag] += 1
                if not _TAG.fullmatch(one.tag):
                    steps[one] = f"*:nth-child({place})"
                else:
                    steps[one] = f"{one.tag}:nth-of-type({told[one.tag]})" if alike[one.tag] > 1 else one.tag
        return steps[element]

    def _own(self, element: Element) -> Iterable[str]:
        tag = element.tag if _TAG.fullmatch(element.tag) else "*"
        told = {name: value for name, value in element.attributes.items() if self._is_fit(element, name, value)}
        if "id" in told:
            yield f"#{escape(told['id'])}"
        names = sorted((name for name in told if name.startswith("data-")), key=lambda name: (name not in _NAMED, name))
        for name in names:
            if not _OF_FRAMEWORKS.match(name) and _TAG.fullmatch(name):
                yield f"[{name}={quoted(told[name])}]" if told[name] else f"[{name}]"
        if "name" in told and element.tag in FIELD_TAGS | {"button", "form"}:
            yield f"{tag}[name={quoted(told['name'])}]"
        classes = [
            one for one in element.attributes.get("class", "").split()[:_MOST_CLASSES] if "class" in told and fits(one)
        ]
        yield from (f".{escape(one)}" for one in classes)
        if tag != "*":
            yield from (f"{tag}.{escape(one)}" for one in classes)
        yield from (f".{escape(one)}.{escape(other)}" for one, other in combinations(classes, 2))
        if element.tag in FIELD_TAGS and fits(told.get("type", "")):
            yield f"{tag}[type={quoted(told['type'])}]"
        if tag in ("html", "body", "main"):
            yield tag

    def _is_fit(self, element: Element, name: str, value: str) -> bool:
        if name == "class":
            return not self._is_masked(element, name)
        return (fits(value) or (not value and name.startswith("data-"))) and not self._is_masked(element, name)


def fits(word: str) -> bool:
    """Whether a name was given by a person, as far as one can see."""
    return 0 < len(word) <= _LONGEST and _WORDS.fullmatch(word) is not None and _MADE.search(word) is None


def escape(name: str) -> str:
    """A name as an identifier of CSS."""
    return _SPECIAL.sub(lambda found: f"\\{found[0]}", name)


def quoted(value: str) -> str:
    """A value as a string of CSS; of what `fits`, which holds no quote, backslash or line end."""
    return f'"{value}"'
