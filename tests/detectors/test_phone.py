from __future__ import annotations

import pytest

from gateway.core.plugin import Context
from gateway.detectors import BY_NAME, find

POSITIVES = [
    ("+1 415 555 0132", "+1 415 555 0132"),
    ("call us at +1 (415) 555-0132 or so", "+1 (415) 555-0132"),
    ("+14155550132", "+14155550132"),
    ("+49 151 23456789", "+49 151 23456789"),
    ("+44 20 7946 0958", "+44 20 7946 0958"),
    ("+49 (0)30 901820", "+49 (0)30 901820"),
    ("dial 0049 151 23456789", "0049 151 23456789"),
    ("0044 20 7946 0958", "0044 20 7946 0958"),
    ("phone: 415 555 0132", "415 555 0132"),
    ("Tel. (415) 555-0132", "(415) 555-0132"),
    ("my mobile number is 0151 23456789", "0151 23456789"),
    ("Telefon 030/901820", "030/901820"),
    ("fax=4155550132", "4155550132"),
    ('{"phone":"415-555-0132"}', "415-555-0132"),
    ("href=tel:4155550132", "4155550132"),
    ("phone_number: 415.555.0132", "415.555.0132"),
    ("x+33 6 12 34 56 78z", "+33 6 12 34 56 78"),
]
LOOK_ALIKES = [
    "415 555 0132",
    "4155550132",
    "1700000000",
    "phone 1700000000",
    "phone: 1700000000000",
    "GMT+0200 (CEST)",
    "2026-03-14T00:00:00+0100",
    "1.0.0+20130313144700",
    "iPhone 14 Pro 1234567",
    "call stack 2026-03-14",
    "microphone 1234567 samples",
    "+52.5200-013.4050",
    "Mobile/15E148 Safari/604.1",
    "0012345678",
    "callId: 8123456789",
    "tel: 2026-03-14",
    "phone",
    "+1",
    "+0 123 456 789",
]
ATTACKS = [
    "+1" * 32768,
    "+1 415 555 0132 " * 4096,
    "tel 4" * 10922,
    "0049" * 16384,
    "(" * 65536,
    "tel " + "1 " * 32768,
    "phone: 415 555 0132 " * 3276,
]


@pytest.mark.parametrize(("text", "hit"), POSITIVES)
def test_finds_exactly_the_hit(text, hit):
    spans = find(text, [BY_NAME["phone"]], Context())
    assert [text[span.start : span.end] for span in spans][:1] == [hit]


@pytest.mark.parametrize("text", LOOK_ALIKES)
def test_leaves_what_only_looks_alike(text):
    assert find(text, [BY_NAME["phone"]], Context()) == []


@pytest.mark.parametrize("number", ["4155550132", "415 555 0132", "(415) 555-0132", "0151 23456789"])
def test_takes_a_national_number_beside_a_key_that_says_phone(number):
    spans = find(number, [BY_NAME["phone"]], Context(keys=("phone", "user")))
    assert [(span.start, span.end) for span in spans] == [(0, len(number))]


@pytest.mark.parametrize("text", ["1700000000", "1700000000000", "2026-03-14", "20260314", "12345.678"])
def test_takes_no_time_for_a_phone_even_beside_such_a_key(text):
    assert find(text, [BY_NAME["phone"]], Context(keys=("phone",))) == []


def test_a_number_that_reads_both_ways_is_found_once_and_one_of_five_digits_is_none():
    context = Context(keys=("phone",))
    for text, hits in (("call +1 415 555 0132 or 415 555 0133", ["+1 415 555 0132", "415 555 0133"]), ("12345", [])):
        assert [text[span.start : span.end] for span in find(text, [BY_NAME["phone"]], context)] == hits
