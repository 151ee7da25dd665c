"""Drift: what is new after learning, what no longer matches, and no name that a visitor may have made."""

from __future__ import annotations

import pytest

from gateway.monitor.drift import EXPECTED, FEWEST, MOST_CHILDREN, NEW_FOR, SESSIONS, TIMES, Client, Fields, Rules

US = Client("t", "posthog")
WORDS = frozenset({"event", "properties"})
LEARN = 100.0


def seen(fields, place, at, *, times=TIMES, session=b""):
    return [one for _ in range(times) for one in fields.see(US, [("body", *place)], session, at)]


@pytest.fixture
def fields():
    made = Fields(WORDS, LEARN)
    assert seen(made, ("event",), 0.0) == []
    assert seen(made, ("properties", "plan"), LEARN) == []
    return made


def test_a_field_after_learning_is_told_once_and_for_a_day(fields):
    assert seen(fields, ("properties", "plan"), LEARN + 2) == []
    assert seen(fields, ("properties", "street"), LEARN + 2, times=TIMES - 1) == []
    (told,) = seen(fields, ("properties", "street"), LEARN + 3)
    assert (told.client, told.place, told.first) == (US, "properties.*", LEARN + 2)
    assert [one.place for one in fields.new(LEARN + 4)] == ["properties.*"]
    assert list(fields.new(LEARN + 4 + NEW_FOR)) == []


def test_a_key_is_called_by_its_name_once_many_sessions_sent_it(fields):
    seen(fields, ("properties", "street"), 200.0, session=b"one visitor")
    seen(fields, ("properties", "jane_roe"), 200.0)
    assert {one.name for one in fields.new(201.0)} == {"properties.*"}
    for number in range(SESSIONS):
        seen(fields, ("properties", "street"), 202.0, session=bytes([number]))
    assert {one.name for one in fields.new(203.0)} == {"properties.street", "properties.*"}
    assert {one.place for one in fields.new(203.0)} == {"properties.*"}


@pytest.mark.parametrize("key", ["jane@example.org", "KD-12345678", "deadbeef01", "Jane Roe", "x" * 60, ""])
def test_a_key_that_is_a_value_is_nobodys_name(fields, key):
    for number in range(SESSIONS):
        seen(fields, ("properties", key), 200.0, session=bytes([number]))
    assert {one.name for one in fields.new(201.0)} == {"properties.*"}


def test_a_map_whose_keys_are_values_is_one_field(fields):
    letters = "abcdefghij"
    for number in range(MOST_CHILDREN * 2):
        seen(fields, ("properties", "carts", "x" + "".join(letters[int(digit)] for digit in str(number))), 50.0)
    assert seen(fields, ("properties", "carts", "another"), 500.0) == []
    assert list(fields.new(500.0)) == []


def test_a_clients_own_beginning_is_learned_too(fields):
    other = Client("u", "sentry")
    for _ in range(TIMES):
        assert fields.see(other, [("body", "exception")], b"", 5000.0) == []
    fields.keep(WORDS, {"u"})
    assert list(fields.new(5001.0)) == []


def passing(rules, requests, matched, at):
    for number in range(requests):
        rules.see(US, {"cards"} if number % matched == 0 else (), at)


def test_a_rule_that_used_to_match_and_stopped_is_told_once_until_it_matches_again():
    rules = Rules(quiet=60.0)
    passing(rules, 10 * FEWEST, 10, 0.0)
    assert list(rules.stopped(1000.0)) == []
    rules_since = int(10 * EXPECTED) + 20
    for _ in range(rules_since):
        rules.see(US, (), 30.0)
    assert list(rules.stopped(59.0)) == []  # not quiet for long enough
    (told,) = rules.fresh(61.0)
    assert (told.client, told.rule, told.matched) == (US, "cards", FEWEST)
    assert rules.fresh(62.0) == []
    assert [one.rule for one in rules.stopped(62.0)] == ["cards"]
    rules.see(US, {"cards"}, 63.0)
    assert list(rules.stopped(200.0)) == []


def test_a_rule_that_seldom_matched_is_expected_of_nothing():
    rules = Rules(quiet=1.0)
    passing(rules, 10 * (FEWEST - 1), 10, 0.0)
    for _ in range(5000):
        rules.see(US, (), 0.0)
    assert list(rules.stopped(5000.0)) == []


def test_after_a_reload_what_is_no_longer_there_is_not_expected():
    rules = Rules(quiet=1.0)
    passing(rules, 100, 1, 0.0)
    for _ in range(1000):
        rules.see(US, (), 0.0)
    assert [one.rule for one in rules.stopped(10.0)] == ["cards"]
    rules.keep({"cards"}, {"t"})
    assert [one.rule for one in rules.stopped(10.0)] == ["cards"]
    rules.keep({"others"}, {"t"})
    assert list(rules.stopped(10.0)) == []
