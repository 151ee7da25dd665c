"""A `Masked` cannot be forged."""

from __future__ import annotations

import pytest

from gateway.core.masked import Masked, seal, unseal
from gateway.core.message import Headers, Outbound

REQUEST = Outbound("POST", "/e/", Headers(), b"body of somebody")


@pytest.mark.parametrize("key", [None, object(), "seal", True])
def test_a_masked_needs_the_seal(key):
    with pytest.raises(TypeError):
        Masked(key, REQUEST, "0" * 64)


def test_a_masked_says_nothing_of_what_it_holds():
    assert repr(seal(REQUEST, "0123456789abcdef")) == "Masked(POST, 16 bytes, program 0123456789ab)"


def test_what_is_unsealed_keeps_the_digest_that_masked_it():
    assert unseal(REQUEST, "0123456789abcdef").program_digest == "0123456789abcdef"
