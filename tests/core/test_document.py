"""Edits go into the place they were made for; all else keeps its bytes."""

import pytest

from gateway.core.document import Document, opened
from gateway.core.limits import Budget, Limits
from gateway.formats.cookies import COOKIES
from gateway.formats.json import JSON
from gateway.formats.ndjson import NDJSON


def layer_of(form, source):
    return form.parse(source, Budget(Limits(), lambda: 0.0))


@pytest.mark.parametrize(
    ("gone", "left"),
    [
        ([0], "[ 2 , 3]"),
        ([1], "[1 , 3]"),
        ([2], "[1 , 2]"),
        ([0, 1], "[ 3]"),
        ([1, 2], "[1]"),
        ([0, 2], "[ 2]"),
        ([0, 1, 2], "[]"),
    ],
)
def test_a_dropped_item_goes_with_one_separator(gone, left):
    layer = layer_of(JSON, "[1 , 2 , 3]")
    for index in gone:
        layer.drop(layer.root, index)
    assert layer.close().replace(" ", "") == left.replace(" ", "")


def test_dropped_members_leave_valid_json_and_other_edits_stay():
    layer = layer_of(JSON, '{"a": 1, "b": "x", "c": {"d": 2}}')
    layer.drop(layer.root, 0)
    layer.replace(layer.root.items[1][1], "y")
    layer.drop(layer.root.items[2][1], 0)
    assert layer.close() == '{"b": "y", "c": {}}'


def test_an_edit_inside_of_what_is_dropped_or_overwritten_is_lost():
    layer = layer_of(JSON, '{"a": {"b": "x"}, "c": 1}')
    inner = layer.root.items[0][1]
    layer.replace(inner.items[0][1], "secret")
    layer.write_literal(inner, "null")
    assert layer.close() == '{"a": null, "c": 1}'


def test_a_later_edit_of_the_same_leaf_wins():
    layer = layer_of(JSON, '["x"]')
    layer.replace(layer.root.items[0], "first")
    layer.replace(layer.root.items[0], "second")
    assert layer.close() == '["second"]'


def test_an_empty_leaf_at_the_start_of_another_does_not_take_its_edit():
    layer = layer_of(COOKIES, "nameless; a=b")
    name, value = layer.root.items[0]
    layer.replace(value, "masked")
    layer.replace(name, "ignored")
    assert layer.close() == "masked; a=b"


def test_the_literal_of_a_whole_list_and_an_edit_of_its_first_item_do_not_mix():
    layer = layer_of(NDJSON, "1\n2")
    layer.replace(layer.root.items[0], "secret")
    layer.write_literal(layer.root, "[]")
    assert layer.close() == "[]"


def test_duplicate_keys_are_kept_and_get_takes_the_last():
    layer = layer_of(JSON, '{"a": 1, "a": 2}')
    assert [value.value for _, value in layer.root.items] == ["1", "2"]
    assert layer.root.get("a").value == "2"
    assert layer.root.get("b") is None


def test_a_changed_child_is_written_into_its_leaf_and_a_replaced_leaf_forgets_its_child():
    outer = layer_of(JSON, '{"a": "[1, 2]", "b": "[3]"}')
    document = Document(outer.source)
    document.add(outer, None)
    leaves = [value for _, value in outer.root.items]
    children = [layer_of(JSON, leaf.value) for leaf in leaves]
    for leaf, child in zip(leaves, children, strict=True):
        document.add(child, (outer, leaf))
    assert opened(leaves[0]) is children[0].root
    assert document.root.get("b") is children[1].root
    children[0].replace(children[0].root.items[1], "99")
    children[1].replace(children[1].root.items[0], "secret")
    outer.replace(leaves[1], "gone")
    assert document.close() == '{"a": "[1, 99]", "b": "gone"}'


def test_a_document_without_layers_closes_to_its_source():
    source = b"anything"
    assert Document(source).close() is source
    assert Document(source).root is None
