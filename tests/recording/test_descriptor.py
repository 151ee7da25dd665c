"""Elements told outside the page: a record's texts are judged by the tag, class, id or path that it names."""

from __future__ import annotations

import json

import pytest

from gateway.recording.descriptor import from_path, role_of
from gateway.recording.dom import Element, Mirror
from tests.recording.page import batch, element, event, snapshot, text
from tests.subject import PRIVATE, masked, program

SECRET = "Zorblax walks"

PRIVATE_RECORDS = {
    "a class": {"tag": "p", "class": "x private", "text": SECRET},
    "a list of classes": {"tagName": "P", "classList": ["x", "private"], "innerText": SECRET},
    "classes of an element": {"elementClasses": ["private"], "content": SECRET},
    "attributes": {"tag_name": "p", "attributes": {"class": "private"}, "$el_text": SECRET},
    "attributes written flat": {"tag_name": "p", "attr__class": "private", "$el_text": SECRET},
    "a selector path": {"selector": "body > div.private > p", "text": SECRET},
    "a selector path and a tag": {"tagName": "p", "selector": "div > p.private", "text": SECRET},
    "a vendor's mark": {"selector": "div.ph-no-capture", "text": SECRET},
    "a vendor's mark as an attribute": {"selector": "div[data-private] > a", "text": SECRET},
    "OTLP attributes": [
        {"key": "target.tagName", "value": {"stringValue": "P"}},
        {"key": "target.class", "value": {"stringValue": "private"}},
        {"key": "target.text", "value": {"stringValue": SECRET}},
    ],
    "a field": {"tag": "input", "type": "text", "value": SECRET},
    "a text area": {"elementTag": "TEXTAREA", "elementText": SECRET},
    "an editable element": {"tagName": "div", "attributes": {"contenteditable": "true"}, "textContent": SECRET},
    "a chain in one string": {"$elements_chain": f'p.private:nth-child="1"text="{SECRET}"attr__class="private";body'},
    "a chain with a private parent": {"$elements_chain": f'b:text="{SECRET}";p.private:attr__class="private";body'},
    "a text beside a private chain": {"$elements_chain": 'p.private:attr__class="private"', "$el_text": SECRET},
}


@pytest.mark.parametrize("record", PRIVATE_RECORDS.values(), ids=PRIVATE_RECORDS)
def test_a_private_elements_text_does_not_leave(record):
    told = masked(program(PRIVATE, "posthog"), {"event": "click", "properties": record})
    assert "Zorblax" not in json.dumps(told)


@pytest.mark.parametrize("record", PRIVATE_RECORDS.values(), ids=PRIVATE_RECORDS)
def test_a_public_elements_text_arrives(record):
    public = (
        json.dumps(record).replace("ph-no-capture", "x").replace("private", "public").replace("data-public", "data-x")
    )
    public = public.replace("input", "span").replace("TEXTAREA", "SPAN").replace("contenteditable", "title")
    told = masked(program(PRIVATE, "posthog"), {"event": "click", "properties": json.loads(public)})
    assert SECRET in json.dumps(told)


PAGE = snapshot(
    element(10, "div", element(11, "p", text(12, "x"), id="inner"), class_="private"),
    element(20, "p", text(21, "x"), id="outer"),
)
ON_PAGE = {
    "a node id": ({"id": 11, "tagName": "p", "textContent": SECRET}, True),
    "a name": ({"id": "inner", "tagName": "p", "textContent": SECRET}, True),
    "a path that ends in a name": ({"selector": "p#inner", "text": SECRET}, True),
    "a public node's id": ({"id": 20, "tagName": "p", "textContent": SECRET}, False),
    "a public node's id beside a private class": ({"id": 20, "tag": "p", "class": "private", "text": SECRET}, True),
    "a public name at the end of a private path": ({"selector": ".private > p#outer", "text": SECRET}, True),
}


@pytest.mark.parametrize(("record", "is_private"), ON_PAGE.values(), ids=ON_PAGE)
def test_an_element_that_the_page_knows_is_judged_there_too(record, is_private):
    subject = program(PRIVATE)
    masked(subject, batch(PAGE))
    told = masked(subject, batch(event(5, {"tag": "breadcrumb", "payload": {"data": {"node": record}}})))
    assert ("Zorblax" in json.dumps(told)) is not is_private


PATHS = {
    "body > form#f > input.x.y": ["input", "form", "body"],
    "div.a b": ["b", "div"],
    '[data-x="a"]': [""],
    "li:nth-child(2) > a[href='/x']": ["a", "li"],
    "#name": [""],
    "/html/body/div[1]": ["div"],
    '//*[@id="x"]/p[2]': ["p"],
    "/orders/x": None,
    "https://x.example/": None,
    "a > > b": None,
    "plain, list": None,
    "": None,
    "a " * 3000: None,
}


@pytest.mark.parametrize(("path", "tags"), PATHS.items(), ids=[path[:30] for path in PATHS])
def test_a_path_is_read_from_its_end(path, tags):
    found = from_path(path, None)
    assert (None if found is None else [one.tag for one in found.lineage()]) == tags


ROLES = {
    "class": "class", "className": "class", "$el_classes": "class", "elementClasses": "class", "tag_name": "tag",
    "nodeName": "tag", "target.tagName": "tag", "id": "id", "elementId": "id", "selector": "path", "css_selector": "path",
    "nodeId": "node", "text": None, "classification": None, "tags": None, "identity": None,
}  # fmt: skip


@pytest.mark.parametrize(("key", "role"), ROLES.items(), ids=ROLES)
def test_a_key_tells_of_an_element_by_whole_words(key, role):
    assert role_of(key) == role


def test_a_name_on_the_page_does_not_hide_the_path():
    mirror = Mirror()
    mirror.reset()
    mirror.add(Element("p", {"id": "outer"}, None, 20, mirror))
    found = from_path(".a > p#outer", mirror)
    assert [one.node_id for one in found.lineage()] == [0, 0, 20]


OF_UNKNOWN_TAG = {"#notes": True, ".wide": True, "[name=q]": True, "button#go": False, "form.f > #notes": True}


@pytest.mark.parametrize(("path", "is_private"), OF_UNKNOWN_TAG.items(), ids=OF_UNKNOWN_TAG)
def test_what_may_be_a_field_for_all_that_its_path_says_is_private(path, is_private):
    assert from_path(path, None).private is is_private


def test_a_name_that_the_page_knows_says_what_the_element_is():
    mirror = Mirror()
    mirror.reset()
    mirror.add(Element("button", {"id": "go"}, None, 20, mirror))
    assert not any(one.private for one in from_path("#go", mirror).lineage())
