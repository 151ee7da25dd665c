"""A recorded page at one moment as HTML that runs nothing and asks for nothing, whatever was recorded.

Everything written is on a list: tags, attributes, functions of CSS. Texts and values are escaped; style sheets are read by a
parser, written anew and stand in the head alone. Pictures, players, canvases and frames become boxes; the document of a
frame stands in its box. `data-gateway-node` tells an element's number, `<gateway-masked>` and `data-gateway-masked` what is
masked. No `name` is written, so that no element takes the place of a property of the document.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from html import escape
from typing import Final

from gateway.insight import stylesheet
from gateway.insight.marks import Marker, Span
from gateway.insight.tree import Told, Tree
from gateway.recording.dom import Element

HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'self'; sandbox allow-same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""What such a page is served with: the second wall, which holds without the first."""

MOST_NODES: Final = 50_000
_DEEPEST: Final = 200  # elements in each other; what is deeper stands in the deepest one
_LONGEST: Final = 20_000  # characters of one text
_LONGEST_VALUE: Final = 2_000

_HTML: Final = frozenset(
    """html body div span p a abbr address article aside b bdi bdo blockquote br button caption center cite code col colgroup
    data dd del details dfn dialog dl dt em fieldset figcaption figure font footer form h1 h2 h3 h4 h5 h6 header hgroup hr
    i input ins kbd label legend li main mark menu meter nav ol optgroup option output picture pre progress q rp rt ruby s
    samp search section select small strike strong sub summary sup table tbody td textarea tfoot th thead time tr tt u ul
    var wbr""".split()
)
_SVG: Final = frozenset(
    """svg g path circle ellipse line polygon polyline rect text tspan defs symbol clippath lineargradient radialgradient
    stop""".split()
)
_BOXES: Final = {
    "img": "picture", "image": "picture", "video": "video", "audio": "sound", "canvas": "canvas", "iframe": "frame",
    "frame": "frame", "portal": "frame", "fencedframe": "frame", "object": "object", "embed": "object", "applet": "object",
}  # fmt: skip
_LEFT_OUT: Final = frozenset(
    """head script noscript template style link meta base title math plaintext xmp noembed noframes frameset param source track
    area map foreignobject use animate animatetransform animatemotion animatecolor set mpath discard feimage filter pattern
    mask marker handler listener slot""".split()
)
_VOID: Final = frozenset({"br", "col", "hr", "input", "wbr"})
_NOT_INLINE: Final = frozenset(
    {"select", "optgroup", "option", "textarea", "table", "tbody", "thead", "tfoot", "tr", "colgroup"}
)
"""In these nothing but their own stands: a masked text in them is marked at the element."""
_TABLES: Final = frozenset({"table", "tbody", "thead", "tfoot", "tr", "colgroup", "select", "optgroup"})
_OWN: Final = re.compile(r"[a-z][a-z0-9]{0,31}(?:-[a-z0-9]{1,31}){1,5}", re.ASCII)
_RESERVED: Final = frozenset(
    "annotation-xml color-profile font-face font-face-src font-face-uri font-face-format font-face-name missing-glyph".split()
)
_PLAIN: Final = frozenset(
    """id class title alt role lang dir width height size rows cols colspan rowspan span align valign bgcolor color border
    cellpadding cellspacing start reversed open disabled readonly required multiple placeholder type hidden min max low high
    optimum label value maxlength wrap datetime""".split()
)
_ATTRIBUTE: Final = re.compile(r"(?:data|aria)-[a-z0-9_.-]{1,64}", re.ASCII)
_OF_SVG: Final = frozenset(
    """d points x y x1 x2 y1 y2 cx cy r rx ry dx dy width height viewbox preserveaspectratio transform fill fill-opacity fill-rule
    stroke stroke-width stroke-linecap stroke-linejoin stroke-dasharray stroke-dashoffset stroke-miterlimit stroke-opacity
    opacity offset stop-color stop-opacity gradientunits gradienttransform text-anchor dominant-baseline font-size font-family
    font-weight visibility display id class role""".split()
)
_DRAWN: Final = re.compile(r"(?!.*url)[#%\w\s,.()+-]*", re.ASCII | re.IGNORECASE | re.DOTALL)
_TYPES: Final = frozenset(
    """text checkbox radio email tel number search url date time month week datetime-local color range hidden button submit
    reset""".split()
)
_OWN_FORM: Final = frozenset("date time month week datetime-local number color range email url password".split())
_TYPED: Final = frozenset({"input", "textarea", "select"})
_UNFIT: Final = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_STYLE: Final = (
    "gateway-masked,[data-gateway-masked]{outline:2px solid #b8860b!important;outline-offset:1px;"
    "background-color:#ffe9a8!important;color:#3d2c00!important;border-radius:2px}"
    "html[data-gateway-marks=off] gateway-masked,html[data-gateway-marks=off] [data-gateway-masked]{outline:none!important}"
    "[data-gateway-box]{display:inline-block;box-sizing:border-box;min-width:1.5rem;min-height:1.5rem;overflow:auto;"
    "border:1px dashed #888;background:repeating-linear-gradient(45deg,#8881 0 6px,#8883 6px 12px);"
    "font:11px/1.3 sans-serif;color:#555}"
    "[data-gateway-chosen]{outline:3px solid #1a6fd4!important;outline-offset:2px}"
    "[data-gateway-picked]{outline:2px dashed #1a6fd4!important;outline-offset:2px}"
    "*{animation-play-state:paused!important;caret-color:transparent!important}"
)


