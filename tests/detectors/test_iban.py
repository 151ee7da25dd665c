from __future__ import annotations

import pytest

from gateway.core.plugin import Context
from gateway.detectors import BY_NAME, find

POSITIVES = [
    ("GB33BUKB20201555555555", "GB33BUKB20201555555555"),
    ("pay to GB33 BUKB 2020 1555 5555 55 now", "GB33 BUKB 2020 1555 5555 55"),
    ("DE89 3704 0044 0532 0130 00", "DE89 3704 0044 0532 0130 00"),
    ("DE89-3704-0044-0532-0130-00", "DE89-3704-0044-0532-0130-00"),
    ("iban=fr1420041010050500013m02606;", "fr1420041010050500013m02606"),
    ("xGB33BUKB20201555555555yz", "GB33BUKB20201555555555"),
    ("NL91ABNA0417164300", "NL91ABNA0417164300"),
    ("NO9386011117947", "NO9386011117947"),
    ("MT84MALT011000012345MTLCAST001S", "MT84MALT011000012345MTLCAST001S"),
]
LOOK_ALIKES = [
    "GB34BUKB20201555555555",
    "DE12345",
    "XX33BUKB20201555555555",
    "de8937040044053201300",
    "GB33 BUKB",
    "AB12 CD34 EF56",
]
ATTACKS = [
    "GB33" * 16384,
    "DE89370400440532013001" * 2978,
    "GB33 " * 13107,
    "a1" * 32768,
]


@pytest.mark.parametrize(("text", "hit"), POSITIVES)
def test_finds_exactly_the_hit(text, hit):
    spans = find(text, [BY_NAME["iban"]], Context())
    assert [text[span.start : span.end] for span in spans][:1] == [hit]


@pytest.mark.parametrize("text", LOOK_ALIKES)
def test_leaves_what_only_looks_alike(text):
    assert find(text, [BY_NAME["iban"]], Context()) == []
