"""What a session is known by, as bytes: no text in them, whatever was recorded; hostile ones are a session nobody knows."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.pipeline import masking
from gateway.recording.sessions import Sessions
from gateway.ruleset.secrets import Memories
from gateway.ruleset.state import VERSION, pack, unpack
from tests import subject
from tests.subject import PRIVATE, request, sent

SESSION = "posthog-session-1"
WORDS = st.text("abcdefghijklmnopqrstuvwxyzäßABCDEFGH@.-0123456789", min_size=8, max_size=24).map(
    lambda one: f"Q{one}Q"
)


def batch(*events):
    return request(
        {
            "event": "$snapshot",
            "properties": {
                "$session_id": SESSION,
                "$window_id": "w1",
                "token": "phc_x",
                "$snapshot_data": list(events),
            },
        },
        path="/s/",
    )


def element(node_id, tag, attributes, *children):
    return {"type": 2, "id": node_id, "tagName": tag, "attributes": attributes, "childNodes": list(children)}


def page(*children):
    body = element(3, "body", {}, *children)
    return {
        "type": 2,
        "timestamp": 1,
        "data": {"node": {"type": 0, "id": 1, "childNodes": [element(2, "html", {}, body)]}},
    }


def text(node_id, told):
    return {"type": 3, "id": node_id, "textContent": told}


def change(node_id, told):
    return {
        "type": 3, "timestamp": 2,
        "data": {"source": 0, "texts": [{"id": node_id, "value": told}], "attributes": [], "removes": [], "adds": []},
    }  # fmt: skip


def keys_of(program, inbound):
    return next(masking(inbound, program, program.clock))


def told_by(program, inbound):
    keys = keys_of(program, inbound)
    return keys, program.export_state(keys)


def plain(data) -> Iterator[bytes]:
    told, memory = unpack(data)
    yield memory
    yield zlib.decompress(told[16:]) if told else b""


PAGE = page(element(5, "p", {"class": "private"}, text(6, "x")), element(7, "p", {}, text(8, "x")))


@settings(max_examples=25)
@given(st.lists(WORDS, min_size=9, max_size=9, unique=True))
def test_no_text_is_in_it(words):
    title, shown, typed, name, own, style, later, value, role = words
    program = subject.program(PRIVATE, "posthog")
    inbound = batch(
        page(
            element(5, "p", {"class": f"private {style}", "title": title, "data-customer": own}, text(6, shown)),
            element(9, "input", {"id": name, "name": own, "value": value, "type": "text", "role": role}),
        ),
        {"type": 3, "timestamp": 2, "data": {"source": 5, "id": 9, "text": typed, "isChecked": False}},
        change(6, later),
    )
    sent(program, inbound)
    keys, state = told_by(program, inbound)
    assert set(state) == set(keys)
    for data in state.values():
        for part in plain(data):
            for word in (*words, *(one.lower() for one in words), SESSION):
                assert word.encode() not in part


def hop(state, *events, rules=PRIVATE):
    program = subject.program(rules, "posthog")
    program.import_state(state)
    return sent(program, batch(*events)).body.decode(), program


@pytest.fixture
def state():
    program = subject.program(PRIVATE, "posthog")
    inbound = batch(PAGE)
    sent(program, inbound)
    return told_by(program, inbound)[1]


def test_another_gateway_knows_private_elements_and_their_neighbours(state):
    body, _ = hop(state, change(6, "hidden words"), change(8, "readable words"))
    assert "hidden words" not in body
    assert "readable words" in body


def test_without_state_all_is_masked():
    body, _ = hop({}, change(6, "hidden words"), change(8, "readable words"))
    assert "hidden words" not in body
    assert "readable words" not in body


def test_a_secret_typed_at_one_gateway_is_gone_at_another():
    program = subject.program(PRIVATE, "posthog")
    inbound = batch(
        page(element(9, "input", {"type": "text"})),
        {"type": 3, "timestamp": 2, "data": {"source": 5, "id": 9, "text": "Mara-Lindqvist-77", "isChecked": False}},
    )
    sent(program, inbound)
    _, state = told_by(program, inbound)
    other = subject.program(PRIVATE, "posthog")
    other.import_state(state)
    log = request({"event": "x", "properties": {"$session_id": SESSION, "note": "for Mara-Lindqvist-77 today"}})
    assert b"Lindqvist" not in sent(other, log).body
    assert b"Lindqvist" in sent(subject.program(PRIVATE, "posthog"), log).body


def test_a_value_cut_over_texts_of_a_page_that_another_gateway_read_is_one_value():
    program = subject.program(PRIVATE, "posthog")
    line = element(5, "p", {}, text(6, "-"), element(7, "b", {}, text(8, "-")), text(9, "-"))
    inbound = batch(page(line, element(10, "p", {}, text(11, "-"))))
    sent(program, inbound)
    _, state = told_by(program, inbound)
    texts = [{"id": 9, "value": " 1111"}, {"id": 8, "value": "1111"}, {"id": 6, "value": "4111 1111 "}]
    together = {
        "type": 3, "timestamp": 2, "data": {"source": 0, "texts": texts, "attributes": [], "removes": [], "adds": []},
    }  # fmt: skip
    body, _ = hop(state, together, change(11, "readable words"))
    assert "1111" not in body
    assert "readable words" in body


def test_what_is_handed_in_counts_against_the_bounds():
    program = subject.program(PRIVATE, "posthog")
    typed = {"type": 3, "timestamp": 2, "data": {"source": 5, "id": 9, "text": "Mara-Lindqvist-77", "isChecked": False}}
    inbound = batch(page(element(9, "input", {"type": "text"})), typed)
    sent(program, inbound)
    keys, state = told_by(program, inbound)
    told = program.sessions.held, program.memories.held
    assert min(told) > 0
    other = subject.program(PRIVATE, "posthog")
    for _ in range(2):
        other.import_state(state)
        assert (other.sessions.held, other.memories.held) == told
        other.import_state(dict.fromkeys(keys, b""))
        assert (other.sessions.held, other.memories.held) == (0, 0)
    small = subject.program(PRIVATE, "posthog", sessions=Sessions(nodes=1), memories=Memories(subject.KEY, prints=0))
    small.import_state(state)
    assert (small.sessions.held, small.memories.held) == (0, 0)


def test_rules_that_ask_for_other_elements_do_not_know_the_page(state):
    body, _ = hop(state, change(8, "readable words"), rules="mask: [{name: mine, select: .other, with: mask}]")
    assert "readable words" not in body


def test_a_page_from_elsewhere_is_not_taken_over_by_other_rules(state):
    _, program = hop(state, change(8, "readable words"))
    same, other = subject.program(PRIVATE, "posthog"), subject.program("mask: [{name: m, select: .other, with: mask}]")
    same.adopt(program)
    other.adopt(program)
    assert same.sessions is program.sessions
    assert other.sessions is not program.sessions


def test_what_is_handed_in_replaces_what_was_known(state):
    program = subject.program(PRIVATE, "posthog")
    inbound = batch(PAGE)
    sent(program, inbound)
    program.import_state(dict.fromkeys(state, b""))
    assert program.export_state(list(state)) == {}


@settings(max_examples=25)
@given(st.binary(max_size=64), st.integers(0, 10_000), st.integers(0, 255))
def test_bytes_that_nobody_wrote_are_a_session_nobody_knows(noise, at, byte):
    program = subject.program(PRIVATE, "posthog")
    inbound = batch(PAGE)
    sent(program, inbound)
    keys, state = told_by(program, inbound)
    for data in state.values():
        told, memory = unpack(data)
        inner = bytearray(zlib.decompress(told[16:]) if told else b"\0")
        inner[at % len(inner)] = byte
        spoilt = told[:16] + zlib.compress(bytes(inner)) if told else noise
        for hostile in (
            noise,
            data[:-1],
            data + noise,
            bytes([VERSION]) + noise,
            pack(spoilt, noise),
            pack(noise, memory),
        ):
            program.import_state(dict.fromkeys(keys, hostile))
            assert "hidden words" not in sent(program, batch(change(77, "hidden words"))).body.decode()


def test_another_version_is_unknown(state):
    for data in state.values():
        assert unpack(data) != (b"", b"")
        assert unpack(bytes([VERSION + 1]) + data[1:]) == (b"", b"")
