"""RUM events of clicks: the text of the clicked element, told apart from what names the element.

Facts (browser-rum): {type: "action", action: {target: {name}}, _dd: {action: {name_source, target}}}. The latter target
has a `selector`, a `composed_path_selector` or both; this is `INPUT#a[type="text"].b:nth-child(1);FORM#f;`, innermost
first, without HTML and BODY. The name is the text of the element, of its label, or of one of those above it, up to the
form: a label or a form holds what stands in its fields too. Inputs are named by their label, but for buttons.

Where the session's mirror has a page of the same view, the element on it is taken.
"""

from __future__ import annotations

import re
from typing import Final

from gateway.core.category import Category
from gateway.core.document import Kind, Layer, Leaf, Map, Node
from gateway.recording import descriptor
from gateway.recording.claim import Claim, PlaceLike, Scene
from gateway.recording.datadog import identity
from gateway.recording.dom import FIELD_TAGS, UNKNOWN, Element
from gateway.recording.interned import Table
from gateway.recording.rrweb import pick

_LONGEST_PATH: Final = 4_096
_IDENT: Final = r"(?:[\w-]|[^\x00-\x7f]|\\.)+"  # as CSS.escape writes it
_PARTS: Final = rf"\#({_IDENT})|\.({_IDENT})|\[([\w-]+)(?:=\"((?:[^\"\\]|\\.)*)\")?\]|:nth-(?:child|of-type)\(\d+\)"
_PART: Final = re.compile(_PARTS)
_STEP: Final = re.compile(rf"([A-Za-z][\w:-]*)((?:{_PARTS})*)")
_STEP_END: Final = re.compile(r";(?=[A-Za-z]|\Z)")
_PRESSED: Final = frozenset({"button", "submit", "reset"})  # inputs whose value names the action
_AROUND_FIELDS: Final = frozenset({"label", "form", "fieldset"})
_TOLD_BY_ATTRIBUTE: Final = frozenset({"standard_attribute", "custom_attribute", "mask_placeholder"})


class Reader:
    """Reads a RUM event of a click: `action.target.name` is text of the element that `_dd.action.target` describes."""

    def __init__(self, scene: Scene) -> None:
        self._mirror = scene.mirror
        self._emit = scene.emit
        self._walk = scene.walk

    def read(self, layer: Layer, event: Map, place: PlaceLike) -> None:
        """Claims every leaf of the event, and the name once more, as its element's."""
        named = _step(event.get("action"), "target", "name")
        told = _step(event.get("_dd"), "action")
        if isinstance(named, Leaf):
            at, action = pick(layer, event, "action") or (layer, None)
            at, target = pick(at, action, "target") or (at, None)
            holder, leaf = pick(at, target, "name") or (at, named)
            element, category = self._told(event, told)
            if isinstance(leaf, Leaf) and element is not None:
                where = place.child("action").child("target").child("name")
                self._emit(Claim(holder, leaf, category, where, element, key="name"))
        for key, value in event.items:
            self._walk(layer, value, place.child(key.value), None)

    def _told(self, event: Map, told: Node | None) -> tuple[Element | None, Category]:
        target = _step(told, "target")
        path, selector = _text_of(target, "composed_path_selector"), _text_of(target, "selector")
        if not path and not selector:
            return None, Category.EVENT_PROPERTIES
        element = _from_composed(path) if path else descriptor.from_path(selector, None)
        if element is None:
            return UNKNOWN, Category.PAGE_TEXT
        table = self._mirror.memory
        if (
            isinstance(table, Table)
            and element.id
            and table.is_of((identity(event.get("session")), identity(event.get("view"))))
        ):
            element = self._mirror.find_by_id(element.id) or element
        is_shown = _text_of(told, "name_source") in _TOLD_BY_ATTRIBUTE
        return element, Category.PAGE_TEXT if is_shown or not _names_value(element) else Category.FORM_INPUTS


def _names_value(element: Element) -> bool:
    """Whether the text of an element may be what was typed, chosen or preset: its own, or that of a field inside it."""
    if element.tag == "input":  # named by its label, unless it is a button
        return element.attributes.get("type", "").lower() in _PRESSED
    return (
        element.is_field
        or element.tag in _AROUND_FIELDS
        or any(one.tag in FIELD_TAGS for one in element.iter_subtree())
    )


def _from_composed(path: str) -> Element | None:
    """The innermost element of `INPUT#a[type="text"].b:nth-child(1);FORM#f;`, which names the innermost first."""
    element: Element | None = None
    for step in reversed([one for one in _STEP_END.split(path[:_LONGEST_PATH]) if one]):
        match = _STEP.fullmatch(step)
        if match is None:
            return None
        attributes: dict[str, str] = {}
        classes: list[str] = []
        for part in _PART.finditer(match[2]):
            if part[1]:
                attributes["id"] = _unescaped(part[1])
            elif part[2]:
                classes.append(_unescaped(part[2]))
            elif part[3]:
                attributes[part[3].lower()] = _unescaped(part[4] or "")
        if classes:
            attributes["class"] = " ".join(classes)
        element = Element(match[1].lower(), attributes, element)
    return element


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def _step(node: Node | None, *keys: str) -> Node | None:
    for key in keys:
        node = node.get(key) if isinstance(node, Map) else None
    return node


def _text_of(node: Node | None, key: str) -> str:
    found = _step(node, key)
    return found.value if isinstance(found, Leaf) and found.kind is Kind.TEXT else ""


def recognises(node: Map) -> bool:
    """Whether a map is a RUM event that names what was clicked."""
    kind = next((value for key, value in node.items if key.value == "type"), None)
    if not isinstance(kind, Leaf) or kind.value != "action":
        return False
    return isinstance(node.get("_dd"), Map) and isinstance(_step(node.get("action"), "target"), Map)
