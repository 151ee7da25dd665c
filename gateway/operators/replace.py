"""replace: a text of the rule's own, the same for every value.

Kinds are kept: a number is replaced by the text only where that is a number too, a word where it is a word.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from gateway.core.document import Kind
from gateway.core.plugin import Operator, Situation
from gateway.operators.parameters import check_names, read_text
from gateway.operators.shapes import hidden

PARAMETERS = {"with": "the text that takes the value's place"}

_LITERALS = {  # kind → what a literal of it looks like (RFC 8259)
    Kind.NUMBER: re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?"),
    Kind.WORD: re.compile(r"true|false|null"),
}


def _prepare(given: Mapping[str, object]) -> Callable[[str, Situation], str]:
    check_names("replace", given, PARAMETERS)
    text = read_text("replace", given, "with")
    if text is None:
        raise ValueError('replace needs the text to put there: {replace: "[customer]"}')

    def operate(value: str, situation: Situation) -> str:
        if not value or (value == "null" and situation.kind is Kind.WORD):
            return value
        literal = _LITERALS.get(situation.kind)
        if literal is None or literal.fullmatch(text):
            return text
        return hidden(value, situation.kind)

    return operate


REPLACE = Operator(name="replace", strength=50, parameters=PARAMETERS, prepare=_prepare)
