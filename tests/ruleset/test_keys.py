"""Pseudonyms change with the period and the site that are asked for, and with nothing else."""

from __future__ import annotations

from datetime import date

import pytest

from gateway.ruleset.keys import Keys

MASTER = bytes(range(32))


@pytest.mark.parametrize(
    ("rotate", "day", "period"),
    [
        ("never", date(2026, 11, 24), ""),
        ("daily", date(2026, 11, 24), "2026-11-24"),
        ("weekly", date(2026, 11, 24), "2026-W48"),
        ("weekly", date(2027, 1, 1), "2026-W53"),
    ],
)
def test_a_day_is_in_its_period(rotate, day, period):
    assert Keys(MASTER, rotate=rotate).period(day) == period


def test_the_key_differs_by_period_and_by_site_where_sites_are_apart():
    apart = Keys(MASTER, rotate="daily", per_site=True)
    keys = {apart.of(period, site) for period in ("a", "b") for site in ("x.example", "y.example")}
    assert len(keys) == 4
    assert all(len(key) == 32 for key in keys)


def test_without_rotation_and_with_sites_together_it_is_the_master_key():
    assert Keys(MASTER).of("", "x.example") == Keys(MASTER).of("", "y.example") == MASTER


def test_no_key_is_told_by_a_repr():
    assert MASTER.hex() not in repr(Keys(MASTER, ("k1", MASTER)))
    assert repr(MASTER) not in repr(Keys(MASTER, ("k1", MASTER)))
