"""Recorded payloads, masked: a reader that was written from the facts alone still resolves each of their references."""

from __future__ import annotations

import gzip
import json

import pytest

from gateway.core.message import Headers, Inbound
from tests.judge.clarity_reader import BrokenError, expand, resolve
from tests.judge.recorded import CORPUS, load_run, planted
from tests.subject import PRIVATE, program, sent

RUNS = ("clarity", "clarity-default")
HIDDEN = ("contenteditable", "private_text", "mutation_private", "text_email", "text_iban", "link_email", "user_email")


def payloads(run):
    for one in load_run(CORPUS, run):
        yield Inbound(one.method, one.target, Headers(one.headers), one.body)


def read(body):
    return json.loads(gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body)


def tags(row):
    """The tokens right behind numbers."""
    tokens = resolve(row) if row[1] in (5, 6) else []
    return [
        (at, one) for at, one in enumerate(tokens[1:], 1) if isinstance(one, str) and isinstance(tokens[at - 1], int)
    ]


@pytest.mark.parametrize("run", RUNS)
def test_every_row_keeps_its_tokens_and_every_reference_what_it_stands_for(run):
    subject = program(PRIVATE)
    for inbound in payloads(run):
        before, after = read(inbound.body), read(sent(subject, inbound).body)
        assert [row[:2] for row in before["a"]] == [row[:2] for row in after["a"]]
        for old, new in zip(before.get("p", ()), after.get("p", ()), strict=True):
            assert [type(one) for one in resolve(old)] == [type(one) for one in resolve(new)]
            assert tags(new) == tags(old)
        expand(list(after.items()), dict)


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("step", [1, -1], ids=["in order", "swapped"])
def test_nothing_private_leaves_a_gateway_that_restarts_before_every_request(run, step):
    canaries = planted(CORPUS)
    for inbound in list(payloads(run))[::step]:
        told = json.dumps(read(sent(program(PRIVATE), inbound).body), ensure_ascii=False).lower()
        assert [name for name in HIDDEN if canaries[name].lower() in told] == []


@pytest.mark.parametrize(
    "row",
    [[9, 5, 2, "P", 3, 2, [99]], [9, 5, 2, "P", 3, [2]], [9, 5, 2, "P", 3], [9, 5, 2, 3, 4, 5, "P"]],
    ids=["a reference to nothing", "a reference to a number", "a node without a tag", "a number too many"],
)
def test_the_reader_sees_what_a_backend_would_stumble_over(row):
    head = ["0.8.70", *range(1, 12)]
    expand([("e", head), ("p", [[9, 5, 2, "P"]])], dict)
    with pytest.raises(BrokenError):
        expand([("e", head), ("p", [row])], dict)
