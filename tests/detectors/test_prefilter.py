from __future__ import annotations

import pytest

from gateway.detectors import may_hold

DULL = ["div", "container", "btn btn--primary is-active", "Add to basket", "Größe 42", "送料無料", "margin: 0 auto;", "12.5px",
        "text/html", "2026-03-14"[:4], "#ff00aa", "en-US", "", "Straße"]  # fmt: skip


@pytest.mark.parametrize("text", DULL)
def test_dull_strings_are_not_worth_reading(text):
    assert not may_hold(text)
