from __future__ import annotations

import pytest

from gateway.core.plugin import Context
from gateway.detectors import BY_NAME, find

POSITIVES = [
    ("https://shop.example/hosts/203.0.113.7/status", "203.0.113.7"),
    ("/collect/9.216.242.173", "9.216.242.173"),
    ("203.0.113.195", "203.0.113.195"),
    ("from 198.51.100.23:443", "198.51.100.23"),
    ("http://192.0.2.10/x", "192.0.2.10"),
    ("client 10.1.2.3, proxy", "10.1.2.3"),
    ("ip=203.0.113.7&x=1", "203.0.113.7"),
    ("[203.0.113.7]", "203.0.113.7"),
    ("192.168.001.017.", "192.168.001.017"),
    ("Mozilla/5.0 (X11) seen from 203.0.113.9", "203.0.113.9"),
]
LOOK_ALIKES = [
    "https://cdn.example/lib/1.2.3.4/x.js",
    "/sdk/120.0.6.109/app.js",
    "jquery/1.12.40.99",
    "lib-3.38.50.118.min.js",
    "Chrome/120.0.1.7",
    "v1.2.3.4",
    "pkg@1.2.3.4",
    "version 1.2.3.4",
    "Mozilla/5.0 (X11; rv 10.11.12.13)",
    "1.2.3.4.5",
    "256.1.1.1",
    "1.2.3",
    "lib==1.2.3.4",
    "0.0.0.0",
    "127.0.0.1",
    "Chrome 120.0.0.0",
    "M12 1.1.9.9z",
    "1.2.3.4-rc1",
    "Rp 1.250.100.200",
    '"Chromium";v="12.0.1.9"',
    "255.255.255.255",
    "/1.2.3.4/app.js",
]
ATTACKS = [
    "1." * 32768,
    "1.2.3.4 " * 8192,
    "255.255.255.255" * 4369,
    "M" + "1.1.9.9 " * 8191,
    "1.2.3.4/" * 8192,
]


@pytest.mark.parametrize(("text", "hit"), POSITIVES)
def test_finds_exactly_the_hit(text, hit):
    spans = find(text, [BY_NAME["ipv4"]], Context())
    assert [text[span.start : span.end] for span in spans][:1] == [hit]


@pytest.mark.parametrize("text", LOOK_ALIKES)
def test_leaves_what_only_looks_alike(text):
    assert find(text, [BY_NAME["ipv4"]], Context()) == []


def test_takes_a_field_called_version_for_no_address():
    assert find("10.1.2.3", [BY_NAME["ipv4"]], Context(keys=("version", "app"))) == []
