"""Edits go into the place they were made for; all else keeps its bytes."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.document import Document, Leaf, List, Map, opened
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


def test_what_stands_in_a_dropped_item_goes_with_it_whatever_was_edited_there():
    outer = layer_of(JSON, '{"a": {"b": "x", "k": "[1]"}, "c": "[2]"}')
    document = Document(outer.source)
    document.add(outer, None)
    inner, told = outer.root.items[0][1], outer.root.items[1][1]
    children = [layer_of(JSON, leaf.value) for leaf in (inner.items[1][1], told)]
    for leaf, child in zip((inner.items[1][1], told), children, strict=True):
        document.add(child, (outer, leaf))
        child.replace(child.root.items[0], "9")
    outer.replace(inner.items[0][1], "y")
    outer.drop(outer.root, 0)
    closed = []
    assert document.close(closed.append) == '{"c": "[9]"}'
    assert closed == ["[9]", '{"c": "[9]"}']


def test_a_layer_that_ends_where_a_dropped_item_ends_is_gone_with_it():
    outer = layer_of(JSON, '{"kept": "[1]", "gone": "[2]"}')
    document = Document(outer.source)
    document.add(outer, None)
    for _, leaf in outer.root.items:
        document.add(layer_of(JSON, leaf.value), (outer, leaf))
    outer.drop(outer.root, 1)
    closed = []
    assert document.close(closed.append) == '{"kept": "[1]"}'
    assert closed == ["[1]", '{"kept": "[1]"}']


# against a model: plain data, changed in the same places

VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(10**9), 10**9), st.text(max_size=6)),
    lambda inner: st.one_of(st.lists(inner, max_size=5), st.dictionaries(st.text(max_size=4), inner, max_size=5)),
    max_leaves=20,
)
GONE = object()


def pairs_of(model):
    """What stands in a list or map of the model, as (place, value)."""
    return list(model.items() if isinstance(model, dict) else enumerate(model) if isinstance(model, list) else ())


def change(layer, node, model, draw):
    """Replaces leaves and drops items of a layer, and the same in the model; returns what the model has become."""
    if isinstance(node, Leaf):
        if not draw(st.booleans()):
            return model
        new = draw(st.text(max_size=6))
        if isinstance(model, str):
            layer.replace(node, new)
            return new
        layer.write_literal(node, "[0]")
        return [0]
    assert isinstance(node, Map if isinstance(model, dict) else List)
    left = []
    for index, (place, value) in enumerate(pairs_of(model)):
        inner = node.items[index][1] if isinstance(node, Map) else node.items[index]
        changed = change(layer, inner, value, draw)
        if draw(st.integers(0, 4)) == 0:
            layer.drop(node, index)
        else:
            left.append((place, changed))
    return dict(left) if isinstance(model, dict) else [value for _, value in left]


@given(model=VALUES, data=st.data(), indent=st.sampled_from([None, 0, 3]), escaped=st.booleans())
def test_edits_and_drops_anywhere_are_those_of_plain_data(model, data, indent, escaped):
    source = json.dumps(model, indent=indent, ensure_ascii=escaped)
    layer = layer_of(JSON, source)
    if isinstance(model, str) and layer is None:
        return
    expected = change(layer, layer.root, model, data.draw)
    written = layer.close()
    assert json.loads(written) == expected
    assert list(pairs_of(json.loads(written))) == list(pairs_of(expected))


@given(model=VALUES, data=st.data())
def test_what_is_edited_in_layers_is_edited_in_plain_data(model, data):
    source = json.dumps({"a": json.dumps(model), "b": 1})
    document = Document(source)
    outer = layer_of(JSON, source)
    document.add(outer, None)
    holder = outer.root.items[0][1]
    inner = layer_of(JSON, holder.value)
    if inner is None:
        return
    document.add(inner, (outer, holder))
    expected = change(inner, inner.root, model, data.draw)
    written = json.loads(document.close())
    assert json.loads(written["a"]) == expected
    assert written["b"] == 1
