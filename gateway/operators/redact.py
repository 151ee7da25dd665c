"""redact: a word that says that something stood here. The same for every value, whatever its length."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gateway.core.plugin import Operator, Situation
from gateway.operators.parameters import check_names
from gateway.operators.shapes import for_text

REDACTED = "[redacted]"


def _prepare(given: Mapping[str, object]) -> Callable[[str, Situation], str]:
    check_names("redact", given, ())
    return for_text(lambda _text: REDACTED)


REDACT = Operator(name="redact", strength=70, parameters={}, prepare=_prepare)