class Markup:
    """Writes one page. `number` gives an element's number."""

    def __init__(self, tree: Tree, marker: Marker, number: Callable[[Element], int]) -> None:
        self._tree = tree
        self._marker = marker
        self._number = number
        self.is_cut = False

    def document(self) -> str:
        """The whole document."""
        body = "".join(self._nodes())
        sheets = "".join(f"<style>{css}</style>" for css in self._sheets() if css)
        head = f'<head><meta charset="utf-8">{sheets}<style>{_STYLE}</style></head>'
        return f"<!doctype html><html{self._of_top('html')}>{head}{body}</html>"

    def _top(self, tag: str) -> Element | None:
        """The document's own html or body."""
        html = next((one for one in self._tree.children(None) if isinstance(one, Element) and one.tag == "html"), None)
        if html is None or tag == "html":
            return html
        return next((one for one in self._tree.children(html) if isinstance(one, Element) and one.tag == tag), None)

    def _of_top(self, tag: str) -> str:
        element = self._top(tag)
        return self._attributes(element, tag) if element is not None else ""

    def _sheets(self) -> Iterator[str]:
        """Those of the document itself; a frame's would change how the page around it looks."""
        for element, _ in self._tree.elements():
            is_linked = element.tag == "link" and "_csstext" in element.attributes
            if (element.tag == "style" or is_linked) and not self._is_framed(element):
                css = stylesheet.sheet(self._tree.sheet(element))
                media = element.attributes.get("media", "")
                yield f"@media {media}{{{css}}}" if re.fullmatch(r"[\w\s():,.-]{1,200}", media) else css
        for text in self._tree.added_styles:
            yield stylesheet.sheet(text)

    def _is_framed(self, element: Element) -> bool:
        parent = self._tree.parent(element)
        for _ in range(_DEEPEST):
            if parent is None:
                return False
            if parent.tag in _BOXES:
                return True
            parent = self._tree.parent(parent)
        return True

    # nodes

    def _nodes(self) -> Iterator[str]:
        tree, body = self._tree, self._top("body")
        yield f"<body{self._of_top('body')}>"
        # still to be written: a closing tag, or a node with its depth, what it stands in, and whether that is a drawing
        top = tree.children(body) if body is not None else tree.children(self._top("html"))
        pending: list[str | tuple[Element | int, int, str, bool]] = [(node, 0, "body", False) for node in reversed(top)]
        left = MOST_NODES
        while pending:
            one = pending.pop()
            if isinstance(one, str):
                yield one
                continue
            left -= 1
            if left < 0:
                self.is_cut = True
                continue
            node, depth, above, is_drawn = one
            if isinstance(node, int):
                yield from self._text(node, above)
                continue
            tag = _tag(node, is_drawn=is_drawn)
            if tag is None:
                continue
            if node.tag in _BOXES:
                tag, label = "span", self._label(node)
                yield f'<span data-gateway-box="{_BOXES[node.tag]}"{self._attributes(node, "span")}>{label}'
                inside: list[Element | int] = [one for one in tree.children(node) if isinstance(one, Element)]
            elif depth >= _DEEPEST:
                self.is_cut, tag, inside = True, above, tree.children(node)
                pending.extend((child, depth, above, is_drawn) for child in reversed(inside))
                continue
            else:
                yield f"<{tag}{self._attributes(node, tag)}>"
                if tag in _VOID:
                    continue
                if tag == "textarea":
                    yield f"{self._typed(node)}</textarea>"
                    continue
                inside = tree.children(node)
            pending.append(f"</{tag}>")
            drawn = is_drawn or tag == "svg"
            pending.extend((child, depth + 1, tag, drawn) for child in reversed(inside))

    def _text(self, node: int, above: str) -> Iterator[str]:
        told = self._tree.texts.get(node)
        if told is None or (above in _TABLES and not told.value.strip()):
            return
        if above in _TABLES:
            return  # no text stands in these: a reader of HTML would move it
        if above in _NOT_INLINE or above in _SVG:
            yield _clean(told.value[:_LONGEST])
            return
        at, value = 0, told.value[:_LONGEST]
        for span in self._marker.spans(told):
            if span.start >= len(value):
                break
            yield _clean(value[at : span.start])
            yield f'<gateway-masked title="{_attribute(_said(span))}">{_clean(value[span.start : span.end])}</gateway-masked>'
            at = span.end
        yield _clean(value[at:])

    def _label(self, element: Element) -> str:
        told = dict(self._tree.attributes(element))
        label = next((told[name].value for name in ("alt", "title", "aria-label") if name in told), "")
        return _clean(label[:200])

    def _typed(self, element: Element) -> str:
        value = typed_of(self._tree, element)
        return "\n" + _clean(value.value[:_LONGEST]) if value is not None else ""

    # attributes

    def _attributes(self, element: Element, tag: str) -> str:
        told = dict(self._tree.attributes(element))
        is_drawn = tag in _SVG
        out = [f' data-gateway-node="{self._number(element)}"']
        masked: list[Span] = []
        for name, value in told.items():
            if name in ("value", "checked", "selected", "style", "type") or not _is_kept(name, is_drawn=is_drawn):
                continue
            masked += self._marker.spans(value, name) if name in ("title", "alt", "placeholder", "label") else ()
            if is_drawn and name not in ("class", "id", "role") and not _DRAWN.fullmatch(value.value):
                continue
            out.append(f' {name}="{_attribute(value.value)}"')
        style = stylesheet.declarations(self._tree.style(element))
        box = _size(told) if element.tag in _BOXES else ""
        if style or box:
            out.append(f' style="{_attribute(box + style)}"')
        if tag in ("input", "select", "textarea", "button", "option", "progress", "meter", "li", "data", "summary"):
            out += self._field(element, tag, told, masked)
        if masked:
            out.append(f' data-gateway-masked="{_attribute(_said(masked[0]))}"')
        return "".join(out)

    def _field(self, element: Element, tag: str, told: dict[str, Told], masked: list[Span]) -> Iterator[str]:
        """What fields add: what was typed, chosen or preset. None of them is reached by the keyboard."""
        if tag in ("input", "select", "textarea", "button", "summary"):
            yield ' tabindex="-1"'
        kind = told["type"].value.lower() if "type" in told else ""
        typed = typed_of(self._tree, element)
        spans = self._marker.spans(typed, "value") if typed is not None and tag in _TYPED else []
        masked += spans
        if tag in ("input", "button") and kind in _TYPES:  # a date's or a number's field shows no mask
            yield f' type="{"text" if spans and kind in _OWN_FORM else kind}"'
        if tag in ("option", "button") or tag == "textarea":
            for node in self._tree.children(element):
                text = self._tree.texts.get(node) if isinstance(node, int) else None
                if text is not None and tag == "option":
                    masked += self._marker.spans(text)
        if typed is not None and tag not in ("textarea", "select", "button"):
            yield f' value="{_attribute(typed.value)}"'
        checked = self._tree.checked.get(element)
        if tag == "input" and (checked if checked is not None else "checked" in told):
            yield " checked"
        if tag == "option" and self._is_chosen(element, told):
            yield " selected"

    def _is_chosen(self, option: Element, told: dict[str, Told]) -> bool:
        parent = self._tree.parent(option)
        if parent is not None and parent.tag == "optgroup":
            parent = self._tree.parent(parent)
        chosen = self._tree.values.get(parent) if parent is not None else None
        if chosen is None:
            return "selected" in told
        return "value" in told and told["value"].value == chosen.value


