"""The table of request headers."""

from __future__ import annotations

import pytest

from gateway.ruleset.headers import USES, Use, use_of


@pytest.mark.parametrize("name", USES)
def test_a_header_has_one_row_whatever_its_case(name):
    assert name == name.lower()
    assert use_of(name.upper()) is USES[name]


@pytest.mark.parametrize(
    ("name", "use"),
    [
        ("Authorization", Use.DROP),
        ("Cookie", Use.COOKIES),
        ("Referer", Use.URL),
        ("User-Agent", Use.AGENT),
        ("Content-Type", Use.KEEP),
        ("Sec-GPC", Use.KEEP),
        ("Content-Digest", Use.DROP),
        ("X-Anything", Use.TEXT),
        ("", Use.TEXT),
    ],
)
def test_a_header_that_has_no_row_is_read_as_text(name, use):
    assert use_of(name) is use
