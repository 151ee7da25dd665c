from __future__ import annotations

import pytest

from gateway.core.plugin import Context, MissReason
from gateway.detectors import BY_NAME, find

POSITIVES = [
    ("IMEI 490154203237518", "490154203237518"),
    ("imei: 35-209900-176148-1", "35-209900-176148-1"),
    ("IMEI number is 49 015420 323751 8", "49 015420 323751 8"),
    ("deviceImei=490154203237518", "490154203237518"),
    ("IMEISV 4901542032375101", "4901542032375101"),
]
LOOK_ALIKES = [
    "490154203237518",
    "IMEI 490154203237519",
    "order 490154203237518",
    "imei a490154203237518",
    "IMEI follows; order 490154203237518",
]
ATTACKS = ["imei 490154203237518 " * 3121, "1" * 65536, "49 015420 " * 6554, "imei " * 13107]


@pytest.mark.parametrize(("text", "hit"), POSITIVES)
def test_finds_exactly_the_hit(text, hit):
    spans = find(text, [BY_NAME["imei"]], Context())
    assert [text[span.start : span.end] for span in spans] == [hit]


@pytest.mark.parametrize("text", LOOK_ALIKES)
def test_leaves_what_only_looks_alike(text):
    assert find(text, [BY_NAME["imei"]], Context()) == []


@pytest.mark.parametrize("keys", [("imei",), ("device", "imei"), ("imei", "number")])
def test_a_key_is_as_good_as_a_word(keys):
    assert find("490154203237518", [BY_NAME["imei"]], Context(keys=keys))


@pytest.mark.parametrize(
    ("text", "reason"),
    [("490154203237518", MissReason.NEEDS_A_WORD), ("imei 490154203237519", MissReason.CHECKSUM_FAILED)],
)
def test_a_miss_has_its_reason(text, reason):
    assert [miss.reason for miss in BY_NAME["imei"].why_not(text, Context())] == [reason]
