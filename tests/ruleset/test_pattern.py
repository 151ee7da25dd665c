"""Patterns of rules: none that a text can make take exponential time."""

from __future__ import annotations

import pytest

from gateway.ruleset.pattern import compile_pattern

LINEAR = [
    r"\bKD-\d{8}\b",
    r"KD-\d+",
    r"[\w.+-]+@[\w-]+\.\w+",
    r"(?:\d[ -]?){13,19}",
    r"(?:\d{1,3}\.){3}\d{1,3}",
    r"(?:\w+\.)+com",
    r"(?:[a-z]|%[0-9a-f]{2})+x",
    r"(?:foo|bar)+",
    r"(?:ab)*c",
    r"(?<!\d)\d{4}(?!\d)",
    r"(?i)token=[^&\s]+",
    r"[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}",
    r".*foo.*bar",
    r"(?:\s*,\d+)+",
    r"(?:/[^/?#]+)+\?",
]
EXPONENTIAL = [
    r"(a+)+$",
    r"(a*)*b",
    r"(a|aa)+$",
    r"(a|a)*b",
    r"(\w+\s?)+$",
    r"(?:a?){30}a{30}",
    r"(?:a{0,9}){9}x",
    r"(.*)*x",
    r"((ab)*)*c",
    r"(?:\w+\w+\.)+",
    r"(?:x+x?y)+z",
    r"(?i)(?:k+\u212a)+x",
    r"([^a]+[^b])+$",
    r"(?:a+){2,}b",
    r"(?=(a+)+b)a",
    r"(?:(?:a|b+)c?)*d",
    r"(?:\d+|[0-9]x)+y",
]
REFUSED = [
    (r"(a)\1", "backreferences"),
    (r"(?P<q>['\"]).(?P=q)", "backreferences"),
    (r"(a)?(?(1)b|c)x", "backreferences"),
    (r"\d*", "matches empty text"),
    (r"", "matches empty text"),
    (r"a|", "matches empty text"),
    (r"(unclosed", "is no pattern"),
    (r"[[a]x", "is ambiguous"),
    (r"a{99999999999}", "repeated too far"),
    ("(" * 900 + "a" + ")" * 900, "nested or repeated too far"),
    ("a" * 2001, "more than 2000 characters"),
]


@pytest.mark.parametrize("text", LINEAR)
def test_what_people_write_compiles(text):
    assert compile_pattern(text).pattern == text


@pytest.mark.parametrize("text", EXPONENTIAL)
def test_a_repeat_that_matches_in_several_ways_is_refused(text):
    with pytest.raises(ValueError, match="exponential time"):
        compile_pattern(text)


@pytest.mark.parametrize(("text", "message"), REFUSED)
def test_what_cannot_be_promised_is_refused_in_one_line(text, message):
    with pytest.raises(ValueError, match=message) as caught:
        compile_pattern(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", [r"(?a)\d+x", r"(?a:\d+)x"])
def test_a_flag_that_changes_what_classes_mean_is_refused(text):
    with pytest.raises(ValueError, match="is not supported"):
        compile_pattern(text)


def test_accepted_repeats_do_not_backtrack_exponentially():
    # each failing text is long enough that doubling with every character would never end
    for text in LINEAR:
        for piece in ("a", "1", " ", "1 ", "a.", "/a", ",1", "%ff", "foo", "A1 "):
            assert compile_pattern(text).fullmatch(piece * 60 + "\0") is None
