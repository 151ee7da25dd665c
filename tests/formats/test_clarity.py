"""Tokens are edited in their places; what refers to one follows it, or is written out where it must not."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.document import Kind
from gateway.core.limits import Budget, Limits
from gateway.formats.clarity import CLARITY, ROW, UNREADABLE, Attributes
from tests.judge.clarity_reader import resolve

HEAD = ["0.8.70", 1, 0, 9, "p", "visitor1", "session1", 2, 0, 0, 0, "https://shop.example/?a=b"]
#        2  3     4       5        6  7  8     9      10 11 12   13       14 15 16   17      18       19
ROW_5 = [9, 5, 2, "HTML", "title=Zürich", 3, 2, "*T", "hi", 4, 2, "P", "class=a", 5, 4, [7], "Jane", 6, 4, [7, 16]]


def payload(*rows, a=()):
    return json.dumps({"e": HEAD, "a": list(a), "p": list(rows)}, ensure_ascii=False, separators=(",", ":"))


def parse(source):
    return CLARITY.parse(source, Budget(Limits(), lambda: 0.0))


def nodes(layer):
    return [node for told in layer.nodes.values() for node in told]


def rows(layer, part="p"):
    return json.loads(layer.close())[part]


def text_of(layer, index):
    return nodes(layer)[index].texts[0].leaf


def test_a_payload_is_read_by_names():
    layer = parse(payload(ROW_5))
    head = layer.root.get("e")
    assert {name: head.get(name).value for name in ("userId", "sessionId", "pageNum", "page", "url")} == {
        "userId": "visitor1",
        "sessionId": "session1",
        "pageNum": "2",
        "page": "session1.2",
        "url": "https://shop.example/?a=b",
    }
    assert [
        (node.numbers, node.tag, [name for name, _ in node.attributes], [one.text for one in node.texts])
        for node in nodes(layer)
    ] == [
        ((2,), "HTML", ["title"], []),
        ((3, 2), "*T", [], ["hi"]),
        ((4, 2), "P", ["class"], []),
        ((5, 4), "*T", [], ["Jane"]),
        ((6, 4), "*T", [], ["Jane"]),
    ]


def test_an_attribute_s_value_is_edited_behind_its_name():
    layer = parse(payload(ROW_5))
    token = nodes(layer)[0].attributes[0][1]
    assert token.leaf.value == "Zürich"
    layer.replace(token.leaf, 'a "b"')
    assert rows(layer) == [[*ROW_5[:4], 'title=a "b"', *ROW_5[5:]]]


def test_what_refers_to_an_edited_token_stays_a_reference_where_both_agree():
    layer = parse(payload(ROW_5))
    layer.replace(text_of(layer, 3), "***")
    layer.replace(text_of(layer, 4), "***")
    assert rows(layer) == [[*ROW_5[:16], "***", *ROW_5[17:]]]


@pytest.mark.parametrize(("index", "expected"), [(3, ["***", "Jane"]), (4, ["Jane", "***"])])
def test_uses_that_part_ways_are_written_out(index, expected):
    row = [*ROW_5, 7, 4, "DIV", "id=x", 8, 7, [7, 16], 9, 7, [22]]
    layer = parse(payload(row))
    assert [one.text for one in nodes(layer)[6].texts] == ["Jane"]
    layer.replace(text_of(layer, index), "***")
    new = rows(layer)[0]
    told = resolve(new)
    assert [told[17 - 1], told[21 - 1]] == expected
    assert told.count("DIV") == 2
    assert told[-3:] == [9, 7, "DIV"]


def test_a_tag_stays_a_tag_though_a_text_that_is_called_like_it_is_masked():
    row = [9, 5, 2, "B", 3, 2, "*T", [3], 4, 2, [3]]
    layer = parse(payload(row))
    layer.replace(text_of(layer, 1), "***")
    assert rows(layer) == [[9, 5, 2, "B", 3, 2, "*T", "***", 4, 2, [3]]]


def test_a_state_becomes_an_attribute_that_tells_nothing():
    layer = parse(payload([9, 5, 2, "INPUT", "checked=true", "id=a", 3, 2, [3, 4]]))
    for node in nodes(layer):
        layer.drop(Attributes(node.attributes), 0)
    assert rows(layer) == [[9, 5, 2, "INPUT", "data-masked=", "id=a", 3, 2, [3, 4]]]


def test_a_length_of_a_masked_text_stays_one():
    layer = parse(payload([9, 6, -2, 1, "*T", "l"]))
    layer.replace(text_of(layer, 0), "***")
    assert rows(layer) == [[9, 6, -2, 1, "*T", "a"]]


def test_what_is_dropped_by_position_is_emptied():
    layer = parse(payload(a=[[5, 34, "email", ["jane@example.org"]]]))
    head = layer.root.get("e")
    layer.drop(head, 11)
    layer.drop(head, 3)
    told = json.loads(layer.close())["e"]
    assert (told[11], told[3], len(told)) == ("", 0, len(HEAD))


def test_an_attribute_with_an_escape_in_its_name_makes_its_row_unreadable():
    source = payload([9, 5, 2, "P", "title=a"]).replace("title=a", "tit\\u006ce=a")
    assert codes(parse(source)) == [UNREADABLE]


def codes(layer):
    return [row.items[0][1].value for row in layer.root.get("rows").items if row.items[0][0].value == ROW]


BROKEN = {
    "a reference to nothing": [9, 5, 2, "P", 3, 2, [99]],
    "a reference to what comes": [9, 5, 2, [5], 3, "P"],
    "a reference to itself": [9, 5, 2, [3]],
    "a reference to a number": [9, 5, 2, "P", 3, 2, [2]],
    "a reference to a reference": [9, 5, 2, "P", 3, [3], 4, [5]],
    "a negative reference": [9, 5, 2, "P", 3, [-1]],
    "references that are none": [9, 5, 2, "P", 3, 2, ["Jane"]],
    "no references": [9, 5, 2, "P", 3, 2, []],
    "a word": [9, 5, 2, "P", None],
    "a map": [9, 5, 2, "P", {"a": "Jane"}],
    "no tag": [9, 5, 2, "P", 3, 2],
    "no number": [9, 5, "P", 3],
    "a fourth number": [9, 5, 2, 3, 4, 5, "P"],
    "half a number": [9, 5, 2.5, "P"],
}


@pytest.mark.parametrize("row", BROKEN.values(), ids=BROKEN)
def test_a_row_that_cannot_be_read_is_told_apart_and_left(row):
    layer = parse(payload(row, ROW_5))
    assert codes(layer) == [UNREADABLE, "5"]
    assert layer.close() == payload(row, ROW_5)


@pytest.mark.parametrize(
    "source",
    [
        "{}",
        '{"e":[]}',
        '{"e":["0.8.70",1,2,3,4,5,6,7]}',
        '{"e":["x",1,2,3,4,5,6,7],"a":[]}',
        '{"e":["0.8.70","1",2,3,4,5,6,7],"a":[]}',
        '{"e":["0.8.70",1,2,3,4,5,6],"a":[]}',
        '{"e":["0.8.70",1,2,3,4,5,6,7],"a":[],"a":[["Jane"]]}',
        payload(ROW_5)[:-1],
        '["e"]',
    ],
)
def test_other_json_is_no_payload(source):
    assert parse(source) is None


TOKENS = st.one_of(st.integers(-3, 30), st.text(max_size=5), st.lists(st.integers(-2, 12), max_size=3), st.just("a=b"))


@given(st.lists(st.lists(TOKENS, max_size=12), max_size=3), st.integers(0, 40))
def test_any_rows_are_read_or_told_apart_and_an_edit_reads_back(lists, index):
    source = payload(*[[9, 5, *row] for row in lists])
    layer = parse(source)
    assert layer.close() is source
    leaves = [token.leaf for node in nodes(layer) for _, token in node.attributes]
    leaves += [token.leaf for node in nodes(layer) for token in node.texts]
    if leaves:
        leaf = leaves[index % len(leaves)]
        before = [resolve(row) for row, code in zip(json.loads(source)["p"], codes(layer), strict=True) if code == "5"]
        layer.replace(leaf, "new")
        after = parse(layer.close())
        assert len(nodes(after)) == len(nodes(layer))
        assert leaf.kind is Kind.TEXT
        told = [
            resolve(row) for row, code in zip(json.loads(layer.close())["p"], codes(layer), strict=True) if code == "5"
        ]
        assert (
            sum(
                one != other for row, new in zip(before, told, strict=True) for one, other in zip(row, new, strict=True)
            )
            <= 1
        )
