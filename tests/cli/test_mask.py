"""`gateway mask` and `gateway diff`, as people use them: a body, captured requests, a HAR file; what differs, and why."""

from __future__ import annotations

import base64
import gzip
import json

import pytest
from click.testing import CliRunner

from gateway.cli.app import gateway

BODY = '{"event":"x","properties":{"note":"write to jane.roe@example.org"}}'
MASKED = '{"event":"x","properties":{"note":"write to [email]"}}'
CAPTURED = {
    "method": "POST",
    "path": "/v1/t?mail=jane.roe%40example.org",
    "headers": [["Cookie", "sid=jane.roe"], ["Content-Type", "text/plain"]],
    "body_b64": base64.b64encode(BODY.encode()).decode(),
}
HAR = {
    "log": {
        "version": "1.2",
        "pages": [{"title": "https://shop.example/?mail=jane.roe@example.org"}],
        "entries": [
            {
                "startedDateTime": "2026-11-24T00:00:00Z",
                "time": 3,
                "serverIPAddress": "203.0.113.77",
                "request": {
                    "method": "POST",
                    "url": "https://collect.example/v1/t?mail=jane.roe%40example.org",
                    "headers": [{"name": ":authority", "value": "x"}, {"name": "Cookie", "value": "sid=jane.roe"}],
                    "cookies": [{"name": "sid", "value": "jane.roe"}],
                    "queryString": [{"name": "mail", "value": "jane.roe@example.org"}],
                    "postData": {"mimeType": "application/json", "text": BODY},
                },
                "response": {"status": 200, "content": {"text": "for jane.roe@example.org"}, "headers": []},
            },
            {
                "request": {
                    "method": "POST",
                    "url": "https://collect.example/x?mail=jane.roe%40example.org",
                    "headers": [],
                    "postData": {"mimeType": "application/json", "text": '{"jane.roe@example.org'},
                },
                "response": {"status": 200},
            },
        ],
    }
}


def run(*words, stdin=None):
    return CliRunner().invoke(gateway, list(map(str, words)), input=stdin)


def test_a_body_goes_in_and_the_masked_one_comes_out():
    result = run("mask", stdin=BODY)
    assert (result.exit_code, result.stdout) == (0, MASKED)


def test_a_coded_body_comes_out_coded_the_same_way():
    result = run("mask", "--content-encoding", "gzip", stdin=gzip.compress(BODY.encode()))
    assert gzip.decompress(result.stdout_bytes).decode() == MASKED


def test_a_captured_request_comes_out_as_one_without_the_visitor(tmp_path):
    file = tmp_path / "one.json"
    file.write_text(json.dumps(CAPTURED))
    told = json.loads(run("mask", file).stdout)
    assert told["path"] == "/v1/t?mail=%5Bemail%5D"
    assert told["headers"] == [["Content-Type", "text/plain"]]
    assert base64.b64decode(told["body_b64"]).decode() == MASKED


@pytest.mark.parametrize("shape", ["a list", "lines"])
def test_many_requests_come_out_one_a_line_and_a_refused_one_is_named(tmp_path, shape):
    broken = {**CAPTURED, "body_b64": base64.b64encode(b"{").decode()}
    rows = [CAPTURED, broken, CAPTURED]
    file = tmp_path / "many.json"
    file.write_text(json.dumps(rows) if shape == "a list" else "\n".join(map(json.dumps, rows)))
    result = run("mask", file)
    assert len(result.stdout.splitlines()) == 2
    assert "request 2 is refused: broken_format" in result.stderr
    assert "jane" not in result.stdout


def test_of_a_har_nothing_is_left_but_masked_requests(tmp_path):
    file = tmp_path / "saved.har"
    file.write_text(json.dumps(HAR))
    result = run("mask", file)
    assert result.exit_code == 0
    for value in ("jane.roe", "203.0.113.77", "sid="):
        assert value not in result.stdout
    first, second = json.loads(result.stdout)["log"]["entries"]
    assert first["request"]["postData"]["text"] == MASKED
    assert first["request"]["url"] == "https://collect.example/v1/t?mail=%5Bemail%5D"
    assert first["response"]["status"] == 200
    assert second["comment"] == "refused: broken_format"
    assert "postData" not in second["request"]


def test_a_diff_shows_before_and_after_and_explain_the_rule():
    assert run("mask", "--diff", stdin=BODY).stdout == "properties.note\tjane.roe@example.org\t[email]\n"
    told = json.loads(run("mask", "--explain", "--json", stdin=BODY).stdout)
    assert [(one["rule"], one["detector"], one["operator"]) for one in told] == [
        ("e-mail addresses", "email", "replace")
    ]


@pytest.mark.parametrize(
    ("words", "stdin", "message"),
    [
        ((), "{", "refused: broken_format"),
        ((), b"\xff\xfe\x00\x01\x02", "refused:"),
        (("--tracker", "poshog"), "{}", "no tracker is named"),
        (("/nowhere/file.json",), "", "can't be read"),
        (("--rules", "nowhere.yaml"), "{}", "nowhere.yaml"),
    ],
)
def test_bad_input_is_one_line_and_nothing_on_standard_output(words, stdin, message):
    result = run("mask", *words, stdin=stdin)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


def test_what_a_change_of_rules_would_let_out_is_shown_and_fails(tmp_path):
    (tmp_path / "loose.yaml").write_text("extends: default\nmask: [{name: off, detect: email, with: keep}]\n")
    (tmp_path / "body.json").write_text(BODY)
    result = run("diff", "default", tmp_path / "loose.yaml", tmp_path / "body.json", "--json")
    assert result.exit_code == 1
    (one,) = json.loads(result.stdout)
    assert (one["place"], one["before"], one["old"], one["new"]) == (
        "properties.note", "jane.roe@example.org", "[email]", "",
    )  # fmt: skip


def test_a_change_that_masks_more_is_shown_and_passes(tmp_path):
    (tmp_path / "tight.yaml").write_text("extends: default\nmask: [{name: notes, fields: ['**.note'], with: mask}]\n")
    (tmp_path / "body.json").write_text(BODY)
    result = run("diff", "default", tmp_path / "tight.yaml", tmp_path / "body.json")
    assert result.exit_code == 0
    assert "***" in result.stdout


def test_the_same_rules_differ_in_nothing(tmp_path):
    (tmp_path / "body.json").write_text(BODY)
    result = run("diff", "default", "default", tmp_path / "body.json")
    assert (result.exit_code, result.stdout) == (0, "")
