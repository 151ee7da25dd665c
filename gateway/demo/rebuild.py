"""The recorded page as a still picture: rrweb events → static HTML, the way a replay would show it at the end.

Scripts, links, addresses and handlers are left out and everything is escaped: what comes out can be shown in a
sandboxed frame and asks for nothing. What differs between two recordings of one visit is outlined in both.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from html import escape
from typing import Any, Final


class Event(IntEnum):
    """rrweb's `type`, those that draw."""

    FULL_SNAPSHOT = 2
    INCREMENT = 3


class Source(IntEnum):
    """rrweb's `data.source`, those that draw."""

    MUTATION = 0
    INPUT = 5


class Kind(IntEnum):
    """rrweb's `node.type`, those that show."""

    DOCUMENT = 0
    ELEMENT = 2
    TEXT = 3


VOID: Final = frozenset({"input", "br", "hr"})
LEFT_OUT: Final = frozenset(
    {"script", "noscript", "iframe", "object", "embed", "link", "meta", "base", "template", "title"}
)
ATTRIBUTES: Final = frozenset(
    {"class", "id", "type", "placeholder", "rows", "aria-label", "width", "height", "viewBox", "d", "fill", "stroke"}
    | {"stroke-width", "stroke-linecap", "cx", "cy", "r"}
)
STYLE: Final = (
    "body{zoom:.78}button,input,textarea,select{pointer-events:none}"
    ".photo{flex:none;width:40px;height:40px;border-radius:50%;background:#d9984a}"
    ".differs{outline:2px solid var(--differs);outline-offset:1px;border-radius:5px;background:var(--tint)!important}"
)
SIDES: Final = {"sent": ("#d33a2c", "#fdeceb"), "got": ("#1f8a4c", "#e8f6ed")}


@dataclass(slots=True)
class Node:
    """One node of the page. `value` and `checked` are what an input event said last."""

    kind: int
    tag: str = ""
    attributes: dict[str, Any] = field(default_factory=dict)
    text: str = ""
    children: list[int] = field(default_factory=list)
    parent: int = 0
    value: str | None = None
    checked: bool = False

    @property
    def shown(self) -> tuple[str, str | None, bool]:
        """What of it a person reads."""
        return self.text, self.value, self.checked


def play(events: Iterable[dict[str, Any]]) -> dict[int, Node]:
    """All nodes by id after the last event; unfit events are passed over."""
    page: dict[int, Node] = {}
    for event in events:
        match event:
            case {"type": Event.FULL_SNAPSHOT, "data": {"node": dict(node)}}:
                page.clear()
                _take(page, node, 0)
            case {"type": Event.INCREMENT, "data": {"source": Source.MUTATION} as data}:
                _mutate(page, data)
            case {"type": Event.INCREMENT, "data": {"source": Source.INPUT, "id": int(number)} as data} if (
                number in page
            ):
                page[number].value = str(data.get("text", ""))
                page[number].checked = data.get("isChecked") is True
    return page


def _take(page: dict[int, Node], told: dict[str, Any], parent: int) -> int:
    """Adds a node and all below it; a stack, not a recursion: how deep a page is, is not ours to say."""
    stack = [(told, parent)]
    while stack:
        one, above = stack.pop()
        attributes = one.get("attributes") or {}
        node = Node(
            one.get("type", -1), str(one.get("tagName", "")), attributes, str(one.get("textContent") or ""), [], above
        )
        if "value" in attributes and node.tag in ("input", "textarea", "select"):
            node.value = str(attributes["value"])
        node.checked = bool(attributes.get("checked") or attributes.get("selected"))
        number = int(one.get("id", -1))
        page[number] = node
        for child in one.get("childNodes") or ():
            node.children.append(int(child.get("id", -1)))
            stack.append((child, number))
    return int(told.get("id", -1))


