"""Percent-encoding closes with the same characters raw and the same case."""

from urllib.parse import quote

import pytest

from gateway.codings.percent import PERCENT
from gateway.core.limits import Budget, Limits

JSON = '{"a":"x y/ü","b":[1,2]}'


@pytest.mark.parametrize(
    "source",
    [
        quote(JSON, safe=""),
        quote(JSON, safe="/:,"),
        quote(JSON, safe="!'()*"),
        quote(JSON, safe="")
        .replace("%C3%BC", "%c3%bc")
        .replace("%7B", "%7b")
        .replace("%7D", "%7d")
        .replace("%2F", "%2f")
        .replace("%3A", "%3a")
        .replace("%2C", "%2c")
        .replace("%5B", "%5b")
        .replace("%5D", "%5d"),
        quote(quote(JSON, safe=""), safe=""),
        quote("https://shop.example/a?b=c&d=e", safe=""),
    ],
)
def test_unedited_content_encodes_to_the_original(source):
    assert PERCENT.sniff(source)
    assert PERCENT.encode(PERCENT.decode(source, Budget(Limits(), lambda: 0.0)), source) == source


@pytest.mark.parametrize("text", ["100%", "%41bc", "a%7B", "https://shop.example/?a=%7B", "plain"])
def test_texts_with_an_escape_here_or_there_are_not_of_this_coding(text):
    assert not PERCENT.sniff(text)
