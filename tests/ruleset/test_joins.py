"""Values that are cut into the items of an array go item by item; rows of measures stay."""

import json
import random

import pytest

from gateway.ruleset.joins import join_line, spread
from gateway.ruleset.text import Edit
from tests.subject import masked, program

CARD, IBAN = "4111111111111111", "DE89370400440532013000"
ANY = program()

CUT = {
    "digits": ({"x": [int(one) for one in CARD]}, {"x": [0] * 16}),
    "digits as texts": ({"x": list(CARD)}, {"x": ["[card]", *["*"] * 15]}),
    "groups as they are printed": ({"x": ["4111", "1111", "1111", "1111"]}, {"x": ["[card]", "*", "*", "*"]}),
    "groups of numbers under a key that names them": ({"card": [4111, 1111, 1111, 1111]}, {"card": [0, 0, 0, 0]}),
    "groups among other texts": (
        {"x": ["paid with", "4111", "1111", "1111", "1111", "today"]},
        {"x": ["paid with", "[card]", "*", "*", "*", "today"]}),
    "an IBAN in groups": ({"x": ["DE89", "3704", "0044", "0532", "0130", "00"]}, {"x": ["[iban]", *["*"] * 5]}),
    "signs of an IBAN": ({"x": list(IBAN)}, {"x": ["[iban]", *["*"] * 21]}),
    "a national id with its word": ({"bsn": list("111222333")}, {"bsn": ["[id number]", *["*"] * 8]}),
    "a telephone number": ({"x": ["+49", "170", "1234567"]}, {"x": ["[phone]", "*", "*"]}),
    "signs of an e-mail address": ({"x": list("jane@example.org")}, {"x": ["[email]", *["*"] * 15]}),
    "arguments of a console line": ({"x": ['"4111"', '"1111"', '"1111"', '"1111"']}, {"x": ['"[card]"', '"*"', '"*"', '"*"']}),
    "an array in a text": ({"x": json.dumps(list(CARD))}, {"x": json.dumps(["[card]", *["*"] * 15])}),
}  # fmt: skip
KEPT = {
    "a wrong checksum": [int(one) for one in "4111111111111112"],
    "more than the card": [int(one) for one in CARD + "1"],
    "less than the card": [int(one) for one in CARD[:-1]],
    "groups of numbers": [4111, 1111, 1111, 1111],
    "one number among them": [4111111111111112, 1],
    "measures": [4.1, 1.1, 1.1],
    "a national id without its word": list("111222333"),
    "a number among containers": [[4, 1, 1, 1], [1, 1, 1, 1], [1, 1, 1, 1], [1, 1, 1, 1]],
    "true and false": [True, False] * 8,
    "too few": ["+", "4", "9"],
    "nothing": [],
}


@pytest.mark.parametrize("name", CUT)
def test_a_value_in_pieces_is_masked_piece_by_piece(name):
    before, after = CUT[name]
    assert masked(ANY, before) == after


@pytest.mark.parametrize("name", KEPT)
def test_what_is_no_value_as_a_whole_stays(name):
    assert masked(ANY, {"x": KEPT[name]}) == {"x": KEPT[name]}


def test_rows_of_measures_stay():
    """Ten thousand arrays as recordings have them: positions, timings, histograms, years, colours, sizes."""
    chance = random.Random(7)
    rows = []
    for _ in range(1_250):
        start = chance.randrange(1000, 9000)
        rows += [
            [start + at * chance.randrange(1, 40) for at in range(4)],
            [chance.randrange(0, 2000) for _ in range(chance.randrange(3, 12))],
            [chance.randrange(0, 256) for _ in range(3)],
            [chance.randrange(0, 10) for _ in range(chance.choice((8, 10, 12, 24, 32)))],
            [chance.random() for _ in range(8)],
            [str(2026 - at) for at in range(chance.randrange(3, 9))],
            [f"{chance.randrange(1, 25)}", f"{chance.randrange(0, 60)}", f"{chance.randrange(0, 60)}"],
            [chance.randrange(1764000000, 1765000000) for _ in range(4)],
        ]
    assert masked(ANY, {"rows": rows}) == {"rows": rows}


def test_a_line_is_joined_as_a_browser_shows_it():
    joined = join_line(["\n  Card ", " \n ", "4111", "  1111\t", "\n"])
    assert joined.text == "Card 4111 1111 "
    edits = dict(spread([Edit(7, 11, "[x]", "r", "redact", 1)], joined))
    assert {index: (one.start, one.end, one.replacement) for index, one in edits.items()} == {
        2: (2, 4, "[x]"),
        3: (2, 3, "*"),
    }
