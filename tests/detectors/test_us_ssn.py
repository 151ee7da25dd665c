from __future__ import annotations

import pytest

from gateway.core.plugin import Context
from gateway.detectors import BY_NAME, find

POSITIVES = [
    ("536-22-8725", "536-22-8725"),
    ("ssn 536228725", "536228725"),
    ("his 536-22-8725.", "536-22-8725"),
    ("Social Security Number: 536 22 8725", "536 22 8725"),
    ("id536-22-8725z", "536-22-8725"),
]
LOOK_ALIKES = [
    "000-22-8725",
    "666-22-8725",
    "936-22-8725",
    "536-00-8725",
    "536-22-0000",
    "536228725",
    "536 22 8725",
    "1536-22-8725",
    "536-22-87251",
    "KD-536-22-8725",
    "536-22-8725-1",
    "lessn 536228725",
]
ATTACKS = [
    "536-22-" * 9362,
    "536-22-8725 " * 5461,
    "1" * 65536,
    "ssn " + "536228725 " * 6553,
]


@pytest.mark.parametrize(("text", "hit"), POSITIVES)
def test_finds_exactly_the_hit(text, hit):
    spans = find(text, [BY_NAME["us_ssn"]], Context())
    assert [text[span.start : span.end] for span in spans][:1] == [hit]


@pytest.mark.parametrize("text", LOOK_ALIKES)
def test_leaves_what_only_looks_alike(text):
    assert find(text, [BY_NAME["us_ssn"]], Context()) == []


@pytest.mark.parametrize("keys", [("ssn",), ("number", "security", "social")])
def test_takes_bare_digits_beside_a_key_that_says_so(keys):
    assert find("536228725", [BY_NAME["us_ssn"]], Context(keys=keys))
