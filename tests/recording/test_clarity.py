"""Clarity's rows are judged by the page that they tell: across payloads, swapped payloads and a restarted gateway."""

import gzip
import hashlib
import json

import pytest

from tests.judge.clarity_reader import resolve
from tests.subject import PRIVATE, program, refused, request, sent

PAGE = [
    [
        9, 5,
        2, "*D", "name=html",
        3, 1, 2, "HTML",
        4, 3, "BODY",
        5, 4, "P", "id=open",
        6, 4, 5, "P", "title=Told before the mark", "class=private",
        7, 4, 6, "INPUT", "id=name", "type=text",
        8, 4, 7, "DIV", "contenteditable=true",
        9, 4, 8, "BUTTON", "id=go",
        10, 6, "B",
    ]
]  # fmt: skip


def upload(*rows, a=(), visitor="visitor1", session="session1", page=1, packed=True):
    head = ["0.8.70", 1, 0, 9, "proj1", visitor, session, page, 0, 0, 0, "https://shop.example/?a=b#c"]
    body = json.dumps({"e": head, "a": list(a), "p": list(rows)}, ensure_ascii=False).encode()
    return request(gzip.compress(body) if packed else body, path="/collect")


def read(out):
    return json.loads(gzip.decompress(out.body) if out.body[:2] == b"\x1f\x8b" else out.body)


def through(*rows, a=(), subject=None, **more):
    return read(sent(subject or program(PRIVATE), upload(*rows, a=a, **more)))


def text(node, parent, content, time=20):
    return [time, 6, node, parent, "*T", content]


def texts(told):
    return [row[-1] for row in told["p"] if row[1] == 6]


@pytest.mark.parametrize("packed", [True, False])
def test_texts_go_by_their_element(packed):
    rows = (
        text(20, 5, "Open to all"),
        text(21, 6, "Jane's"),
        text(22, 10, "deep"),
        text(23, 8, "ty"),
        text(24, 99, "who"),
    )
    assert texts(through(*PAGE, *rows, packed=packed)) == ["Open to all", "***", "***", "***", "***"]


def test_attributes_of_a_private_element_are_masked_and_its_class_stays():
    told = resolve(through(*PAGE)["p"][0])
    assert "title=***" in told
    assert "class=private" in told
    assert "id=go" in told


def test_a_node_that_is_told_again_is_what_it_is_now():
    subject = program(PRIVATE)
    through(*PAGE, text(20, 5, "Open to all"), subject=subject)
    again = [30, 6, 5, 4, "P", "id=open", "class=private"]
    assert texts(through(again, text(20, 5, "Jane's now", 31), subject=subject))[-1] == "***"
    back = [40, 6, 5, 4, "P", "id=open"]
    assert texts(through(back, text(20, 5, "Open again", 41), subject=subject))[-1] == "Open again"


def test_positions_among_siblings_count():
    subject = program("mask: [{name: first, select: 'p:first-child', with: mask}]")
    through(*PAGE, text(20, 5, "first"), subject=subject)
    told = through([30, 6, 11, 4, "P"], text(21, 11, "first now", 31), text(20, 5, "second", 31), subject=subject)
    assert texts(told)[1:] == ["***", "second"]


def test_a_private_and_an_open_use_of_one_token_part_ways():
    row = [*PAGE[0], 20, 6, "*T", "Zürich", 21, 5, [35 + 4, 35 + 5]]
    row[-1] = [row.index("*T"), row.index("Zürich")]
    told = resolve(through(row)["p"][0])
    assert told[-8:] == [20, 6, "*T", "***", 21, 5, "*T", "Zürich"]


@pytest.mark.parametrize("known", [True, False])
def test_what_is_typed_is_masked_and_its_digest_goes(known):
    a = [[30, 27, 7, "Jane Roe", 1], [31, 42, 7, "text", "Jane Roe", "37skti"], [32, 42, 99, "text", "x", "1i2xc7"]]
    told = through(*(PAGE if known else ()), a=a)["a"]
    assert told == [[30, 27, 7, "***", 1], [31, 42, 7, "text", "***", ""], [32, 42, 99, "text", "***", ""]]


def test_a_length_of_what_was_typed_does_not_stay():
    told = through(*PAGE, [30, 6, 11, 4, "TEXTAREA", -12, 11, "*T", "l"])
    assert told["p"][-1] == [30, 6, 11, 4, "TEXTAREA", -12, 11, "*T", "a"]


def test_typing_is_masked_by_a_gateway_that_was_restarted():
    whole = program(PRIVATE)
    through(*PAGE, text(20, 5, "Open to all"), subject=whole)
    after = text(23, 8, "Jane"), text(21, 6, "Jane's"), text(20, 5, "Open to all")
    assert texts(through(*after)) == ["***"] * 3
    assert texts(through(*after, subject=whole)) == ["***", "***", "Open to all"]


def test_payloads_that_were_swapped_are_masked():
    subject = program(PRIVATE)
    assert texts(through(text(20, 5, "Open to all"), text(23, 8, "Jane"), subject=subject)) == ["***", "***"]
    through(*PAGE, subject=subject)
    assert texts(through(text(23, 8, "Jane"), subject=subject)) == ["***"]


