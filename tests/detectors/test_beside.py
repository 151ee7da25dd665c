from __future__ import annotations

import pytest

from gateway.detectors.beside import Words

WORDS = Words(
    {
        "Steuer-ID": ("de",),
        "numéro fiscal": ("fr",),
        "егн": ("bg",),
        "личен номер": ("bg",),
        "เลขประจำตัว": ("th",),
        "nit": ("co", "gt"),
    }
)

FOUND = [
    ("Steuer-ID: ", "de", True),
    ("steuer_id=", "de", True),
    ("meineSteuerId: ", "de", True),
    ("Steuer-ID lautet ", "de", True),
    ("Steuer-ID of my wife: ", "de", False),
    ("STEUER ID ", "de", True),
    ("numero fiscal n° ", "fr", True),
    ("Личен номер ", "bg", True),
    ("เลขประจำตัว ", "th", True),
    ('{"nit":"', "co", True),
    ("steuerIdNumber ", "de", True),
]
NOT_FOUND = [
    "", " ", "steuer ", "steuerung id", "Steuer-ID 5 und ", "Steuer-ID; ", "Steuer-ID that nobody of us ever knew ", "unit ",
    "steuerIdentity ",
]  # fmt: skip


@pytest.mark.parametrize(("before", "told", "is_tight"), FOUND)
def test_a_phrase_before_a_number_is_found_however_it_is_joined(before, told, is_tight):
    found, tight = WORDS.beside(before + "123", len(before))
    assert (found[0], tight) == (told, is_tight)


@pytest.mark.parametrize("before", NOT_FOUND)
def test_what_stands_apart_or_is_another_word_is_none(before):
    assert WORDS.beside(before + "123", len(before))[0] == ()


def test_a_phrase_stands_for_all_that_it_may_mean():
    assert WORDS.beside("NIT 1", 4) == (("co", "gt"), True)


@pytest.mark.parametrize(
    ("keys", "told"),
    [(("steuer", "id", "user"), ("de",)), (("value", "nit"), ("co", "gt")), (("steuer",), ()), ((), ())],
)
def test_a_key_is_read_by_its_words(keys, told):
    assert WORDS.of_keys(keys) == told


def test_only_what_is_near_is_read():
    before = "Steuer-ID " + "x" * 65536 + " "
    assert WORDS.beside(before + "1", len(before))[0] == ()
