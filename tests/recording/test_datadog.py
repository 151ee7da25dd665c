"""Datadog's replays: strings of one table, shared between nodes, records and segments."""

from __future__ import annotations

import json

import pytest

from tests.judge.datadog_reader import Page
from tests.recording.datadog_upload import (
    BODY,
    COUNT,
    EDITABLE,
    INPUT,
    NOTE,
    PRIVATE,
    PUBLIC,
    SECRET,
    STRINGS,
    WEATHER,
    change,
    leaves_as,
    segment,
    snapshot,
    told,
    upload,
    upload_of,
)
from tests.subject import PRIVATE as PRIVATE_RULE
from tests.subject import program, refused, sent

EVERYTHING_KEPT = "record: {form_inputs: keep, page_text: keep}"


@pytest.fixture
def gateway():
    return program(PRIVATE_RULE)


def typing(text, number, node=INPUT):
    """Typing a string that the table does not have yet."""
    return change([11, [5, text]], [12, [node, number]])


def test_what_is_typed_is_masked_and_the_page_stays(gateway):
    page = leaves_as(gateway, segment(snapshot(), typing("J", COUNT), typing("Jo", COUNT + 1)))
    assert page.values == [(INPUT, "***"), (INPUT, "***")]
    assert [node.name for node in page.nodes] == [
        "#document", "HTML", "BODY", "P", "#text", "P", "#text", "INPUT", "DIV", "#text",
    ]  # fmt: skip
    assert page.nodes[SECRET].text == "***"
    assert page.nodes[WEATHER].text == "Weather"
    assert page.nodes[NOTE].text == "***"  # a visitor may have written it
    assert page.nodes[INPUT].attributes == {"id": "n", "value": ""}


def test_a_segment_with_nothing_to_mask_leaves_byte_for_byte():
    inbound = upload(segment(snapshot(), typing("Jo", COUNT)))
    assert sent(program(EVERYTHING_KEPT), inbound).body == inbound.body


def test_a_string_that_a_private_element_shares_with_its_neighbours_stays_theirs(gateway):
    nodes = [[None, 0], [1, 1], [1, 2], [1, 3, [7, 11]], [1, 4, 15], [3, 3], [1, 4, 15], [5, 3], [1, 4, 15]]
    out = told(gateway, segment(snapshot(nodes=nodes)))
    page = Page()
    page.play(out)
    assert [node.text for node in page.nodes if node.name == "#text"] == ["***", "Weather", "Weather"]
    assert "Weather" not in page.strings.rows


def test_a_typed_string_that_names_an_attribute_leaves_the_name(gateway):
    strings = [0, "#document", "INPUT", "id", "class", "x"]
    nodes = [1, [None, 0], [1, 1, [2, 4], [3, 4]]]
    page = leaves_as(gateway, segment(change(strings, nodes, [12, [1, 2]], kind=2)))
    assert page.nodes[1].attributes == {"id": "x", "class": "x"}
    assert page.values == [(1, "***")]


def test_fields_that_hold_the_same_do_not_tell_so(gateway):
    record = change([11, [5, "Smith"]], [12, [INPUT, COUNT], [EDITABLE, COUNT]])
    out = told(gateway, segment(snapshot(), record))
    assert out["records"][1]["data"] == [[11, [5, "***"]], [12, [INPUT, COUNT], [EDITABLE, "***"]]]


@pytest.mark.parametrize("use", [[12, [INPUT, 15]], [4, [SECRET, 15]], [4, [NOTE, 15]], [3, [INPUT, [9, 15]]]])
def test_a_private_use_of_what_an_earlier_segment_showed_refers_to_it_no_more(gateway, use):
    first = told(gateway, segment(snapshot()))
    second = told(gateway, segment(change(use), index=1))
    assert "Weather" in json.dumps(first)  # string 15 has gone out as it was
    assert second["records"][0]["data"] == [json.loads(json.dumps(use).replace("15", '"***"'))]


def test_a_public_use_of_an_earlier_string_stays_a_reference(gateway):
    told(gateway, segment(snapshot()))
    assert told(gateway, segment(change([4, [WEATHER, 14]]), index=1))["records"][0]["data"] == [[4, [WEATHER, 14]]]


