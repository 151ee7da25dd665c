"""keep: the value stays. The judge takes it to mean that nothing is looked for in the value either."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gateway.core.plugin import Operator, Situation
from gateway.operators.parameters import check_names


def _stay(value: str, _situation: Situation) -> str:
    return value


def _prepare(given: Mapping[str, object]) -> Callable[[str, Situation], str]:
    check_names("keep", given, ())
    return _stay


KEEP = Operator(name="keep", strength=0, parameters={}, prepare=_prepare)
