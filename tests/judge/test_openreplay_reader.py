"""Recorded batches, masked: a reader that was written from the facts alone still reads them to their last byte."""

from __future__ import annotations

import gzip
import json

import pytest

from gateway.core.message import Headers, Inbound
from tests.judge.openreplay_reader import BrokenError, messages, page
from tests.judge.recorded import CORPUS, load_run, planted
from tests.subject import PRIVATE, program, sent

RUNS = ("openreplay", "openreplay-default")
# fewer bytes than a record of the whole batch: what was typed, in the order of the recording
TYPED = ("name", "email", "password", "card", "phone", "ssn", "address", "search", "contenteditable", "private_text")


def batches(run):
    """The uploads of a run."""
    for one in load_run(CORPUS, run):
        if "batch=" in one.target:
            yield Inbound(one.method, one.target, Headers(one.headers), one.body)


def inflated(body):
    return gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body


@pytest.mark.parametrize("run", RUNS)
def test_every_batch_is_read_to_its_last_byte_and_has_all_its_messages(run):
    subject = program(PRIVATE)
    for inbound in batches(run):
        out = sent(subject, inbound)
        before, after = inflated(inbound.body), inflated(out.body)
        kinds = [kind for kind, _ in messages(before)]
        told = [kind for kind, _ in messages(after)]
        assert [12 if kind == 35 else kind for kind in told] == [12 if kind == 35 else kind for kind in kinds]
        assert page(after)["messages"].keys() == page(before)["messages"].keys()
        assert out.target == inbound.target.replace(f"_{len(inbound.body)}_", f"_{len(out.body)}_")


def cut_in_two(inbound):
    """A batch as two: the page, and what was done on it, each with the batch's own message."""
    data = inflated(inbound.body)
    kept = list(messages(data))
    head = b"\x51" + kept[0][1]
    parts = [encoded(kind, payload) for kind, payload in kept[1:]]
    middle = next(at for at, (kind, _) in enumerate(kept[1:]) if kind == 112)
    tab = next(encoded(kind, payload) for kind, payload in kept if kind == 118)
    headers = inbound.headers.without("content-encoding")
    for rows in (parts[:middle], [tab, *parts[middle:]]):
        yield Inbound(inbound.method, inbound.target, headers, head + b"".join(rows))


def encoded(kind, payload):
    number = bytes([kind]) if kind < 128 else bytes([kind % 128 + 128, kind // 128])
    return number + len(payload).to_bytes(3, "little") + payload


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["in order", "swapped"])
@pytest.mark.parametrize("restarts", [False, True], ids=["one gateway", "restarted between"])
def test_nothing_typed_or_private_leaves_in_batches_that_were_cut(run, order, restarts):
    canaries = planted(CORPUS)
    halves = list(cut_in_two(next(batches(run))))
    subject = program(PRIVATE)
    for at in order:
        told = json.dumps(page(sent(program(PRIVATE) if restarts else subject, halves[at]).body), ensure_ascii=False)
        assert [name for name in TYPED if canaries[name].lower() in told.lower()] == []


BROKEN = {
    "an unknown type": b"\x7f\x01\x00\x00x",
    "a field too many": b"\x1c\x03\x00\x00\x01ab",
    "a field too few": b"\x16\x02\x00\x00\x01a",
    "a size beyond the end": b"\x1c\x09\x00\x00\x01a",
    "a length beyond the message": b"\x1c\x02\x00\x00\x09a",
}


@pytest.mark.parametrize("tail", BROKEN.values(), ids=BROKEN)
def test_the_reader_sees_what_a_backend_would_stumble_over(tail):
    head = b"\x51\x01\x00\x00\x00\x02/x"
    assert page(head)["batch"]["url"] == "/x"
    with pytest.raises(BrokenError):
        page(head + tail)
