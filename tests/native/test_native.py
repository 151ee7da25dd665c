"""The compiled functions and their Python say the same of every text; where there is a compiler, they are there."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import native
from gateway.core.signs import SCHEMES
from gateway.detectors import api_key, national_id
from gateway.detectors.payment_card import has_luhn
from gateway.formats.url import OPAQUE_SCHEMES
from tests.judge.recorded import CORPUS, load_run, runs_of
from tests.native.twins import check, check_json, check_secrets, check_signs

SHARDS = [
    "{", "}", "[", "]", ",", ":", '"', '"a"', '"key":', "1", "-0.5e+3", "01", "1.", "-", "1e", "true", "false", "null", "nul",
    " ", "\n", "\t", "\\", "\\u00e9", "\\ud83d", '\\"', "\x00", "é", "—", "😀", '"{', '"%7B"', '"x=1&y=2"', '"H4sIAAAAAAAAAAAA"',
]  # fmt: skip
PIECES = [
    "4111 1111 1111 1111", "4111-1111", "DE89 3704 0044", "12.3.1980", "1980-03-12", "March 3, 1980", "52.5200", "1e5", "10.0.0.1",
    "1.2.3", "::1", "fe80:", "aa:bb:", "00-1b-", "001b.4421.", "a@b.example", "Bearer ", "basic ", "password=", "token: ", "KEY",
    "/home/ann/", "C:\\Users\\", "/users/", "eyJ", "-----BEGIN PRIVATE KEY", "sk_live_", "AKIA", "RSSMRA85T10A562S", "12 34 A 5 6",
    "1234 x", "123x45", "%41", "%zz", "&amp;", "&q=1", "&#65;", "\\u0041", "\\x41", "\\n", "https://", "?", "#", "/", "_", " ",
    ".", "-", ",", "é", "٣", "text-gray-700", "px-4", "hover:bg-white", "82db79a7-41d8-45ad-a4e7-fe261d55c715", "\u212a", "\u0130",
]  # fmt: skip
FORMS = [
    "4ddd dddd dddd dddd", "52dd-dddd-dddd-dddd", "37dd dddddd ddddd", "4dddddddddddddde15", "ddd-dd-dddd", "ddd dd dddd", "ddddddddd",
    "+dd ddd ddddddd", "00dd ddd dddddd", "0ddd/dddddd", "(0dd) dddd dddd", "dd-dddddd-dddddd-d", "ddddddddddddddd", "19dd-0d-1d",
    "1d.0d.19dd", "1d. 0d. 19dd", "1d March 19dd", "March 1d, 19dd", "19dd0d1d", "5d.dddd, 13.dddd", "+52.dddd+013.dddd", "5d.dddd",
    "1dd.dd.d.dd", "dd:dd:dd:dd:dd:dd", "dddd:dddd::dddd", "ddddddddA", "Xddddddd-A", "ddd.ddd.ddd-dd", "dddddddddddd",
]  # fmt: skip
WORDS = [
    "", "tel", "Telefon", "téléphone", "imei", "dob", "bornOn", "geb.", "lat", "geoLng", "ssn", "social security", "tax_id", "nif",
    "steuerId", "Steuer-ID", "cpf", "passport no", "call", "IBAN DE89", "card", "/", "v", "x", "日",
]  # fmt: skip
texts = st.one_of(st.lists(st.sampled_from(PIECES), max_size=8).map("".join), st.text(max_size=60))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
)


@given(VALUES.filter(lambda value: isinstance(value, (list, dict))), st.booleans(), st.sampled_from([None, 1]))
def test_json_reads_the_same(value, is_ascii, indent):
    check_json(json.dumps(value, ensure_ascii=is_ascii, indent=indent))


@given(st.sampled_from("{["), st.lists(st.sampled_from(SHARDS), max_size=14).map("".join))
def test_what_is_hardly_json_reads_the_same(bracket, rest):
    check_json(bracket + rest)


@pytest.mark.parametrize("depth", [11, 12, 13])
@pytest.mark.parametrize("inner", ["", "1", "]", ",", " "])
def test_nesting_is_bounded_the_same(depth, inner):
    check_json("[" * depth + inner + "]" * depth)
    check_json('{"a":' * depth + inner + "}" * depth)


@given(texts)
def test_no_detector_would_have_found_something_where_there_is_no_sign(text):
    check_signs(text)


@given(st.one_of(*(st.from_regex(form) for form in api_key.FORMS.values())))
def test_every_form_of_a_key_has_a_sign(text):
    check_signs(text)


@given(st.one_of(*(st.from_regex(form) for form in national_id._ALONE.values())))
def test_every_form_of_an_id_has_a_sign(text):
    check_signs(text)


@st.composite
def numbers(draw):
    """Numbers in the forms that detectors read, with words beside them and a check digit that may hold."""
    form = draw(st.sampled_from(FORMS))
    written = "".join(str(draw(st.integers(0, 9))) if sign == "d" else sign for sign in form)
    if draw(st.booleans()):
        last = max((at for at, sign in enumerate(written) if sign.isdigit()), default=-1)
        for digit in "0123456789":
            checked = written[:last] + digit + written[last + 1 :]
            if has_luhn("".join(filter(str.isdigit, checked))):
                written = checked
                break
    before, behind = draw(st.sampled_from(WORDS)), draw(st.sampled_from(["", " ", "é", "x", ".", "-1", ", 2"]))
    return before + draw(st.sampled_from(["", " ", ": ", " no. ", "-"])) + written + behind


@given(st.lists(numbers(), min_size=1, max_size=3), st.sampled_from(["", " ", ", "]))
def test_every_number_that_is_found_has_a_sign(found, between):
    check_signs(between.join(found))


def test_schemes_without_a_slash_are_those_of_urls():
    assert set(SCHEMES) == set(OPAQUE_SCHEMES)


@given(texts, st.lists(st.one_of(texts, st.sampled_from(["jane.roe", "KELVIN kids", "ıstanbul"])), max_size=6))
def test_the_same_secrets_stand(text, needles):
    check_secrets(text, needles)
    check_secrets(" ".join([text, *needles]).upper(), needles)


def test_recorded_traffic_and_harmless_texts_read_the_same():
    needles = list(json.loads((CORPUS / "canaries.json").read_text()).values())
    for line in (CORPUS / "harmless.txt").read_text().split("\n"):
        check_signs(line)
    for run in runs_of(CORPUS):
        for request in load_run(CORPUS, run)[:4]:
            check(request.body.decode("utf-8", "replace")[:200_000], needles)


def test_only_two_letters_of_other_scripts_have_a_lower_case_of_ascii():
    found = [code for code in range(128, 0x110000) if any(part.isascii() for part in chr(code).lower())]
    assert found == [0x130, 0x212A]  # what `standing` leaves to Python


def test_the_compiled_functions_are_there_where_they_can_be_and_asked_for():
    asked = os.environ.get("GATEWAY_PURE", "") in ("", "0")
    assert (native.compiled is not None) == (asked and shutil.which("cc") is not None)


def test_the_environment_chooses_the_python():
    code = "from gateway.native import compiled; print(compiled)"
    ended = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "GATEWAY_PURE": "1"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert ended.stdout == "None\n"
