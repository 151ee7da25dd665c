"""A request before and after: what is shown is what left, each change has its place and its rule, and little is shown of much."""

from __future__ import annotations

import base64
import gzip
import json
import pickle
import time
from dataclasses import replace
from pathlib import Path

import pytest

from gateway import config
from gateway.cli.subject import load_subject
from gateway.core.message import Headers, Inbound
from gateway.core.outcome import Refuse, Send
from gateway.core.pipeline import mask
from gateway.insight.captures import read_capture
from gateway.insight.comparison import compare
from gateway.insight.reasons import origins
from gateway.insight.rows import Bounds, text_of
from gateway.insight.telling import tell

CORPUS = Path(__file__).parents[1] / "corpus"
RULES = """\
extends: default
mask:
  - {name: our notes, keys: [note], with: drop}
  - {name: partner header, headers: [X-Partner], with: mask}
"""
INNER = json.dumps({"say": "ask jane.roe@example.org", "n": 4111111111111111})
BODY = {
    "event": "x",
    "packed": base64.b64encode(gzip.compress(INNER.encode())).decode(),
    "told": json.dumps({"mail": "a@example.org, b@example.org"}),
    "note": {"any": ["thing"]},
    "kept": "yes",
}
REQUEST = Inbound(
    "POST",
    "/t?url=https%3A%2F%2Fshop.example%2F%3Fq%3Dsecret-word",
    Headers(
        [
            ("Content-Encoding", "gzip"),
            ("Cookie", "sid=jane.roe; theme=dark"),
            ("Authorization", "Bearer abc"),
            ("X-Partner", "number 7"),
            ("Referer", "https://shop.example/?q=secret-word"),
        ]
    ),
    gzip.compress(json.dumps(BODY).encode()),
)


@pytest.fixture
def subject(tmp_path):
    (tmp_path / "rules.yaml").write_text(RULES)
    return load_subject(None, [str(tmp_path / "rules.yaml")])


def compared(subject, inbound=REQUEST, **more):
    where = origins(subject.rules, config.read_text)
    return compare(inbound, subject.program(), time.thread_time, where, **more)


def shown(comparison, part, side):
    (section,) = (one for one in comparison.sections if one.part == part)
    return "\n".join(text_of(getattr(row, side)) for row in section.rows)


def body_of(comparison):
    return next(one for one in comparison.sections if one.part == "body")


def test_each_change_is_in_both_documents_with_its_rule_and_where_that_stands(subject):
    told = compared(subject).comparison
    marks = {(one.part, one.place): one for one in told.marks}
    mail = marks["body", "packed.say"]
    assert (mail.rule, mail.detector, mail.operator) == ("e-mail addresses", "email", "replace")
    file, _, line = mail.where.rpartition(":")
    assert "e-mail addresses" in Path(file).read_text().splitlines()[int(line) - 1]
    assert marks["body", "note"].where == f"{subject.rules[-1].file}:3"
    assert marks["headers", "X-Partner"].where == f"{subject.rules[-1].file}:4"
    assert marks["cookies", "sid"].why == "cookies: only those that the tracker file names leave"
    before, after = ({}, {})
    for section in told.sections:
        for row in section.rows:
            for side, line in ((before, row.before), (after, row.after)):
                for piece in line:
                    if piece.mark:
                        side[piece.mark] = side.get(piece.mark, "") + piece.text
    assert set(before) == {one.number for one in told.marks}
    assert before[mail.number] == "jane.roe@example.org"
    assert after[mail.number] == "[email]"
    assert marks["body", "note"].number not in after


def test_the_layers_are_opened_and_named(subject):
    body = body_of(compared(subject).comparison)
    assert body.layers == "gzip › utf8 › json"
    lines = [text_of(row.before) for row in body.rows]
    assert '  "packed": base64 › gzip › utf8 › json {' in lines
    assert '    "mail": "a@example.org, b@example.org"' in lines
    assert '  "kept": "yes"' in lines


def test_what_is_shown_after_is_what_leaves(subject):
    found = compared(subject)
    assert isinstance(found.outcome, Send)
    left = found.outcome.masked.request
    inner = json.loads(gzip.decompress(left.body))
    assert json.dumps(json.loads(inner["told"])["mail"]) in shown(found.comparison, "body", "after")
    assert f"X-Partner: {left.headers.get('X-Partner')}" in shown(found.comparison, "headers", "after")
    for part in ("query", "headers", "cookies", "body"):
        assert not any(
            value in shown(found.comparison, part, "after")
            for value in ("jane.roe", "a@example", "secret-word", "41111", "Bearer", "any")
        )


def test_the_verdict_is_the_pipelines_own_and_the_picture_is_plain_data(subject):
    found = compared(subject)
    same = mask(REQUEST, subject.program(), time.thread_time)
    assert isinstance(same, Send)
    assert found.outcome.masked.request == same.masked.request
    assert pickle.loads(pickle.dumps(found.comparison)) == found.comparison


