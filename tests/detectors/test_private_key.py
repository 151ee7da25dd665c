from __future__ import annotations

import pytest

from gateway.core.plugin import Context
from gateway.detectors import BY_NAME, find

_SHORT = "-----BEGIN PRIVATE KEY-----\nMIIB, 1234\n-----END PRIVATE KEY-----"
_PEM = (
    "-----BEGIN RSA "
    "PRIVATE KEY-----\nMIIBOgIBAAJBAKj34GkxFhD90vcNLYLInFEX6Ppy1tPf9Cnzj4p4WGeKLs1Pt8Qu\n-----END RSA PRIVATE KEY-----"
)

POSITIVES = [
    (f"x {_PEM} y", _PEM),
    (_PEM.replace("RSA ", ""), _PEM.replace("RSA ", "")),
    (_PEM.replace("RSA ", "OPENSSH "), _PEM.replace("RSA ", "OPENSSH ")),
    (_PEM[:60], _PEM[:60]),
    (_SHORT, _SHORT),
]
LOOK_ALIKES = [
    "-----BEGIN PUBLIC KEY-----",
    "-----BEGIN CERTIFICATE-----",
    "BEGIN PRIVATE KEY",
    "a PRIVATE KEY of yours",
]
ATTACKS = [
    "-----BEGIN " * 5957,
    ("-----BEGIN " + "PRIVATE KEY-----") * 2427,
    "-" * 65536,
]


@pytest.mark.parametrize(("text", "hit"), POSITIVES)
def test_finds_exactly_the_hit(text, hit):
    spans = find(text, [BY_NAME["private_key"]], Context())
    assert [text[span.start : span.end] for span in spans][:1] == [hit]


@pytest.mark.parametrize("text", LOOK_ALIKES)
def test_leaves_what_only_looks_alike(text):
    assert find(text, [BY_NAME["private_key"]], Context()) == []
