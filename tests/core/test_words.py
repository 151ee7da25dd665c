"""Keys as words, and phrases in them."""

from __future__ import annotations

import pytest

from gateway.core.words import PLAIN_KEY, Phrases, words_of

WORDS = {
    "creditCard": "credit card", "credit_card": "credit card", "CREDIT-CARD": "credit card", "$credit card": "credit card",
    "HTTPServer": "http server", "userID": "user id", "address1": "address 1", "user.email": "user email", "a[b]": "a b",
    "Straße": "straße", "": "", "https://x.example/a": "", "jane doe, 12": "", "x" * 97: "",
}  # fmt: skip


@pytest.mark.parametrize(("key", "words"), WORDS.items(), ids=[key[:20] for key in WORDS])
def test_a_key_is_read_as_words(key, words):
    assert " ".join(words_of(key)) == words


PHRASES = [
    ("auth", "auth", 1), ("auth", "author", 0), ("auth", "authToken", 1), ("auth", "x_auth", 1), ("cc", "Accept", 0),
    ("credit card", "creditCard", 2), ("credit card", "credit_score_card", 0), ("credit card", "my-credit-card-2", 2),
    ("request body$", "requestBody", 2), ("request body$", "requestBodySize", 0), ("api key", "apiKey", 2),
    ("api key", "apikey", 0), ("token", "tokens", 0), ("address1", "address1", 2), ("e mail", "eMail", 2),
]  # fmt: skip


@pytest.mark.parametrize(("phrase", "key", "size"), PHRASES)
def test_a_phrase_is_found_by_whole_words(phrase, key, size):
    assert Phrases((phrase,)).longest_in(words_of(key)) == size


@pytest.mark.parametrize(("key", "size"), [("device_id", 2), ("$device_id", 2), ("device_id_count", 0)])
def test_an_anchored_phrase_ends_the_key(key, size):
    assert Phrases(("device id", "device"), anchored=True).longest_in(words_of(key)) == size


def test_no_phrase_is_in_nothing():
    assert not Phrases(())
    assert not Phrases(("://",))
    assert Phrases(("a",)).longest_in(()) == 0


PLAIN = {
    "first_visit": True, "$set": True, "a.b": True, "[Amplitude] Page": True, "data-x": True, "@type": True,
    "jane@example.org": False, "https://x": False, "4111 1111": False, "": False, "a" * 65: False, "a=b": False, "é": False,
}  # fmt: skip


@pytest.mark.parametrize(("key", "is_plain"), PLAIN.items(), ids=[key[:20] for key in PLAIN])
def test_a_key_that_may_hold_more_than_a_name_is_no_plain_one(key, is_plain):
    assert (PLAIN_KEY.fullmatch(key) is not None) is is_plain
