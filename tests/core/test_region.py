"""Regions: countries, states, the unknown, and what is no place at all."""

import pytest

from gateway.core.region import REGIONS, check_region, is_in, known_place, region_of


@pytest.mark.parametrize(
    ("place", "regions", "expected"),
    [
        ("DE", ["gdpr"], True), ("NO", ["gdpr"], True), ("GB", ["gdpr"], False), ("GB", ["uk"], True), ("CH", ["gdpr", "ch"], True),
        ("US", ["us"], True), ("US-CA", ["us"], True), ("US-CA", ["us_privacy"], True), ("US-NY", ["us_privacy"], False),
        ("US", ["us_privacy"], True), ("US-CA", ["US-CA"], True), ("US-NV", ["US-CA"], False), ("BR", ["everywhere"], True),
        ("BR", ["gdpr", "uk"], False), ("", ["gdpr"], True), ("", [], False), ("DE-BY", ["gdpr"], True), ("BR", ["BR"], True),
    ],
)  # fmt: skip
def test_regions(place, regions, expected):
    assert is_in(place, regions) is expected


@pytest.mark.parametrize(
    ("text", "place"),
    [("de", "DE"), (" US-CA ", "US-CA"), ("XX", ""), ("T1", ""), ("", ""), ("DEU", ""), ("D\xc9", ""), ("US-", "")],
)
def test_codes_of_places(text, place):
    assert known_place(text) == place


def test_region_names():
    for name in (*REGIONS, "everywhere", "DE", "US-CA"):
        assert check_region(name) == name
    for name in ("eu", "de", "", "Germany"):
        with pytest.raises(ValueError, match="is no region"):
            check_region(name)


@pytest.mark.parametrize(
    ("place", "region"),
    [
        ("", "unknown"),
        ("DE", "gdpr"),
        ("GB", "uk"),
        ("CH", "ch"),
        ("US-CA", "us_privacy"),
        ("US", "us"),
        ("BR", "elsewhere"),
    ],
)
def test_a_place_is_counted_by_its_most_local_region(place, region):
    assert region_of(place) == region
