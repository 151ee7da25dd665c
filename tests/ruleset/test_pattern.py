"""Patterns of rules: Python's meaning, in time linear in the text, or one line that says what to write instead."""

from __future__ import annotations

import pickle
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.ruleset.pattern import Combined, compile_pattern

COMPILES = [
    r"\bKD-\d{8}\b",
    r"KD-\d+",
    r"[\w.+-]+@[\w-]+\.\w+",
    r"(?:\d[ -]?){13,19}",
    r"(?:\d{1,3}\.){3}\d{1,3}",
    r"(?:[a-z]|%[0-9a-f]{2})+x",
    r"(?<!\d)\d{4}(?!\d)",
    r"(?<=#)\w+(?=[;,])",
    r"(?i)token=[^&\s]+",
    r"[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}",
    r"(?m)^order: .+$",
    r"(?i:straße|ſ)\d",
    r"\Ax|y\Z",
    r"(?s:a.b)c.d",
    r"(?:/[^/?#]+)+\?",
]
# each takes exponential or polynomial time where an engine tries one way after the other
SUPER_LINEAR = {
    r"(a+)+$": "a",
    r"(a|aa)+$": "a",
    r"(a|a)+b": "a",
    r"(?:\w+\s?)+$": "a",
    r"(?:aa?){30}b": "a",
    r"(?:x+x?y)+z": "x",
    r"(?:\d+|[0-9]x)+y": "1",
    r"\s+$": " ",
    r"a.*b.*c.*d": "abc",
    r".*.*=.*": "x",
    r"\d+x": "1",
    r"[\w.+-]+@[\w-]+\.\w+": "a",
    r"(?:\w+\.)+com": "a.",
}
REFUSED = [
    (r"(a)\1", "backreferences"),
    (r"(?P<q>['\"]).(?P=q)", "backreferences"),
    (r"(a)?(?(1)b|c)x", "backreferences"),
    (r"(?=(a+)+b)a", "look-around is allowed for one character"),
    (r"(?<=ab)c", "look-around is allowed for one character"),
    (r"a(?=b)c", "look-around is allowed for one character"),
    (r"(?:(?<!a)b|c)", "look-around is allowed for one character"),
    (r"a++b", "possessive repeats"),
    (r"(?>a+)b", "atomic groups"),
    (r"a$b", "very end of the pattern"),
    (r"a$|b", "very end of the pattern"),
    (r"(a*)*b", "must not match empty text"),
    (r"(?:a|b?){2,}c", "must not match empty text"),
    (r"a{1,1001}", "repeated too often"),
    (r"\d*", "matches empty text"),
    (r"", "matches empty text"),
    (r"a|", "matches empty text"),
    (r"(unclosed", "is no pattern"),
    (r"[[a]x", "is ambiguous"),
    (r"a{99999999999}", "repeated too far"),
    ("(" * 900 + "a" + ")" * 900, "nested or repeated too far"),
    ("a" * 2001, "more than 2000 characters"),
    ("".join(map(chr, range(0x4E00, 0x4E60))), "more than sixty kinds of letters"),
    (r"(?a)\d+x", "is not supported"),
    (r"(?a:\d+)x", "is not supported"),
]
PIECES = [
    "a", "b", "1", " ", "-", "_", "\n", ".", "é", "É", "ß", "K", "\u212a", "k", "ſ", "s", "İ", "ı", "i", "Σ", "ς", "٣", "１",
    "\u00a0", "\u2028", "\u200d", "😀", "日", "\ud800", "\x00", "\x1c", "²", "Ⅷ", "KD-12345678", "ab", "#x;",
]  # fmt: skip
TEXTS = st.lists(st.sampled_from(PIECES), max_size=7).map("".join)

ATOMS = st.sampled_from(
    ["a", "b", "k", "s", "i", "é", "ß", "σ", "1", "-", r"\d", r"\D", r"\w", r"\W", r"\s", r"\S", ".", "[a-k]", "[^a]",
     "[^\\W\\d]", "[à-ÿ]", "[\\s\\d_]", r"\n", "日", "[٠-٩]"]
)  # fmt: skip
PLACES = st.sampled_from([r"\b", r"\B", "^", r"\A", r"\Z", ""])
COUNTS = st.sampled_from(["", "", "", "+", "*", "?", "{2}", "{1,3}", "+?", "*?", "{1,2}?"])


def grouped(inner):
    branches = st.lists(inner, min_size=1, max_size=3).map("|".join)
    # few repeats: it is Python's own engine that would not come back from a repeat inside a repeat
    few = st.sampled_from(["", "", "?", "{2}", "{1,2}?"])
    return st.tuples(st.sampled_from(["(?:", "(", "(?i:", "(?s:", "(?m:"]), branches, few).map(
        lambda parts: f"{parts[0]}{parts[1]}){parts[2]}"
    )