def test_what_is_added_later_inside_a_private_element_is_masked_and_what_is_added_beside_it_is_not(gateway):
    added = change(
        [11, [4, "Hidden news", "Open news"]],
        [1, [10 - PRIVATE, 3], [1, 4, COUNT], [PUBLIC - 12, 3], [1, 4, COUNT + 1], [14 - BODY, 4, COUNT + 1]],
    )
    page = leaves_as(gateway, segment(snapshot()), segment(added, index=1))
    assert [page.nodes[at].parent for at in (10, 12, 14)] == [PRIVATE, BODY, BODY]
    assert [page.nodes[at].text for at in (11, 13, 14)] == ["***", "Open news", "Open news"]


def test_an_element_that_takes_its_class_from_an_earlier_segment_is_judged_by_it(gateway):
    told(gateway, segment(snapshot()))
    added = change([11, [4, "Hidden news"]], [1, [10 - BODY, 3, [7, 11]], [1, 4, COUNT]])
    assert told(gateway, segment(added, index=1))["records"][0]["data"][0] == [11, [4, "***"]]


def test_an_element_whose_class_nobody_remembers_is_private(gateway):
    strings = [*STRINGS, [3, "nowhere", "data-x"]]
    nodes = [[None, 0], [1, 1, [COUNT + 1, COUNT]]]
    told(gateway, segment(snapshot(strings, nodes)))
    added = change([11, [4, "Some news"]], [1, [2 - 1, 3, [7, COUNT]], [1, 4, COUNT + 2]])
    assert told(gateway, segment(added, index=1))["records"][0]["data"][0] == [11, [4, "***"]]


def test_an_element_that_becomes_private_is_private_from_then_on(gateway):
    marked = change([3, [PUBLIC, [7, 11]]], [11, [4, "Storm"]], [4, [WEATHER, COUNT]])
    page = leaves_as(gateway, segment(snapshot()), segment(marked, index=1))
    assert page.nodes[WEATHER].text == "***"


def unknown_and_masked(out, text):
    return text not in json.dumps(out) and "***" in json.dumps(out)


def test_after_a_restart_everything_is_masked_until_the_next_full_snapshot(gateway):
    told(gateway, segment(snapshot()))
    restarted = program(PRIVATE_RULE)
    out = told(restarted, segment(typing("Jo", COUNT), change([12, [INPUT, 15]], [4, [WEATHER, 15]]), index=1))
    assert unknown_and_masked(out, "Jo")
    assert out["records"][1]["data"] == [[12, [INPUT, "***"]], [4, [WEATHER, "***"]]]
    assert leaves_as(restarted, segment(snapshot(), index=2)).nodes[WEATHER].text == "Weather"


@pytest.mark.parametrize("order", [(1, 0, 2), (0, 2, 1), (2, 1, 0), (1, 2, 0), (2, 0, 1)])
def test_swapped_segments_are_masked(gateway, order):
    segments = [
        segment(snapshot(), typing("Ann", COUNT)),
        segment(typing("Bob", COUNT + 1), change([12, [INPUT, 15]]), index=1),
        segment(typing("Cleo", COUNT + 2), change([12, [INPUT, COUNT]], [12, [INPUT, 15]]), index=2),
    ]
    for at in order:
        out = told(gateway, segments[at])
        assert not any(name in json.dumps(out) for name in ("Ann", "Bob", "Cleo"))
        for record in out["records"][at == 0 :]:
            assert [12, [INPUT, 15]] not in record["data"]


def test_a_lost_segment_makes_what_follows_unknown(gateway):
    told(gateway, segment(snapshot()))
    out = told(gateway, segment(change([11, [4, "Storm"]], [4, [WEATHER, COUNT]]), index=2))
    assert unknown_and_masked(out, "Storm")


