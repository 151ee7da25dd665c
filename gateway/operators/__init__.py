"""Operators: what happens to a picked value, the strongest first. One file each; this list is all there is.

They keep a value's kind, know nothing of where it stands, and turn the same value into the same one every time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gateway.core.plugin import Operator, Situation
from gateway.operators.detect import DETECT
from gateway.operators.drop import DROP
from gateway.operators.encrypt import ENCRYPT
from gateway.operators.generalise import GENERALISE
from gateway.operators.hash import HASH
from gateway.operators.keep import KEEP
from gateway.operators.mask import MASK
from gateway.operators.parameters import nearest
from gateway.operators.redact import REDACT
from gateway.operators.replace import REPLACE
from gateway.operators.truncate import TRUNCATE

OPERATORS: tuple[Operator, ...] = (DROP, REDACT, MASK, REPLACE, ENCRYPT, HASH, TRUNCATE, GENERALISE, DETECT, KEEP)
BY_NAME: Mapping[str, Operator] = {operator.name: operator for operator in OPERATORS}

MAIN_PARAMETER = {"replace": "with", "truncate": "length", "generalise": "to"}  # what `{truncate: 8}` sets

__all__ = ["BY_NAME", "MAIN_PARAMETER", "OPERATORS", "prepare_spec"]


def prepare_spec(spec: str | Mapping[str, object]) -> tuple[Operator, Callable[[str, Situation], str]]:
    """Reads a rule's `with:`: `mask`, `{mask: {keep_last: 4}}` or `{replace: "[card]"}`.

    Raises ValueError with one line that names the nearest operator or parameter.
    """
    name, given = _read(spec)
    operator = BY_NAME.get(name)
    if operator is None:
        raise ValueError(f"unknown operator '{name}'; {nearest(name, BY_NAME)}")
    if given is None:
        given = {}
    elif not isinstance(given, Mapping):
        main = MAIN_PARAMETER.get(name)
        if main is None:
            known = ", ".join(operator.parameters)
            raise ValueError(f"{name} takes named parameters: {known}" if known else f"{name} takes no parameters")
        given = {main: given}
    return operator, operator.prepare(given)


def _read(spec: object) -> tuple[str, object]:
    if isinstance(spec, str):
        return spec, None
    if isinstance(spec, Mapping) and len(spec) == 1:
        name, given = next(iter(spec.items()))
        return str(name), given
    raise ValueError("an operator is a name or one name with parameters: {mask: {keep_last: 4}}")
