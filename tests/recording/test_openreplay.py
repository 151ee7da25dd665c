"""OpenReplay's messages are judged by the page that they tell: across batches, swapped batches and a restarted gateway."""

import gzip

import pytest

from tests.judge.openreplay_reader import messages, page
from tests.recording.batches import (
    DOCUMENT,
    TAB,
    attribute,
    batch,
    element,
    entry,
    message,
    name_value,
    number,
    string,
    text,
    typed,
)
from tests.subject import PRIVATE, masked, program, refused, request, sent

PAGE = b"".join(
    (
        DOCUMENT,
        element(1, 0, "BODY"),
        element(2, 1, "P", 0),
        element(3, 1, "P", 1, title="Told before the mark", **{"class": "private"}),
        element(4, 1, "INPUT", 2, id="name"),
        element(5, 1, "DIV", 3, contenteditable="true"),
        element(6, 1, "BUTTON", 4, id="go"),
        element(7, 3, "B", 0),
    )
)


def upload(*parts, token="tok-1", encoding=""):
    body = batch(TAB, *parts)
    headers = [("Authorization", f"Bearer {token}")]
    if encoding:
        body = gzip.compress(body)
        headers.append(("Content-Encoding", encoding))
    return request(body, path=f"/ingest/v1/web/i?batch=0_1_{len(body)}_kyes", headers=headers)


def read(out):
    """What left, by kinds of messages."""
    body = gzip.decompress(out.body) if out.body[:2] == b"\x1f\x8b" else out.body
    return page(body)["messages"]


def through(*parts, subject=None):
    return read(sent(subject or program(PRIVATE), upload(*parts)))


def texts(told):
    return [one["textContent"] for one in told.get("14", ())]


def attributes(told):
    return [one["attributes"] for one in told.get("attribute", ())]


def test_texts_go_by_their_element():
    told = through(
        PAGE,
        text(20, 2, "Open to all"),
        text(21, 3, "Jane's balance"),
        text(22, 7, "deep inside"),
        text(23, 5, "ty"),
        text(24, 99, "of nobody knows whom"),
    )
    assert texts(told) == ["Open to all", "***", "***", "***", "***"]


def test_an_attribute_before_the_mark_of_its_own_element_is_masked():
    told = attributes(through(PAGE))
    assert {"title": "***"} in told
    assert {"class": "private"} in told


def test_a_class_that_comes_later_counts_from_then_on():
    told = through(PAGE, attribute(2, "class", "private"), text(20, 2, "Jane's own"))
    assert texts(told) == ["***"]


@pytest.mark.parametrize("parts", [(PAGE, typed(4, "Ja")), (typed(4, "Ja"),), (PAGE, typed(99, "Ja"))])
def test_what_is_typed_is_masked_wherever_it_stands(parts):
    assert through(*parts)["18"][0]["attributes"] == {"value": "***"}


def test_typing_is_masked_by_a_gateway_that_was_restarted():
    whole = program(PRIVATE)
    through(PAGE, subject=whole)
    after = (typed(4, "Jane R"), text(21, 3, "Jane's balance"), text(23, 5, "Jane"), text(20, 2, "Open to all"))
    restarted = through(*after)
    assert restarted["18"][0]["attributes"] == {"value": "***"}
    assert texts(restarted) == ["***"] * 3
    assert texts(through(*after, subject=whole)) == ["***", "***", "Open to all"]


def test_batches_that_were_swapped_are_masked():
    subject = program(PRIVATE)
    late = (typed(4, "Jane R"), text(21, 3, "Jane's balance"))
    assert texts(through(*late, subject=subject)) == ["***"]
    through(PAGE, subject=subject)
    assert texts(through(*late, subject=subject)) == ["***"]


@pytest.mark.parametrize("other", [{"token": "tok-2"}, {"token": ""}])
def test_pages_of_other_recordings_are_not_known(other):
    subject = program(PRIVATE)
    sent(subject, upload(PAGE))
    assert texts(read(sent(subject, upload(text(20, 2, "Open to all"), **other)))) == ["***"]


def test_nodes_that_move_take_their_marks_from_where_they_are():
    subject = program(PRIVATE)
    through(PAGE, text(20, 2, "Open to all"), subject=subject)
    told = through(
        message(10, number(2), number(3), number(0)), message(14, number(20), string("Jane's now")), subject=subject
    )
    assert texts(told) == ["***"]


