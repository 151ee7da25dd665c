"""Pages between requests: packed ones are themselves again, count by their size, and go when they are the oldest."""

from __future__ import annotations

import json

import pytest

from gateway.core.pipeline import mask
from gateway.recording.sessions import NODE_BYTES, Sessions
from gateway.recording.state import pack, unpack
from tests import subject
from tests.digest import RECORDED, _inbound, _verdict, blake2b, ours

RUNS = ["rrweb", "posthog", "segment", "highlight", "clinic/rrweb-1", "clinic/posthog-100", "workload rr_1m"]


@pytest.mark.parametrize(("name", "requests"), [(name, requests) for name, requests in ours() if name in RUNS])
def test_a_visit_whose_page_is_packed_after_each_request_is_masked_the_same(name, requests):
    program, told, packed = subject.program(), blake2b(digest_size=12), 0
    for request in requests:
        told.update(_verdict(mask(_inbound(request), program, lambda: 0.0)))
        for key in list(program.sessions._mirrors):
            data = pack(program.sessions._mirrors[key])
            if data:
                program.sessions.replace(key, unpack(data), 0.0)
                packed += 1
    assert told.hexdigest() == json.loads(RECORDED.read_text())[name]["default"]
    assert packed or name == "segment"  # which records no page


def page(session: str, nodes: int = 50) -> dict:
    children = [
        {"type": 2, "tagName": "p", "attributes": {"class": "a" if at else "private"}, "childNodes": [], "id": at + 2}
        for at in range(nodes)
    ]
    event = {"type": 2, "data": {"node": {"type": 0, "childNodes": children, "id": 1}}, "timestamp": 1}
    return {
        "api_key": "phc_x",
        "event": "$snapshot",
        "properties": {"$snapshot_data": [event], "$session_id": session, "$window_id": "w"},
    }


def change(session: str, node: int, text: str) -> dict:
    added = {"parentId": node, "nextId": None, "node": {"type": 3, "textContent": text, "id": 1000}}
    data = {"source": 0, "texts": [], "attributes": [], "removes": [], "adds": [added]}
    body = page(session)
    body["properties"]["$snapshot_data"] = [{"type": 3, "data": data, "timestamp": 2}]
    return body


def test_old_pages_are_packed_and_still_tell_a_private_element():
    sessions = Sessions(nodes=1000)
    program = subject.program(subject.PRIVATE, "posthog", sessions=sessions)
    for number in range(12):
        subject.sent(program, subject.request(page(f"s{number}"), path="/s/"))
    assert len(sessions) == 12
    assert sessions.packed >= 8
    assert sessions.held < 12 * 50
    for number in (0, 11, 5):
        before = sessions.packed
        shown = subject.sent(program, subject.request(change(f"s{number}", 7, "Terms"), path="/s/")).body
        hidden = subject.sent(program, subject.request(change(f"s{number}", 2, "Terms of sale"), path="/s/")).body
        assert b"Terms" in shown
        assert b"Terms of sale" not in hidden
        assert sessions.packed <= before + 1


def test_packed_pages_go_when_they_are_the_oldest_and_count_by_their_bytes():
    sessions = Sessions(nodes=400)
    program = subject.program(subject.PRIVATE, "posthog", sessions=sessions)
    for number in range(600):
        subject.sent(program, subject.request(page(f"s{number}"), path="/s/"))
        assert sessions.held <= 400
    keys = [*sessions._packed, *sessions._mirrors]
    assert len(keys) == len(sessions) < 600
    assert keys[-1].endswith("s599\0w")
    left = sum(len(one.data) // NODE_BYTES + 1 for one in sessions._packed.values())
    assert sessions.held == left + sum(map(len, sessions._mirrors.values()))
    assert sessions._live == sum(map(len, sessions._mirrors.values()))


def test_what_is_no_packed_page_is_unknown():
    assert unpack(b"") is None
    assert unpack(b"no page") is None
