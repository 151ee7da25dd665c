"""The grammar of RFC 8259, no more and no less, with spans."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.document import Kind, Leaf, List, Map
from gateway.core.errors import Reason, Refused
from gateway.core.limits import Budget, Limits
from gateway.formats.json import JSON, write_string


def parse(source, **limits):
    return JSON.parse(source, Budget(Limits(**limits), lambda: 0.0))


def value_of(node):
    if isinstance(node, Map):
        return {key.value: value_of(value) for key, value in node.items}
    if isinstance(node, List):
        return [value_of(item) for item in node.items]
    if node.kind == Kind.TEXT:
        return node.value
    return json.loads(node.value)


def nodes(node):
    yield node
    if isinstance(node, Map):
        for key, value in node.items:
            yield key
            yield from nodes(value)
    elif isinstance(node, List):
        for item in node.items:
            yield from nodes(item)


VALID = [
    "1", "-0", "0.5", "1e3", "1E+2", "1.0e-9", '""', '"a"', '"\\u00e9\\n\\/\\\\"', "true", "false", "null", "[]", "{}",
    " [ ] ", "{ }", "[[[]],{}]", '{"a":{}}', '{"a":[],"b":{}}', '[1,"a",true,null,{"b":[2]}]', '\t{\r\n"a" :\n1 }\n',
    '{"":""}', '{"a\\"b":1}', '["\\ud83d\\ude00","\\ud83d"]', '["\u2028"]', '"\x7f"', '{"a":"\\\\"}', "[{},[],{}]",
    '{"a":1,"a\\n":2}', '["\\\\","\\""]',
]  # fmt: skip
INVALID = [
    "", " ", "01", "1.", ".5", "+1", "-", "1e", "0x1", "NaN", "Infinity", "nul", "True", "'a'", '"', '"a', '"\\x"', '"\\u12g4"',
    '"\t"', '"\n"', "[", "]", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "[1}", "{", "}", "{]", '{"a"}', '{"a":}', '{"a":1,}',
    '{"a":1 "b":2}', "{a:1}", "{1:1}", '{"a":1]', '{"a"::1}', "{,}", "[]]", "[] x", "{}{}", "1 2", '"a" "b"', "\ufeff[]",
    "[1,\u00a02]", "[\u0661]", '["a\x00"]', '{"a\x1f":1}', "// c\n[]", "[tru]", "[1]\x0c", '["\\"]', '{"a\\":1}', "[--1]",
]  # fmt: skip


@pytest.mark.parametrize("source", VALID)
def test_json_is_read_as_the_standard_library_reads_it(source):
    layer = parse(source)
    assert value_of(layer.root) == json.loads(source)


@pytest.mark.parametrize("source", INVALID)
def test_what_is_no_json_is_none(source):
    assert parse(source) is None


@given(st.text(alphabet='{}[]",:\\ \n01e-.truefalsn\x00u', max_size=30))
def test_it_agrees_with_the_standard_library_on_any_text(source):
    def refuse(name):
        raise ValueError(name)

    try:
        expected = [json.loads(source, parse_constant=refuse)]
    except ValueError:
        expected = []
    layer = parse(source)
    assert ([] if layer is None else [value_of(layer.root)]) == expected


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    ),
    st.sampled_from([None, 1]),
    st.booleans(),
)
def test_spans_cover_the_literals(value, indent, ascii_only):
    source = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    for node in nodes(parse(source).root):
        literal = json.loads(source[node.start : node.end])
        if isinstance(node, Leaf) and node.kind == Kind.TEXT:
            assert literal == node.value
        else:
            assert literal == value_of(node)


@pytest.mark.parametrize(
    ("source", "value", "literal"),
    [
        ('"a"', 'b"\\\n\u2028é\ud83d😀</', '"b\\"\\\\\\n\\u2028é\\ud83d😀</"'),
        ("1", "2.50", "2.50"),
        ("1", "masked", '"masked"'),
        ("1", "01", '"01"'),
        ("true", "null", "null"),
        ("true", "maybe", '"maybe"'),
        ('"1"', "2", '"2"'),
    ],
)
def test_a_value_is_written_in_its_kind_or_as_a_string(source, value, literal):
    layer = parse(source)
    layer.replace(layer.root, value)
    assert layer.close() == literal


@given(st.text(st.characters(exclude_categories=())))
def test_any_string_survives_being_written(value):
    assert json.loads(write_string(value)) == json.loads(json.dumps(value))


def test_depth_is_counted_exactly():
    assert parse("[" * 5 + "]" * 5, depth=5) is not None
    assert parse("[" * 4 + "1" + "]" * 4, depth=5) is not None
    with pytest.raises(Refused) as caught:
        parse("[" * 6 + "1" + "]" * 6, depth=5)
    assert caught.value.reason is Reason.TOO_DEEP


def test_a_number_of_megabytes_is_one_leaf():
    assert parse("1" * 3_000_000).root.value == "1" * 3_000_000


@pytest.mark.parametrize("source", ['{"a":[1,2', '{"a":1}]', '[1,{"b":2}', '["}', "{", "[ ", '{"a":"}'])
def test_a_piece_of_a_document_is_none(source):
    assert parse(source) is None
    assert parse(source + " ") is None
