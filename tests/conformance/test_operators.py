"""Every operator in the list keeps kinds, repeats itself, and validates what it is told. A new one is met here unasked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import gateway.operators as room
from gateway.core.category import Category
from gateway.core.document import Kind
from gateway.core.plugin import Operator, Situation
from gateway.operators import BY_NAME, OPERATORS, prepare_spec

KEY = bytes(range(32))

SPECS = {  # every operator without parameters, and again with each of them
    "keep": ["keep"],
    "detect": ["detect"],
    "drop": ["drop"],
    "redact": ["redact"],
    "mask": [
        "mask",
        {"mask": {"keep_last": 4}},
        {"mask": {"keep_first": 2, "character": "#"}},
        {"mask": {"character": "X"}},
    ],
    "replace": [{"replace": "[x]"}, {"replace": {"with": "7"}}, {"replace": "true"}],
    "encrypt": ["encrypt"],
    "hash": ["hash", {"hash": {"prefix": "KD-"}}],
    "truncate": ["truncate", {"truncate": 5}, {"truncate": {"length": 9}}],
    "generalise": [
        "generalise",
        {"generalise": 50},
        {"generalise": {"date": "year"}},
        {"generalise": {"date": "month"}},
    ],
}
ALL = [pytest.param(spec, id=json.dumps(spec)) for specs in SPECS.values() for spec in specs]
SETTLED = [param for param in ALL if "hash" not in param.id]

TEXTS = st.one_of(
    st.text(max_size=40),
    st.text(alphabet="0123456789abcdefABCDEF.:-/, %[]()", max_size=45),
    st.sampled_from(["203.0.113.7", "[2001:db8::1]:443", "1990-05-17", "17.05.1990", "4111 1111 1111 1111", "\ud800"]),
    st.lists(st.sampled_from(["Chrome/1.2.3", "Android 14", ";", "(", ")", "Pixel 8", "1100x905", "x86_64", "v9"])).map(
        " ".join
    ),
)
NUMBERS = st.one_of(
    st.integers().map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(json.dumps),
    st.sampled_from(["-0", "0", "1E400", "1e-999999999", "9" * 400, "0.0", "-1.50e+3", "1718000000000"]),
)
CATEGORIES = st.sampled_from(["", *Category])


def situated(kind, category=""):
    return Situation(KEY, kind, category, "a.b", ("k1", KEY))


def test_every_operator_is_tried_here_and_has_a_file_of_its_own():
    assert set(SPECS) == set(BY_NAME)
    folder = Path(room.__file__).parent
    assert all((folder / f"{name}.py").exists() for name in BY_NAME)


def test_strength_falls_from_drop_to_keep():
    assert [operator.name for operator in OPERATORS] == [
        "drop",
        "redact",
        "mask",
        "replace",
        "encrypt",
        "hash",
        "truncate",
        "generalise",
        "detect",
        "keep",
    ]
    strengths = [operator.strength for operator in OPERATORS]
    assert strengths == sorted(set(strengths), reverse=True)


@pytest.mark.parametrize("spec", ALL)
@given(value=TEXTS, category=CATEGORIES)
def test_the_same_text_becomes_the_same_text(spec, value, category):
    _, run = prepare_spec(spec)
    situation = situated(Kind.TEXT, category)
    assert run(value, situation) == run(value, situation)


@pytest.mark.parametrize("spec", ALL)
@given(literal=NUMBERS, category=CATEGORIES)
def test_a_number_stays_a_number(spec, literal, category):
    _, run = prepare_spec(spec)
    new = run(literal, situated(Kind.NUMBER, category))
    if new != literal:
        assert isinstance(json.loads(new), int | float)
        assert not isinstance(json.loads(new), bool)


@pytest.mark.parametrize("spec", ALL)
@pytest.mark.parametrize("word", ["true", "false", "null"])
@pytest.mark.parametrize("category", ["", *Category])
def test_a_word_stays_a_word_and_null_stays_null(spec, word, category):
    _, run = prepare_spec(spec)
    new = run(word, situated(Kind.WORD, category))
    assert new in ({"null"} if word == "null" else {"true", "false"})


@pytest.mark.parametrize("spec", ALL)
@pytest.mark.parametrize("kind", [Kind.TEXT, Kind.BYTES])
def test_nothing_stays_nothing(spec, kind):
    _, run = prepare_spec(spec)
    assert run("", situated(kind)) == ""


@pytest.mark.parametrize("spec", SETTLED)
@given(value=TEXTS, category=CATEGORIES)
def test_doing_it_twice_is_doing_it_once(spec, value, category):
    _, run = prepare_spec(spec)
    situation = situated(Kind.TEXT, category)
    once = run(value, situation)
    assert run(once, situation) == once


@pytest.mark.parametrize("spec", SETTLED)
@given(literal=NUMBERS, category=CATEGORIES)
def test_doing_it_twice_to_a_number_is_doing_it_once(spec, literal, category):
    _, run = prepare_spec(spec)
    situation = situated(Kind.NUMBER, category)
    once = run(literal, situation)
    assert run(once, situation) == once


@pytest.mark.parametrize("operator", OPERATORS, ids=lambda operator: operator.name)
def test_an_unknown_parameter_is_refused_in_one_line_that_names_the_operator(operator: Operator):
    with pytest.raises(ValueError, match=rf"^{operator.name} has no parameter 'colour'; [^\n]+$"):
        operator.prepare({"colour": 1})


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("maks", "unknown operator 'maks'; did you mean 'mask'?"),
        ("generalize", "unknown operator 'generalize'; did you mean 'generalise'?"),
        (
            "qqqq",
            "unknown operator 'qqqq'; known: drop, redact, mask, replace, encrypt, hash, truncate, generalise, detect, keep",
        ),
        ({"mask": {"keeplast": 4}}, "mask has no parameter 'keeplast'; did you mean 'keep_last'?"),
        ({"mask": {"keep_last": "4"}}, "mask: keep_last must be a whole number from 0 to 64"),
        ({"mask": {"keep_last": True}}, "mask: keep_last must be a whole number from 0 to 64"),
        ({"mask": {"keep_last": -1}}, "mask: keep_last must be a whole number from 0 to 64"),
        ({"mask": {"character": "**"}}, "mask: character must be one visible character"),
        ({"mask": {"character": ""}}, "mask: character must be one visible character"),
        ({"mask": 4}, "mask takes named parameters: keep_last, keep_first, character"),
        ({"drop": 1}, "drop takes no parameters"),
        ({"drop": {"now": 1}}, "drop has no parameter 'now'; it takes none"),
        ("replace", 'replace needs the text to put there: {replace: "[customer]"}'),
        ({"replace": 5}, "replace: with must be text; put it in quotes"),
        ({"truncate": 0}, "truncate: length must be a whole number from 1 to 10000"),
        ({"generalise": {"to": 0}}, "generalise: to must be a number above 0"),
        ({"generalise": {"to": "x"}}, "generalise: to must be a number above 0"),
        ({"generalise": {"to": float("nan")}}, "generalise: to must be a number above 0"),
        ({"generalise": {"date": "yaer"}}, "generalise: date must be one of year, month; did you mean 'year'?"),
        ({"generalise": {"date": "year", "to": 1}}, "generalise takes 'to' or 'date', not both"),
        ({"hash": {"prefix": 1}}, "hash: prefix must be text; put it in quotes"),
        ({}, "an operator is a name or one name with parameters: {mask: {keep_last: 4}}"),
        ({"mask": None, "hash": None}, "an operator is a name or one name with parameters: {mask: {keep_last: 4}}"),
        (None, "an operator is a name or one name with parameters: {mask: {keep_last: 4}}"),
    ],
)
def test_a_wrong_operator_is_an_error_that_says_what_to_write(spec, message):
    with pytest.raises(ValueError) as error:
        prepare_spec(spec)
    assert str(error.value) == message


def test_a_name_with_nothing_behind_it_is_the_operator_without_parameters():
    operator, run = prepare_spec({"mask": None})
    assert operator is BY_NAME["mask"]
    assert run("secret", Situation(KEY)) == "***"
