from __future__ import annotations

import pytest

from gateway.core.plugin import Context
from gateway.detectors import BY_NAME, find

POSITIVES = [
    ("00:1a:2b:3c:4d:5e", "00:1a:2b:3c:4d:5e"),
    ("eth 00-1A-2B-3C-4D-5E up", "00-1A-2B-3C-4D-5E"),
    ("001a.2b3c.4d5e", "001a.2b3c.4d5e"),
    ("mac=AA:BB:CC:DD:EE:01;", "AA:BB:CC:DD:EE:01"),
]
LOOK_ALIKES = [
    "00:1a:2b:3c:4d",
    "00:1a:2b:3c:4d:5e:6f",
    "20-12-31-10-11-12",
    "00:00:00:00:00:00",
    "ff:ff:ff:ff:ff:ff",
    "00:1a-2b:3c-4d:5e",
    "1234.5678.9012",
    "face.dead.beef",
    "550e8400-e29b-41d4-a716-446655440000",
]
ATTACKS = [
    "aa:" * 21845,
    "aa-" * 21845,
    "a1b2." * 13107,
    "00:1a:2b:3c:4d:5e " * 3640,
]


@pytest.mark.parametrize(("text", "hit"), POSITIVES)
def test_finds_exactly_the_hit(text, hit):
    spans = find(text, [BY_NAME["mac"]], Context())
    assert [text[span.start : span.end] for span in spans][:1] == [hit]


@pytest.mark.parametrize("text", LOOK_ALIKES)
def test_leaves_what_only_looks_alike(text):
    assert find(text, [BY_NAME["mac"]], Context()) == []
