"""A recorded page reads the same, compiled and by its Python."""

from __future__ import annotations

from random import Random

import pytest

from tests.native.pages import check_page


@pytest.mark.parametrize("seed", range(24))
def test_a_page_reads_the_same(seed):
    chance = Random(seed)
    for _ in range(5):
        check_page(chance)