def test_positions_among_siblings_count():
    rules = "mask: [{name: first, select: 'p:first-child', with: mask}]"
    subject = program(rules)
    through(DOCUMENT, element(1, 0, "DIV"), element(2, 1, "P"), text(20, 2, "x"), subject=subject)
    told = through(
        element(3, 1, "P", 0), text(21, 3, "first now"), message(14, number(20), string("second")), subject=subject
    )
    assert texts(told) == ["***", "second"]


# the dictionary


def test_a_later_private_use_of_an_entry_that_left_in_clear_does_not_refer_to_it():
    subject = program(PRIVATE)
    told = through(PAGE, entry(10, "title"), entry(11, "Zürich"), name_value(2, 10, 11), subject=subject)
    assert {"title": "Zürich"} in attributes(told)
    later = sent(subject, upload(name_value(3, 10, 11), name_value(6, 10, 11)))
    assert [kind for kind, _ in messages(later.body)] == [81, 118, 12, 35]
    assert attributes(read(later))[0] == {"title": "***"}


def test_a_private_and_an_open_use_of_one_entry_part_ways():
    told = through(PAGE, entry(10, "title"), entry(11, "Zürich"), name_value(2, 10, 11), name_value(3, 10, 11))
    assert attributes(told)[-2:] == [{"title": "Zürich"}, {"title": "***"}]


def test_an_entry_that_no_use_explains_is_masked_unless_it_names_attributes():
    told = through(PAGE, entry(10, "title"), entry(11, "Zyx Zürich"))
    assert [one["text"] for one in told["34"]] == ["title", "***"]


def test_a_mark_by_an_entry_of_an_earlier_batch_is_a_mark():
    subject = program(PRIVATE)
    through(PAGE, entry(10, "class"), entry(11, "private"), name_value(3, 10, 11), subject=subject)
    told = through(element(8, 1, "P"), name_value(8, 10, 11), text(20, 8, "Jane's"), subject=subject)
    assert texts(told) == ["***"]


@pytest.mark.parametrize("use", [name_value(8, 10, 77), name_value(8, 77, 11)], ids=["value", "name"])
def test_an_element_that_is_marked_with_nobody_knows_what_is_private(use):
    subject = program(PRIVATE)
    through(PAGE, entry(10, "class"), entry(11, "open"), name_value(2, 10, 11), subject=subject)
    told = through(element(8, 1, "P"), use, text(20, 8, "Jane's"), subject=subject)
    assert texts(told) == ["***"]


def test_an_attribute_whose_name_nobody_knows_goes():
    told = through(PAGE, name_value(2, 77, 78), message(28, string("u1")))
    assert attributes(told) == attributes(through(PAGE))
    assert len(told["28"]) == 1


def test_a_state_goes_with_its_message():
    told = through(PAGE, attribute(4, "checked", ""), message(19, number(4), b"\x01"))
    assert {"checked": ""} not in attributes(told)
    assert told["19"][0]["attributes"] == {"checked": 0}


# what else there is


def test_an_unknown_message_goes_and_the_rest_goes_on():
    out = sent(program(PRIVATE), upload(PAGE, message(200, string("Jane Roe")), text(20, 2, "Open to all")))
    assert b"Jane" not in out.body
    assert texts(read(out)) == ["Open to all"]


def test_labels_go_by_all_that_their_element_shows():
    def click(node):
        return message(68, number(node), number(1), string(f"Label {node}"), string("#x"), number(0), number(0))

    told = through(PAGE, click(6), click(3), click(1), click(5), click(99))
    assert [one.get("label", one.get("attributes")) for one in told["68"]] == [
        "Label 6",
        *["***"] * 2,
        {"value": "***"},
        "***",
    ]


def test_an_incident_names_its_element_by_an_id_or_it_is_masked():
    def incident(selector):
        return message(
            125, number(1), number(2), *map(string, ("dead_click", "Pay now", selector, "", "https://a.example/x?y=z"))
        )

    told = through(PAGE, incident("#go"), incident("div > b:nth-child(2)"), incident("#nobody"))["125"]
    assert [one["label"] for one in told] == ["Pay now", "***", "***"]
    assert told[0]["url"] == "https://a.example/x?y=***"


def test_selected_text_is_masked():
    assert through(PAGE, message(113, number(1), number(2), string("Jane's")))["113"][0]["selection"] == "***"


def test_bodies_and_headers_of_requests_go_and_their_message_stays():
    sides = '{"headers":{"x-auth":"Zyx1"},"body":"{\\"card\\":\\"4012888888881881\\"}"}'
    strings = map(string, ("fetch", "POST", "https://shop.example/api?ref=jane", sides, sides))
    told = through(message(83, *strings, number(200), number(1), number(2), number(3)))["83"][0]
    assert (told["requestBody"], told["responseBody"]) == ("", "")
    assert (told["method"], told["url"], told["status"]) == ("POST", "https://shop.example/api?ref=***", 200)


