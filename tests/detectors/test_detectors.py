from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from gateway.core.plugin import Context, Detector, Span
from gateway.detectors import BY_NAME, DETECTORS, find, scan

HARMLESS = (Path(__file__).parent.parent / "corpus" / "harmless.txt").read_text(encoding="utf-8").splitlines()


def test_the_harmless_corpus_is_large_and_distinct():
    assert len(set(HARMLESS)) == len(HARMLESS) >= 2000


def test_no_detector_takes_a_harmless_string_for_a_person():
    fired = {text: spans for text in HARMLESS if (spans := find(text, DETECTORS, Context()))}
    assert fired == {}


CANARIES = [
    "canary.text@zyx-example.test",
    "GB33BUKB20201555555555",
    "4012888888881881",
    "536-22-8725",
    "+1 415 555 0132",
]


@pytest.mark.parametrize("canary", CANARIES)
@pytest.mark.parametrize("frame", ["{}", "paid by {} yesterday", "x={};y=1", "<p title='{}'>", '[{{"v":"{}"'])
def test_canaries_are_found_in_free_text(canary, frame):
    text = frame.format(canary)
    assert canary in [text[span.start : span.end] for span in scan(text, DETECTORS, Context())]


def test_hits_come_in_order_and_apart():
    text = "a@b.example, 4012888888881881, +1 415 555 0132 and 203.0.113.7, c@d.example"
    spans = scan(text, DETECTORS, Context())
    assert [span.detector for span in spans] == ["email", "payment_card", "phone", "ipv4", "email"]
    assert all(before.end <= after.start for before, after in pairwise(spans))


def always(name: str, *spans: tuple[int, int]) -> Detector:
    return Detector(name, name, name, None, lambda _text, _context: spans)


def test_of_overlapping_hits_the_longest_wins_then_the_first_listed():
    detectors = [always("short", (0, 4), (8, 12)), always("long", (2, 8)), always("same", (8, 12))]
    assert scan("dull text here", detectors, Context()) == [Span(2, 8, "long"), Span(8, 12, "short")]


def test_a_detector_from_outside_sees_what_the_prefilter_passes_over():
    assert scan("dull", [*DETECTORS, always("own", (0, 4))], Context()) == [Span(0, 4, "own")]


def test_a_text_that_can_hold_nothing_is_passed_over():
    assert scan("dull", DETECTORS, Context()) == []


def test_only_the_given_detectors_look():
    assert scan("a@b.example 4012888888881881", [BY_NAME["email"]], Context()) == [Span(0, 11, "email")]
    assert scan("a@b.example", [], Context()) == []
