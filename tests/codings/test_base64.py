"""Base64 goes back in the dress it came in."""

import base64

import pytest

from gateway.codings.base64 import BASE64
from gateway.core.errors import Reason, Refused
from gateway.core.limits import Budget, Limits

BYTES = bytes(range(256))[180:] + b"\xfb\xff\xfe"
STANDARD = base64.b64encode(BYTES).decode()
URL = base64.urlsafe_b64encode(BYTES).decode()
WRAPPED = base64.encodebytes(BYTES * 2).decode()


def decode(source):
    return BASE64.decode(source, Budget(Limits(), lambda: 0.0))


@pytest.mark.parametrize(
    "source",
    [
        STANDARD,
        STANDARD.rstrip("="),
        URL,
        URL.rstrip("="),
        STANDARD.encode(),
        base64.b64encode(BYTES + b"1").decode(),
        base64.b64encode(BYTES + b"1").decode().rstrip("="),
        WRAPPED,
        WRAPPED.rstrip("\n"),
        WRAPPED.replace("\n", "\r\n"),
    ],
)
def test_alphabet_padding_and_line_ends_are_kept(source):
    assert BASE64.sniff(source)
    assert BASE64.encode(decode(source), source) == source


@pytest.mark.parametrize(
    "text",
    [
        "YWJj",  # too short to be told from a word
        "0123456789abcdef0123456789abcdef",
        "0123456789ABCDEF",
        "17955002954661795500295466",
        "AAAAAAAAAAAAAAAA+/-_",  # two alphabets
        "some words with spaces in them",
        "AAAAAAAAAAAAAAAA===",
        "AAAAAAAA=AAAAAAAAAA",
    ],
)
def test_ids_words_and_mixtures_are_no_base64(text):
    assert not BASE64.sniff(text)


@pytest.mark.parametrize("text", ["A" * 17, "A" * 18 + "=", "A" * 16 + "==", "A" * 19 + "=="])
def test_impossible_lengths_and_paddings_are_broken(text):
    with pytest.raises(Refused) as caught:
        decode(text)
    assert caught.value.reason is Reason.BROKEN_CODING
