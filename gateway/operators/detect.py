"""detect: the value stays but for what detectors find in it. The judge runs those; this function changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gateway.core.plugin import Operator, Situation
from gateway.operators.parameters import check_names


def _stay(value: str, _situation: Situation) -> str:
    return value


def _prepare(given: Mapping[str, object]) -> Callable[[str, Situation], str]:
    check_names("detect", given, ())
    return _stay


DETECT = Operator(name="detect", strength=10, parameters={}, prepare=_prepare)
