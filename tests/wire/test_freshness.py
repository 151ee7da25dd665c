"""An answer that is edited is never one that a browser kept, and never half of one: it is asked for anew, and whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway import config
from tests.plans import plan_of

PATH = b"/t/array/phc_abc/config"
PRIVATE = '"maskAllInputs":true'
BODY = b'{"sessionRecording":{"masking":{"maskAllInputs":false}}}'
VALIDATORS = (
    b'ETag: "theirs"\r\nLast-Modified: Tue, 01 Sep 2026 00:00:00 GMT\r\nExpires: Tue, 01 Sep 2037 00:00:00 GMT\r\n'
)
ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nCache-Control: public, max-age=3600, no-transform\r\nAge: 9\r\n"
    b"Accept-Ranges: bytes\r\nVary: Origin\r\n" + VALIDATORS + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY
)
PLAIN = b"HTTP/1.1 200 OK\r\nContent-Type: image/gif\r\nCache-Control: max-age=60, no-transform\r\n" + VALIDATORS
ASKED = b'If-None-Match: "theirs"\r\nIf-Modified-Since: Tue, 01 Sep 2026 00:00:00 GMT\r\nRange: bytes=0-9\r\nIf-Range: "theirs"\r\n'


@pytest.fixture
def serve(stage, tmp_path: Path):
    """A gateway with the real rules of PostHog; the rules file can be written anew."""
    file = tmp_path / "gateway.yaml"
    file.write_text(
        "listen: 127.0.0.1:0\ntls: {mode: off}\nmasking_key: file:masking.key\n"
        f"routes:\n  - {{path: /t/, tracker: posthog, upstream: {stage.backend.url!r}}}\nrules: [default, own.yaml]\n"
    )

    def plan(own: str):
        (tmp_path / "own.yaml").write_text(own)
        configuration = config.load(file)
        return plan_of(configuration)

    stage.backend.script = ANSWER
    made = plan("mask: []\n")
    stage.start(masker=made.masker, routes=made.routes)
    stage.reload = lambda own: stage.on_loop(lambda: setattr(stage.gateway, "plan", plan(own)))
    return stage


def ask(stage, *fields: bytes, method: bytes = b"GET", path: bytes = PATH) -> tuple[dict[str, str], bytes, int]:
    raw = (
        method + b" " + path + b" HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n" + b"".join(fields) + b"\r\n"
    )
    head, _, body = stage.talk(raw).partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    return (
        {name.lower(): value for name, _, value in (one.partition(": ") for one in lines[1:])},
        body,
        int(lines[0][9:12]),
    )


def test_an_edited_answer_is_asked_for_anew_each_time_and_vouches_for_its_own_bytes(serve):
    head, body, _ = ask(serve)
    assert PRIVATE.encode() in body
    assert head["cache-control"] == "private, no-cache"
    assert head["etag"] != '"theirs"'
    assert not {"last-modified", "expires", "age", "accept-ranges"} & set(head)
    assert head["vary"] == "Origin"


def test_no_condition_and_no_range_reaches_the_backend_of_an_answer_that_is_edited(serve):
    _, body, status = ask(serve, ASKED)
    assert status == 200
    assert PRIVATE.encode() in body
    assert not {"if-none-match", "if-modified-since", "range", "if-range"} & set(serve.backend.heads[0])


@pytest.mark.parametrize("form", ["{}", "W/{}", '"a", {} , "b"'])
def test_a_browser_that_has_the_edited_bytes_is_told_so(serve, form):
    tag = ask(serve)[0]["etag"]
    head, body, status = ask(serve, f"If-None-Match: {form.format(tag)}\r\n".encode())
    assert (status, body) == (304, b"")
    assert (head["etag"], head["cache-control"]) == (tag, "private, no-cache")
    assert len(serve.backend.received) == 2


def test_after_a_change_of_the_rules_what_the_browser_has_is_not_valid_any_more(serve):
    tag = ask(serve)[0]["etag"]
    serve.reload("record:\n  form_inputs: keep\n")
    head, body, status = ask(serve, f"If-None-Match: {tag}\r\n".encode())
    assert (status, head["etag"] == tag) == (200, False)
    assert PRIVATE.encode() not in body


def test_what_the_rules_leave_alone_today_is_not_kept_for_tomorrow(serve):
    serve.backend.script = ANSWER.replace(b'"maskAllInputs":false', b'"maskAllInputs":true ')
    head, _, _ = ask(serve)
    assert head["cache-control"] == "private, no-cache"
    assert head["etag"] not in {"", '"theirs"'}


def test_what_must_not_be_stored_is_not_stored(serve):
    serve.backend.script = ANSWER.replace(b"public, max-age=3600", b"no-store")
    head = ask(serve)[0]
    assert head["cache-control"] == "no-store"
    assert "etag" not in head


def test_the_head_of_an_edited_answer_says_nothing_of_the_unedited_one(serve):
    serve.backend.script = ANSWER.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    head, body, status = ask(serve, method=b"HEAD")
    assert (status, body) == (200, b"")
    assert not {"etag", "content-length", "last-modified", "expires"} & set(head)
    assert head["cache-control"] == "private, no-cache"


def test_an_answer_that_is_not_edited_keeps_all_that_is_said_of_it(serve):
    serve.backend.script = PLAIN + b"Age: 7\r\nContent-Length: 2\r\n\r\nok"
    head, body, _ = ask(serve, path=b"/t/e/")
    assert body == b"ok"
    assert head["etag"] == '"theirs"'
    assert head["last-modified"] == "Tue, 01 Sep 2026 00:00:00 GMT"
    assert head["expires"] == "Tue, 01 Sep 2037 00:00:00 GMT"
    assert head["cache-control"] == "max-age=60, no-transform"
    assert head["age"] == "7"


def test_a_range_of_an_answer_that_is_not_edited_passes_untouched(serve):
    serve.backend.script = b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-1/9\r\nContent-Length: 2\r\n\r\nok"
    head, body, status = ask(serve, ASKED, path=b"/t/e/")
    assert (status, body, head["content-range"]) == (206, b"ok", "bytes 0-1/9")
    assert serve.backend.heads[0]["range"] == ["bytes=0-9"]
    assert serve.backend.heads[0]["if-none-match"] == ['"theirs"']


def test_no_transform_does_not_send_the_sdk_round_the_gateway(serve):
    """A gateway is no proxy to RFC 9110 section 7.7: it answers for the site, whose rules these are."""
    assert b"no-transform" in ANSWER
    assert PRIVATE.encode() in ask(serve)[1]
