"""The operators whose answer does not depend on the value."""

from __future__ import annotations

import pytest

from gateway.core.document import Kind
from gateway.core.plugin import Situation
from gateway.operators import prepare_spec

N, T, W = Kind.NUMBER, Kind.TEXT, Kind.WORD


@pytest.mark.parametrize(
    ("spec", "kind", "value", "after"),
    [
        ("keep", T, "jo@x.example", "jo@x.example"),
        ("keep", N, "1e3", "1e3"),
        ("detect", T, "jo@x.example", "jo@x.example"),
        ("detect", W, "true", "true"),
        ("drop", T, "secret", ""),
        ("drop", N, "42", "0"),
        ("redact", T, "secret", "[redacted]"),
        ("redact", N, "42", "0"),
        ("redact", W, "true", "false"),
        ({"replace": "[customer]"}, T, "KD-12345678", "[customer]"),
        ({"replace": {"with": ""}}, T, "KD-12345678", ""),
        ({"replace": "[customer]"}, N, "42", "0"),
        ({"replace": "-1"}, N, "42", "-1"),
        ({"replace": "007"}, N, "42", "0"),
        ({"replace": "true"}, W, "false", "true"),
        ({"replace": "yes"}, W, "true", "false"),
        ({"replace": "[customer]"}, W, "null", "null"),
    ],
)
def test_the_value_becomes_what_the_rule_says(spec, kind, value, after):
    assert prepare_spec(spec)[1](value, Situation(b"", kind)) == after
