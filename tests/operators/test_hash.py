"""A hash keeps a value's shape, joins what belongs together, and gives nothing away."""

from __future__ import annotations

import re
import string
import uuid

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gateway.core.document import Kind
from gateway.core.plugin import Situation
from gateway.operators.hash import HASH, _differing, hash_number, hash_text

KEY = bytes(range(32))
ID = "84cc76e3-7a21-4f05-9d3b-aa10c5e23081"


def hashed(text: str) -> str:
    return hash_text(text, KEY)


HASHED_ID = hashed(ID)

JOINED = {  # wherever an id stands, its pseudonym stands
    ID.upper(): HASHED_ID.upper(),
    ID.replace("-", ""): HASHED_ID.replace("-", ""),
    f"$device:{ID}": f"$device:{HASHED_ID}",
    f"urn:uuid:{ID}": f"urn:uuid:{HASHED_ID}",
    f"{ID}/1795500061227": f"{HASHED_ID}/1795500061227",
    f'"{ID}"': f'"{HASHED_ID}"',
    f"{ID},{ID}": f"{HASHED_ID},{HASHED_ID}",
    "GA1.2.123456789.1690000000": "GA1.2." + hashed("123456789.1690000000"),
    "fb.1.1690000000000.123456789": "fb.1." + hashed("1690000000000.123456789"),
    "user_8812": "user_" + hashed("8812"),
    "0x52908400098527886e0f7030069857d2": "0x" + hashed("52908400098527886e0f7030069857d2"),
    "(8812)": f"({hashed('8812')})",
}


@pytest.mark.parametrize("text", JOINED)
def test_equal_ids_hash_equally_wherever_they_stand(text):
    assert hashed(text) == JOINED[text]
    assert text not in JOINED[text]


def test_a_number_hashes_like_the_same_digits_in_text():
    assert hash_number("9007199254740993", KEY) == hashed("9007199254740993")


SHAPES = {
    ID: r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}",
    "01941f29-7c00-7abc-8def-0123456789ab": r"01941f29-7c00-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}",
    "a249870a-e7de-11f1-9fb1-02fc00000001": r"a249870a-e7de-11f1-[89ab][0-9a-f]{3}-[0-9a-f]{12}",
    "1f1e7dea-2498-670a-9fb1-02fc00000001": r"1f1e7dea-2498-670a-[89ab][0-9a-f]{3}-[0-9a-f]{12}",
    "ffffffff-7c00-7abc-8def-0123456789ab": r"(?!ffffffff)[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab].*",
    "A249870a-E7de-31f1-cfb1-02FC00000001": r"[0-9A-Fa-f]{8}-[0-9a-fA-F]{4}-3[0-9a-f]{3}-[cd][0-9a-f]{3}-[0-9A-F]{2}[0-9a-fA-F]{10}",
    "0123456789abcdef": r"[0-9a-f]{16}",
    "0123456789ABCDEF": r"[0-9A-F]{16}",
    "e2e4a1b2": r"[a-f][1-9][a-f][1-9][a-f][1-9][a-f][1-9]",
    "123456789.1690000000": r"[1-9]\d{8}\.[1-9]\d{9}",
    "KD-12345678": r"[A-Z]{2}-[1-9]\d{7}",
    "Jane Doé": r"[A-Z][a-z]{3} [A-Z][a-z]{2}",
    "jane.doe@gmail.com": r"[a-z]{4}\.[a-z]{3}@[a-z]{5}\.zzz",
    "Jo@x.Example": r"[A-Z][a-z]@[a-z]\.Zzzzzzz",
    "+49 151 2345678": r"\+[1-9]\d [1-9]\d\d [1-9]\d{6}",
    "0042": r"0\d{3}",
    "🎈🎈": r"[a-z]{2}",
}


@pytest.mark.parametrize("text", SHAPES)
def test_the_shape_stays_and_the_value_goes(text):
    new = hashed(text)
    assert re.fullmatch(SHAPES[text], new), new
    assert new != text
    assert len(new) == len(text)


@pytest.mark.parametrize("text", ["", "0", "00000000-0000-0000-0000-000000000000", "$device:", "---", "0.0"])
def test_what_names_nobody_stays(text):
    assert hashed(text) == text


@pytest.mark.parametrize("text", ["a", "7", "ab", "Z9", "042"])
def test_short_values_change_too(text):
    assert hashed(text) != text


