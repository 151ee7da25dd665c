"""HTML, in the shape of a recorder's serialised nodes, with spans: text and attribute values are the leaves.

Elements are maps of `tagName`, `attributes` and `childNodes`, texts and comments maps of `textContent`; the root is
the list of the topmost nodes. Broken markup is read as far as it makes sense, and what is left is text: nothing is
out of sight, and nothing raises. Reading is linear: each `<` is looked at once.
"""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING

from gateway.core.document import Kind, Layer, Leaf, List, Map, Node

if TYPE_CHECKING:
    from gateway.core.limits import Budget

_START_TAG = re.compile(r"<([a-zA-Z][^\s/>]*+)")
_END_TAG = re.compile(r"</([a-zA-Z][^\s/>]*+)[^>]*+>")
_DECLARATION = re.compile(r"<[!?/][^>]*+>")
_SNIFF = re.compile(r"\s*+<[a-zA-Z!?/]")
_ATTRIBUTE = re.compile(
    r"[\s/]*+([^\s/>][^\s/>=]*+)(?:\s*+=\s*+(?:\"([^\"]*+)\"|'([^']*+)'|((?![\"'])[^\s>]*+)))?+(?=[\s/>\"'])"
)
_OUTSIDE_NAMES = re.compile(r"[^\w:.-]")
_TAG_END = re.compile(r"[\s/]*+>")
VOID = frozenset(
    ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"]
)
RAW_TEXT = frozenset({"script", "style", "textarea", "title", "xmp", "iframe", "noembed", "noframes"})
UNESCAPED = RAW_TEXT - {"textarea", "title"}
_RAW_END = {name: re.compile(rf"</{name}(?=[\s/>])", re.IGNORECASE) for name in RAW_TEXT}
# an open element of the first kind ends where one of the second begins
CLOSED_BY = {
    "p": frozenset(
        {"p", "div", "ul", "ol", "table", "section", "article", "h1", "h2", "h3", "h4", "h5", "h6", "form", "pre"}
    ),
    "li": frozenset({"li"}),
    "option": frozenset({"option", "optgroup"}),
    "dt": frozenset({"dt", "dd"}),
    "dd": frozenset({"dt", "dd"}),
    "td": frozenset({"td", "th", "tr"}),
    "th": frozenset({"td", "th", "tr"}),
    "tr": frozenset({"tr", "tbody", "tfoot"}),
}
DEEPEST = 200  # deeper elements become siblings
NODES_PER_CHECK = 1024


def _decode(raw: str) -> str:
    if "&" not in raw:
        return raw
    try:
        return unescape(raw)
    except ValueError:  # a character reference of thousands of digits
        return raw


class _Writer:
    name = "html"

    def __init__(self, source: str) -> None:
        self._source = source
        self.unescaped: set[int] = set()  # starts of the texts of script, style and their like
        self.comments: set[int] = set()
        self.attributes: set[int] = set()
        self.names: set[int] = set()  # starts of tag and attribute names
        self.bare: set[int] = set()  # attributes without `=`

    def write(self, leaf: Leaf, value: str | bytes) -> str:
        if leaf.kind == Kind.WORD:
            return ""
        text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
        if leaf.start in self.names:
            return _OUTSIDE_NAMES.sub("_", text)
        if leaf.start in self.unescaped:
            return text.replace("</", "<\\/")
        if leaf.start in self.comments:
            return text.replace("-->", "--&gt;")
        text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        if leaf.start not in self.attributes:
            return text
        text = text.replace('"', "&quot;").replace("'", "&#39;")
        before = self._source[leaf.start - 1 : leaf.start]
        if before in {'"', "'"} and self._source[leaf.end : leaf.end + 1] == before:
            return text
        return f'="{text}"' if leaf.start in self.bare and leaf.start == leaf.end else f'"{text}"'

    def finish(self, layer: Layer, source: str | bytes) -> str | bytes:  # noqa: ARG002 - nothing to mend
        return source