def test_fields_that_the_proxy_took_off_are_shown_as_gone(subject):
    came = Headers([("X-Forwarded-For", "203.0.113.9"), *REQUEST.headers])
    told = compared(subject, came=came).comparison
    assert "X-Forwarded-For: 203.0.113.9" in shown(told, "headers", "before")
    assert "203.0.113.9" not in shown(told, "headers", "after")
    (mark,) = (one for one in told.marks if one.place == "X-Forwarded-For")
    assert mark.rule == "address fields"


def test_a_switch_that_the_tracker_file_sets_is_shown_as_changed():
    subject = load_subject(None, [])
    told = compare(
        Inbound("POST", "/e/?ip=1", Headers(), b'{"api_key":"x"}'), subject.program(["posthog"]), time.thread_time
    )
    assert shown(told.comparison, "query", "before") == '{\n  "ip": "1"\n}'
    assert shown(told.comparison, "query", "after") == '{\n  "ip": "0"\n}'
    assert "set by the tracker file" in tell(told.comparison)


def test_the_text_names_the_rule_under_each_changed_line(subject):
    lines = tell(compared(subject).comparison).splitlines()
    at = lines.index('-     "say": "ask ⟦jane.roe@example.org⟧"')
    assert lines[at + 1] == '+     "say": "ask ⟦[email]⟧"'
    assert lines[at + 2].startswith("      ↳ rule 'e-mail addresses' (detector email) → replace")
    assert lines[0].startswith("masked · ")
    assert "jane" not in lines[0]


@pytest.mark.parametrize(
    ("body", "reason"),
    [(b"{", "broken_format"), (b"\x00\x01\x02\x03", "opaque"), (gzip.compress(b"{}", mtime=0)[:-9], "broken_coding")],
)
def test_of_a_refused_request_nothing_is_shown_as_leaving(subject, body, reason):
    found = compared(subject, Inbound("POST", "/t?a=1", Headers([("Cookie", "a=b"), ("Accept", "*/*")]), body))
    assert isinstance(found.outcome, Refuse)
    told = found.comparison
    assert (told.verdict, told.reason, told.size_after) == ("refuse", reason, 0)
    assert not any(row.after for section in told.sections for row in section.rows)
    assert "a=b" in shown(told, "cookies", "before")


def test_much_is_shown_around_its_changes_alone_and_what_is_left_out_is_counted(subject):
    rows = [{"n": at, "say": "jane.roe@example.org" if at in (7, 900) else "x"} for at in range(2_000)]
    text = "ä" * 5_000 + " jane.roe@example.org " + "ö" * 5_000
    inbound = Inbound("POST", "/", Headers(), json.dumps({"rows": rows, "text": text}).encode())
    body = body_of(compared(subject, inbound, bounds=Bounds(rows=100)).comparison)
    assert sum(row.left_out or 1 for row in body.rows) == 8_005
    assert sum(row.is_changed for row in body.rows) == 3
    assert len(body.rows) < 40
    long = next(text_of(row.before) for row in body.rows if "ä" in text_of(row.before))
    assert "…(4921 characters)…" in long
    assert "jane.roe@example.org" in long
    assert len(long) < 300
    few = body_of(compared(subject, inbound, bounds=Bounds(rows=100, drawn=1_000)).comparison)
    assert few.unseen == 2
    assert "not drawn" in text_of(few.rows[-1].before)


def test_what_is_nested_without_end_is_drawn_to_a_depth(subject):
    inbound = Inbound("POST", "/", Headers(), b'{"a":' * 200 + b'"jane.roe@example.org"' + b"}" * 200)
    body = body_of(compared(subject, inbound).comparison)
    assert body.unseen == 1
    assert any("…" in text_of(row.before) for row in body.rows)


@pytest.mark.parametrize(
    "name", ["posthog", "sentry", "datadog", "openreplay", "clarity-default", "hyperdx", "newrelic"]
)
def test_recorded_traffic_is_shown_whole(name):
    """Every change has its place, and no place differs without one."""
    requests = read_capture((CORPUS / f"{name}.jsonl").read_bytes(), Inbound("POST", "/", Headers()), name).requests
    subject = load_subject(None, [])
    program = subject.program()
    changed = 0
    for inbound in requests[:6]:
        told = compare(inbound, program, time.thread_time, bounds=replace(Bounds(), rows=20_000)).comparison
        rows = [row for section in told.sections for row in section.rows]
        assert {number for row in rows for number in row.marks} == {one.number for one in told.marks}
        assert sum(section.unseen for section in told.sections) == 0
        assert not [row for row in rows if row.is_changed and not row.marks and not follows(row)]
        changed += told.changes
    assert changed > 15


def follows(row):
    return any(piece.kind == "follows" for piece in row.before)
