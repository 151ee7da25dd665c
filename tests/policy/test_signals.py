"""Opt-out signals: whatever a browser or a front does to them, none is missed and a plain no is a no."""

import pytest

from gateway.core.message import Headers
from gateway.policy.signals import OptOut, cookie_pairs, has_opt_out_cookie, has_signal

NAMES = ("gateway_opt_out",)

OPTED_OUT = {
    "plain": ["gateway_opt_out=1"],
    "any word": ["gateway_opt_out=yes"],
    "quoted": ['gateway_opt_out="1"'],
    "between others": ["a=b; gateway_opt_out=1; c=d"],
    "no space": ["a=b;gateway_opt_out=1;c=d"],
    "spaces and tabs": ["a=b; \tgateway_opt_out = 1 "],
    "after a denial": ["gateway_opt_out=0; gateway_opt_out=1"],
    "before a denial": ["gateway_opt_out=1; gateway_opt_out=0"],
    "after a nameless pair": ["=x; y; gateway_opt_out=1"],
    "after a malformed pair": ['a="b; ;;=; gateway_opt_out=1'],
    "in a later field": ["\x01\x02=\xff", "gateway_opt_out=1"],
    "among fifty": ["; ".join([*(f"c{n}=v" for n in range(50)), "gateway_opt_out=1"])],
    "behind 4 KiB": ["a=" + "b" * 4096 + "; gateway_opt_out=1"],
    "a value with an equals sign": ["gateway_opt_out=0=1"],
    "malformed value": ["gateway_opt_out=%%%"],
}
NOT_OPTED_OUT = {
    "no cookie": [],
    "zero": ["gateway_opt_out=0"],
    "false": ["gateway_opt_out=False"],
    "no": ["gateway_opt_out=no"],
    "empty": ["gateway_opt_out="],
    "empty quotes": ['gateway_opt_out=""'],
    "quoted zero": ['gateway_opt_out="0"'],
    "another case": ["Gateway_Opt_Out=1"],
    "a longer name": ["xgateway_opt_out=1; gateway_opt_out2=1"],
    "a value that looks like it": ["a=gateway_opt_out"],
    "nameless": ["gateway_opt_out", "=1"],
}


@pytest.mark.parametrize("fields", OPTED_OUT.values(), ids=OPTED_OUT)
def test_an_opt_out_cookie_is_found(fields):
    assert has_opt_out_cookie(Headers(("Cookie", field) for field in fields), NAMES)


@pytest.mark.parametrize("fields", NOT_OPTED_OUT.values(), ids=NOT_OPTED_OUT)
def test_what_is_no_opt_out_cookie_is_none(fields):
    assert not has_opt_out_cookie(Headers(("cookie", field) for field in fields), NAMES)


def test_pairs_keep_their_order_and_duplicates():
    headers = Headers([("Cookie", "a=1; b"), ("cookie", "a=2")])
    assert list(cookie_pairs(headers)) == [("a", "1"), ("", "b"), ("a", "2")]


@pytest.mark.parametrize("value", ["1", "", "true", "?1", "?0", "00", "-1", "1;a", "0, 1", "\xff", "unspecified"])
@pytest.mark.parametrize("name", ["Sec-GPC", "DNT"])
def test_a_signal_or_a_malformed_one_counts(name, value):
    assert has_signal(Headers([("X", "y"), (name.lower(), value)]), name)


@pytest.mark.parametrize("values", [[], ["0"], [" 0 "], ["0", "0"], ["0, 0"]])
def test_a_plain_zero_or_no_field_is_no_signal(values):
    assert not has_signal(Headers(("DNT", value) for value in values), "DNT")


def test_one_signal_among_zeros_counts():
    assert has_signal(Headers([("DNT", "0"), ("DNT", "1")]), "DNT")


def test_every_signal_counts_by_default():
    assert OptOut() == OptOut(("gateway_opt_out",), gpc=True, dnt=True)
