"""The threat model is whole: every room has its section, every row a test, every path that it names is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODEL = (ROOT / "THREAT_MODEL.md").read_text(encoding="utf-8")
SECURITY = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## [^\n]*`gateway/([\w.]+)`\n(.*?)(?=^## |\Z)", MODEL, re.MULTILINE | re.DOTALL))
PACKAGE = ROOT / "gateway"
ROOMS = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").is_file()} | {
    path.name for path in PACKAGE.glob("*.py") if not path.name.startswith("__")
}
ROWS = [
    pytest.param(row, id=f"{room}: {row.split('|')[1].strip()}")
    for room, text in SECTIONS.items()
    for row in re.findall(r"^\|(?! threat |---).*$", text, re.MULTILINE)
]


def test_every_room_has_a_section_and_no_section_is_of_none():
    assert set(SECTIONS) == ROOMS


@pytest.mark.parametrize("row", ROWS)
def test_a_threat_names_the_tests_that_hold_it(row):
    named = re.findall(r"`(tests/[\w./-]+)`", row)
    assert named
    assert [path for path in named if not (ROOT / path).is_file()] == []


def test_a_target_that_the_model_names_is_fuzzed():
    from tests.fuzz.targets import TARGETS

    named = {
        name
        for told in re.findall(r"`tests/fuzz/targets.py` \(([^)]*)\)", MODEL)
        for name in re.findall(r"`([^`]+)`", told)
    }
    assert named
    assert {name for name in named if not any(one.startswith(name.rstrip("…")) for one in TARGETS)} == set()


@pytest.mark.parametrize("text", [MODEL, SECURITY], ids=["THREAT_MODEL.md", "SECURITY.md"])
def test_every_file_that_is_named_is_there(text):
    named = [*re.findall(r"`((?:gateway|tests|docs|rules)/[\w./-]+)`", text), *re.findall(r"\]\(([\w./-]+)\)", text)]
    assert named
    assert [path for path in named if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("command", sorted(set(re.findall(r"`gateway (\w+)", SECURITY))))
def test_a_command_that_is_advised_exists(command):
    from gateway.cli.app import COMMANDS

    assert command in COMMANDS
