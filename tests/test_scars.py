"""What went wrong for others, one test each: every one of these let personal data out, or spoilt what was recorded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gateway.core.pipeline import mask
from gateway.core.yaml import FileErrors
from tests.judge.test_recorded_traffic import READ
from tests.recording.page import batch, changed, element, event, snapshot, text, typed
from tests.subject import masked, program, refused, request, rule_file, sent

HERE = Path(__file__).parent


@pytest.mark.parametrize(
    "rules",
    [
        "mask: [{name: a, detect: emial, with: mask}]",
        "mask: [{name: a, keys: [x], with: maks}]",
        "mask: [{name: a, keys: [x], with: mask, trackers: [posthgo]}]",
        "mask: [{name: a, key: [x], with: mask}]",
        "record: {form_input: mask}",
    ],
)
def test_a_name_that_nobody_knows_is_an_error_and_not_ignored(rules):
    with pytest.raises(FileErrors):
        rule_file(rules)


@pytest.mark.parametrize("pattern", ["(", "[a-", "a{2,1}", "(?P<x", "*"])
def test_a_pattern_that_does_not_compile_is_an_error_and_does_not_match_nothing(pattern):
    with pytest.raises(FileErrors):
        rule_file(f"mask: [{{name: a, pattern: '{pattern}', with: mask}}]")


def test_a_pattern_that_takes_too_long_refuses_the_request_and_is_not_skipped():
    from gateway.core.limits import Limits
    from tests.subject import Clock

    class Slow(Clock):
        def __call__(self) -> float:
            self.now += 1.0
            return self.now

    subject = program("mask: [{name: a, pattern: 'a+b', with: mask}]", clock=Slow(), limits=Limits(time=2.0))
    assert refused(subject, request({"a": "a" * 1000})) == "too_slow"


@pytest.mark.parametrize("value", [4111111111111111, 4111111111111111.0, [4111111111111111]])
def test_a_number_does_not_escape_the_rules_for_text(value):
    assert "4111" not in json.dumps(masked(program(), {"note": value}))


def test_an_error_while_masking_does_not_return_the_original(monkeypatch):
    monkeypatch.setattr("gateway.ruleset.text.TextRules.edits", lambda *_, **__: 1 / 0)
    assert refused(program(), request({"note": "jane@example.org"})) == "fault"


def test_every_recorded_file_is_loaded_by_a_test():
    told = "\n".join(path.read_text() for path in HERE.rglob("*.py") if path != Path(__file__))
    files = {path for path in (HERE / "corpus").iterdir() if path.name != "README.md"}
    unused = {path.name for path in files if path.stem.split("-")[0] not in READ and path.name not in told}
    assert len(files) > 40
    assert unused == set()


def test_a_value_that_was_copied_to_another_field_does_not_escape():
    told = masked(
        program(), {"password": "hunter-2-zz", "summary": "Signed up with hunter-2-zz", "slug": "hunter-2-zz"}
    )
    assert "hunter" not in json.dumps(told)


@pytest.mark.parametrize(
    "body",
    [
        [event(3, {"source": 77, "text": "Zorblax walks"})],
        [event(3, {"source": 0, "fragments": [{"text": "Zorblax walks"}]})],
        {"items": [{"kind": "new-kind", "user": {"email": "Zorblax"}}]},
    ],
)
def test_rules_hold_for_a_kind_of_payload_that_nobody_has_seen(body):
    assert "Zorblax" not in json.dumps(masked(program(), body))


def test_an_allow_list_does_not_switch_a_block_list_off():
    subject = program("allow: [{name: all, pattern: '.+'}]\nmask: [{name: x, pattern: KD-1, with: mask}]")
    page = snapshot(
        element(10, "p", text(11, "Zorblax"), class_="ph-no-capture"), element(12, "input", value="Zorblax")
    )
    told = json.dumps(masked(subject, {"password": "Zorblax", "note": "KD-1", **batch(page)}))
    assert "Zorblax" not in told
    assert "KD-1" not in told


CSS = ".password, #token { color: red } .auth::after { content: 'x' } input[type=password] { width: 10px }"


def test_a_style_sheet_is_not_erased_because_a_class_is_called_password():
    page = snapshot(
        element(10, "style", text(11, CSS)), element(12, "link", _cssText=CSS), element(13, "p", class_="password")
    )
    body = batch(page, event(3, {"source": 8, "id": 10, "adds": [{"rule": CSS}]}), changed(13, class_="password token"))
    assert masked(program(), body) == body


@pytest.mark.parametrize("time", [1795500188189, 4000000000006, 1700000000004, "1795500188189"])
def test_a_time_that_passes_luhn_is_no_card(time):
    body = {"t": time, "at": [time], "note": f"at {time} ms"}
    assert masked(program(), body) == body


@pytest.mark.parametrize(
    "key", ["author", "authored_by", "Accept", "accent", "success", "emailed_count", "compassion", "tokenize"]
)
def test_a_key_that_only_holds_a_sensitive_word_is_not_sensitive(key):
    assert masked(program(), {key: "plain", "n": 1}) == {key: "plain", "n": 1}


def test_a_password_that_is_shown_does_not_leave():
    subject = program("record: {form_inputs: keep}")
    told = masked(
        subject,
        batch(
            snapshot(element(10, "input", type="password")),
            changed(10, type="text"),
            typed(10, "correct"),
            changed(10, value="correct"),
        ),
    )
    assert "correct" not in json.dumps(told)


def test_a_hidden_input_is_masked_like_any_other():
    told = masked(program(), batch(snapshot(element(10, "input", type="hidden", value="Zorblax"))))
    assert "Zorblax" not in json.dumps(told)


@pytest.mark.parametrize("name", ["title", "alt", "placeholder", "aria-label", "data-name", "label", "content"])
def test_an_attribute_is_read_and_a_private_ones_is_masked(name):
    public = {"type": 2, "tagName": "a", "attributes": {name: "to jane@example.org"}, "childNodes": [], "id": 10}
    private = {
        "type": 2,
        "tagName": "a",
        "attributes": {name: "Zorblax", "data-private": ""},
        "childNodes": [],
        "id": 11,
    }
    told = json.dumps(masked(program(), batch(snapshot(public, private))))
    assert "jane" not in told
    assert "Zorblax" not in told
    assert "to [email]" in told


def test_a_report_holds_no_value():
    subject = program()
    body = {
        "email": "jane@example.org",
        "by": {"jane@example.org": {"password": "hunter-2-zz"}},
        "note": "4111 1111 1111 1111",
    }
    outcome = mask(
        request(body, path="/jane@example.org", headers=[("X-Jane", "jane@example.org")]), subject, subject.clock
    )
    told = repr((outcome.report, outcome.masked, outcome.masked.request.headers)).lower()
    assert "jane@" not in told
    assert "hunter" not in told
    assert "4111" not in told


@pytest.mark.parametrize("layers", [1, 3])
def test_a_decoder_is_bounded(layers):
    import gzip

    from gateway.core.limits import Limits

    body = b"[" + b"0," * 5_000_000 + b"0]"
    for _ in range(layers):
        body = gzip.compress(body, 9)
    assert refused(program(limits=Limits(decoded=1_000_000, time=60.0)), request(body)) == "too_large"


def test_an_untouched_body_leaves_byte_for_byte():
    body = b'{"a": 1.0, "b": [1e3, "\\u00e9"], "a": 2}'
    assert sent(program(), request(body)).body == body
