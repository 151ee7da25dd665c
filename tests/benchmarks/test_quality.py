"""The quality benchmark, small: its targets hold, and it would tell where they don't."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "benchmarks" / "quality"


@pytest.fixture(scope="module")
def quality():
    """The package by its place: the wheel does not hold it."""
    name = "quality_benchmark"
    spec = importlib.util.spec_from_file_location(
        name, PACKAGE / "__init__.py", submodule_search_locations=[str(PACKAGE)]
    )
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    for part in ("decoder", "people", "cuts", "negatives", "shapes", "transforms", "measure", "report"):
        setattr(module, part, importlib.import_module(f"{name}.{part}"))
    return module


@pytest.fixture(scope="module")
def tally(quality):
    return quality.measure.Bench(size=3, seed=7).run(negatives=6000)


def test_the_targets_hold(quality, tally):
    assert list(quality.report.failures(tally)) == []


def test_every_kind_is_tried_in_every_notation(quality, tally):
    for kind in ("payment_card", "iban", "email", "ipv4", "ipv6", "phone"):
        told = {notation for one, notation in tally.tried if one == kind}
        assert told >= {*quality.transforms.OF_VALUE, *quality.transforms.OF_TEXT, *quality.measure.PLACES, *(cut.name for cut in quality.cuts.CUTS)} - {
            "latin-1 body", "User-Agent", "unknown header",  # what no such header or body can say
            "signs in an array", "digits in an array", "groups in an array",  # of what stands for itself
        }  # fmt: skip
    assert {shape for _, shape in tally.shape_tried} >= {shape.name for shape in quality.shapes.SHAPES}
    assert len(tally.harmless) == len(quality.negatives.Negatives(0).kinds)


def test_a_leak_and_a_false_alarm_are_told(quality):
    tally = quality.measure.Tally()
    for number in range(100):
        tally.count("email", "as it is", "a shape", leaked=number == 0)
    tally.harmless["dates"] = 100
    tally.false["phone"] = ["2026-01-01 → [phone]"]
    assert list(quality.report.failures(tally)) == [
        "email, as it is: 99.00 % < 99.9 %",
        "harmless strings left alone: 99.00 % < 99.5 %",
    ]


@pytest.mark.parametrize(
    "notation",
    [
        "as it is",
        "full-width",
        "double percent",
        "hexadecimal entities",
        r"\\u escapes",
        "surrogate pairs",
        "homoglyphs",
        "combining marks",
    ],
)
def test_the_decoder_reads_each_notation_without_the_gateway(quality, notation):
    written = quality.transforms.OF_VALUE[notation]("jane.roe@w3.test")
    assert quality.decoder.leaks("jane.roe@w3.test", f"to {written} now", "to  now")


@pytest.mark.parametrize(
    "notation",
    [
        "base64",
        "base64url without padding",
        "base64 of gzip of JSON",
        "JSON in JSON in a string",
        "claims of a JWT",
        "data: URL",
    ],
)
def test_the_decoder_reads_what_is_packed(quality, notation):
    sample = quality.people.Sample("email", "jane.roe@w3.test", "to ", " now")
    assert quality.decoder.leaks(sample.value, quality.transforms.OF_TEXT[notation](sample), "to  now")


def test_what_is_masked_is_no_leak(quality):
    assert not quality.decoder.leaks("jane.roe@w3.test", "to [email] now", "to  now")


def test_the_same_seed_draws_the_same_people(quality):
    one, other = (list(quality.people.People(5).samples(4)) for _ in range(2))
    assert one == other
    assert list(quality.negatives.Negatives(5).strings(200)) == list(quality.negatives.Negatives(5).strings(200))


def test_the_document_says_how_to_repeat_it(quality, tally):
    told = quality.report.markdown(tally, 3, 7, "2026-01-01")
    assert "python -m benchmarks.quality --size 3 --seed 7" in told
    assert "All hold." in told
