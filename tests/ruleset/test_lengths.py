"""Numbers that tell how long a part of the body is: right again when the part has changed, and as they came when not."""

from __future__ import annotations

import pytest

from tests.judge.datadog_reader import read_replay
from tests.recording.datadog_upload import COUNT, INPUT, change, segment, snapshot, upload, upload_of
from tests.subject import program, sent

TYPED = segment(snapshot(), change([11, [5, "J. Smith, Elm Street 7"]], [12, [INPUT, COUNT]]))


def test_both_lengths_are_those_of_the_masked_part():
    read_replay(sent(program(), upload(TYPED)).body)  # raises where they are not


def test_lengths_of_a_part_that_did_not_change_stay_even_where_they_are_wrong():
    kept = program("record: {form_inputs: keep, page_text: keep}")
    inbound = upload(TYPED)
    body = inbound.body.replace(b'"raw_segment_size": ', b'"raw_segment_size": 9')
    out = sent(kept, type(inbound)(inbound.method, inbound.target, inbound.headers, body))
    assert out.body == body


@pytest.mark.parametrize(
    "event",
    [
        b"{}",
        b"[]",
        b'"x"',
        b'{"raw_segment_size": null}',
        b'{"raw_segment_size": {"a": 1}}',
        b'{"raw_segment_size": "8"}',
    ],
)
def test_an_event_without_lengths_is_left_alone(event):
    inbound = upload(TYPED)
    start = inbound.body.index(b"\r\n\r\n") + 4
    packed = inbound.body[start : inbound.body.index(b"\r\n------", start)]
    out = sent(program(), upload_of(packed, event)).body
    content = out.rpartition(b"\r\n\r\n")[2].partition(b"\r\n--")[0]
    assert content == event