def _mutate(page: dict[int, Node], data: dict[str, Any]) -> None:
    for gone in data.get("removes") or ():
        parent = page.get(gone.get("parentId"))
        if parent is not None and gone.get("id") in parent.children:
            parent.children.remove(gone["id"])
    for added in data.get("adds") or ():
        parent = page.get(added.get("parentId"))
        if parent is not None:
            number = _take(page, added["node"], added["parentId"])
            after = added.get("nextId")
            parent.children.insert(
                parent.children.index(after) if after in parent.children else len(parent.children), number
            )
    for told in data.get("texts") or ():
        if told.get("id") in page:
            page[told["id"]].text = str(told.get("value") or "")
    for told in data.get("attributes") or ():
        if told.get("id") in page:
            page[told["id"]].attributes |= told.get("attributes") or {}


def show(page: dict[int, Node], other: dict[int, Node], side: str) -> str:
    """A whole document; nodes that `other` shows differently are outlined in the colour of this side."""
    differing = {number for number, node in page.items() if number not in other or other[number].shown != node.shown}
    outlined = {page[number].parent if page[number].kind == Kind.TEXT else number for number in differing}
    roots = [number for number, node in page.items() if node.kind == Kind.DOCUMENT]
    colour, tint = SIDES[side]
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    head = f'<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{policy}">'
    styles, body = "", ""
    if roots:
        styles = "".join(_styles(page))
        body = "".join(_render(page, roots[0], outlined))
    return f"<!doctype html>{head}{styles}<style>:root{{--differs:{colour};--tint:{tint}}}{STYLE}</style>{body}"


def _styles(page: dict[int, Node]) -> Iterator[str]:
    for node in page.values():
        if node.tag == "style":
            text = str(
                node.attributes.get("_cssText") or "".join(page[one].text for one in node.children if one in page)
            )
            yield f"<style>{text.replace('<', '')}</style>"


def _render(page: dict[int, Node], root: int, outlined: set[int]) -> Iterator[str]:
    stack: list[int | str] = [root]
    while stack:
        entry = stack.pop()
        if isinstance(entry, str):
            yield entry
            continue
        node = page.get(entry)
        if node is None:
            continue
        if node.kind == Kind.TEXT:
            yield escape(node.text)
        elif node.kind == Kind.DOCUMENT:
            stack += reversed(node.children)
        elif node.kind == Kind.ELEMENT and node.tag not in LEFT_OUT and node.tag not in ("style", "head"):
            yield from _begin(node, differs=entry in outlined)
            if node.tag not in VOID and node.tag != "img":
                stack.append(f"</{_tag(node)}>")
            if node.tag == "textarea":
                yield escape(node.value or "")
            elif node.tag == "select":
                yield from _options(page, node)
            else:
                stack += reversed(node.children)


def _tag(node: Node) -> str:
    name = {"html": "div", "body": "div", "form": "div", "a": "span"}.get(node.tag, node.tag)
    return name if name.isalnum() else "span"


def _begin(node: Node, *, differs: bool) -> Iterator[str]:
    if node.tag == "img":
        yield f'<i class="photo" role="img" aria-label="{escape(str(node.attributes.get("alt", "")))}"></i>'
        return
    yield f"<{_tag(node)}"
    attributes = {
        name: value for name, value in node.attributes.items() if name in ATTRIBUTES and isinstance(value, str)
    }
    if differs:
        attributes["class"] = f"{attributes.get('class', '')} differs".strip()
    if node.tag == "input":
        attributes["value"] = node.value or ""
    for name, value in attributes.items():
        yield f' {name}="{escape(value)}"'
    if node.tag in ("input", "textarea", "select", "button"):
        yield ' tabindex="-1"'
    yield " checked>" if node.checked and node.tag == "input" else ">"


def _options(page: dict[int, Node], select: Node) -> Iterator[str]:
    """The chosen option alone, by its text where its value is known."""
    for number in select.children:
        option = page.get(number)
        if option is not None and option.tag == "option" and str(option.attributes.get("value", "")) == select.value:
            text = "".join(page[one].text for one in option.children if one in page)
            if text:
                yield f"<option>{escape(text)}</option>"
                return
    yield f"<option>{escape(select.value or '')}</option>"
