"""A mask shows nothing, or no more than half."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.document import Kind
from gateway.core.plugin import Situation
from gateway.operators.mask import MASK

TEXT = Situation(b"")


@pytest.mark.parametrize(
    ("given_parameters", "text", "masked"),
    [
        ({}, "x", "***"),
        ({}, "a long secret", "***"),
        ({}, " ", "***"),
        ({"character": "#"}, "secret", "###"),
        ({"keep_last": 4}, "4111 1111 1111 1111", "**** **** **** 1111"),
        ({"keep_last": 4}, "4111-1111-1111-1111", "****-****-****-1111"),
        ({"keep_last": 4, "character": "•"}, "4111111111111111", "••••••••••••1111"),
        ({"keep_first": 2}, "jane@shop.example", "ja**@****.*******"),
        ({"keep_first": 1, "keep_last": 2}, "DE89 3704 0044", "D*** **** **44"),
        ({"keep_last": 4}, "1234", "**34"),
        ({"keep_last": 4}, "123", "**3"),
        ({"keep_last": 4}, "1", "*"),
        ({"keep_first": 9, "keep_last": 2}, "abcdef", "a***ef"),
        ({"keep_last": 4}, "p$!&/()=", "***"),
        ({"keep_last": 2}, "né🎈x", "**🎈x"),
        ({"keep_last": 0}, "secret", "***"),
    ],
)
def test_text_is_masked_as_the_rule_says(given_parameters, text, masked):
    assert MASK.prepare(given_parameters)(text, TEXT) == masked


@given(st.text(alphabet="ab1 -*", min_size=1, max_size=30), st.integers(0, 64), st.integers(0, 64))
def test_no_more_than_half_of_it_ever_stays(text, first, last):
    masked = MASK.prepare({"keep_first": first, "keep_last": last, "character": "#"})(text, TEXT)
    content = [char for char in text if char.isalnum()]
    assert sum(char.isalnum() for char in masked) <= len(content) // 2


@pytest.mark.parametrize(("value", "kind", "masked"), [("4111", Kind.NUMBER, "0"), ("true", Kind.WORD, "false")])
def test_numbers_and_words_are_masked_whatever_is_to_be_kept(value, kind, masked):
    assert MASK.prepare({"keep_last": 4})(value, Situation(b"", kind)) == masked
