from __future__ import annotations

import pytest

from gateway.core.plugin import Context
from gateway.detectors import BY_NAME, find

POSITIVES = [
    ("bearer abcdefGHijklmnOP", "abcdefGHijklmnOP"),
    ("Basic YW5uYWJlbDo-Pj4-fn5-fnBhc3M", "YW5uYWJlbDo-Pj4-fn5-fnBhc3M"),
    ("Basic YW5uYWJlbDo_Pz8_d29yZA", "YW5uYWJlbDo_Pz8_d29yZA"),
    ("Authorization: Bearer abcdef0123456789", "abcdef0123456789"),
    ("bearer 8f14e45fceea167a", "8f14e45fceea167a"),
    ("Basic bGVuYTpodW50ZXIy", "bGVuYTpodW50ZXIy"),
    ('{"authorization":"Basic dXNlcjpwYXNz"}', "dXNlcjpwYXNz"),
    ('"Bearer mF_9.B5f-4.1JqM"', "mF_9.B5f-4.1JqM"),
]
LOOK_ALIKES = [
    "bearer abcdefGHijklmnO",
    "Basic bGVu.YTpodW50ZXI",
    "Basic bGVuYTpodW50ZXIy=AA",
    "Basic information",
    "bearer of news",
    "Basic authentication",
    "bearer token",
    "Bearer shares",
    "basic T-shirt",
    "the bearer authenticates",
    "Basic subscription",
]
ATTACKS = [
    "bearer " * 9362,
    "basic " * 10922,
    "bearer " + "a" * 65536,
    "basic " + "A" * 65536,
    "bearer  bearer" * 4681,
]


@pytest.mark.parametrize(("text", "hit"), POSITIVES)
def test_finds_exactly_the_hit(text, hit):
    spans = find(text, [BY_NAME["bearer"]], Context())
    assert [text[span.start : span.end] for span in spans][:1] == [hit]


@pytest.mark.parametrize("text", LOOK_ALIKES)
def test_leaves_what_only_looks_alike(text):
    assert find(text, [BY_NAME["bearer"]], Context()) == []
