"""Values become coarser as far as their category or the rule says; what can't is masked."""

from __future__ import annotations

import pytest

from gateway.core.category import Category
from gateway.core.document import Kind
from gateway.core.plugin import Situation
from gateway.operators.generalise import COUNTRIES, GENERALISE, coarsen_date

N, T, W = Kind.NUMBER, Kind.TEXT, Kind.WORD


@pytest.mark.parametrize(
    ("category", "kind", "value", "coarse"),
    [
        (Category.LOCATION, T, "DE", "DE"),
        (Category.LOCATION, T, "us", "us"),
        (Category.LOCATION, T, "NY", "***"),
        (Category.LOCATION, T, "Munich", "***"),
        (Category.LOCATION, T, "80331", "***"),
        (Category.LOCATION, N, "48.137154", "50"),
        (Category.LOCATION, N, "-11.5", "-10"),
        (Category.LOCATION, N, "80331", "0"),
        (Category.LOCATION, W, "true", "false"),
        (Category.IP_ADDRESSES, T, "203.0.113.7", "203.0.113.0"),
        (Category.IP_ADDRESSES, N, "3405803783", "0"),
        (Category.USER_AGENT, T, "Firefox/132.0.2", "Firefox/132.0.0"),
        (Category.USER_AGENT, N, "1366", "1360"),
        (Category.USER_AGENT, N, "1.366e3", "1360"),
        (Category.USER_AGENT, W, "true", "true"),
        (Category.PAGE_TEXT, T, "some words", "***"),
        (Category.PAGE_TEXT, N, "1234.5", "1000"),
        (Category.PAGE_TEXT, N, "-0.067", "-0.07"),
        (Category.PAGE_TEXT, N, "0.0", "0.0"),
    ],
)
def test_a_category_says_how(category, kind, value, coarse):
    assert GENERALISE.prepare({})(value, Situation(b"", kind, category)) == coarse


@pytest.mark.parametrize(
    ("to", "value", "coarse"),
    [
        (50, "1234", "1250"),
        (0.5, "1.26", "1.5"),
        (50, "24", "0"),
        (10, "1e3", "1e3"),
        (10, "1e999", "0"),
        (5, "ten", "***"),
        (5, "-12", "-10"),
    ],
)
def test_numbers_round_to_what_a_rule_says(to, value, coarse):
    assert GENERALISE.prepare({"to": to})(value, Situation(b"")) == coarse


@pytest.mark.parametrize(
    ("text", "year", "month"),
    [
        ("1990-05-17", "1990-01-01", "1990-05-01"),
        ("1990-05-17T10:11:12.123Z", "1990-01-01T00:00:00.000Z", "1990-05-01T00:00:00.000Z"),
        ("1990-05-17T10:11+02:00", "1990-01-01T00:00+02:00", "1990-05-01T00:00+02:00"),
        ("1990/5/17", "1990/1/1", "1990/5/1"),
        ("17.05.1990", "01.01.1990", "01.05.1990"),
        ("05/17/1990", "01/01/1990", "01/01/1990"),
        ("17-05-1990", "01-01-1990", "01-01-1990"),
        ("19900517", "19900101", "19900501"),
        ("643000000", "631152000", "641520000"),
        ("1790000000123", "1767225600000", "1788220800000"),
        ("1990-02-31", "***", "***"),
        ("17.05.90", "***", "***"),
        ("yesterday", "***", "***"),
    ],
)
def test_dates_keep_their_year_or_month(text, year, month):
    assert GENERALISE.prepare({"date": "year"})(text, Situation(b"")) == year
    assert GENERALISE.prepare({"date": "month"})(text, Situation(b"")) == month


def test_countries_are_two_letters_each():
    assert len(COUNTRIES) == 251
    assert all(len(code) == 2 and code.isupper() for code in COUNTRIES)


def test_a_day_of_one_digit_becomes_one_of_one_digit():
    assert coarsen_date("5.12.1990", part="year") == "1.1.1990"
    assert coarsen_date("05.12.1990", part="year") == "01.01.1990"