PARTS = st.recursive(
    st.tuples(ATOMS, COUNTS).map("".join) | PLACES,
    lambda inner: st.lists(inner, min_size=1, max_size=3).map("".join) | grouped(inner),
    max_leaves=4,
)
HEADS = st.sampled_from(["", "", "", r"(?<!\d)", r"(?<=[ak])", r"(?<!\w)", "(?i)", "(?m)", "(?i)(?<!k)"])
TAILS = st.sampled_from(["", "", "", r"(?!\d)", r"(?=[ak])", r"(?!\s)", "$"])
PATTERNS = st.tuples(HEADS, PARTS, TAILS).map("".join)


@pytest.mark.parametrize("text", COMPILES)
def test_what_people_write_compiles(text):
    compiled = compile_pattern(text)
    assert compiled.pattern == text
    assert pickle.loads(pickle.dumps(compiled)) == compiled
    assert repr(compiled) == f"Pattern({text!r})"


@pytest.mark.parametrize(("text", "message"), REFUSED)
def test_what_cannot_be_promised_is_refused_in_one_line(text, message):
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        compile_pattern(text)
    assert "\n" not in str(caught.value)


def python_spans(pattern: str, text: str) -> list[tuple[int, int]]:
    return [match.span() for match in re.finditer(pattern, text)]


@pytest.mark.parametrize("pattern", COMPILES)
def test_it_means_what_python_means(pattern):
    compiled = compile_pattern(pattern)
    for text in (
        "KD-12345678 éKD-12345678 KD-12345678é KD-123456789 _KD-12345678",
        "12345 1234 ١٢٣٤ 1234é #Ωμ; #x, Token=abc&TOKEN=ｘ",
        "order: 1\norder: 2\r\nxorder: 3\n",
        "STRASSE1 straße1 STRAßE1 ſ1 S1 ẞ1 jane@bücher.example",
        "xay\ny", "a\nbcxd a\nbc\nd", "/a/b?/c", "%ffabx",
    ):  # fmt: skip
        assert list(compiled.spans(text)) == python_spans(pattern, text)
        assert compiled.matches_all_of(text) == (re.fullmatch(pattern, text) is not None)


@given(PATTERNS, TEXTS)
@example(r"\bk", "a\u212ak K")
@example(r"(?i)σ+", "Σςσ")
@example(r"(?<!\d)a(?!\d)", "a1 aa1a a")
@example(r"a$", "a\na\n")
@example(r"(?m)a$", "a\na\n")
@example(r"(?:a|ab)(?:c|bcd)", "abcd")
def test_every_pattern_that_compiles_means_what_python_means(pattern, text):
    try:
        compiled = compile_pattern(pattern)
    except ValueError:
        return
    assert list(compiled.spans(text)) == python_spans(pattern, text)
    assert compiled.matches_all_of(text) == (re.fullmatch(pattern, text) is not None)


@pytest.mark.parametrize(("pattern", "piece"), SUPER_LINEAR.items())
def test_a_long_text_made_for_it_is_read_all_the_same(pattern, piece):
    # an engine that tries one way after the other would not come back from the first of these
    compiled = compile_pattern(pattern)
    text = piece * (65_536 // len(piece)) + "\0bxyz=@.com"  # every letter that it asks for
    searches = []
    found = list(compiled.spans(text, lambda: searches.append(1)))
    assert len(searches) == len(found) + 1


def test_the_time_is_looked_at_before_each_search():
    class EnoughError(Exception):
        pass

    def check():
        raise EnoughError

    with pytest.raises(EnoughError):
        list(compile_pattern("a").spans("a", check))
    assert list(compile_pattern("KD-1").spans("x" * 100, check)) == []  # a text without its letters is not searched


@given(st.lists(PATTERNS, min_size=6, max_size=40), TEXTS)
@example([r"\bk", "a$", r"(?i)σ+", r"(?<!\d)a(?!\d)", r"\Ax|y\Z", r"(?i:straße|ſ)\d"], "a\u212ak K ΣSTRASSE1 ſ2 y")
def test_many_patterns_at_once_miss_none_that_matches(patterns, text):
    compiled = []
    for pattern in patterns:
        try:
            compiled.append(compile_pattern(pattern))
        except ValueError:
            continue
    found = list(Combined(compiled).in_text(text))
    assert found == sorted(found)
    assert {number for number, one in enumerate(compiled) if any(one.spans(text))} <= set(found)


def test_of_many_patterns_few_are_asked():
    combined = Combined(
        [compile_pattern(rf"\b{one}{other}-\d{{6}}\b") for one in "ABCDEFGHIJ" for other in "KLMNOPQRST"]
    )
    assert list(combined.in_text("order CM-123456, für MC-654321")) == [22]
    assert list(combined.in_text("nothing of the kind")) == []
