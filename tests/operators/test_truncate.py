"""An address keeps its network and nothing that tells a subscriber."""

from __future__ import annotations

import pytest

from gateway.core.plugin import Situation
from gateway.operators.truncate import TRUNCATE, truncate_address

ADDRESSES = {
    "203.0.113.7": "203.0.113.0",
    "203.0.113.0": "203.0.113.0",
    "203.0.113.7:51234": "203.0.113.0:0",
    " 203.0.113.7 ": " 203.0.113.0 ",
    "203.0.113.7, 198.51.100.9": "203.0.113.0, 198.51.100.0",
    "2001:db8:1:2:3:4:5:6": "2001:db8:1::",
    "[2001:DB8:1:2::6]:443": "[2001:db8:1::]:0",
    "[2001:db8:1:2::6]": "[2001:db8:1::]",
    "fe80::1%eth0": "fe80::",
    "::ffff:203.0.113.7": "::ffff:203.0.113.0",
    "2002:cb00:7107::1": "2002:cb00:7100::",
    "::1": "::",
}


@pytest.mark.parametrize("text", ADDRESSES)
def test_an_address_keeps_its_network(text):
    assert truncate_address(text) == ADDRESSES[text]
    assert truncate_address(ADDRESSES[text]) == ADDRESSES[text]


@pytest.mark.parametrize(
    "text", ["", "1.2.3", "1.2.3.400", "010.1.2.3", "unknown", "1.2.3.4, x", "::g", ":", "1:2", "9" * 99]
)
def test_what_is_no_address_is_masked(text):
    assert truncate_address(text) is None
    assert TRUNCATE.prepare({})(text, Situation(b"")) == ("***" if text else "")


@pytest.mark.parametrize(
    ("length", "text", "cut"),
    [(3, "80331", "803"), (9, "short", "short"), (3, "203.0.113.7", "203.0.113.0"), (7, "1.2.3.4567", "1.2.3.0")],
)
def test_other_text_keeps_as_many_characters_as_a_rule_says(length, text, cut):
    assert TRUNCATE.prepare({"length": length})(text, Situation(b"")) == cut
