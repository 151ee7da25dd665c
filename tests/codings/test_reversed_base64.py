"""Base64 written backwards is told by how it ends, and goes back in the same dress."""

import base64
import json

import pytest

from gateway.codings.reversed_base64 import REVERSED_BASE64
from gateway.core.errors import Reason, Refused
from gateway.core.limits import Budget, Limits
from tests.subject import masked, program, request, sent

BODY = {"user": {"userID": "u-1", "email": "jane.roe@example.org"}, "n": [1, 2]}


def turned(value):
    return base64.b64encode(json.dumps(value).encode())[::-1]


def budget():
    return Budget(Limits(), lambda: 0.0)


@pytest.mark.parametrize("value", [BODY, [BODY], ["a plain text", "another"]])
def test_it_goes_back_as_it_came(value):
    source = turned(value)
    assert REVERSED_BASE64.sniff(source)
    content = REVERSED_BASE64.decode(source, budget())
    assert json.loads(content) == value
    assert REVERSED_BASE64.encode(content, source) == source


@pytest.mark.parametrize(
    "text", ["Jye", "0123456789abcdef", "some words that end in Jye", base64.b64encode(b"plain text, not turned round")]
)
def test_other_texts_are_not_taken_for_it(text):
    assert not REVERSED_BASE64.sniff(text)


def test_a_text_of_an_impossible_length_is_broken():
    with pytest.raises(Refused) as caught:
        REVERSED_BASE64.decode("A" * 14 + "Jye", budget())
    assert caught.value.reason is Reason.BROKEN_CODING


def test_a_body_that_is_turned_round_is_masked_and_turned_round_again():
    body = sent(program(), request(turned(BODY), path="/v1/initialize")).body
    told = json.loads(base64.b64decode(body[::-1]))
    assert told["n"] == [1, 2]
    assert "jane.roe" not in json.dumps(told)
    assert masked(program(), BODY)["user"].keys() == told["user"].keys()