@pytest.mark.parametrize("other", [{"session": "session2"}, {"page": 2}])
def test_other_pages_and_sessions_are_not_known(other):
    subject = program(PRIVATE)
    through(*PAGE, subject=subject)
    assert texts(through(text(20, 5, "Open to all"), subject=subject, **other)) == ["***"]


def test_rows_are_read_in_the_order_of_their_times():
    mark = [60, 6, 9, 4, "BUTTON", "id=go", "class=private"]
    late = [[70, *click(9, "Jane's")[1:]], click(9, "Buy now")]
    assert [row[10] for row in through(*PAGE, mark, a=late)["a"]] == ["***", "Buy now"]


def click(target, shown, link=None):
    return [50, 9, target, 1, 2, 3, 4, 0, 0, 0, shown, link, "ab.cd", 1, 1, 9, 9, "p", "", "id", 0]


def test_clicks_copy_what_their_element_shows():
    told = through(
        *PAGE,
        a=[click(9, "Buy now"), click(6, "Jane's"), click(4, "Jane's too"), click(8, "typed"), click(99, "who"),
           click(9, None, "https://shop.example/?of=jane")],
    )["a"]  # fmt: skip
    assert [row[10:12] for row in told] == [
        ["Buy now", None], ["***", None], ["***", None], ["***", None], ["***", None], [None, "https://shop.example/?of=***"],
    ]  # fmt: skip
    assert all(row[12:] == click(9, "")[12:] for row in told)


def test_dimensions_are_told_by_their_number():
    agent = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.7777.99 Safari/537.36"
    row = [
        9,
        1,
        0,
        [agent],
        1,
        ["https://a.example/?b=c"],
        3,
        ["Order of jane@example.org"],
        34,
        ["UTC"],
        999,
        ["Jane Roe"],
    ]
    told = through(a=[row])["a"][0]
    assert told == [
        9, 1, 0, [agent.replace("7777.99", "0.0")], 1, ["https://a.example/?b=***"], 3, ["Order of [email]"], 34, ["UTC"],
        999, ["***"],
    ]  # fmt: skip


def test_what_the_site_tells_of_its_visitor_is_masked():
    digest = hashlib.sha256(b"jane").hexdigest()
    row = [9, 34, "userId", [digest], "userHint", ["Jane Roe"], "plan", ["gold"], "sessionId", ["s-1"]]
    told = through(a=[row])["a"][0]
    assert told[3] != [digest]
    assert len(told[3][0]) == 64
    assert told[4:] == ["userHint", ["***"], "plan", ["***"], "sessionId", ["s-1"]]


def test_events_of_the_site_stay_but_for_what_detectors_find():
    told = through(a=[[9, 24, "order", "two for jane@example.org"], [9, 24, "email", "jane"]])["a"]
    assert told == [[9, 24, "order", "two for [email]"], [9, 24, "email", "***"]]


def test_strings_of_an_unknown_row_are_masked_and_the_rest_goes_on():
    told = through(
        *PAGE, text(20, 5, "Open to all"), [9, 77, 5, "Jane", ["Roe", {"a": "Jane"}]], a=[[9, 88, "Jane", 3]]
    )
    assert told["a"] == [[9, 88, "***", 3]]
    assert told["p"][-1] == [9, 77, 5, "***", ["***", {"a": "***"}]]
    assert texts(told) == ["Open to all"]


def test_rows_that_refer_to_nothing_are_masked():
    told = through(*PAGE, [9, 6, 20, 5, "*T", "Jane", 21, 5, [4, 99]])
    assert told["p"][-1] == [9, 6, 20, 5, "***", "***", 21, 5, [4, 99]]


def test_the_envelope_keeps_the_session_and_hides_the_device():
    head = through(*PAGE)["e"]
    assert head[:5] == ["0.8.70", 1, 0, 9, "proj1"]
    assert head[5] != "visitor1"
    assert head[6:] == ["session1", 1, 0, 0, 0, "https://shop.example/?a=***#***"]


def test_a_payload_with_a_part_told_twice_is_masked_as_a_whole():
    body = upload(text(20, 5, "Jane"), packed=False).body[:-1] + b',"p":[[9,6,20,5,"*T","Roe"]]}'
    assert b"Jane" not in sent(program(PRIVATE), request(body, path="/collect")).body


@pytest.mark.parametrize("cut", [5, 60, -1])
def test_a_payload_that_is_cut_is_refused(cut):
    for packed in (True, False):
        body = upload(*PAGE, packed=packed).body[:cut]
        assert refused(program(PRIVATE), request(body, path="/collect")) in {"broken_format", "broken_coding", "opaque"}


@pytest.mark.parametrize(
    "rows",
    [
        ([9, 6, 5, 6, "P", 6, 5, "P"], text(20, 5, "x")),
        ([9, 6, 5, 5, "P"], text(20, 5, "x")),
        ([9, 6, 2**53, 2**54, "P"], text(20, 2**53, "x")),
        (*PAGE, [9, 6, 4, 10, "BODY"], text(20, 10, "x")),
    ],
    ids=["a cycle", "in itself", "ids of 2^53", "under its own child"],
)
def test_what_no_page_can_be_is_masked(rows):
    assert texts(through(*rows))[-1] == "***"
