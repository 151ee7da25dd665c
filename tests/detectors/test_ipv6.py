from __future__ import annotations

import pytest

from gateway.core.plugin import Context
from gateway.detectors import BY_NAME, find

POSITIVES = [
    ("from 2001:db8::1: refused", "2001:db8::1"),
    ("2001:db8::8a2e:370:7334", "2001:db8::8a2e:370:7334"),
    ("[2001:db8:0:1:1:1:1:1]:443", "2001:db8:0:1:1:1:1:1"),
    ("fe80::1%eth0", "fe80::1%eth0"),
    ("peer ::ffff:192.0.2.128 left", "::ffff:192.0.2.128"),
    ("2606:4700::", "2606:4700::"),
    ("client: 2001:0db8:85a3:0000:0000:8a2e:0370:7334.", "2001:0db8:85a3:0000:0000:8a2e:0370:7334"),
]
LOOK_ALIKES = [
    "12:30:45",
    "a::before",
    "::",
    "::1",
    "dead::beef",
    "std::vector",
    "ab:cd:ef:01:23:45",
    "b::after",
    "1:2:3:4:5:6:7:8:9",
    "10:20",
    "fa::ce",
    "00:00:10,500",
]
ATTACKS = [
    ":" * 65536,
    "a:" * 32768,
    "1::" * 21845,
    "2001:db8::1 " * 5461,
    "::ffff:1.2.3." * 5000,
]


@pytest.mark.parametrize(("text", "hit"), POSITIVES)
def test_finds_exactly_the_hit(text, hit):
    spans = find(text, [BY_NAME["ipv6"]], Context())
    assert [text[span.start : span.end] for span in spans][:1] == [hit]


@pytest.mark.parametrize("text", LOOK_ALIKES)
def test_leaves_what_only_looks_alike(text):
    assert find(text, [BY_NAME["ipv6"]], Context()) == []
