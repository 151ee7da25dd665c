"""`gateway test`: a rule file's tests pass, fail with the place that differs, and are never silently none."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from gateway.cli.app import gateway
from gateway.insight.trial import differ

RULES = """
extends: default
mask:
  - {name: customer number, pattern: 'KD-[0-9]{8}', with: {replace: "[customer]"}}
tests:
  - name: a customer number goes
    tracker: posthog
    input: {event: x, properties: {note: "for KD-20261199"}}
    expect: {event: x, properties: {note: "%s"}}
  - name: what is nobody's stays
    input: {a: 1}
    expect: {a: 1}
"""


def run(*words):
    return CliRunner().invoke(gateway, ["test", *map(str, words)])


@pytest.fixture
def rules(tmp_path):
    def write(expected):
        file = tmp_path / "mine.yaml"
        file.write_text(RULES % expected)
        return file

    return write


def test_tests_that_hold_pass(rules):
    result = run(rules("for [customer]"))
    assert result.exit_code == 0
    assert "0 failed" in result.stdout


def test_one_that_does_not_names_the_place_and_fails(rules):
    result = run(rules("for KD-20261199"))
    assert result.exit_code == 1
    assert 'properties.note: is "for [customer]", expected "for KD-20261199"' in result.stdout
    assert "1 failed" in result.stdout


def test_programs_read_the_same(rules):
    told = json.loads(run("--json", rules("for [customer]")).stdout)
    assert {one["passed"] for one in told} == {True}
    assert "a customer number goes" in {one["name"] for one in told}


@pytest.mark.parametrize(
    ("came", "wanted", "lines"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": 2}, ["a: is 1, expected 2"]),
        ({"a": 1}, {"a": 1.0}, ["a: is 1, expected 1.0"]),
        ({}, {"a": 1}, ["a: is gone, expected 1"]),
        ({"a": 1}, {}, ["a: is 1, expected to be gone"]),
        ({"a": [1, 2]}, {"a": [1, 3]}, ["a[1]: is 2, expected 3"]),
        ([1], [1, 2], ["body: is [1], expected [1, 2]"]),
    ],
)
def test_differences_are_told_a_line_a_place(came, wanted, lines):
    assert list(differ(came, wanted, "")) == lines


def test_the_shipped_rules_pass_their_own_tests():
    assert run().exit_code == 0