@pytest.mark.parametrize("bound", [2**31 - 1, 2**32 - 1, 2**53, 2**63 - 1, 2**64 - 1])
@given(data=st.data())
def test_a_number_that_fits_an_integer_type_fits_it_afterwards(bound, data):
    number = data.draw(st.integers(10 ** (len(str(bound)) - 1), bound))
    assert int(hash_number(str(number), KEY)) <= bound


@pytest.mark.parametrize(
    ("literal", "shape"),
    [
        ("12", r"[1-9]\d"),
        ("-7", r"-[1-9]"),
        ("1.50e3", r"[1-9]\.[1-9]\de3"),
        ("0.5", r"0\.[1-9]"),
        ("0", "0"),
        ("x", "0"),
    ],
)
def test_a_number_keeps_its_form(literal, shape):
    assert re.fullmatch(shape, hash_number(literal, KEY))


def test_another_key_gives_another_pseudonym():
    assert hash_text(ID, bytes(32)) != HASHED_ID


def test_without_a_key_nothing_is_hashed():
    with pytest.raises(ValueError, match="key"):
        HASH.prepare({})(ID, Situation(b""))


def test_a_prefix_of_the_site_stays_where_a_rule_names_it():
    run = HASH.prepare({"prefix": "KD-"})
    assert run("KD-12345678", Situation(KEY)) == "KD-" + hashed("12345678")
    assert not run("XY-12345678", Situation(KEY)).startswith("XY-")


def test_a_name_before_a_colon_is_no_prefix():
    assert not hashed("jane:4711").startswith("jane")
    assert not hashed("mailto:jo@x.example").startswith("mailto")


@given(st.text(max_size=50))
def test_length_separators_digits_and_letter_case_stay(text):
    new = hashed(text)
    assert len(new) == len(text)
    for before, after in zip(text, new, strict=True):
        if before in string.punctuation + string.whitespace:
            assert after == before
        elif before.isascii() and before.isdigit():
            assert after in "0123456789abcdef"
        elif before.isalpha() and after.isalpha():
            assert after.isupper() == before.isupper()


@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyzABCDEF0123456789-._@ ", min_size=4, max_size=60))
def test_no_value_comes_out_as_it_went_in(text):
    assume(sum(char.isalnum() for char in text) >= 4)
    assume(text.strip("0-._@ "))
    assert hashed(text) != text


@given(st.uuids(allow_nil=False))
def test_a_uuid_stays_one_of_its_version_and_variant(identity):
    new = uuid.UUID(hashed(str(identity)))
    assert (new.version, new.variant) == (identity.version, identity.variant)
    assert hashed(str(identity).upper()) == str(new).upper()


@given(st.lists(st.integers(10**9, 10**12), min_size=2, max_size=40, unique=True))
def test_different_visitors_stay_different(numbers):
    assert len({hashed(f"visitor-{number}x") for number in numbers}) == len(numbers)


def test_long_and_hostile_text_is_hashed_in_one_pass():
    text = "a-" * 50_000 + "9" * 100_000 + "f" * 50_000
    assert len(hashed(text)) == len(text)


def test_kinds_reach_the_right_hash():
    run = HASH.prepare({})
    assert run("8812", Situation(KEY, Kind.NUMBER)) == run("8812", Situation(KEY, Kind.TEXT))
    assert run("true", Situation(KEY, Kind.WORD)) == "false"


PREFIXES = (
    "$device: $anon_id: GA1.2. GS1.1. fb.1. urn:uuid: 0x G- amp- ajs_ anon_ anonymous- cus_ customer: dev_ device- id_ uid_ user- "
    "usr_ visitor_ auth0| google-oauth2| windowslive| facebook| github| apple|"
).split()


@pytest.mark.parametrize("prefix", PREFIXES)
def test_what_tells_kinds_of_ids_apart_stays_before_the_pseudonym(prefix):
    assert hashed(f"{prefix}kqzwvx8812") == prefix + hashed("kqzwvx8812")


def test_a_text_that_no_attempt_changes_stays():
    assert _differing("x", KEY, lambda text, _key, _attempt: text) == "x"


@pytest.mark.parametrize("variants", ["01234567", "89ab", "cd", "ef"])  # RFC 9562 section 4.1
def test_a_uuid_keeps_its_variant_whatever_its_digits(variants):
    for number in range(64):
        digits = f"{number:08x}"
        left = hashed(f"{digits}-7a21-4f05-{variants[number % len(variants)]}d3b-aa10c5e23081")
        assert left[19] in variants, left
        assert left[14] == "4"
