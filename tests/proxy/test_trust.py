"""Who the visitor is: spoofed chains, 0 to 2 trusted hops, every spelling of an address."""

import pytest

from gateway.core.message import Headers
from gateway.proxy.trust import Trust, forwarded_values, read_address

READ = {
    "203.0.113.7": "203.0.113.7",
    " 203.0.113.7 ": "203.0.113.7",
    "203.0.113.7:4711": "203.0.113.7",
    "2001:db8::7": "2001:db8::7",
    "[2001:db8::7]": "2001:db8::7",
    "[2001:db8::7]:4711": "2001:db8::7",
    "fe80::1%eth0": "fe80::1",
    "::ffff:203.0.113.7": "203.0.113.7",
    "unknown": None,
    "_hidden": None,
    "": None,
    "203.0.113.999": None,
    "[": None,
    "1": None,
}
NEAR, FAR = "10.0.0.1", "10.0.0.2"
XFF = "X-Forwarded-For"

CHAINS = {
    "no proxies, spoofed": ((), "198.51.100.9", [(XFF, "203.0.113.7")], "198.51.100.9"),
    "one hop": (("10.0.0.0/8",), NEAR, [(XFF, "203.0.113.7")], "203.0.113.7"),
    "one hop, spoofed": (("10.0.0.0/8",), NEAR, [(XFF, "1.1.1.1, 203.0.113.7")], "203.0.113.7"),
    "two hops": (("10.0.0.0/8",), NEAR, [(XFF, f"203.0.113.7, {FAR}")], "203.0.113.7"),
    "two hops, spoofed, in two fields": (
        ("10.0.0.0/8",),
        NEAR,
        [(XFF, "1.1.1.1,203.0.113.7"), (XFF, FAR)],
        "203.0.113.7",
    ),
    "all trusted": (("10.0.0.0/8",), NEAR, [(XFF, FAR)], FAR),
    "unknown": (("10.0.0.0/8",), NEAR, [(XFF, "203.0.113.7, unknown")], NEAR),
    "empty": (("10.0.0.0/8",), NEAR, [(XFF, "")], NEAR),
    "no chain": (("10.0.0.0/8",), NEAR, [], NEAR),
    "RFC 7239": (("10.0.0.0/8",), NEAR, [("Forwarded", 'for=1.1.1.1, for="[2001:db8::7]:99";by=_x')], "2001:db8::7"),
    "RFC 7239, hidden": (("10.0.0.0/8",), NEAR, [("Forwarded", "for=203.0.113.7, for=_hidden")], NEAR),
    "both: the common one counts": (
        ("10.0.0.0/8",),
        NEAR,
        [("Forwarded", "for=1.1.1.1"), (XFF, "203.0.113.7")],
        "203.0.113.7",
    ),
    "an IPv6 proxy": (("fd00::/8",), "fd00::1", [(XFF, "2001:db8::7")], "2001:db8::7"),
    "an IPv4 proxy on an IPv6 socket": (("10.0.0.0/8",), "::ffff:10.0.0.1", [(XFF, "203.0.113.7")], "203.0.113.7"),
    "a peer without an address": (("10.0.0.0/8",), "", [(XFF, "203.0.113.7")], ""),
}


@pytest.mark.parametrize(("text", "address"), READ.items(), ids=READ)
def test_an_address_is_read_in_every_spelling(text, address):
    assert read_address(text) == (address if address is None else read_address(address))
    assert str(read_address(text)) == str(address)


@pytest.mark.parametrize(("networks", "peer", "headers", "visitor"), CHAINS.values(), ids=CHAINS)
def test_the_visitor_is_the_first_address_that_is_not_vouched_for(networks, peer, headers, visitor):
    assert Trust.of(networks).visitor(peer, Headers(headers)) == visitor


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ('For="[2001:db8::7]:4711";proto=https;by=203.0.113.43', ["[2001:db8::7]:4711"]),
        ("for=a, for=b", ["a", "b"]),
        (r'for="a\"b,c;d"', ['a"b,c;d']),
        ("proto=https", [""]),
        ("garbage, for=b", ["", "b"]),
        ('for="unfinished', [""]),
        ("", []),
        (";;,,", ["", ""]),
    ],
)
def test_forwarded_is_parsed_by_rfc_7239(field, values):
    assert forwarded_values(Headers([("Forwarded", field)]), "for") == values


@pytest.mark.parametrize(
    "field", ["for=a," * 50_000, '"' * 100_000, "\\" * 100_000, 'for="' + "\\a" * 50_000, " " * 100_000]
)
def test_a_hostile_forwarded_field_is_read_in_linear_time(field):
    assert len(forwarded_values(Headers([("Forwarded", field)]), "for")) <= 64


def test_a_network_that_is_none_is_an_error():
    with pytest.raises(ValueError):
        Trust.of(["10.0.0.0/33"])
