from __future__ import annotations

import pytest

from gateway.core.plugin import Context
from gateway.detectors import BY_NAME, find

POSITIVES = [
    ("4012888888881881", "4012888888881881"),
    ("paid with 4012 8888 8888 1881 today", "4012 8888 8888 1881"),
    ("4012-8888-8888-1881", "4012-8888-8888-1881"),
    ("4012.8888.8888.1881", "4012.8888.8888.1881"),
    ("id4012888888881881z", "4012888888881881"),
    ("amex 3782 822463 10005", "3782 822463 10005"),
    ("378282246310005", "378282246310005"),
    ("mc 5555555555554444.", "5555555555554444"),
    ("2223003122003222", "2223003122003222"),
    ("diners 30569309025904", "30569309025904"),
    ("discover: 6011111111111117", "6011111111111117"),
    ("jcb 3530111333300000", "3530111333300000"),
    ("unionpay 6200000000000005", "6200000000000005"),
    ("card 4222222222222", "4222222222222"),
    ("mir 2200000000000004", "2200000000000004"),
    ("[5105105105105100,4012888888881881]", "5105105105105100"),
    ("order 12 4012 8888 8888 1881 ok", "4012 8888 8888 1881"),
]
LOOK_ALIKES = [
    "4012888888881882",
    "1700000000000",
    "1700000000000000",
    "14012888888881881",
    "40128888888818810",
    "0.4012888888881881",
    "4012888888881881.25",
    "12345678-4012-8888-8888-188112345678",
    "a4012888888881881bcdef01",
    "550e8400-e29b-41d4-a716-446655440000",
    "4012 8888 8888",
    "9999999999999995",
    "4222222222222",
    "40.12 88.88 88.88 18.81",
    "1.7e12",
]
ATTACKS = [
    "4" * 65536,
    "4 " * 32768,
    "4012 " * 13107,
    "4012888888881881a" * 3855,
    "4e1 " * 16384,
    "4012888888881882." * 3855,
]


@pytest.mark.parametrize(("text", "hit"), POSITIVES)
def test_finds_exactly_the_hit(text, hit):
    spans = find(text, [BY_NAME["payment_card"]], Context())
    assert [text[span.start : span.end] for span in spans][:1] == [hit]


@pytest.mark.parametrize("text", LOOK_ALIKES)
def test_leaves_what_only_looks_alike(text):
    assert find(text, [BY_NAME["payment_card"]], Context()) == []


@pytest.mark.parametrize(
    "number", ["4.012888888881881E15", "4.012888888881881e+15", "4012888888881881.0", "40128888888818810e-1"]
)
def test_finds_a_card_in_any_notation_of_json_numbers(number):
    spans = find(number, [BY_NAME["payment_card"]], Context())
    assert number[spans[0].start : spans[0].end].removesuffix(".0") == number.removesuffix(".0")


def test_takes_a_rare_length_beside_a_key_that_says_card():
    assert find("4222222222222", [BY_NAME["payment_card"]], Context(keys=("card", "number")))


BRANDS = """
4111111111111111 5555555555554444 2223003122003222 378282246310005 6011111111111117 6445644564456445
6500000000000002 30569309025904 38520000023237 3530111333300000 6200000000000005 8171999927660000
6759649826438453 2200000000000004 6062826786276634 5019717010103742
""".split()  # the test numbers that their schemes publish


@pytest.mark.parametrize("number", BRANDS)
def test_the_test_numbers_of_every_brand_are_cards(number):
    spans = find(f"card {number}", [BY_NAME["payment_card"]], Context())
    assert [(span.start, span.end) for span in spans] == [(5, 5 + len(number))]
