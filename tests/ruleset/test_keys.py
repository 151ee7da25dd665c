"""Pseudonyms change with the period and the site that are asked for, and with nothing else."""

from __future__ import annotations

from datetime import date

import pytest

from gateway.ruleset.keys import Keys
from tests.subject import masked, program

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


LATER = bytes(range(1, 33))
ROTATED = Keys(MASTER, active="k2", later={"k2": LATER})


def test_a_rotated_key_holds_for_the_sessions_that_begin_with_it():
    assert ROTATED.period(date(2026, 11, 24)) == "k2:"
    assert ROTATED.of("k2:", "x.example") == LATER
    assert ROTATED.of("", "x.example") == MASTER
    daily = Keys(MASTER, rotate="daily", active="k2", later={"k2": LATER})
    assert daily.period(date(2026, 11, 24)) == "k2:2026-11-24"
    assert daily.of("k2:2026-11-24", "") == Keys(LATER, rotate="daily").of("2026-11-24", "")
    assert daily.of("2026-11-24", "") == Keys(MASTER, rotate="daily").of("2026-11-24", "")


def test_sessions_of_a_destroyed_key_go_on_under_the_active_one():
    assert Keys(MASTER, active="k3", later={"k3": LATER}).of("k2:", "") == LATER
    assert Keys(LATER).of("k2:2026-11-24", "") == Keys(LATER).of("2026-11-24", "")


def test_every_key_that_may_have_made_a_pseudonym_is_told_once():
    assert list(Keys(MASTER).every([date(2026, 11, 24), date(2026, 11, 25)])) == [MASTER]
    assert list(ROTATED.every([date(2026, 11, 24)])) == [LATER, MASTER]
    apart = Keys(MASTER, rotate="daily", per_site=True, active="k2", later={"k2": LATER})
    days = [date(2026, 11, 24), date(2026, 11, 25)]
    keys = list(apart.every(days, ["x.example", "y.example"]))
    assert len(set(keys)) == len(keys) == 8
    assert apart.of("k2:2026-11-25", "y.example") in keys


VISIT = {"token": "phc_x", "distinct_id": "0192aa10-7c1e-7000-8000-00000000a001", "$session_id": "0192aa10-7c1e-7a2b"}


def test_a_session_keeps_its_pseudonyms_over_a_rotation_and_the_next_one_has_new_ones():
    def sees(subject, session):
        body = {"event": "x", "properties": {**VISIT, "$session_id": session}}
        return masked(subject, body)["properties"]["distinct_id"]

    before = program("", "posthog")
    first = sees(before, "0192aa10-0000-7000-8000-00000000000a")
    after = program("", "posthog")
    after.keys = Keys(before.keys.master, active="k2", later={"k2": LATER})
    after.adopt(before)
    assert sees(after, "0192aa10-0000-7000-8000-00000000000a") == first
    second = sees(after, "0192aa10-0000-7000-8000-00000000000b")
    assert second != first
    assert sees(after, "0192aa10-0000-7000-8000-00000000000b") == second
