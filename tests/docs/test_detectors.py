"""docs/detectors.md is a table of facts: every detector, an example that it finds, one that it leaves, and every reason."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gateway.core.plugin import Context, MissReason
from gateway.detectors import BY_NAME, DETECTORS, scan

TEXT = (Path(__file__).parents[2] / "docs" / "detectors.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (\w+) \| [^|]+ \| `([^|]+)` \| `([^|]+)` \|$", TEXT, re.MULTILINE)
REASONS = re.findall(r"^\| (\w+) \| [^|`]+ \|$", TEXT, re.MULTILINE)


def test_every_detector_has_its_row():
    assert sorted(name for name, _, _ in ROWS) == sorted(BY_NAME)


@pytest.mark.parametrize(("name", "found", "left"), ROWS)
def test_an_example_is_what_it_says(name, found, left):
    assert [span.detector for span in scan(found, DETECTORS, Context())] == [name]
    assert scan(left, DETECTORS, Context()) == []


def test_every_reason_of_a_miss_is_told():
    assert set(MissReason) <= set(REASONS)


@pytest.mark.parametrize(
    "text", re.findall(r"`([^`]+)`", TEXT.split("## Words and keys")[1].split("What is missing")[0])
)
def test_an_example_beside_a_word_is_found(text):
    spans = scan(
        text.partition('": ')[2].rstrip("}") if text[0] == "{" else text,
        DETECTORS,
        Context(keys=("pesel",) if text[0] == "{" else ()),
    )
    assert {span.detector for span in spans} == {"national_id"}
