"""Elements told outside the page: a click event's tag, class and id, a breadcrumb's node, a selector path, a chain.

Analytics trackers copy an element's text into their own records. Such a record names the element by tag, class, id or a
selector path; from these a pseudo-element is made that private marks and `select` rules judge like one on the page, and
where the session's mirror knows the element (by node id or `id` attribute) the real one is taken.
"""

from __future__ import annotations

import re
from typing import Final

from gateway.core.document import Kind, Leaf, List, Map, Node, opened
from gateway.core.words import words_of
from gateway.recording.dom import Element, Mirror
from gateway.recording.rrweb import number

# the last words of a key, once vendor prefixes are off → what the value tells of the element
_ROLES: Final[dict[tuple[str, ...], str]] = {
    ("tag", "name"): "tag", ("tagname",): "tag", ("node", "name"): "tag", ("nodename",): "tag", ("element", "tag"): "tag",
    ("element", "tag", "name"): "tag", ("el", "tag", "name"): "tag", ("tag",): "tag", ("element", "node", "name"): "tag",
    ("class",): "class", ("classes",): "class", ("class", "name"): "class", ("class", "list"): "class",
    ("element", "class"): "class", ("element", "classes"): "class", ("el", "classes"): "class", ("el", "class"): "class",
    ("attr", "class"): "class", ("element", "class", "name"): "class", ("class", "names"): "class", ("classname",): "class",
    ("id",): "id", ("element", "id"): "id", ("el", "id"): "id", ("attr", "id"): "id", ("html", "id"): "id",
    ("selector",): "path", ("element",): "path", ("element", "selector"): "path", ("click", "selector"): "path",
    ("click", "target"): "path", ("x", "path"): "path", ("element", "xpath"): "path", ("query", "selector"): "path",
    ("element", "path"): "path", ("dom", "path"): "path", ("css", "selector"): "path",
    ("target", "selector"): "path", ("xpath",): "path", ("element", "hierarchy"): "path", ("css", "path"): "path",
    ("node", "id"): "node", ("nodeid",): "node",
}  # fmt: skip
_VENDOR: Final = frozenset({"amplitude", "attr", "mp", "ph", "dd", "rr", "event", "target"})
_NAME: Final = r"(?:[\w-]|\\.)+"
_STRING: Final = r"""(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^\]"']*)"""
_STEP: Final = re.compile(
    rf"(\*|{_NAME})?((?:\#{_NAME}|\.{_NAME}|\[[\w:-]+(?:[~|^$*]?={_STRING})?\]|::?[\w-]+(?:\([^)]*\))?)*)"
)
_PART: Final = re.compile(rf"\#({_NAME})|\.({_NAME})|\[([\w:-]+)(?:[~|^$*]?=({_STRING}))?\]|::?[\w-]+(?:\([^)]*\))?")
_COMBINED: Final = re.compile(r"\s*(?:>+|[+~|])\s*|\s+")
_CUT: Final = re.compile(r"(?:\.\.\.|…)(?=\s|>)")  # where a path was cut at its start
_ESCAPE: Final = re.compile(r"\\(.)")
_MARKUP: Final = re.compile(r"<([a-z][\w-]{0,31})((?:\s[^<>]*)?)/?>", re.IGNORECASE)
_MARKED: Final = re.compile(r"""([a-z_:][\w:.-]{0,63})\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""", re.IGNORECASE)
_XPATH_ID: Final = re.compile(r"""\[@id=["']([^"']{1,128})["']\]""")
_XPATH_LAST: Final = re.compile(r"""/([\w*-]{1,32})(?:\[[^\]]{1,160}\])*$""")
_BARE_TAG: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,31}")
_PRESSED: Final = frozenset({"button", "a", "summary", "label"})  # what they show is a name for an action
_SHOWS: Final = frozenset(
    {
        "article",
        "aside",
        "b",
        "blockquote",
        "code",
        "dd",
        "div",
        "dt",
        "em",
        "figcaption",
        "footer",
        "h1",
        "h2",
        "h3",
        "h4",
    }
    | {
        "h5",
        "h6",
        "header",
        "i",
        "li",
        "main",
        "ol",
        "p",
        "pre",
        "section",
        "small",
        "span",
        "strong",
        "table",
        "td",
        "th",
    }
    | {"tr", "u", "ul"}
)  # elements that show text and are not there to be pressed
_LONGEST_PATH: Final = 4096
# words of a key whose value is a copy of what the element shows or holds
SHOWN: Final = frozenset(
    {"text", "content", "label", "title", "html", "alt", "aria", "placeholder", "inner", "outer", "caption", "value"}
)


