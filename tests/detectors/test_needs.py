"""Signs say which detectors a text is handed to: what has none of theirs is seen by none, and nothing is missed for it."""

import random
import re

import pytest

from gateway.core.plugin import Context
from gateway.core.signs import signs
from gateway.detectors import DETECTORS, NEEDS, find, scan

KEYS = [(), ("phone",), ("tax", "id"), ("lat",), ("dob",), ("imei",), ("passport",), ("ip",), ("value",)]
VALUES = [
    "jane.roe@example.org", "+49 30 1234567", "(212) 555-0123", "4111 1111 1111 1111", "DE89 3704 0044 0532 0130 00",
    "078-05-1120", "86 095 742 719", "49-015420-323751-8", "born 1990-02-13", "geb. 13.2.1990", "lat 52.5200, lng 13.4050",
    "203.0.113.7", "2001:db8::8a2e:370:7334", "00:1b:44:11:3a:b7", "/home/jane/report.txt", "Bearer abcdef0123456789abcdef",
    "sk-abcdefghij0123456789abcdef", "X1234567L", "12345678Z", "cpf 529.982.247-25",
]  # fmt: skip
NOISE = ["", " ", "-", ":", "/", "x", "7", "é", "\u200b", "٣", "%40", "&#64;", "\\u0040", "id=", "card", "tel"]


@pytest.mark.parametrize("seed", range(20))
def test_what_is_found_with_signs_is_what_is_found_without(seed):
    chance = random.Random(seed)
    hits = 0
    for _ in range(400):
        pieces = [chance.choice((VALUES, NOISE)[chance.random() < 0.4]) for _ in range(chance.randint(1, 4))]
        text = "".join(pieces)
        if chance.random() < 0.5:
            text = re.sub(r"\d", lambda _: chance.choice("0123456789"), text)
        context = Context(chance.choice(KEYS))
        found = find(text, DETECTORS, context)
        hits += bool(found)
        assert scan(text, DETECTORS, context) == found, (text, context.keys)
    assert hits > 100


def test_a_key_that_names_a_kind_asks_for_more():
    text = "reference 078051120"
    names = {key: {one.name for _, one in NEEDS.wanted(DETECTORS, key, signs(text))} for key in ((), ("tax", "id"))}
    assert names[()] <= names["tax", "id"]
    assert "national_id" in names["tax", "id"]


def test_a_detector_from_elsewhere_is_always_asked():
    (told,) = [one for one in DETECTORS if one.name == "email"]
    stranger = type(told)(**{name: getattr(told, name) for name in told.__dataclass_fields__})
    assert NEEDS.wanted([stranger], (), signs("nothing")) == [(0, stranger)]
    assert NEEDS.wanted([told], (), 0) == []
