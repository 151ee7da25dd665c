"""Events cut over several log records: masked as one, split again; a piece without its partners leaves empty."""

import json
from itertools import pairwise

import pytest

from gateway.recording.chunks import split
from tests.formats.otlp_message import logs, record
from tests.judge import otlp_reader
from tests.recording.page import add, element, mutation, snapshot, text, texts, typed
from tests.subject import PRIVATE, program, request, sent

TYPE = ("Content-Type", "application/x-protobuf")
SECRET, OPEN, ROW = "Zyx secret", "Weather", "a row of a long table"
PAGE = snapshot(
    element(4, "p", text(5, SECRET), class_="private"),
    element(6, "p", text(7, OPEN)),
    element(8, "input", value="typed before", id="n"),
    *[element(20 + 2 * at, "p", text(21 + 2 * at, ROW)) for at in range(20)],
)
WHOLE = json.dumps(PAGE)


def pieces(whole=WHOLE, count=3, event=4.0):
    """Log records of one event, cut in the middle of whatever stands there."""
    cuts = [len(whole) * at // count for at in range(count + 1)]
    numbered = {"rr-web__total-chunks": float(count), "rr-web__event": event}
    return [
        record(whole[start:end], **numbered, **{"rr-web__chunk": float(at), "rr-web__offset": event + at})
        for at, (start, end) in enumerate(pairwise(cuts), 1)
    ]


def whole(event, number=9.0):
    return record(json.dumps(event), **{"rr-web__event": number, "rr-web__chunk": 1.0, "rr-web__total-chunks": 1.0})


def upload(*records, page="5211193ac6f05c6b", session="59d8faaef2167683cde2c4974c3bc35d"):
    body = logs(*records, rum__scriptInstance=page, rum__sessionId=session)
    return request(body, path="/v1/logs", headers=[TYPE])


def bodies(outbound):
    """The bodies of all records, pieces as they are."""
    joined, otlp_reader.joined = otlp_reader.joined, lambda told: told
    try:
        told = json.loads(otlp_reader.read(outbound.body))
    finally:
        otlp_reader.joined = joined
    return [
        one.get("content", {}).get("stringValue", "")
        for group in told["resourceLogs"] for scope in group["scopeLogs"] for one in scope["logRecords"]
    ]  # fmt: skip


@pytest.fixture
def subject():
    return program(PRIVATE)


@pytest.mark.parametrize("count", [2, 3, 40])
def test_an_event_in_pieces_is_masked_as_the_whole_one_is(subject, count):
    parts = bodies(sent(subject, upload(*pieces(count=count))))
    alone = bodies(sent(program(PRIVATE), upload(whole(PAGE))))
    assert len(parts) == count
    assert all(parts)
    assert "".join(parts) == alone[0]
    assert SECRET not in alone[0]
    assert "typed before" not in alone[0]
    assert alone[0].count(ROW) == 20


def test_pieces_in_any_order_are_put_together_by_their_numbers(subject):
    first, second, third = pieces()
    out = bodies(sent(subject, upload(third, first, second)))
    assert json.loads(out[1] + out[2] + out[0])["type"] == 2
    assert SECRET not in "".join(out)


def test_an_event_that_nothing_is_masked_in_keeps_its_bytes():
    harmless = json.dumps(snapshot(*[element(20 + 2 * at, "p", text(21 + 2 * at, ROW)) for at in range(20)]))
    inbound = upload(*pieces(harmless))
    assert sent(program(PRIVATE), inbound).body == inbound.body


def test_what_follows_in_a_later_request_is_judged_on_the_joined_page(subject):
    sent(subject, upload(*pieces()))
    out = bodies(sent(subject, upload(whole(texts(5, "Zyx more")), whole(texts(7, "Rain")), whole(typed(8, "Zyx")))))
    assert "Zyx" not in "".join(out)
    assert "Rain" in out[1]


def test_two_pages_of_one_session_are_apart(subject):
    sent(subject, upload(*pieces(), page="aaaaaaaaaaaaaaaa"))
    other = snapshot(element(4, "p", text(5, OPEN)))
    sent(subject, upload(whole(other), page="bbbbbbbbbbbbbbbb"))
    out = bodies(sent(subject, upload(whole(texts(5, "Zyx more")), page="aaaaaaaaaaaaaaaa")))
    assert "Zyx" not in out[0]


def test_two_sessions_in_one_request_are_apart(subject):
    one = upload(*pieces(), page="aaaaaaaaaaaaaaaa")
    other = upload(whole(snapshot(element(4, "p", text(5, OPEN)))), page="bbbbbbbbbbbbbbbb")
    sent(subject, type(one)(one.method, one.target, one.headers, one.body + other.body))
    both = upload(whole(texts(5, "Zyx more")), page="aaaaaaaaaaaaaaaa").body
    both += upload(whole(texts(5, "Rain")), page="bbbbbbbbbbbbbbbb").body
    out = bodies(sent(subject, type(one)(one.method, one.target, one.headers, both)))
    assert "Zyx" not in out[0]
    assert "Rain" in out[1]


FIRST, SECOND = pieces(count=2)
INCOMPLETE = {
    "first alone": [FIRST],
    "second alone": [SECOND],
    "one twice": [FIRST, FIRST],
    "another event's partner": [FIRST, pieces(count=2, event=5.0)[1]],
    "other totals": [FIRST, pieces(count=3)[1]],
    "no number": [record(WHOLE[:200], **{"rr-web__event": 1.0, "rr-web__total-chunks": "many"})],
    "cut and not told": [record(WHOLE[:200], **{"rr-web__event": 1.0})],
    "too many": [record(WHOLE[:200], **{"rr-web__event": 1.0, "rr-web__total-chunks": 1e300, "rr-web__chunk": 1.0})],
    "no event when joined": pieces(WHOLE[:-1], count=2),
}


@pytest.mark.parametrize("records", INCOMPLETE.values(), ids=INCOMPLETE)
def test_a_piece_without_its_partners_leaves_empty(subject, records):
    outbound = sent(subject, upload(*records))
    assert bodies(outbound) == [""] * len(records)
    assert SECRET.encode() not in outbound.body


def test_a_lost_piece_makes_the_page_unknown_until_the_next_snapshot(subject):
    sent(subject, upload(whole(PAGE)))
    moved = json.dumps(mutation(adds=[add(4, element(6, "p"))]))
    sent(subject, upload(*pieces(moved, count=2)[:1]))
    assert "Rain" not in bodies(sent(subject, upload(whole(texts(7, "Rain")))))[0]
    sent(subject, upload(whole(PAGE)))
    assert "Rain" in bodies(sent(subject, upload(whole(texts(7, "Rain")))))[0]


def test_a_restarted_gateway_masks_what_it_cannot_know():
    sent(program(PRIVATE), upload(*pieces()))
    out = bodies(sent(program(PRIVATE), upload(whole(texts(5, "Zyx more")), whole(typed(8, "Zyx")))))
    assert "Zyx" not in "".join(out)


def test_swapped_batches_are_masked_all_the_same(subject):
    late = bodies(sent(subject, upload(whole(texts(5, "Zyx more")), whole(typed(8, "Zyx")))))
    early = bodies(sent(subject, upload(*pieces())))
    assert "Zyx" not in "".join(late + early)


def test_pieces_in_json_are_joined_as_well(subject):
    rows = [
        {"body": {"stringValue": part}, "attributes": [
            {"key": "rr-web.event", "value": {"intValue": "4"}}, {"key": "rr-web.total-chunks", "value": {"intValue": 2}},
            {"key": "rr-web.chunk", "value": {"doubleValue": at}},
        ]}
        for at, part in ((1, WHOLE[:900]), (2, WHOLE[900:]))
    ]  # fmt: skip
    told = {"resourceLogs": [{"resource": {}, "scopeLogs": [{"logRecords": rows}]}]}
    out = json.loads(sent(subject, request(told, path="/v1/logs")).body)
    parts = [one["body"]["stringValue"] for one in out["resourceLogs"][0]["scopeLogs"][0]["logRecords"]]
    assert json.loads("".join(parts))["type"] == 2
    assert SECRET not in "".join(parts)


@pytest.mark.parametrize(
    ("whole_text", "sizes", "parts"),
    [
        ("abcdef", [3, 3], ["abc", "def"]),
        ("a,bcdef", [4, 4], ["a,", "bcdef"]),
        ("ab", [900, 100, 100], ["a", "", "b"]),
        ("", [5, 5], ["", ""]),
        ("abc", [0, 0], ["", "abc"]),
        ("\ud83d\ude00", [1, 1], ["", "\ud83d\ude00"]),
    ],
)
def test_parts_are_in_proportion_and_end_behind_a_comma(whole_text, sizes, parts):
    assert split(whole_text, sizes) == parts
