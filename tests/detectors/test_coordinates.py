from __future__ import annotations

import pytest

from gateway.core.plugin import Context, MissReason
from gateway.detectors import BY_NAME, find

POSITIVES = [
    ("52.5200, 13.4050", "52.5200, 13.4050"),
    ("at (52.520008,13.404954) now", "52.520008,13.404954"),
    ("lat: 52.5200", "52.5200"),
    ("longitude=-0.127758", "-0.127758"),
    ("geo:48.8566,2.3522", "48.8566,2.3522"),
    ("-33.868820; 151.209290", "-33.868820; 151.209290"),
    ("POINT 52.5200 13.4050", "52.5200 13.4050"),
    ("+52.5200-013.4050/", "+52.5200-013.4050/"),
    ("location 0.1234, 0.5678", "0.1234, 0.5678"),
]
LOOK_ALIKES = [
    "52.52, 13.40",
    "M12.3456,78.9012 l3 4",
    "12.3456,78.9012 34.5678,90.1234",
    "1.0000, 2.0000, 3.0000",
    "matrix(0.7071, 0.7071, -0.7071, 0.7071, 0, 0)",
    "translate(12.3456, 78.9012)",
    "cubic-bezier(0.4000, 0.0000, 0.2000, 1.0000)",
    "0.1234, 0.5678",
    "12.3456 78.9012",
    "stroke-dasharray: 12.3456, 78.9012",
    "transform-origin: 12.3456, 78.9012",
    "flat 52.5200",
    "95.1234, 13.4050",
    "52.5200, 213.4050",
    "1052.5200, 13.4050",
    "v1.2345.2, 3.4567",
]
ATTACKS = [
    "52.5200, 13.4050 " * 3855,
    "52.5200," * 8192,
    "lat " * 16384,
    "1.1111" * 10922,
    "52°31'" * 10922,
    "+52.5200" * 8192,
    "1" * 65536,
    "(" * 65536,
    "1.1111, " * 8192,
]


@pytest.mark.parametrize(("text", "hit"), POSITIVES)
def test_finds_exactly_the_hit(text, hit):
    spans = find(text, [BY_NAME["coordinates"]], Context())
    assert [text[span.start : span.end] for span in spans] == [hit]


@pytest.mark.parametrize("text", LOOK_ALIKES)
def test_leaves_what_only_looks_alike(text):
    assert find(text, [BY_NAME["coordinates"]], Context()) == []


def test_degrees_minutes_and_seconds_are_a_place():
    text = "52°31'12.0\"N 13°24'18.0\"E"
    assert [(span.start, span.end) for span in find(text, [BY_NAME["coordinates"]], Context())] == [(0, len(text))]


@pytest.mark.parametrize("keys", [("points",), ("viewbox",), ("transform", "attributes")])
def test_the_numbers_of_a_drawing_are_no_place(keys):
    assert find("12.3456, 78.9012", [BY_NAME["coordinates"]], Context(keys=keys)) == []


@pytest.mark.parametrize("keys", [("latitude",), ("geo", "lat"), ("lng",)])
def test_a_key_names_one_half(keys):
    assert find("52.5200", [BY_NAME["coordinates"]], Context(keys=keys))


def test_a_miss_has_its_reason():
    misses = list(BY_NAME["coordinates"].why_not("translate(12.3456, 78.9012)", Context()))
    assert [miss.reason for miss in misses] == [MissReason.MEASURE_LIKE]
