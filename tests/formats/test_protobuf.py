"""The wire format: what nobody edits keeps its bytes, lengths follow an edit, and no hostile length gets past the end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.document import Kind, Leaf, List, Map
from gateway.core.errors import Reason, Refused
from gateway.core.limits import Budget, Limits
from gateway.core.opening import leaves
from gateway.formats.protobuf import Field, Reader, read_varint, write_varint

MESSAGES = {
    "Top": {
        1: Field("text", "string"), 2: Field("inner", "Top"), 3: Field("many", "string", repeated=True),
        4: Field("whole", "int"), 5: Field("zigzag", "sint"), 6: Field("real", "double"), 7: Field("yes", "bool"),
        8: Field("packed", "uint", repeated=True), 9: Field("id", "id"), 10: Field("raw", "bytes"), 11: Field("nano", "fixed64"),
    }
}  # fmt: skip
FULL = (
    b"\x0a\x03abc" b"\x12\x05\x0a\x03xyz" b"\x1a\x01p" b"\x20\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01" b"\x28\x03"
    b"\x31\x00\x00\x00\x00\x00\x00\xf8\x3f" b"\x38\x01" b"\x42\x03\x01\xac\x02" b"\x4a\x08\x01\x02\x03\x04\x05\x06\x07\x08"
    b"\x52\x02\xff\xfe" b"\x59\x01\x00\x00\x00\x00\x00\x00\x00" b"\x1a\x01q"
)  # fmt: skip


def budget(**limits):
    return Budget(Limits(**limits), lambda: 0.0)


def read(source, **limits):
    return Reader("proto", MESSAGES, source, budget(**limits)).read("Top")


def shown(node):
    if isinstance(node, Map):
        return {key.value: shown(value) for key, value in node.items}
    if isinstance(node, List):
        return [shown(item) for item in node.items]
    return node.data if node.kind is Kind.BYTES else node.value


READS = {
    "text": "abc", "inner": {"text": "xyz"}, "many": ["p", "q"], "whole": "-1", "zigzag": "-2", "real": "1.5", "yes": "true",
    "packed": ["1", "300"], "id": "0102030405060708", "raw": b"\xff\xfe", "nano": "1",
}  # fmt: skip


def test_every_kind_of_field_is_read():
    assert shown(read(FULL).root) == READS


def test_without_edits_the_source_comes_back_itself():
    assert read(FULL).close() is FULL


EDITS = {
    "text": "abcdef" * 40, "inner": ("text", "longer than before"), "whole": "77", "zigzag": "-3", "real": "2.25",
    "yes": "false", "id": "ffffffffffffffff", "raw": b"", "nano": "5",
}  # fmt: skip


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_reads_back_and_changes_nothing_else(name):
    layer = read(FULL)
    leaf, value = layer.root.get(name), EDITS[name]
    expected = {**READS, name: value}
    if isinstance(leaf, Map):
        leaf = leaf.get(value[0])
        expected[name], value = {value[0]: value[1]}, value[1]
    layer.replace(leaf, value)
    assert shown(read(layer.close()).root) == expected


@pytest.mark.parametrize("name", ["text", "inner", "many", "packed", "whole"])
def test_a_dropped_field_goes_with_its_tag(name):
    layer = read(FULL)
    index = next(at for at, (key, _) in enumerate(layer.root.items) if key.value == name)
    layer.drop(layer.root, index)
    assert shown(read(layer.close()).root) == {key: value for key, value in READS.items() if key != name}


def test_one_item_of_a_repeated_field_goes_alone():
    layer = read(FULL)
    layer.drop(layer.root.get("many"), 0)
    assert shown(read(layer.close()).root) == {**READS, "many": ["q"]}


def test_an_edit_inside_of_what_is_dropped_leaves_no_trace():
    layer = read(FULL)
    layer.replace(layer.root.get("inner").get("text"), "gone" * 100)
    layer.drop(layer.root, 1)
    assert shown(read(layer.close()).root) == {key: value for key, value in READS.items() if key != "inner"}


def test_lengths_are_mended_from_the_inside_out():
    deep = b"\x0a\x01a"
    for _ in range(20):
        deep = b"\x12" + write_varint(len(deep)) + deep
    layer = read(deep)
    leaf = next(leaves(layer.root))
    layer.replace(leaf, "b" * 300)
    again = read(layer.close())
    assert [one.value for one in leaves(again.root)] == ["b" * 300]


def test_an_empty_text_can_be_filled():
    source = b"\x12\x02\x0a\x00\x1a\x00"
    layer = read(source)
    for leaf in list(leaves(layer.root)):
        layer.replace(leaf, "now")
    assert shown(read(layer.close()).root) == {"inner": {"text": "now"}, "many": ["now"]}


def test_a_value_that_is_no_number_becomes_nought():
    layer = read(FULL)
    for name in ("whole", "real", "nano"):
        layer.replace(layer.root.get(name), "***")
    assert {name: shown(read(layer.close()).root)[name] for name in ("whole", "real", "nano")} == {
        "whole": "0", "real": "0.0", "nano": "0",
    }  # fmt: skip


def test_fields_that_the_schema_does_not_know_are_named_and_can_be_cut_out():
    source = b"\x12\x0a\x0a\x03xyz\x9a\x06\x02hi\x0a\x01t"
    layer = read(source)
    assert len(layer.unknown) == 1
    assert layer.close() is source
    layer.cut_unknown()
    assert layer.close() == b"\x12\x05\x0a\x03xyz\x0a\x01t"


@pytest.mark.parametrize(
    "source",
    [
        b"\x0a", b"\x0a\x05abc", b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7fabc", b"\x12\x03\x0a\x05abcde", b"\x08\x01",
        b"\x0a\x01\xff", b"\x0a\x01a\x0a\x01b", b"\x0b\x0c", b"\x00\x01", b"\x31\x00", b"\x4a\x03abc", b"\x20", b"\x99\x06\x01",
        b"\x42\x01\x80", b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01",
    ],
)  # fmt: skip
def test_what_is_no_such_message_as_a_whole_is_not_read(source):
    assert read(source) is None


def test_nesting_over_the_limit_is_refused():
    deep = b""
    for _ in range(40):
        deep = b"\x12" + write_varint(len(deep)) + deep
    with pytest.raises(Refused) as caught:
        read(deep, depth=30)
    assert caught.value.reason is Reason.TOO_DEEP


@given(st.integers(0, (1 << 64) - 1))
def test_a_varint_reads_back(value):
    written = write_varint(value)
    assert read_varint(written, 0, len(written)) == (value, len(written))


@given(data=st.data())
def test_mutated_messages_are_read_or_not_but_never_crash(data):
    at = data.draw(st.integers(0, len(FULL)))
    until = data.draw(st.integers(at, len(FULL)))
    mutated = FULL[:at] + data.draw(st.binary(max_size=8)) + FULL[until:]
    layer = read(mutated)
    if layer is not None:
        assert layer.close() is mutated
        for leaf in list(leaves(layer.root)):
            assert isinstance(leaf, Leaf)
            layer.replace(leaf, "7")
        assert layer.close() is not None