def typed_of(tree: Tree, element: Element) -> Told | None:
    """What stands in a field: what was typed, or was there before."""
    if element in tree.values:
        return tree.values[element]
    told = dict(tree.attributes(element)).get("value")
    if told is None and element.tag == "textarea":
        told = next(
            (tree.texts[one] for one in tree.children(element) if isinstance(one, int) and one in tree.texts), None
        )
    return told


def _tag(element: Element, *, is_drawn: bool) -> str | None:
    """What an element is written as; None where it and all in it is left out."""
    tag = element.tag
    if tag in _BOXES:
        return "span" if not is_drawn else None
    if tag in _LEFT_OUT:
        return None
    if is_drawn:
        return tag if tag in _SVG and tag != "svg" else "g"
    if tag in ("html", "body"):  # a frame's
        return "div"
    if tag in _HTML or tag == "svg":
        return tag
    if tag in _SVG:
        return None  # a part of a drawing outside of one
    return tag if _OWN.fullmatch(tag) and tag not in _RESERVED and not tag.startswith("gateway-") else "span"


def _is_kept(name: str, *, is_drawn: bool) -> bool:
    if name.startswith("data-gateway"):
        return False
    return name in _OF_SVG if is_drawn else name in _PLAIN or _ATTRIBUTE.fullmatch(name) is not None


def _size(told: dict[str, Told]) -> str:
    """The size of a box, as its attributes tell it."""
    found = ""
    for name, keys in (("width", ("rr_width", "width")), ("height", ("rr_height", "height"))):
        value = next((told[key].value for key in keys if key in told), "")
        size = re.fullmatch(r"(\d{1,5})(?:\.\d+)?(px|%)?", value)
        if size is not None:
            found += f"{name}:{size[1]}{size[2] or 'px'};"
    return found


def _said(span: Span) -> str:
    return f"{span.mask.rule or 'masked'}: {span.mask.operator}"


def _clean(text: str) -> str:
    return escape(_UNFIT.sub("\ufffd", text), quote=False)


def _attribute(text: str) -> str:
    return escape(_UNFIT.sub("\ufffd", text[:_LONGEST_VALUE]))
