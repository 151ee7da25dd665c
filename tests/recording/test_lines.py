"""Texts that stand in one line of a page are read as one, whoever recorded it; blocks, cells and requests part them."""

import pytest

from tests.recording import batches
from tests.recording.datadog_upload import change, leaves_as
from tests.recording.datadog_upload import segment as datadog_segment
from tests.recording.datadog_upload import snapshot as datadog_snapshot
from tests.recording.page import add, batch, element, mutation, snapshot, text, texts
from tests.recording.test_clarity import texts as clarity_texts
from tests.recording.test_clarity import through as through_clarity
from tests.recording.test_openreplay import through as through_openreplay
from tests.recording.test_smartlook import told as through_smartlook
from tests.subject import PRIVATE, masked, program

FIRST, SECOND, THIRD = "4111 1111 ", "1111", " 1111"


@pytest.fixture(scope="module")
def subject():
    return program(PRIVATE)


def shown(node):
    """Every text of a page or of changes, in order."""
    if isinstance(node, list):
        return [one for item in node for one in shown(item)]
    if not isinstance(node, dict):
        return []
    own = [node[key] for key in ("textContent", "value") if isinstance(node.get(key), str)]
    return own + [one for value in node.values() for one in shown(value)]


def left(subject, *events, **more):
    return shown(masked(subject, batch(*events, **more))["events"])


def paragraph(*children, tag="p"):
    return snapshot(element(4, tag, *children))


INLINE = {
    "sibling text nodes": ([text(5, FIRST), text(6, SECOND), text(7, THIRD)], ["[card] ", "*", " *"]),
    "an inline element": ([text(5, FIRST), element(6, "b", text(7, SECOND)), text(8, THIRD)], ["[card] ", "*", " *"]),
    "inline elements in each other": (
        [element(5, "a", element(6, "i", text(7, FIRST))), element(8, "span", text(9, SECOND + THIRD))],
        ["[card] ", "*"]),
    "white space between": (
        [element(5, "span", text(6, FIRST)), text(7, "\n    "), element(8, "span", text(9, SECOND + THIRD))],
        ["[card] ", "\n    ", "*"]),
    "a place to break": ([text(5, "jane@exa"), element(6, "wbr"), text(7, "mple.org, please")], ["[email]", "*, please"]),
    "a letter at a time": (
        [element(10 + at, "span", text(40 + at, sign)) for at, sign in enumerate("DE89370400440532013000")],
        ["[iban]", *["*"] * 21]),
    "a word and its number": ([element(5, "b", text(6, "BSN")), text(7, " 111222333")], ["BSN", " [id number]"]),
    "a comment between, which nobody sees": (
        [text(5, FIRST), {"type": 5, "textContent": "-", "id": 6}, text(7, SECOND + THIRD)], ["[card] ", "-", "*"]),
    "a token": (
        [text(5, "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0."), text(6, "dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P")],
        ["[token]", "*"]),
}  # fmt: skip
APART = {
    "a line break": [text(5, FIRST), element(6, "br"), text(7, SECOND + THIRD)],
    "a block": [text(5, FIRST), element(6, "div", text(7, SECOND + THIRD))],
    "a picture": [text(5, FIRST), element(6, "img"), text(7, SECOND + THIRD)],
    "cells": [element(5, "tr", element(6, "td", text(7, FIRST)), element(8, "td", text(9, SECOND + THIRD)))],
    "list items": [element(5, "ul", element(6, "li", text(7, FIRST)), element(8, "li", text(9, SECOND + THIRD)))],
    "behind a block": [element(5, "div", text(6, FIRST)), text(7, SECOND + THIRD)],
    "a word and a number glued to it": [element(5, "b", text(6, "BSN")), text(7, "111222333")],
}


@pytest.mark.parametrize("name", INLINE)
def test_texts_of_one_line_are_read_as_one(subject, name):
    children, expected = INLINE[name]
    assert left(subject, paragraph(*children)) == expected


@pytest.mark.parametrize("name", APART)
def test_what_parts_lines_parts_values(subject, name):
    page = paragraph(*APART[name], tag="div")
    assert left(subject, page) == shown(page)


def test_a_part_in_a_private_element_is_masked_as_that_and_the_rest_as_the_value(subject):
    page = paragraph(text(5, FIRST), element(6, "b", text(7, SECOND), class_="private"), text(8, THIRD))
    assert left(subject, page) == ["[card] ", "***", " *"]


def test_added_nodes_stand_where_the_record_says_whatever_their_order(subject):
    """rrweb tells the last of several new siblings first."""
    added = mutation(adds=[add(4, text(12, SECOND + THIRD)), add(4, element(11, "b"), 12), add(11, text(10, FIRST))])
    assert left(subject, paragraph(text(5, "Paid with ")), added) == ["Paid with ", "*", "[card] "]


def test_texts_added_on_both_sides_of_a_node_that_is_not_told_are_not_neighbours(subject):
    left(subject, paragraph(text(5, "between")), session="two requests")
    added = mutation(adds=[add(4, text(12, SECOND + THIRD)), add(4, text(11, FIRST), 5)])
    assert left(subject, added, session="two requests") == [SECOND + THIRD, FIRST]


def test_changed_texts_are_read_with_their_neighbours_in_the_same_request(subject):
    page = paragraph(text(5, "-"), element(6, "b", text(7, "-")), text(8, "-"))
    changes = [texts(8, THIRD), texts(7, SECOND), texts(5, FIRST)]
    assert left(subject, page, *changes)[3:] == [" *", "*", "[card] "]


