"""docs/get-started.md by its word: what it has one send leaves as it says."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.cli.app import gateway

PAGE = (Path(__file__).parents[2] / "docs" / "get-started.md").read_text(encoding="utf-8")


@pytest.fixture
def shop(tmp_path, monkeypatch):
    """The folder after step 3."""
    monkeypatch.chdir(tmp_path)
    (line,) = (line for line in PAGE.splitlines() if line.startswith("gateway init posthog --upstream"))
    assert CliRunner().invoke(gateway, shlex.split(line)[1:]).exit_code == 0
    return tmp_path


def test_the_event_arrives_as_shown(shop):
    sent = re.search(r"-d '(\{.*?\})'$", PAGE, re.MULTILINE | re.DOTALL)[1]
    shown = re.search(r"```text\n(\{.*?)\n```", PAGE, re.DOTALL)[1]
    (shop / "event.json").write_text(sent)
    left = CliRunner().invoke(gateway, ["mask", "--config", "gateway.yaml", "event.json"])
    assert (left.exit_code, left.stderr) == (0, "")
    assert re.sub(r"user-[0-9a-f]{8}", "user-…", left.stdout.strip()) == shown
    assert "user-84cc76e3" not in left.stdout


def test_the_edit_that_is_shown_is_taken_and_the_mistake_is_not(shop):
    rules = shop / "rules" / "my-site.yaml"
    rules.write_text(rules.read_text().replace("[customer]", "[number]"))
    assert CliRunner().invoke(gateway, ["test"]).exit_code == 0
    rules.write_text(rules.read_text().replace("\nmask:", "\nmaks:"))
    told = CliRunner().invoke(gateway, ["check"])
    assert (told.exit_code, "rules/my-site.yaml:4: " in told.stderr, 'did you mean "mask"?' in told.stderr) == (
        2,
        True,
        True,
    )


def test_the_questions_that_are_shown_are_answered(shop):
    """Step 7, but for the audit, which has tests of its own and takes longer."""
    asking = re.search(r"## 7.*?```sh\n(.*?)```", PAGE, re.DOTALL)[1].splitlines()
    (shop / "event.json").write_text(shlex.split(asking[0])[1])
    for line, told in zip(asking[1:3], ("customer numbers", "0 not masked"), strict=True):
        answered = CliRunner().invoke(gateway, shlex.split(line)[1:])
        assert (answered.exit_code, told in answered.stdout) == (0, True)
