"""A near miss overlaps no hit, and every other match is one."""

from __future__ import annotations

import re

import pytest

from gateway.detectors.near_miss import near_misses

DIGITS = re.compile(r"\d+")


@pytest.mark.parametrize(
    ("hits", "missed"),
    [
        ([], ["12", "345", "6"]),
        ([(3, 6)], ["12", "6"]),
        ([(4, 5)], ["12", "6"]),
        ([(2, 3)], ["12", "345", "6"]),
        ([(0, 8)], []),
        ([(0, 1), (7, 8)], ["345"]),
    ],
)
def test_what_overlaps_no_hit_is_missed(hits, missed):
    assert [match[0] for match in near_misses(DIGITS, "12 345 6", iter(hits))] == missed