def role_of(key: str) -> str | None:
    """What a key tells of an element: tag, class, id, path, node or nothing."""
    words = words_of(key)
    while len(words) > 1 and words[0] in _VENDOR:
        words = words[1:]
    return _ROLES.get(words)


def describe(record: Map, mirror: Mirror | None, parent: Element | None = None) -> Element | None:
    """The element that a record tells of, or None where it names none."""
    found: dict[str, Node] = {}
    attributes: dict[str, str] = {}
    marked: Element | None = None
    for key, value in record.items:
        if isinstance(value, Leaf) and value.value.startswith("<") and marked is None:
            marked = from_markup(value.value)
        role = role_of(key.value)
        if role == "path" and isinstance(value, Leaf) and _BARE_TAG.fullmatch(value.value):
            role = "tag"
        if role is not None and role not in found:
            found[role] = opened(value)
        name = _attribute_name(key.value)
        if name is not None and isinstance(value, Leaf) and value.kind is Kind.TEXT:
            attributes[name] = value.value[:512]
    if not found.keys() & {"tag", "class", "path", "node"}:
        return marked
    held = record.get("attributes")
    if isinstance(held, Map):
        for key, value in held.items:
            if isinstance(value, Leaf) and value.kind is Kind.TEXT:
                attributes.setdefault(key.value.lower(), value.value[:512])
    known = _on_page(found, mirror)
    if known is not None:
        parent = known  # the record's own classes count as well: a mark only ever adds
    tag = found.get("tag")
    path = found.get("path")
    traced = from_path(path.value, mirror) if isinstance(path, Leaf) and path.kind is Kind.TEXT else None
    identity = found.get("id")
    if isinstance(identity, Leaf) and identity.kind is Kind.TEXT:
        attributes["id"] = identity.value[:512]
        if mirror is not None and (real := mirror.find_by_id(identity.value)) is not None:
            parent = real
    if traced is not None:
        *_, top = traced.lineage()
        if top.mirror is None:  # none of the page's own, which is not changed here
            top.parent = parent
        parent = traced
    if isinstance(tag, Leaf) and tag.kind is Kind.TEXT and len(tag.value) < 64:
        element_tag = tag.value.lower()
        if traced is not None and not traced.tag and element_tag in _PRESSED:
            traced.private = False  # `//*[@id="x"]`, and the tag beside it
    elif "class" in found:
        element_tag = traced.tag if traced is not None else ""
    else:
        return traced if traced is not None else known
    classes = _words(found.get("class"))
    if classes:
        attributes["class"] = classes
    kind = record.get("type") or record.get("elementType")
    if element_tag in ("input", "button") and isinstance(kind, Leaf):
        attributes.setdefault("type", kind.value)
    return Element(element_tag, attributes, parent)


def _close_unmarked(element: Element, *, is_known: bool) -> None:
    """An element that shows text is private where its path tells no class, no attribute and nothing above it.

    Any mark may be missing in what was told of it; of something to press, the text is a name for an action. What has
    not even a tag, and is not known on the page, may be a field.
    """
    shows = element.parent is None and element.tag in _SHOWS and not element.attributes.keys() - {"id"}
    if shows or not (element.tag or is_known):
        element.private = element.is_presumed = True


