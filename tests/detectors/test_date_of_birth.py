from __future__ import annotations

import pytest

from gateway.core.plugin import Context, MissReason
from gateway.detectors import BY_NAME, find

POSITIVES = [
    ("DOB: 1980-05-17", "1980-05-17"),
    ("dob=05/17/1980", "05/17/1980"),
    ("born 17 May 1980", "17 May 1980"),
    ("born on May 17, 1980", "May 17, 1980"),
    ("Geburtsdatum: 17.05.1980", "17.05.1980"),
    ("geboren am 17. Mai 1980", "17. Mai 1980"),
    ("née le 17/05/1980", "17/05/1980"),
    ("fecha de nacimiento: 17 de mayo de 1980", "17 de mayo de 1980"),
    ("birthDate 1980-05-17T00:00:00.000Z", "1980-05-17T00:00:00.000Z"),
    ("Date of birth 19800517", "19800517"),
    ("生年月日: 1980年5月17日", "1980年5月17日"),
    ("дата рождения 17.05.80", "17.05.80"),
    ("data di nascita 17-05-1980", "17-05-1980"),
    ("userBirthday: 1980/5/17", "1980/5/17"),
]
LOOK_ALIKES = [
    "1980-05-17",
    "17.05.1980",
    "ordered on 17 May 2020",
    "born in 1980",
    "Born to Run, released 25 August 1975",
    "birthday party on the boat, 17.05.2025 at 8",
    "DOB 1980-13-45",
    "date of birth: 44.55.1980",
    "rebirth 2020.05.17.1",
    "birthday cards from 2.50",
]
ATTACKS = [
    "dob 17.05.1980 " * 4369,
    "17.05.1980 " * 5957,
    "1980-05-" * 8192,
    "born " * 13107,
    "1 " * 32768,
    "17 May " * 9362,
    "1/" * 32768,
]


@pytest.mark.parametrize(("text", "hit"), POSITIVES)
def test_finds_exactly_the_hit(text, hit):
    spans = find(text, [BY_NAME["date_of_birth"]], Context())
    assert [text[span.start : span.end] for span in spans] == [hit]


@pytest.mark.parametrize("text", LOOK_ALIKES)
def test_leaves_what_only_looks_alike(text):
    assert find(text, [BY_NAME["date_of_birth"]], Context()) == []


@pytest.mark.parametrize("keys", [("dob",), ("birth", "date"), ("date", "of", "birth", "user"), ("geburtsdatum",)])
def test_a_key_is_as_good_as_a_word(keys):
    assert find("17.05.1980", [BY_NAME["date_of_birth"]], Context(keys=keys))


def test_a_miss_has_its_reason():
    misses = list(BY_NAME["date_of_birth"].why_not("on 17.05.1980", Context()))
    assert [(miss.start, miss.end, miss.reason) for miss in misses] == [(3, 13, MissReason.NEEDS_A_WORD)]
