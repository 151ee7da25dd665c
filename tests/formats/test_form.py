"""Only edited pairs are encoded again, in the style of the source."""

import pytest

from gateway.core.document import List
from gateway.core.limits import Budget, Limits
from gateway.formats.form import FORM, QUERY


def parse(form, source):
    return form.parse(source, Budget(Limits(), lambda: 0.0))


@pytest.mark.parametrize(
    ("source", "index", "written"),
    [
        ("a=1&&b=%C3%A9+x&c", 1, "a=1&&b=n+w%26%3D%C3%BC&c"),
        ("a=1&b=x%20y", 1, "a=1&b=n%20w%26%3D%C3%BC"),
        ("a=1&b=", 1, "a=1&b=n+w%26%3D%C3%BC"),
        ("a=1&b", 1, "a=1&b=n+w%26%3D%C3%BC"),
        ("?a=x", 0, "?a=n+w%26%3D%C3%BC"),
        ("=x&b=1", 0, "=n+w%26%3D%C3%BC&b=1"),
    ],
)
def test_one_value_changes_and_the_rest_stays(source, index, written):
    layer = parse(QUERY, source)
    layer.replace(layer.root.items[index][1], "n w&=ü")
    assert layer.close() == written


def test_marks_that_a_value_had_raw_stay_raw_in_it():
    layer = parse(QUERY, "u=https://a.example/?x&v=1")
    layer.replace(layer.root.items[0][1], "https://a.example/?[masked]")
    assert layer.close() == "u=https://a.example/?%5Bmasked%5D&v=1"


def test_a_name_can_change_and_a_pair_can_go():
    layer = parse(QUERY, "a=1&b=2&c=3")
    layer.replace(layer.root.items[0][0], "x&y")
    layer.drop(layer.root, 1)
    assert layer.close() == "x%26y=1&c=3"


@pytest.mark.parametrize(
    "text", ["a", "a b=c", "a=b c", 'a="b"', "a={}", "a=b\n\nc", "<a=b>", "key: a=b", "x" * 200 + "=1", "a=b&c d=e"]
)
def test_prose_and_code_are_no_forms(text):
    assert parse(FORM, text) is None


@pytest.mark.parametrize(
    ("source", "pairs"),
    [
        ("data=eyJh==", [("data", "eyJh==")]),
        ("a%5Bb%5D=c+d&e[f]=%E9", [("a[b]", "c d"), ("e[f]", "é")]),
        ("$a.b=1&c&=", [("$a.b", "1"), ("c", "")]),
    ],
)
def test_pairs_are_decoded(source, pairs):
    layer = parse(QUERY if source.endswith("&=") else FORM, source)
    assert [(key.value, value.value) for key, value in layer.root.items][: len(pairs)] == pairs


def test_lines_of_forms_are_a_list():
    layer = parse(FORM, "en=a&x=1\r\nen=b")
    assert isinstance(layer.root, List)
    layer.replace(layer.root.items[1].items[0][1], "c")
    assert layer.close() == "en=a&x=1\r\nen=c"
