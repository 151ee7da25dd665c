"""New Relic's `bel`: numbers stand for texts, so that an edit of one must leave the meaning of all others."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.document import Kind, Leaf, List, Map
from gateway.core.limits import Budget, Limits
from gateway.core.opening import leaves
from gateway.formats.bel import BEL, to_base36
from tests.judge import bel_reader
from tests.subject import program, refused, request, sent

AJAX = (
    "bel.7;2,3,4xy,j,,,'POST,5k,'shop.example:443,'/api/pay,i,q,,'0,!!!;5,'enduser.id,'u-77;5,'note,'a\\,b\\;c;6,'total,12.5"
    ";2,2,-3,i,,,0,5k,1,2,t,q,1,3,'99aa99aa99aa99aa,!8;5,4,5;5,6,3"
)
TIMING = "bel.6;e,'fp,6s,3;5,'net-etype,'4g;6,'cls,0.;8,'webdriver;e,'load,!,2;5,1,2;9,5"
PAGE = (
    "bel.7;1,2,,7d,,,'initialPageLoad,'https://shop.example/a,'https://shop.example/b,1,,,!!!!'4f92,'1,6s,6s;7,'first;"
    "2,,1,2,,,'GET,5k,'shop.example,'/x,,,,'2,!!!;b,n,!,!-f,,,,,,2,8,3,!6e,,1,2,,b;1,,5k,5k,,,'api,1,1,1,'named,2,!!!!'5,'6,!!;"
)
SOURCES = {"ajax": AJAX, "timing": TIMING, "page": PAGE}
each = pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)


def parse(source):
    return BEL.parse(source, Budget(Limits(), lambda: 0.0))


def shown(node):
    """All fields but empty ones: an emptied use of a text is an empty field, which is none."""
    if isinstance(node, Map):
        return [(key.value, shown(value)) for key, value in node.items if not is_empty(value)]
    if isinstance(node, List):
        return [shown(item) for item in node.items]
    return node.value


def is_empty(node):
    return isinstance(node, Leaf) and not node.value


def texts(layer):
    return [leaf for leaf in leaves(layer.root) if leaf.kind is Kind.TEXT]


def test_fields_and_attributes_are_named():
    first = dict(dict(shown(parse(AJAX).root)[0])["ajax"])
    assert (first["method"], first["status"], first["path"], first["nodeId"]) == ("POST", "200", "/api/pay", "0")
    assert first["attributes"] == [("enduser.id", "u-77"), ("note", "a,b;c"), ("total", "12.5")]
    second = dict(dict(shown(parse(AJAX).root)[1])["ajax"])
    assert second["attributes"] == [("enduser.id", "u-77"), ("note", "0")]
    assert (second["start"], second["spanId"], second["timestamp"]) == ("-3", "99aa99aa99aa99aa", "8")


@each
def test_without_edits_the_source_comes_back_itself(source):
    assert parse(source).close() is source


@each
def test_an_edit_of_any_one_text_reads_back_and_changes_nothing_else(source):
    for value in ("***", "a,b;c\\d'e", "", "0", "Zürich\n"):
        for index in range(len(texts(parse(source)))):
            layer = parse(source)
            layer.replace(texts(layer)[index], value)
            expected = shown(layer.root)
            assert shown(parse(layer.close()).root) == expected


@each
def test_keys_are_edited_as_values_are(source):
    layer = parse(source)
    keys = [key for record in layer.root.items for _, fields in record.items for name, held in fields.items
            if name.value == "attributes" for key, _ in held.items]  # fmt: skip
    for key in keys:
        layer.replace(key, "renamed")
    again = shown(parse(layer.close()).root)
    assert repr(again).count("'renamed'") == len(keys)


def test_a_text_that_all_its_users_mask_keeps_its_place():
    layer = parse(AJAX)
    for leaf in texts(layer):
        if leaf.value == "u-77":
            layer.replace(leaf, "***")
    assert layer.close() == AJAX.replace("u-77", "***")


def test_a_use_that_parts_ways_is_written_in_full_and_the_numbers_behind_it_follow():
    layer = parse(TIMING)
    layer.replace(next(leaf for leaf in texts(layer) if leaf.value == "4g"), "***")
    assert (
        layer.close() == "bel.6;e,'fp,6s,3;5,'net-etype,'***;6,'cls,0.;8,'webdriver;e,'load,!,2;5,1,'4g;9,6"[:-1] + "5"
    )


def test_what_is_dropped_becomes_empty_and_stays_in_its_place():
    layer = parse(AJAX)
    held = dict(layer.root.items[0].items[0][1].items[-1:])
    attributes = next(iter(held.values()))
    for index in range(len(attributes.items)):
        layer.drop(attributes, index)
    first, second = shown(parse(layer.close()).root)
    assert dict(dict(first)["ajax"])["attributes"] == [("total", "0")]
    assert dict(dict(second)["ajax"])["attributes"] == [("enduser.id", "u-77"), ("note", "0")]


def test_numbers_are_written_as_their_field_has_them():
    layer = parse(AJAX)
    for leaf in leaves(layer.root):
        if leaf.value in ("200", "12.5"):
            layer.replace(leaf, "37")
    assert layer.close() == AJAX.replace("5k", "11").replace("12.5", "37.")


@each
def test_masked_payloads_are_read_by_the_judge_to_the_last_character(source):
    layer = parse(source)
    for number, leaf in enumerate(texts(layer)):
        layer.replace(leaf, f"new {number}")
    told = json.loads(bel_reader.read(layer.close()))
    assert len(told) == len(layer.root.items)


@pytest.mark.parametrize(
    "source",
    [
        "bel.8;e,'x,1,", "bel.7;z,'x", "bel.7;e,'fp,6s", "bel.7;e,0,6s,1", "bel.7;e,'fp,6s,1;5,7,'x", "bel.7;5,'a,'b",
        "bel.7;e,'fp,6s,1;6,'a,", "bel.7;e,'fp,6s,,1", "bel.7;e,'a\\", "bel.7;e,'fp,zzzzzzzzzzzzzzzzzzzzzzzzzz,1",
        "bel.7;2,3,4xy,j,,,'POST", "bel.7;e,zzzzzzzzzzzz,1,", "bel.7;b", "bel", "", "bel.7",
    ],
)  # fmt: skip
def test_what_is_no_bel_as_a_whole_is_not_read(source):
    assert parse(source) is None


@given(data=st.data())
def test_mutated_payloads_are_read_or_not_but_never_crash(data):
    source = data.draw(st.sampled_from(list(SOURCES.values())))
    at = data.draw(st.integers(0, len(source)))
    until = data.draw(st.integers(at, len(source)))
    mutated = source[:at] + data.draw(st.text(alphabet="',;!\\b5e0azé", max_size=6)) + source[until:]
    layer = parse(mutated)
    if layer is not None:
        assert layer.close() is mutated
        for leaf in texts(layer):
            layer.replace(leaf, "*")
        assert parse(layer.close()) is not None


@given(st.integers(-(10**20), 10**20))
def test_base_36_is_read_back(number):
    assert int(to_base36(number), 36) == number


# through the gateway


def test_bodies_and_headers_that_were_captured_do_not_leave_and_counts_stay_right():
    body = (
        "bel.7;2,4,4xy,j,,,'POST,5k,'shop.example:443,'/api/pay,i,q,,'0,!!!;5,'requestBody,'{\"card\":\"4012888888881881\"\\,\"a\":1}"
        ';5,\'responseHeaders,\'{"x-auth":"secret-one"};5,\'requestQuery,\'{"ref":"secret-two"};5,\'ajaxRequest.id,\'7b'
    )
    out = sent(program(), request(body.encode(), path="/events/1/KEY?a=1&ref=https://shop.example/a")).body.decode()
    told = json.loads(bel_reader.read(out))
    assert not re.search("4012888888881881|secret-one|secret-two", out)
    assert told[0]["ajax"]["path"] == "/api/pay"
    assert told[0]["ajax"]["attributes"]["ajaxRequest.id"] == "7b"


def test_an_unknown_record_makes_the_whole_unreadable():
    assert refused(program(), request(b"bel.7;z,'ann@example.org", path="/events/1/KEY?a=1&ref=x")) == "broken_format"
