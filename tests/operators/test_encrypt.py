"""What `encrypt` seals opens with the key, the key's id and the place that it was sealed with, and with nothing else."""

from __future__ import annotations

import pytest

from gateway.core.document import Kind
from gateway.core.plugin import Situation
from gateway.operators import prepare_spec
from gateway.operators.encrypt import key_id_of, reveal, seal

KEY = bytes(range(32))
VALUES = ["jane@example.org", "ü€😀", "\ud800", "a" * 10_000, " "]


@pytest.mark.parametrize("value", VALUES)
def test_the_holder_of_the_key_reads_the_value_again(value):
    sealed = seal(value, "user.email", "k1", KEY)
    assert value not in sealed
    assert key_id_of(sealed) == "k1"
    assert reveal(sealed, "user.email", KEY) == value


@pytest.mark.parametrize(
    ("place", "key", "change"),
    [
        ("user.mail", KEY, lambda sealed: sealed),
        ("user.email", bytes(32), lambda sealed: sealed),
        ("user.email", KEY, lambda sealed: sealed.replace("enc1.k1.", "enc1.k2.")),
        ("user.email", KEY, lambda sealed: sealed[:-3] + ("AAA" if not sealed.endswith("AAA") else "BBB")),
        ("user.email", KEY, lambda sealed: sealed[:20]),
        ("user.email", KEY, lambda sealed: sealed + "é"),
    ],
    ids=["place", "key", "key id", "bits", "cut", "no base64"],
)
def test_anything_else_does_not_open_it(place, key, change):
    with pytest.raises(ValueError, match="does not open"):
        reveal(change(seal("jane@example.org", "user.email", "k1", KEY)), place, key)


def test_no_two_values_share_a_nonce_and_equal_ones_look_equal():
    sealed = [seal(f"value {number}", "a", "k1", KEY) for number in range(500)]
    assert len({one.split(".")[2][:16] for one in sealed}) == 500
    assert seal("value 7", "a", "k1", KEY) == sealed[7]
    assert seal("value 7", "b", "k1", KEY) != sealed[7]


def test_without_a_key_it_raises_and_so_forwards_nothing():
    _, run = prepare_spec("encrypt")
    with pytest.raises(ValueError, match="no key"):
        run("jane@example.org", Situation(KEY))


@pytest.mark.parametrize(("kind", "value", "after"), [(Kind.NUMBER, "4711", "0"), (Kind.WORD, "true", "false")])
def test_a_number_is_masked_since_a_sealed_one_would_be_none(kind, value, after):
    _, run = prepare_spec("encrypt")
    assert run(value, Situation(KEY, kind, "", "a", ("k1", KEY))) == after


@pytest.mark.parametrize("text", ["", "hello", "gw1.k1", "xx.k1.abc"])
def test_what_was_never_sealed_says_what_a_sealed_value_looks_like(text):
    with pytest.raises(ValueError, match="is no sealed value: one begins with"):
        reveal(text, "a.b", bytes(32))
