"""Recorded replays, masked: a player that was written from the vendor's schema alone still plays them to their last byte."""

from __future__ import annotations

import copy

import pytest

from gateway.core.message import Headers, Inbound
from tests.judge.datadog_reader import Page, UnplayableError, read_replay
from tests.judge.recorded import CORPUS, load_run
from tests.subject import PRIVATE, program, sent

RUNS = ("datadog", "datadog-default", "datadog-proxy")
TYPED = ("#text", "INPUT", "TEXTAREA", "SELECT", "OPTION", "A")  # whose texts and attributes may be others


def masked_run(run, subjects):
    """Each segment of a run, as recorded and as it leaves; `subjects` gives the gateway for each."""
    for request in load_run(CORPUS, run):
        inbound = Inbound(request.method, request.target, Headers(request.headers), request.body)
        out = sent(next(subjects), inbound).body
        if request.body.startswith(b"--"):
            yield read_replay(request.body), read_replay(out)


def always(subject):
    while True:
        yield subject


@pytest.mark.parametrize("run", RUNS)
def test_a_masked_replay_plays_the_same_page_with_nothing_in_its_fields(run):
    pages: dict[str, tuple[Page, Page]] = {}
    for before, after in masked_run(run, always(program(PRIVATE))):
        old, new = pages.setdefault(after["view"]["id"], (Page(), Page()))
        old.play(before)
        new.play(after)
        assert len(old.strings.rows) == len(new.strings.rows)
        assert [(node.name, node.parent) for node in old.nodes] == [(node.name, node.parent) for node in new.nodes]
        assert new.values == [(at, "***") for at, _ in old.values]
        for one, other in zip(old.nodes, new.nodes, strict=True):
            gone = {"checked", "selected"} & one.attributes.keys()
            assert other.attributes.keys() == one.attributes.keys() - gone
            assert other.attributes == one.attributes or one.name in TYPED
    assert len(pages) == 2
    assert any(old.values for old, _ in pages.values())


@pytest.mark.parametrize("run", RUNS)
def test_a_gateway_that_restarts_before_every_request_lets_nothing_typed_out(run):
    typed = {
        text
        for before, _ in masked_run(run, always(program(PRIVATE)))
        for record in before["records"]
        if record["type"] == 12
        for op in record["data"]
        if op[0] == 11
        for group in op[1:]
        if group[0] in (4, 5)
        for text in group[1:]
        if len(text) > 4
    }
    assert typed

    def restarting():
        while True:
            yield program(PRIVATE)

    for before, after in masked_run(run, restarting()):
        if not before["has_full_snapshot"]:
            assert not [text for text in typed if f'"{text}"' in str(after).replace("'", '"')]
            assert len(after["records"]) == len(before["records"])


PAGE = {
    "records": [
        {
            "type": 2,
            "format": 1,
            "data": [[11, [1, "#document", "P"], [2, "id"], [3, "a"]], [1, [None, 0], [1, 1, [2, 3]]]],
        }
    ],
    "records_count": 1,
}
BROKEN = (
    [12, [1, 4]],
    [12, [7, 3]],
    [1, [1, 9]],
    [1, [99, 1]],
    [1, [-99, 1]],
    [3, [1, [2, 77]]],
    [4, [44, 0]],
    [13, [0, 5]],
)


@pytest.mark.parametrize("op", BROKEN)
def test_the_reader_sees_what_a_player_would_stumble_over(op):
    page = Page()
    page.play(PAGE)
    broken = copy.deepcopy(PAGE)
    broken["records"] = [{"type": 12, "data": [op]}]
    with pytest.raises(UnplayableError):
        page.play(broken)