def test_a_segment_that_is_sent_twice_counts_once(gateway):
    told(gateway, segment(snapshot()))
    second = segment(change([11, [4, "Storm"]], [4, [WEATHER, COUNT]], [1, [10 - BODY, 3], [1, 4, COUNT]]), index=1)
    assert told(gateway, second) == told(gateway, second) == second
    third = segment(change([11, [4, "Rain"]], [4, [11, COUNT + 1]], [4, [SECRET, COUNT + 1]]), index=2)
    rain = [[11, [4, "***"]], [4, [11, "Rain"]], [4, [SECRET, COUNT + 1]]]
    assert told(gateway, third)["records"][0]["data"] == rain


def test_a_full_snapshot_starts_all_counts_anew(gateway):
    page = leaves_as(gateway, segment(snapshot()), segment(snapshot(), typing("Jo", COUNT), index=1))
    assert page.values == [(INPUT, "***")]
    assert page.nodes[WEATHER].text == "Weather"


def test_views_and_sessions_do_not_know_each_other(gateway):
    told(gateway, segment(snapshot()))
    added = change([11, [4, "Storm"]], [4, [WEATHER, COUNT]])
    assert unknown_and_masked(told(gateway, segment(added, index=1, view="another")), "Storm")
    assert unknown_and_masked(told(gateway, segment(added, index=1, session="another")), "Storm")
    assert "Storm" in json.dumps(told(gateway, segment(added, index=1)))


def test_a_segment_that_is_not_the_one_its_event_tells_of_is_unknown(gateway):
    told(gateway, segment(snapshot()))
    foreign = segment(change([11, [4, "Storm"]], [4, [WEATHER, COUNT]]), index=1, view="another")
    inbound = upload(foreign)
    body = inbound.body.replace(b'"view": {"id": "another"}', b'"view": {"id": "7f1e0000-0000-4000-8000-000000000002"}')
    out = sent(gateway, type(inbound)(inbound.method, inbound.target, inbound.headers, body))
    assert body != inbound.body
    assert b"Storm" not in out.body


def test_literals_are_masked_like_references(gateway):
    record = change(
        [12, [INPUT, "Jo"]],
        [12, [INPUT, {"role": 5, "string": "Joe"}]],
        [4, [SECRET, "plan B"], [WEATHER, "Storm"]],
        [1, [10 - PRIVATE, "P", ["class", "x"]], [1, "#text", {"role": 4, "string": "plan C"}]],
    )
    out = told(gateway, segment(snapshot(), record))["records"][1]["data"]
    assert out == [
        [12, [INPUT, "***"]],
        [12, [INPUT, {"role": 5, "string": "***"}]],
        [4, [SECRET, "***"], [WEATHER, "Storm"]],
        [1, [10 - PRIVATE, "P", ["class", "x"]], [1, "#text", {"role": 4, "string": "***"}]],
    ]


def test_what_is_chosen_is_not_told(gateway):
    out = told(gateway, segment(snapshot(), change([13, [0, INPUT], [1, INPUT, EDITABLE]], [6, [BODY, 0, 3]])))
    assert out["records"][1]["data"] == [[13], [6, [BODY, 0, 3]]]


def test_an_op_that_nobody_knows_goes_and_makes_what_follows_unknown(gateway):
    record = change([14, [INPUT, "Jo", {"deep": ["Joe"]}]], [11, [4, "Storm"]], [4, [WEATHER, COUNT]])
    out = told(gateway, segment(snapshot(), record))["records"][1]["data"]
    assert out == [[11, [4, "***"]], [4, [WEATHER, "***"]]]


def test_a_record_that_nobody_knows_loses_its_texts_and_the_rest_goes_on(gateway):
    strange = {"type": 77, "timestamp": 1795500000000, "data": {"who": "Jo Smith", "n": 7, "list": ["Joe"]}}
    out = told(gateway, segment(snapshot(), strange, typing("Jo", COUNT)))
    assert out["records"][1] == {**strange, "data": {"who": "***", "n": 7, "list": ["***"]}}
    assert out["records"][2]["data"] == [[11, [5, "***"]], [12, [INPUT, COUNT]]]


def test_a_string_that_nothing_uses_is_masked(gateway):
    out = told(gateway, segment(snapshot(), change([11, [4, "Jo Smith"], [2, "data-x"], [6, "a { color: red }"]])))
    assert out["records"][1]["data"] == [[11, [4, "***"], [2, "data-x"], [6, "a { color: red }"]]]