def from_path(path: str, mirror: Mirror | None) -> Element | None:
    """The last element of a selector path such as `body > form#f > input.x[type="email"]`, with those above it."""
    if not path or len(path) > _LONGEST_PATH or path.startswith("http"):
        return None
    if path.startswith("/"):
        return _from_xpath(path, mirror)
    element: Element | None = None
    top: Element | None = None
    text = path.strip()
    at = cut.end() if (cut := _CUT.match(text)) is not None else 0
    if at and (gap := _COMBINED.match(text, at)) is not None:
        at = gap.end()
    while at < len(text):
        step = _STEP.match(text, at)
        if step is None or step.end() == at:
            return None
        element = _of_step(step[1] or "", step[2], element)
        top = top or element
        at = step.end()
        if at < len(text):
            gap = _COMBINED.match(text, at)
            if gap is None or gap.end() == len(text):
                return None
            at = gap.end()
    if element is None or top is None:
        return None
    real = mirror.find_by_id(element.id) if mirror is not None and element.id is not None else None
    if real is not None:
        top.parent = real  # both count: what the path names, and what is known of the page
    _close_unmarked(element, is_known=real is not None)
    return element


def _of_step(tag: str, parts: str, parent: Element | None) -> Element:
    attributes: dict[str, str] = {}
    classes: list[str] = []
    for part in _PART.finditer(parts):
        if part[1]:
            attributes["id"] = _ESCAPE.sub(r"\1", part[1])
        elif part[2]:
            classes.append(_ESCAPE.sub(r"\1", part[2]))
        elif part[3]:
            attributes[part[3].lower()] = (part[4] or "").strip("\"'")
    if classes:
        attributes["class"] = " ".join(classes)
    return Element(tag.lower().replace("*", ""), attributes, parent)


def from_markup(text: str) -> Element | None:
    """The element of an opening tag in a text: `<input id="q" type="search">`."""
    tag = _MARKUP.fullmatch(text.strip()) if len(text) <= _LONGEST_PATH else None
    if tag is None:
        return None
    attributes = {one[1].lower(): (one[2] or one[3] or one[4] or "")[:512] for one in _MARKED.finditer(tag[2])}
    return Element(tag[1].lower(), attributes)


def _from_xpath(path: str, mirror: Mirror | None) -> Element | None:
    """The element of an XPath such as `//*[@id="x"]/p[2]`. It tells no class: marks are judged on the page alone.

    Where the page does not know it, it is private unless it is something to press: an unknown mark counts as there.
    """
    named = _XPATH_ID.search(path)
    last = _XPATH_LAST.search(path)
    if last is None or not path.lower().startswith(("/html", "//")):
        return None
    real = mirror.find_by_id(named[1]) if named is not None and mirror is not None else None
    attributes = {"id": named[1]} if named is not None and named.end() == len(path) else {}
    tag = last[1].lower().replace("*", "")
    element = Element(tag, attributes, real)
    element.private = element.is_presumed = real is None and tag not in _PRESSED
    return element


def from_chain(chain: List) -> Element | None:
    """The first element of an element chain (innermost first, as PostHog writes it), with those above it."""
    element: Element | None = None
    for item in reversed(chain.items):
        record = opened(item)
        if isinstance(record, Map):
            element = element_of_chain_item(record, element)
    return element


def element_of_chain_item(record: Map, parent: Element | None) -> Element:
    """One element of a chain."""
    attributes: dict[str, str] = {}
    held = record.get("attributes")
    if isinstance(held, Map):
        for key, value in held.items:
            if isinstance(value, Leaf):
                attributes[key.value.lower().removeprefix("attr__").removeprefix("attr_")] = value.value[:512]
    tag = record.get("tagName")
    classes = _words(record.get("classes"))
    if classes:
        attributes["class"] = classes
    return Element(tag.value.lower() if isinstance(tag, Leaf) else "", attributes, parent)


def _attribute_name(key: str) -> str | None:
    for prefix in ("attr__", "$attr-", "attr-", "attr_"):
        if key.startswith(prefix):
            return key[len(prefix) :].lower()
    return None


def _on_page(found: dict[str, Node], mirror: Mirror | None) -> Element | None:
    if mirror is None:
        return None
    for role in ("node", "id"):
        node_id = number(found.get(role))
        if node_id is not None and node_id in mirror.elements:
            return mirror.elements[node_id]
    return None


def _words(node: Node | None) -> str:
    if isinstance(node, Leaf):
        return node.value[:512] if node.kind is Kind.TEXT else ""
    if isinstance(node, List):
        return " ".join(one.value for one in map(opened, node.items) if isinstance(one, Leaf))[:512]
    return ""
