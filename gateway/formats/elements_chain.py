r"""PostHog's `$elements_chain`: the clicked element and its parents, innermost first, in one string.

    a.btn.big:attr__href="/x"nth-child="1"text="Buy \"now\"";div:nth-child="2"

A list of maps `tagName`, `classes`, `attributes`; attribute names stay as written (`attr__href`, `text`). Quotes in
values are escaped by a backslash, nothing else is. Opened only where a tracker file asks for it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from gateway.core.document import Kind, Layer, Leaf, List, Map, Node

if TYPE_CHECKING:
    from gateway.core.limits import Budget

# a class may hold a colon (`md:flex`): the attributes begin at the colon before `name="`, or at one before the end
_HEAD = re.compile(r"([\w-]+)((?:\.(?:[^.;:\"\s]|:(?![\w$.:@-]{1,128}+=\"|;|\Z))*+)*+)(:?)")
_CLASS = re.compile(r"\.([^.]*+)")
_ATTRIBUTE = re.compile(r"([^=\";\s]++)=\"((?:[^\"\\]|\\\"|\\(?!\"))*+)\"")
_OUTSIDE_NAMES = re.compile(r"[^\w$-]")
_SNIFF = re.compile(r"[\w-]+(?:[.:;]|\Z)")


def _unescape(raw: str) -> str:
    return raw.replace('\\"', '"')


class _Writer:
    name = "elements_chain"

    def __init__(self) -> None:
        self.names: set[int] = set()  # starts of tags, classes and attribute names, which have no quotes

    def write(self, leaf: Leaf, value: str | bytes) -> str:
        if leaf.kind == Kind.WORD:
            return ""
        text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
        if leaf.start in self.names:
            return _OUTSIDE_NAMES.sub("_", text)
        text = text.replace('"', '\\"')
        return f"{text} " if text.endswith("\\") else text  # or it would escape the closing quote

    def finish(self, layer: Layer, source: str | bytes) -> str | bytes:  # noqa: ARG002 - nothing to mend
        return source


class ElementsChain(_Writer):
    def sniff(self, source: str | bytes) -> bool:
        return isinstance(source, str) and _SNIFF.match(source) is not None

    def parse(self, source: str | bytes, budget: Budget) -> Layer | None:
        if not isinstance(source, str):
            return None
        elements: list[Node] = []
        writer = _Writer()
        at, size = 0, len(source)
        while at < size:
            budget.check_time()
            start = at
            head = _HEAD.match(source, at)
            if head is None:
                return None
            classes: list[Node] = [
                Leaf(name[1], name.start(1), name.end(1))
                for name in _CLASS.finditer(source, head.start(2), head.end(2))
            ]
            writer.names.update((head.start(1), *(name.start for name in classes)))
            attributes: list[tuple[Leaf, Node]] = []
            at = head.end()
            while head[3] and (attribute := _ATTRIBUTE.match(source, at)):
                writer.names.add(attribute.start(1))
                attributes.append(
                    (
                        Leaf(attribute[1], attribute.start(1), attribute.end(1)),
                        Leaf(_unescape(attribute[2]), attribute.start(2), attribute.end(2)),
                    )
                )
                at = attribute.end()
            if at < size and source[at] != ";":
                return None
            parts: list[tuple[Leaf, Node]] = [
                (Leaf("tagName", start, start, Kind.WORD), Leaf(head[1], head.start(1), head.end(1))),
                (Leaf("classes", head.start(2), head.start(2), Kind.WORD), List(classes, head.start(2), head.end(2))),
                (Leaf("attributes", head.end(), head.end(), Kind.WORD), Map(attributes, head.end(), at)),
            ]
            elements.append(Map(parts, start, at))
            at += 1
        return Layer(self.name, source, List(elements, 0, size), writer) if elements else None


ELEMENTS_CHAIN = ElementsChain()