def test_the_visitor_is_masked_and_events_stay():
    told = through(
        message(28, string("jane-1977")),
        message(30, string("plan"), string("Jane's gold")),
        message(27, string("order"), string('{"note":"two of them","who":"jane@example.org"}')),
        message(27, string("identify"), string('{"note":"Jane Roe"}')),
    )
    assert told["28"][0]["user"] != "jane-1977"
    assert told["30"][0] == {"user": "plan", "traits": "***"}
    assert [one["payload"] for one in told["27"]] == ['{"note":"two of them","who":"[email]"}', '{"note":"***"}']


@pytest.mark.parametrize("encoding", ["", "gzip"])
def test_the_query_tells_the_size_of_the_body_that_leaves(encoding):
    out = sent(program(PRIVATE), upload(PAGE, typed(4, "Jane Roe of Zürich"), encoding=encoding))
    assert out.target == f"/ingest/v1/web/i?batch=0_1_{len(out.body)}_kyes"
    assert out.headers.get("authorization") == "Bearer tok-1"


def test_a_number_that_is_not_the_size_stays():
    body = batch(TAB, typed(4, "Jane Roe"))
    assert sent(program(), request(body, path="/ingest/v1/web/i?batch=0_1_5_kyes")).target.endswith("0_1_5_kyes")


TOKENS = {
    "Bearer 1x9.0.m3k.4Pz9qLk": True,
    "Bearer eyJh.eyJz.c2ln": False,
    "Basic enl4OnNlY3JldA==": False,
    "Bearer ": False,
}


@pytest.mark.parametrize(("value", "is_kept"), TOKENS.items())
def test_only_a_token_that_the_backend_issued_is_kept(value, is_kept):
    out = sent(program(), request(batch(TAB), path="/ingest/v1/web/i", headers=[("Authorization", value)]))
    assert ("authorization" in out.headers) is is_kept


@pytest.mark.parametrize("cut", [3, 43, -1])
def test_a_batch_that_is_cut_is_refused(cut):
    whole = upload(PAGE).body
    assert refused(program(PRIVATE), request(whole[:cut], path="/ingest/v1/web/i")) in {"opaque", "broken_format"}


@pytest.mark.parametrize(
    "parts",
    [
        (element(2**63, 2**63, "P"), text(2**53, 2**63, "x")),
        (element(5, 6, "P"), element(6, 5, "P"), text(20, 5, "x")),
        (element(5, 5, "P"), text(20, 5, "x")),
        (PAGE, message(10, number(1), number(7), number(2**40)), text(20, 7, "x")),
        (message(70, number(3), number(3)), text(20, 3, "x")),
    ],
    ids=["ids of 64 bits", "a cycle", "in itself", "under its own child", "a frame in itself"],
)
def test_what_no_page_can_be_is_masked(parts):
    assert texts(through(*parts)) == ["***"]


def test_a_page_of_90_000_nodes_is_read():
    nodes = b"".join(message(9, number(at), number(1), number(at)) for at in range(10, 90_010))
    assert texts(through(PAGE, nodes, text(200_000, 2, "Open to all"))) == ["Open to all"]


def test_the_set_up_call_keeps_the_project_and_hides_the_visitor():
    body = {"userUUID": "a2b6c5c0-0000-4000-8000-000000000001", "projectKey": "pk1", "token": "t.1", "userID": "jane-1977",
            "referrer": "https://shop.example/?ref=jane", "deviceMemory": 16384, "timezone": "UTC+00:00"}  # fmt: skip
    told = masked(program(), body, path="/ingest/v1/web/start")
    assert {key: told[key] for key in ("projectKey", "token", "timezone")} == {
        "projectKey": "pk1",
        "token": "t.1",
        "timezone": "UTC+00:00",
    }
    assert told["userUUID"] != body["userUUID"]
    assert told["userID"] != "jane-1977"
    assert told["referrer"] == "https://shop.example/?ref=***"


def test_an_entry_that_is_told_again_is_not_what_it_was():
    subject = program(PRIVATE)
    through(PAGE, entry(10, "class"), entry(11, "open"), name_value(2, 10, 11), subject=subject)
    through(entry(11, "private"), subject=subject)
    told = through(element(8, 1, "P"), name_value(8, 10, 11), text(20, 8, "Jane's"), subject=subject)
    assert texts(told) == ["***"]
