"""CSS that can be shown: read by a parser, and written anew from what is on the list. It asks for nothing.

What goes: `@import`, `@font-face` and every other rule that isn't listed, each declaration that holds a URL or a function
which can take one, `behavior` and `-moz-binding`, and all that doesn't parse. What stays is written so that no HTML reader
finds an end of the style in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, Final

import tinycss2

_LARGEST: Final = 1_500_000  # characters of one sheet
_DEEPEST: Final = 24  # brackets in each other, in prelude and block
_NESTED: Final = frozenset({"media", "supports", "layer", "container", "scope", "starting-style"})  # rules in them
_KEYFRAMES: Final = frozenset({"keyframes", "-webkit-keyframes", "-moz-keyframes"})
# a closed list: what it does not name may one day take an address
_FUNCTIONS: Final = frozenset(
    """rgb rgba hsl hsla hwb lab lch oklab oklch color color-mix light-dark calc min max clamp abs sign round mod rem sin cos tan
    asin acos atan atan2 pow sqrt hypot log exp var env counter counters linear-gradient radial-gradient conic-gradient
    repeating-linear-gradient repeating-radial-gradient repeating-conic-gradient -webkit-linear-gradient -webkit-gradient
    from to color-stop translate translatex translatey translatez translate3d scale scalex scaley scalez scale3d rotate rotatex
    rotatey rotatez rotate3d skew skewx skewy matrix matrix3d perspective cubic-bezier steps linear blur brightness
    contrast drop-shadow grayscale hue-rotate invert opacity saturate sepia inset circle ellipse polygon path rect xywh
    repeat minmax fit-content rotate view scroll""".split()
)
_UNFIT_NAMES: Final = frozenset({"behavior", "-moz-binding", "-ms-behavior"})
_END: Final = re.compile(r"<(?=[/!?])")


def sheet(text: str) -> str:
    """A whole style sheet; empty where it is too large."""
    return _sheet(text) if len(text) <= _LARGEST else ""


@lru_cache(maxsize=64)  # a page shows the same sheets at all its moments
def _sheet(text: str) -> str:
    return _closed("".join(_rules(tinycss2.parse_stylesheet(text, skip_comments=True, skip_whitespace=True), 0)))


def declarations(text: str) -> str:
    """The content of a `style` attribute."""
    return _closed(_block(tinycss2.parse_blocks_contents(text[:_LARGEST], skip_comments=True, skip_whitespace=True), 0))


def _closed(text: str) -> str:
    return _END.sub(r"\\3c ", text)


def _rules(rules: Iterable[Any], depth: int) -> Iterator[str]:
    for rule in rules:
        if rule.type == "qualified-rule" and _is_fit(rule.prelude, is_selector=True):
            told = tinycss2.parse_blocks_contents(rule.content, skip_comments=True, skip_whitespace=True)
            yield f"{tinycss2.serialize(rule.prelude)}{{{_block(told, depth + 1)}}}\n"
        elif rule.type == "at-rule" and rule.content is not None and depth < _DEEPEST:
            yield from _at_rule(rule, depth)


def _at_rule(rule: Any, depth: int) -> Iterator[str]:
    name = rule.lower_at_keyword
    if name not in _NESTED | _KEYFRAMES or not _is_fit(rule.prelude, is_selector=True):
        return
    inner = tinycss2.parse_rule_list(rule.content, skip_comments=True, skip_whitespace=True)
    yield f"@{name} {tinycss2.serialize(rule.prelude)}{{{''.join(_rules(inner, depth + 1))}}}\n"


def _block(told: Iterable[Any], depth: int) -> str:
    """Declarations, and rules nested in them."""
    found: list[str] = []
    for one in told:
        if one.type == "declaration":
            if one.lower_name not in _UNFIT_NAMES and _is_fit(one.value):
                important = " !important" if one.important else ""
                found.append(f"{tinycss2.serialize([_name(one.name)])}:{tinycss2.serialize(one.value)}{important};")
        elif depth < _DEEPEST:
            found += _rules([one], depth)
    return "".join(found)


def _name(text: str) -> Any:
    return tinycss2.ast.IdentToken(0, 0, text)


def _is_fit(tokens: Iterable[Any], *, is_selector: bool = False) -> bool:
    """Whether nothing in these tokens may stand for an address, or is nested deeper than a writer can follow."""
    pending = [(token, 0) for token in tokens]
    while pending:
        token, depth = pending.pop()
        if (
            depth > _DEEPEST
            or token.type in ("url", "error", "at-keyword")
            or (token.type == "literal" and token.value in (";", "{", "}"))
        ):
            return False
        if token.type == "function":
            if not is_selector and token.lower_name not in _FUNCTIONS:
                return False
            pending.extend((one, depth + 1) for one in token.arguments)
        elif token.type in ("() block", "[] block", "{} block"):
            if token.type == "{} block" and is_selector:
                return False
            pending.extend((one, depth + 1) for one in token.content)
    return True
