"""drop: the value goes. The judge removes the item from its map or list; where an item can't go, it is left empty."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gateway.core.plugin import Operator, Situation
from gateway.operators.parameters import check_names
from gateway.operators.shapes import for_text


def _prepare(given: Mapping[str, object]) -> Callable[[str, Situation], str]:
    check_names("drop", given, ())
    return for_text(lambda _text: "")


DROP = Operator(name="drop", strength=80, parameters={}, prepare=_prepare)