class _Tree:
    """The nodes so far, and the elements that are open."""

    def __init__(self, source: str, writer: _Writer) -> None:
        self.source = source
        self.writer = writer
        self.top: list[Node] = []
        self.open: list[tuple[str, Map, List]] = []
        self.elements = 0

    @property
    def _siblings(self) -> list[Node]:
        return self.open[-1][2].items if self.open else self.top

    def text(self, start: int, end: int, *, unescaped: bool = False) -> None:
        if start >= end:
            return
        raw = self.source[start:end]
        if unescaped:
            self.writer.unescaped.add(start)
        leaf = Leaf(raw if unescaped else _decode(raw), start, end)
        self._siblings.append(Map([(Leaf("textContent", start, start, Kind.WORD), leaf)], start, end))

    def comment(self, start: int, low: int, high: int, end: int) -> None:
        self.writer.comments.add(low)
        leaf = Leaf(self.source[low:high], low, high)
        self._siblings.append(Map([(Leaf("textContent", low, low, Kind.WORD), leaf)], start, end))

    def element(self, name: re.Match[str], attributes: list[tuple[Leaf, Node]], end: int) -> str:
        tag = name[1].lower()
        while self.open and tag in CLOSED_BY.get(self.open[-1][0], ()):
            self.close(name.start())
        self.writer.names.add(name.start(1))
        children = List([], end, end)
        parts: list[tuple[Leaf, Node]] = [
            (Leaf("tagName", name.start(1), name.start(1), Kind.WORD), Leaf(tag, name.start(1), name.end(1))),
            (Leaf("attributes", name.end(), name.end(), Kind.WORD), Map(attributes, name.end(), end)),
            (Leaf("childNodes", end, end, Kind.WORD), children),
        ]
        element = Map(parts, name.start(), end)
        self._siblings.append(element)
        self.elements += 1
        if tag not in VOID and len(self.open) < DEEPEST:
            self.open.append((tag, element, children))
        return tag

    def close(self, before: int, after: int | None = None) -> None:
        """Ends the innermost open element: its children at `before`, itself at `after`."""
        _, element, children = self.open.pop()
        children.end = max(before, children.start)
        element.end = max(before if after is None else after, element.end)

    def end_tag(self, tag: str, start: int, end: int) -> None:
        if not any(name == tag for name, _, _ in self.open):
            return
        while self.open[-1][0] != tag:
            self.close(start)
        self.close(start, end)


class Html:
    name = "html"

    def sniff(self, source: str | bytes) -> bool:
        return isinstance(source, str) and _SNIFF.match(source) is not None

    def parse(self, source: str | bytes, budget: Budget) -> Layer | None:
        if not isinstance(source, str) or not self.sniff(source):
            return None
        writer = _Writer(source)
        tree = _Tree(source, writer)
        size = len(source)
        at = begun = 0  # `begun`: where the text at hand starts
        steps = 0
        while (at := source.find("<", at)) >= 0:
            steps += 1
            if not steps % NODES_PER_CHECK:
                budget.check_time()
            if source.startswith("<!--", at):
                tree.text(begun, at)
                end = source.find("-->", at + 4)
                stop = size if end < 0 else end
                begun = min(stop + 3, size)
                tree.comment(at, at + 4, stop, begun)
                at = begun
                continue
            if start_tag := _START_TAG.match(source, at):
                attributes: list[tuple[Leaf, Node]] = []
                end = _read_attributes(source, start_tag.end(), attributes, writer, budget)
                if end < 0:
                    break  # the tag never ends: the rest is text
                tree.text(begun, at)
                tag = tree.element(start_tag, attributes, end)
                at = begun = end
                if tag in RAW_TEXT:
                    closing = _RAW_END[tag].search(source, at)
                    stop = closing.start() if closing else size
                    tree.text(at, stop, unescaped=tag in UNESCAPED)
                    at = begun = stop
                continue
            end_tag = _END_TAG.match(source, at)
            if end_tag:
                tree.text(begun, at)
                tree.end_tag(end_tag[1].lower(), at, end_tag.end())
                at = begun = end_tag.end()
            elif declaration := _DECLARATION.match(source, at):
                tree.text(begun, at)
                tree.comment(at, at + 2, declaration.end() - 1, declaration.end())
                at = begun = declaration.end()
            elif source.startswith(("</", "<!", "<?"), at):
                break  # no `>` any more: the rest is text
            else:
                at += 1
        if not tree.elements:
            return None
        tree.text(begun, size)
        while tree.open:
            tree.close(size)
        return Layer(self.name, source, List(tree.top, 0, size), writer)

    def write(self, leaf: Leaf, value: str | bytes) -> str:
        return _Writer("").write(leaf, value)

    def finish(self, layer: Layer, source: str | bytes) -> str | bytes:  # noqa: ARG002 - nothing to mend
        return source


def _read_attributes(source: str, at: int, into: list[tuple[Leaf, Node]], writer: _Writer, budget: Budget) -> int:
    """Reads attributes from `at` on; returns where the tag ends, or -1 where it doesn't."""
    while True:
        if end := _TAG_END.match(source, at):
            return end.end()
        attribute = _ATTRIBUTE.match(source, at)
        if attribute is None:
            return -1
        group = next((group for group in (2, 3, 4) if attribute[group] is not None), 1)
        low, high = attribute.span(group)
        if group == 1:
            low = high
            writer.bare.add(low)
        value = "" if group == 1 else _decode(attribute[group])
        writer.attributes.add(low)
        writer.names.add(attribute.start(1))
        into.append((Leaf(attribute[1].lower(), attribute.start(1), attribute.end(1)), Leaf(value, low, high)))
        at = attribute.end()
        if not len(into) % NODES_PER_CHECK:
            budget.check_time()


HTML = Html()
