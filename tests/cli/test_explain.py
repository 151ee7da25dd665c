"""Every place of a value, with the rule that decided there, or the reason why none did."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.cli.app import gateway

CORPUS = Path(__file__).parent.parent / "corpus"
RULES = """\
extends: default
mask:
  - {name: cards, detect: payment_card, with: keep}
  - {name: customer number, pattern: 'KD-\\d{4}', in: urls, with: mask}
  - {name: notes, keys: [note], with: mask}
  - {name: secret boxes, select: "#p1", with: mask}
allow:
  - {name: our address, text: help@shop.example}
"""


def run(*arguments):
    return CliRunner().invoke(gateway, ["explain", *map(str, arguments)])


def explained(*arguments):
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.output)


@pytest.fixture
def rules(tmp_path):
    path = tmp_path / "rules.yaml"
    path.write_text(RULES, encoding="utf-8")
    return path


TEXTS = [
    ("jane@example.org", "masked", "rule 'e-mail addresses' (detector email)"),
    ("write to jane%40example.org now", "masked", "rule 'e-mail addresses' (detector email)"),
    ("4111111111111112", "not masked", "checksum failed (payment_card)"),
    ("44051401359", "not masked", "needs a word (national_id)"),
    ("http 1.2.3.4/5 v1.2.3.4", "masked", "rule 'IPv4 addresses' (detector ipv4)"),
    ("version 10.20.30.40", "not masked", "version like (ipv4)"),
    ("logo@2x.png", "not masked", "version like (email)"),
    ("GB33BUKB20201555555556", "not masked", "checksum failed (iban)"),
    ("Add to basket", "not masked", "no detector matched"),
    ("help@shop.example", "not masked", "allowed by: our address (email)"),
    ("4111111111111111", "not masked", "kept: the rule says keep (payment_card)"),
    ("KD-1234", "not masked", "out of scope: only in urls (pattern)"),
]


@pytest.mark.parametrize(("value", "outcome", "why"), TEXTS)
def test_a_text_is_explained_by_what_its_detectors_see(rules, value, outcome, why):
    (one,) = explained(value, "--rules", rules)
    assert one["outcome"] == outcome
    assert why in one["why"]


def test_a_key_is_explained_by_its_rule_with_file_and_line(rules):
    (one,) = explained("anything at all", "--rules", rules, "--key", "note")
    assert (one["outcome"], one["rule"], one["operator"], one["after"]) == ("masked", "notes", "mask", "***")
    assert one["where"] == f"{rules}:5"


def test_a_category_is_explained_by_the_line_that_sets_it():
    (one,) = explained("dull text")
    name, _, line = one["where"].rpartition(":")
    assert "event_properties" in Path(name).read_text(encoding="utf-8").splitlines()[int(line) - 1]


def test_a_typed_input_of_a_recording_is_found_in_its_layers():
    (one,) = explained("4012888888881881", CORPUS / "posthog.jsonl", "--tracker", "posthog")
    assert one["outcome"] == "masked"
    assert one["category"] == "form_inputs"
    assert one["category_from"] == "a form field of the page"
    assert one["element"] == "input#cc"
    assert one["layers"] == "gzip › utf8 › json"
    assert one["rule"] == "form_inputs"


def test_an_element_that_a_rule_selects_is_named(rules):
    found = explained(
        "canary.text@zyx-example.test", CORPUS / "posthog.jsonl", "--tracker", "posthog", "--rules", rules
    )
    assert [(one["selected_by"], one["rule"], one["outcome"]) for one in found] == [
        (["secret boxes"], "secret boxes", "masked")
    ]


def test_what_is_left_of_a_url_is_not_said_to_be_masked():
    found = explained("checkout", CORPUS / "posthog.jsonl", "--tracker", "posthog")
    urls = [one for one in found if one["place"].endswith("$current_url")]
    assert {one["outcome"] for one in urls} == {"not masked"}
    assert {one["why"] for one in urls} == {"no detector matched"}


def captured(tmp_path, headers=(), body="{}", path="/e"):
    told = {"method": "POST", "path": path, "headers": [["Content-Type", "application/json"], *headers], "body": body}
    file = tmp_path / "capture.json"
    file.write_text(json.dumps(told), encoding="utf-8")
    return file


def test_headers_paths_and_queries_are_looked_through(tmp_path):
    headers = [["Cookie", "who=jane.roe@example.org"], ["Referer", "https://a.example/?q=jane.roe@example.org"],
               ["X-Note", "jane.roe@example.org"]]  # fmt: skip
    file = captured(tmp_path, headers, path="/u/jane.roe@example.org?mail=jane.roe@example.org")
    found = explained("jane.roe@example.org", file)
    assert {(one["part"], one["outcome"]) for one in found} == {
        ("header", "dropped"),
        ("header", "masked"),
        ("path", "masked"),
        ("query", "masked"),
    }


def test_a_value_inside_something_that_goes_as_a_whole_names_what_takes_it(tmp_path):
    body = json.dumps({"request": {"body": {"deep": ["Zyxneedle one"]}}, "url": "https://a.example"})
    found = explained("Zyxneedle one", captured(tmp_path, body=body))
    assert {one["outcome"] for one in found} <= {"dropped", "masked"}
    assert found


def test_a_request_that_is_refused_is_said_to_be(tmp_path):
    found = explained("Zyxneedle", captured(tmp_path, body='{"broken": "Zyxneedle'))
    assert [one["outcome"] for one in found] == ["refused"]


def test_a_value_that_is_nowhere_is_one_line_and_exit_code_1(tmp_path):
    result = run("Zyxneedle", captured(tmp_path))
    assert result.exit_code == 1
    assert len(result.output.splitlines()) == 1
    assert "nowhere" in result.output


def test_an_empty_value_and_an_unknown_tracker_are_wrong_usage():
    assert run("").exit_code == 2
    assert run("x", "--tracker", "nobody").exit_code == 2


def test_a_pipe_gets_plain_lines():
    result = run("jane@example.org")
    assert "\x1b" not in result.output
    assert "decided by: e-mail addresses → replace" in result.output


def test_a_text_that_was_decided_on_as_it_stands_is_told_once():
    """A query in a record opens as a form, too: what became of the text is what counts."""
    found = explained("zyxcanarytoken42", CORPUS / "segment-batch.jsonl")
    assert {one["outcome"] for one in found} == {"masked"}


def test_what_is_never_touched_says_so_and_the_same_field_is_shown_once():
    result = run("phc_test", CORPUS / "posthog-beacon.jsonl")
    assert "category project_keys is never touched" in result.output
    assert result.output.count("body batch.properties.token  not masked") == 1
    assert " × 23" in result.output


def test_a_value_that_was_read_with_its_neighbours_says_so(tmp_path):
    parts = [{"type": 3, "id": 5, "textContent": "4111 1111 "}, {"type": 3, "id": 6, "textContent": "1111 1111"}]
    page = {
        "type": 0,
        "id": 1,
        "childNodes": [{"type": 2, "id": 2, "tagName": "p", "attributes": {}, "childNodes": parts}],
    }
    capture = tmp_path / "body.json"
    event = {"type": 2, "timestamp": 1, "data": {"node": page, "initialOffset": {}}}
    capture.write_text(json.dumps({"events": [event]}), encoding="utf-8")
    (one,) = explained("4111 1111", capture)
    assert one["outcome"] == "masked"
    assert one["why"].endswith("read together with the texts beside it")
