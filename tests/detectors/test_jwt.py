from __future__ import annotations

import pytest

from gateway.core.plugin import Context
from gateway.detectors import BY_NAME, find

POSITIVES = [
    (
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJsZW5hIn0.c2lnbmF0dXJlLW9mLXRoZS10b2tlbg",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJsZW5hIn0.c2lnbmF0dXJlLW9mLXRoZS10b2tlbg",
    ),
    (
        "t=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJsZW5hIn0.c2lnbmF0dXJlLW9mLXRoZS10b2tlbg;",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJsZW5hIn0.c2lnbmF0dXJlLW9mLXRoZS10b2tlbg",
    ),
    ("cut eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJsZW5hIn0", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJsZW5hIn0"),
    (
        "xeyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJsZW5hIn0.c2lnbmF0dXJlLW9mLXRoZS10b2tlbg",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJsZW5hIn0.c2lnbmF0dXJlLW9mLXRoZS10b2tlbg",
    ),
    ("eyJhbGciOiJkaXIifQ..aXYxMjM0NTY.Y2lwaGVydGV4dA.dGFn", "eyJhbGciOiJkaXIifQ..aXYxMjM0NTY.Y2lwaGVydGV4dA.dGFn"),
]
LOOK_ALIKES = [
    "eyJ",
    "eyJhbGciOiJIUzI1NiJ9",
    "monkeyJar.jungle.js",
    "a.b.c",
    "heyJude.mp3.download",
]
ATTACKS = [
    "eyJ" * 21845,
    "eyJhbGci." * 7281,
    "." * 65536,
    "eyJ." * 16384,
    "a." * 32768,
]


@pytest.mark.parametrize(("text", "hit"), POSITIVES)
def test_finds_exactly_the_hit(text, hit):
    spans = find(text, [BY_NAME["jwt"]], Context())
    assert [text[span.start : span.end] for span in spans][:1] == [hit]


@pytest.mark.parametrize("text", LOOK_ALIKES)
def test_leaves_what_only_looks_alike(text):
    assert find(text, [BY_NAME["jwt"]], Context()) == []
