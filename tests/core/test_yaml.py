"""The reader of files that people write: what it reads, what it refuses, and on which line it says so."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import UserError
from gateway.core.yaml import (
    DEPTH_LIMIT,
    SIZE_LIMIT,
    FileErrors,
    Strict,
    Texts,
    Where,
    one_line,
    parse,
    quoted,
    read_model,
)

SCALARS = [
    ("on", "on"),
    ("off", "off"),
    ("yes", "yes"),
    ("No", "No"),
    ("y", "y"),
    ("true", True),
    ("False", False),
    ("null", None),
    ("~", None),
    ("", None),
    ("12", 12),
    ("007", 7),
    ("-3", -3),
    ("1.5", 1.5),
    ("1e3", 1000.0),
    ("0x1F", "0x1F"),
    ("1_000", "1_000"),
    ("12:30:45", "12:30:45"),
    ("2027-06-30", "2027-06-30"),
    ("2027-06-30T00:00:00Z", "2027-06-30T00:00:00Z"),
    (".inf", ".inf"),
    (".nan", ".nan"),
    ("'12'", "12"),
    ('"true"', "true"),
    ("'<<'", "<<"),
    ("20MiB", "20MiB"),
]

REFUSED = [
    ("tag", "a: !!python/object:os.system x", 1, "tags are not allowed"),
    ("tag of a mapping", "a: !!map {b: 1}", 1, "tags are not allowed"),
    ("bang", "a: ! x", 1, "tags are not allowed"),
    ("anchor", "x: 1\na: &b 1", 2, "anchors are not allowed"),
    ("alias", "a: 1\nb: *a", 2, "aliases are not allowed"),
    ("billion laughs", "a: &a [x]\nb: &b [*a, *a]", 1, "anchors are not allowed"),
    ("merge key", "a:\n  <<: {b: 1}", 2, "merge keys are not allowed"),
    ("a key twice", "a: 1\nb: 2\na: 3", 3, '"a" is here twice: line 1 has it already'),
    ("a key twice, deep", "a:\n  b: 1\n  'b': 2", 3, '"b" is here twice'),
    ("mapping as a key", "? {a: 1}\n: 2", 1, "a key must be text"),
    ("list as a key", "? [a]\n: 2", 1, "a key must be text"),
    ("two documents", "a: 1\n---\nb: 2", 2, "a second document"),
    ("tag directive", "%TAG ! tag:x,2000:\n---\na: 1", 1, "%TAG is not allowed"),
    ("number too large", "a: " + "9" * 41, 1, "a number too large"),
    ("number that overflows", "a: 1e999", 1, "a number too large"),
    ("broken", "a: [1, 2\nb: 3", 2, "not valid YAML"),
    ("tab", "a:\n\t- b", 2, "not valid YAML"),
    ("too deep", "[" * (DEPTH_LIMIT + 1), 1, "nested deeper than 32 levels"),
    ("too deep, far", "[" * 200_000, 1, "nested deeper than 32 levels"),
]


class Shop(Strict):
    closed = {"later": "is not built yet: remove it"}  # noqa: RUF012
    name: str
    marks: Texts = ()
    open: bool = True
    where: Where = ""


class Street(Strict):
    shops: tuple[Shop, ...] = ()


@pytest.mark.parametrize(("text", "value"), SCALARS)
def test_scalars_are_those_of_yaml_1_2(text, value):
    read = parse(f"a: {text}", "f").data["a"]
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize("key", ["on", "true", "12", "null", "2027-06-30"])
def test_keys_are_text_as_written(key):
    assert list(parse(f"{key}: 1", "f").data) == [key]


@pytest.mark.parametrize(("_name", "text", "line", "message"), REFUSED, ids=[row[0] for row in REFUSED])
def test_what_is_no_plain_value_is_refused_with_its_line(_name, text, line, message):
    with pytest.raises(UserError) as caught:
        parse(text, "f.yaml")
    assert caught.value.where == f"f.yaml:{line}"
    assert message in caught.value.message
    assert "\n" not in str(caught.value)


def test_a_file_over_one_mebibyte_is_refused_unread():
    with pytest.raises(UserError, match="larger than 1 MiB"):
        parse("#" * (SIZE_LIMIT + 1), "f")


def test_a_file_of_exactly_the_limits_is_read():
    assert parse("a: 1\n" + "#" * (SIZE_LIMIT - 5), "f").data == {"a": 1}
    assert parse("[" * DEPTH_LIMIT + "]" * DEPTH_LIMIT, "f").data is not None


def test_an_empty_file_has_no_keys():
    assert parse("# nothing\n", "f").data == {}


@pytest.mark.parametrize("text", ["a: \ud800", "a: \x07", "a: \x00"])
def test_characters_that_yaml_forbids_are_refused(text):
    with pytest.raises(UserError):
        parse(text, "f")


def test_every_key_and_item_has_its_line():
    source = parse("a:\n  b: 1\n  c:\n    - x\n    - y: 2\n", "f")
    lines = {(): 1, ("a",): 1, ("a", "b"): 2, ("a", "c"): 3, ("a", "c", 1): 5, ("a", "c", 1, "y"): 5, ("a", "z"): 1}
    assert {location: source.line_of(location) for location in lines} == lines


def test_substitution_sees_values_and_never_keys_and_decides_their_type():
    source = parse('${A}: ${A}\nb: "${A}"\nc: [x]', "f", lambda text: text.replace("${A}", "4"))
    assert source.data == {"${A}": 4, "b": "4", "c": ["x"]}


def test_a_substitution_that_fails_is_a_mistake_at_its_line():
    def fail(text):
        raise ValueError("no such variable")

    with pytest.raises(UserError, match=r"^f:2: no such variable$"):
        parse("a: 1\nb: ${X}", "f", fail)


MISTAKES = [
    ("unknown key", "shops:\n  - name: a\n    maks: x", 'f:3: unknown key "maks"; did you mean "marks"?'),
    (
        "unknown key, nothing near",
        "shops:\n  - name: a\n    zzz: x",
        'f:3: unknown key "zzz"; known: marks, name, open',
    ),
    ("closed key", "shops:\n  - name: a\n    later: null", 'f:3: "later" is not built yet: remove it'),
    ("own line", "shops:\n  - name: a\n    where: x", 'f:3: unknown key "where"; known: marks, name, open'),
    ("missing", "shops:\n\n  - marks: x", 'f:3: "name" is missing'),
    ("number for text", "shops:\n  - name: 5", 'f:2: "name": text is wanted here (quote it), not a number'),
    ("list for keys", "shops: [[a]]", 'f:1: "shops": keys are wanted here, not a list'),
    ("keys for a list", "shops: {a: 1}", 'f:1: "shops": a list is wanted here, not keys'),
    ("text for keys", "hello", "f:1: keys are wanted here, not text"),
    ("empty text", "shops:\n - name: a\n   marks: ['']", 'f:3: "marks": is empty: fill it in or remove it'),
    (
        "a key that would move the cursor",
        'shops: []\n"a\\e[2J\\nb": 1',
        r'f:2: unknown key "a\x1b[2J\nb"; known: shops',
    ),
]


@pytest.mark.parametrize(("_name", "text", "message"), MISTAKES, ids=[row[0] for row in MISTAKES])
def test_a_mistake_is_one_line_that_says_what_to_do(_name, text, message):
    with pytest.raises(FileErrors) as caught:
        read_model(parse(text, "f"), Street)
    assert str(caught.value) == message


def test_all_mistakes_are_told_in_the_order_of_lines():
    with pytest.raises(FileErrors) as caught:
        read_model(parse("shops:\n  - name: 1\n  - marks: x\n  - nam: x", "f"), Street)
    assert [error.where for error in caught.value.each] == ["f:2", "f:3", "f:4"]


def test_one_text_stands_for_a_list_of_one_and_models_know_their_line():
    street = read_model(parse("shops:\n  - name: a\n    marks: x", "f"), Street)
    assert street.shops[0].marks == ("x",)
    assert street.shops[0].where == "f:2"


def test_what_was_read_cannot_be_changed():
    shop = read_model(parse("name: a", "f"), Shop)
    with pytest.raises(ValueError, match="frozen"):
        shop.name = "b"


@given(st.text(max_size=200))
def test_whatever_a_file_holds_it_is_read_or_refused_in_one_line(text):
    try:
        parse(text, "f")
    except UserError as error:
        assert "\n" not in str(error)  # noqa: PT017


@given(st.text())
def test_quoted_text_is_one_line_of_printable_characters(text):
    assert quoted(text).isprintable()
    assert len(one_line("a")) == 1
    assert one_line(text).isprintable()