def test_changed_texts_of_a_page_from_an_earlier_request_are_read_together(subject):
    left(subject, paragraph(text(5, "-"), text(6, "-"), element(7, "b", text(8, "-"))), session="earlier")
    change = mutation(texts=[{"id": 8, "value": THIRD}, {"id": 6, "value": SECOND}, {"id": 5, "value": FIRST}])
    assert left(subject, change, session="earlier") == [" *", "*", "[card] "]


def test_what_a_node_held_before_is_no_neighbour_of_what_stands_there_later(subject):
    page = paragraph(text(5, FIRST), text(6, "-"))
    assert left(subject, page, texts(5, "gone"), texts(6, SECOND + THIRD))[2:] == ["gone", SECOND + THIRD]


def test_a_node_that_was_removed_is_no_neighbour(subject):
    page = paragraph(text(5, FIRST), element(6, "b", text(7, "x")), text(8, "-"))
    gone = mutation(removes=[{"parentId": 4, "id": 6}, {"parentId": 4, "id": 5}])
    assert left(subject, page, gone, texts(8, SECOND + THIRD)) == [FIRST, "x", "-", SECOND + THIRD]


def test_a_moved_node_stands_in_one_place(subject):
    page = snapshot(element(4, "p", text(5, FIRST)), element(6, "p", text(7, SECOND + THIRD)))
    moved = mutation(removes=[{"parentId": 4, "id": 5}], adds=[add(6, text(5, FIRST), 7)])
    assert left(subject, page, moved) == [FIRST, "*", "[card] "]


def test_no_text_is_kept_for_the_next_request(subject):
    left(subject, paragraph(text(5, FIRST), text(6, "-")), session="s-3")
    assert left(subject, texts(6, SECOND + THIRD), session="s-3") == [SECOND + THIRD]


def test_a_secret_cut_over_elements_goes_with_the_one_that_was_typed(subject):
    page = paragraph(
        text(5, "Hello "), element(6, "b", text(7, "Zor")), element(8, "b", text(9, "blax-77")), text(10, "!")
    )
    typed = {"type": 3, "timestamp": 2, "data": {"source": 5, "id": 99, "text": "Zorblax-77", "isChecked": False}}
    assert left(subject, page, typed) == ["Hello ", "***", "*", "!"]


def test_markup_in_a_text_has_lines_too_and_is_none_of_the_page(subject):
    page = paragraph(
        text(5, FIRST), element(6, "i", title="<b>4111</b>1111<br>1111", srcdoc="<p>4111 <b>1111 11</b>11 1111</p>")
    )
    told = masked(subject, batch(page))["events"][0]["data"]["node"]["childNodes"][0]["childNodes"][0]["childNodes"][0]
    assert told["childNodes"][1]["attributes"] == {
        "title": "<b>4111</b>1111<br>1111",
        "srcdoc": "<p>[card] <b>*</b>*</p>",
    }


def test_a_hundred_thousand_pieces_in_one_line_end_in_time(subject):
    page = paragraph(*(element(10 + at, "span", text(200_000 + at, "4 ")) for at in range(20_000)))
    told = left(subject, page, *(texts(200_000 + at, "5 ") for at in range(0, 2_000, 100)))
    assert len(told) == 20_020


def test_datadog(subject):
    """<p>4111 1111 <b>1111</b> 1111</p>, its last text a shared one; then two changed texts."""
    strings = [[1, "#document", "HTML", "BODY", "P", "#text", "B"], [4, FIRST, SECOND, THIRD, "nothing"]]
    nodes = [[None, 0], [1, 1], [1, 2], [1, 3], [1, 4, 6], [0, 5], [1, 4, 7], [4, 4, 8], [6, 3], [1, 4, 8]]
    page = leaves_as(subject, datadog_segment(datadog_snapshot(strings, nodes)))
    assert [node.text for node in page.nodes if node.name == "#text"] == ["[card] ", "*", " *", THIRD]
    later = change([4, [4, FIRST]], [4, [6, SECOND + THIRD]])
    page = leaves_as(subject, datadog_segment(later, index=1), page=page)
    assert (page.nodes[4].text, page.nodes[6].text) == ("[card] ", "*")


def test_openreplay():
    html = batches.DOCUMENT + batches.element(1, 0, "BODY") + batches.element(2, 1, "P") + batches.element(4, 2, "B")
    told = through_openreplay(html, batches.text(5, 4, SECOND), batches.text(3, 2, FIRST), batches.text(6, 2, THIRD, 2))
    assert [one["textContent"] for one in told["14"]] == ["*", "[card] ", " *"]


def test_clarity():
    """Clarity tells a page row by row of its tree: what is in an inline element comes after its siblings."""
    page = [9, 5, 2, "*D", "name=html", 3, 1, 2, "HTML", 4, 3, "BODY", 5, 4, "P", 6, 5, "*T", FIRST, 7, 5, 6, "B"]
    rest = [9, 6, 8, 5, 7, "*T", THIRD]
    inside = [9, 6, 9, 7, "*T", SECOND]
    told = through_clarity(page, rest, inside)
    assert clarity_texts(told) == [" *", "*"]
    assert "[card] " in told["p"][0]


def test_smartlook(subject):
    nodes = [
        {"id": 1, "parent": None, "tag": "html", "attributes": {}},
        {"id": 2, "parent": 1, "tag": "p", "attributes": {}},
        {"id": 3, "parent": 2, "value": FIRST},
        {"id": 4, "parent": 2, "tag": "b", "attributes": {}},
        {"id": 5, "parent": 4, "value": SECOND + THIRD},
    ]
    found, _ = through_smartlook(subject, [{"type": "dom-discovery", "time": 1, "nodes": nodes}])
    assert [one.get("value") for one in found["rawData"][0]["nodes"]] == [None, None, "[card] ", None, "*"]
