"""What OpenReplay's tracker file needs of the schema: sizes told in the query, sessions told by a header."""

import pytest

from gateway.core.errors import UserError
from gateway.core.yaml import parse, read_model
from gateway.trackers.schema import TrackerFile
from tests.recording.batches import batch, message, string
from tests.subject import masked, program, refused, request, sent, trackers


def tracker(text):
    return read_model(parse(f"tracker: x\n{text}", "x.yaml"), TrackerFile, {})


def test_a_pattern_of_a_size_has_one_group():
    assert tracker(r"body_sizes: {n: '\d+_(\d+)'}").body_sizes == {"n": r"\d+_(\d+)"}


@pytest.mark.parametrize("pattern", [r"\d+", r"(\d+)_(\d+)", "("])
def test_a_pattern_without_one_group_is_an_error(pattern):
    with pytest.raises(UserError) as error:
        tracker(f"body_sizes: {{n: '{pattern}'}}")
    assert error.value.where.startswith("x.yaml:2")


def test_a_header_that_tells_sessions_apart_needs_a_name():
    assert tracker("headers: {session: [authorization]}").headers.session == ("authorization",)
    with pytest.raises(UserError):
        tracker("headers: {session: ['two words']}")


def test_what_is_typed_is_gone_from_later_batches_of_the_same_recording_only():
    subject = program()
    url = "https://shop.example/Zyx-Person-77"

    def upload(*parts, token):
        body = batch(message(118, string(f"tab of {token}")), *parts)
        return request(body, path="/ingest/v1/web/i", headers=[("Authorization", f"Bearer {token}")])

    sent(subject, upload(message(18, b"\x05", string("Zyx-Person-77"), b"\x00"), token="one"))
    later = message(22, string("log"), string(f"opened {url}"))
    assert b"Zyx-Person-77" not in sent(subject, upload(later, token="one")).body
    assert b"Zyx-Person-77" in sent(subject, upload(later, token="two")).body


def test_the_id_that_the_backend_gave_out_is_hashed_and_mapped_back():
    body = {"userUUID": "a2b6c5c0-0000-4000-8000-000000000001", "projectKey": "pk1"}
    one, other = (masked(program(), body, path="/ingest/v1/web/start")["userUUID"] for _ in range(2))
    assert one == other != body["userUUID"]


def test_a_picture_of_a_canvas_is_refused_and_the_set_up_reply_turns_them_off():
    assert (
        refused(program(), request(b"\xff\xd8\xff\xe0" + bytes(range(256)), path="/ingest/v1/web/images")) == "opaque"
    )
    edits = trackers()["openreplay"].replies
    assert [{literal: [str(path) for path in paths] for literal, paths in edit.set.items()} for edit in edits] == [
        {"false": ["canvasEnabled"]}
    ]
