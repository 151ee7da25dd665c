"""Log lines: a closed vocabulary, and no way to put a request's value on one."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime

import pytest

from gateway import log
from gateway.core.errors import Reason
from gateway.log import FIELDS, KINDS, Event, Method, Name

AT = datetime(2026, 1, 2, 3, 4, 5, 678900, UTC)
SAMPLES = {
    "method": Method.POST,
    "reason": Reason.OPAQUE,
    "why": Reason.FAULT,
    "verdict": Reason.FAULT,
    "status": 400,
    "duration_ms": 0.0125,
}


def sample(field):
    return SAMPLES.get(field, 7 if KINDS[field] is KINDS["status"] else Name("shop"))


@pytest.mark.parametrize("event", list(Event))
def test_every_event_takes_its_fields_and_is_one_line(event):
    fields = {field: sample(field) for field in FIELDS[event]}
    line = log.line(event, fields, AT)
    assert line.endswith(b"}\n")
    assert line.count(b"\n") == 1
    written = json.loads(line)
    assert list(written) == ["at", "event", *FIELDS[event]]
    assert written["event"] == event.value


def test_a_line_reads_as_it_is_documented():
    fields = {"route": Name("/t/"), "method": Method.POST, "reason": Reason.TOO_DEEP, "duration_ms": 0.0012346}
    assert json.loads(log.line(Event.REFUSED, fields, AT)) == {
        "at": "2026-01-02T03:04:05.678+00:00",
        "event": "refused",
        "route": "/t/",
        "method": "POST",
        "reason": "too_deep",
        "duration_ms": 1.235,
    }


def test_every_event_and_every_field_is_of_the_table():
    assert set(FIELDS) == set(Event)
    assert {field for fields in FIELDS.values() for field in fields} == set(KINDS)


FORBIDDEN = ["ada@shop.example", b"x", None, 1.5j, ["x"], {"a": 1}, ValueError("ada@shop.example"), object()]


@pytest.mark.parametrize("field", list(KINDS))
@pytest.mark.parametrize("value", FORBIDDEN, ids=lambda value: type(value).__name__)
def test_no_field_takes_free_text_or_an_object(field, value):
    event = next(event for event in Event if field in FIELDS[event])
    with pytest.raises(TypeError) as caught:
        log.line(event, {field: value}, AT)
    assert "ada" not in str(caught.value)


@pytest.mark.parametrize("value", [True, -1, 1.0, float("nan"), Name("x")])
def test_a_count_is_a_whole_number(value):
    with pytest.raises(TypeError):
        log.line(Event.REFUSED, {"status": value}, AT)


@pytest.mark.parametrize("value", [True, -0.1, float("inf"), float("nan"), "1"])
def test_a_duration_is_a_finite_number_of_seconds(value):
    with pytest.raises(TypeError):
        log.line(Event.REFUSED, {"duration_ms": value}, AT)


def test_an_unknown_field_or_event_is_a_mistake_of_ours():
    with pytest.raises(TypeError, match="refused has no field path"):
        log.line(Event.REFUSED, {"path": Name("x")}, AT)
    with pytest.raises(TypeError, match=r"log\.Event"):
        log.line("refused", {}, AT)


def test_a_name_cannot_end_a_line_or_move_a_cursor():
    line = log.line(Event.STARTED, {"version": Name("a\n\x1b[2J\u2028b")}, AT)
    assert json.loads(line)["version"] == "a\\n\\x1b[2J\\u2028b"


def test_made_up_methods_are_other():
    assert [log.method(name) for name in ("POST", "post", "SECRET", "OTHER", "")] == [
        Method.POST, Method.OTHER, Method.OTHER, Method.OTHER, Method.OTHER,
    ]  # fmt: skip


def test_lines_go_to_standard_error_at_once(capsys):
    log.emit(Event.STARTED, routes=2)
    out, err = capsys.readouterr()
    assert out == ""
    assert json.loads(err)["routes"] == 2


def test_lines_go_to_the_stream_that_is_named():
    stream = io.StringIO()
    log.write(Event.STOPPED, stream, duration_ms=1.0)
    assert json.loads(stream.getvalue())["duration_ms"] == 1000.0


def test_a_digest_is_written_whole():
    assert json.loads(log.line(Event.STARTED, {"program": Name("ab" * 32)}, AT))["program"] == "ab" * 32