def test_a_string_of_a_field_is_masked_whatever_refers_to_it(gateway):
    """A table that is off by some would take what was typed for a text or a name."""
    record = change([11, [5, "Jo Smith", "Joe"]], [4, [WEATHER, COUNT]], [3, [PUBLIC, [COUNT + 1, 12]]])
    out = told(gateway, segment(snapshot(), record))
    assert out["records"][1]["data"][0] == [11, [5, "***", "***"]]
    assert "Jo" not in json.dumps(out)


def test_records_of_several_pages_in_one_segment_are_unknown(gateway):
    record = {**change([11, [4, "Storm"]], [4, [WEATHER, COUNT]]), "slotId": "2"}
    assert unknown_and_masked(told(gateway, segment(snapshot(), record)), "Storm")


def test_lone_records_outside_of_a_segment_are_masked(gateway):
    inbound = upload_of(b"", b"{}")
    body = json.dumps({"wrapped": [change([11, [5, "Jo"]], [12, [1, 0]])]}).encode()
    out = sent(gateway, type(inbound)("POST", inbound.target, inbound.headers.__class__(), body))
    assert json.loads(out.body)["wrapped"][0]["data"] == [[11, [5, "***"]], [12, [1, "***"]]]


HOSTILE = (
    [[12, [2**53, 15]]],
    [[12, [INPUT, 2**53]], [4, [WEATHER, 10**18]]],
    [[12, [-1, -1]]],
    [[1, [10**15, 3], [-5, 3], [-(10**15), 4, 15], ["x", 3], [1.5, 3]]],
    [[1, [0, 99_999, [99_998, 99_997]]]],
    [[1, []], [1, [0]], [1, 7], [3], [3, []], [3, 5], [4, [1]], [12, []], [13, 0], [11], [11, []], [11, [5]], [7, []]],
    [[11, 5, [5, 6, None, ["Jo Smith"]]]],
    [[], [None], ["11", ["Jo Smith"]], "Jo Smith", {"a": "Jo Smith"}, 11],
    [[2, "Jo Smith"], [5, ["Jo Smith"]], [9, [1, "Jo Smith"]]],
    [[12, [INPUT, True]], [12, [INPUT, None]], [12, [INPUT, ["Jo Smith"]]], [4, [NOTE, {"no": "Jo Smith"}]]],
    [[2, BODY], [1, [10 - BODY, 4, 15]], [2, 10], [2, 10], [2, 10**9]],
)


@pytest.mark.parametrize("ops", HOSTILE)
def test_nonsense_is_masked_and_no_defect(gateway, ops):
    for index, record in enumerate((snapshot(), change(*ops), change([11, [5, "Jo Smith"]], [12, [INPUT, COUNT]]))):
        body = sent(gateway, upload(segment(record, index=index))).body
        assert b"Jo Smith" not in body
    out = told(program(PRIVATE_RULE), segment(snapshot(), change(*ops)))
    assert "Jo Smith" not in json.dumps(out)


def test_a_page_of_very_many_nodes_is_read(gateway):
    strings = [*STRINGS, [4, *(f"text {number}" for number in range(5_000))]]
    nodes = [[None, 0], [1, 1], *([1, 3] if at % 2 else [1, 4, COUNT + at // 2] for at in range(1, 10_001))]
    page = leaves_as(gateway, segment(snapshot(strings, nodes), typing("Jo", COUNT + 5_000, node=1)))
    assert page.values == [(1, "***")]
    assert len(page.nodes) == 10_002


@pytest.mark.parametrize("cut", [3, 40, -1])
def test_a_truncated_segment_does_not_leave(gateway, cut):
    inbound = upload(segment(snapshot(), typing("Jo", COUNT)))
    start = inbound.body.index(b"\r\n\r\n") + 4
    end = inbound.body.index(b"\r\n------", start)
    packed = inbound.body[start:end]
    assert refused(gateway, upload_of(packed[:cut], b"{}")) in {"opaque", "broken_coding", "broken_format"}
