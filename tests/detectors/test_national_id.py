from __future__ import annotations

import re
from importlib import import_module

import pytest

from gateway.core.plugin import Context, MissReason
from gateway.detectors import BY_NAME, find
from gateway.detectors.beside import folded
from gateway.detectors.national_id import _BY_PHRASE, FORMATS

POSITIVES = [
    ("RSSMRA85T10A562S", "RSSMRA85T10A562S"),
    ("CURP: BOXW310820HNERXN09", "BOXW310820HNERXN09"),
    ("131052-308T", "131052-308T"),
    ("DNI 54362315K", "54362315K"),
    ("X2482300W", "X2482300W"),
    ("390.533.447-05", "390.533.447-05"),
    ("16.727.230/0001-97", "16.727.230/0001-97"),
    ("AHV 756.9217.0769.85", "756.9217.0769.85"),
    ("Steuer-ID: 36 574 261 809", "36 574 261 809"),
    ("steuer_id=36574261809", "36574261809"),
    ("my BSN is 111222333", "111222333"),
    ("userBsn: 1112.22.333", "1112.22.333"),
    ("PESEL 44051401359", "44051401359"),
    ("NIF: 501964843", "501964843"),
    ("cpf 39053344705", "39053344705"),
    ("Aadhaar 2341 2341 2346", "2341 2341 2346"),
    ("PAN: ACUPA7085R", "ACUPA7085R"),
    ("SIN 123-456-782", "123-456-782"),
    ("Social insurance number of my wife: 123456782", "123456782"),
    ("NINO AB123456C", "AB123456C"),
    ("AB 12 34 56 C", "AB 12 34 56 C"),
    ("numéro de sécurité sociale 2 95 10 99 126 111 93", "2 95 10 99 126 111 93"),
    ("Personnummer: 880320-0016", "880320-0016"),
    ("fødselsnummer 151086 95088", "151086 95088"),
    ("PPS No. 6433435F", "6433435F"),
    ("身份证号：360426199101010071", "360426199101010071"),
    ("주민등록번호 971013-9019902", "971013-9019902"),
    ("T.C. Kimlik No: 17291716060", "17291716060"),
    ("BSN\n111222333", "111222333"),
    ("tax id: 12-345 678", "12-345 678"),
]
LOOK_ALIKES = [
    "111222333",
    "36574261809",
    "44051401359",
    "39053344705",
    "RSSMRA85T10A562T",
    "54362315X",
    "390.533.447-06",
    "BSN 111222334",
    "order 111222333, BSN on file",
    "the sin 2.5 of 123456782",
    "ACUPA7085R",
    "AB123456C",
    "20260314A",
    "kt-20261124-54362315",
    "pan the picture to 1024x768",
    "SKU 54362315KX",
    "Version 1.2.3 build 4405140135",
]
ATTACKS = [
    "bsn 111222333 " * 4682,
    "123456789 " * 6554,
    "cedula " * 9362,
    "tin 1-2-3-4-5-6-7-8-" * 3276,
    "RSSMRA85T10A562S" * 4096,
    "1 " * 32768,
    "aB" * 32768,
]


@pytest.mark.parametrize(("text", "hit"), POSITIVES)
def test_finds_exactly_the_hit(text, hit):
    spans = find(text, [BY_NAME["national_id"]], Context())
    assert [text[span.start : span.end] for span in spans] == [hit]


@pytest.mark.parametrize("text", LOOK_ALIKES)
def test_leaves_what_only_looks_alike(text):
    assert find(text, [BY_NAME["national_id"]], Context()) == []


def example(name: str) -> str:
    """A valid number from the documentation of python-stdnum."""
    module = import_module(f"stdnum.{name}")
    found = re.findall(r">>> (?:validate|compact|format)\(u?'([^']+)'", module.__doc__ or "")
    number = next(number.strip() for number in found if module.is_valid(number))
    return number.removeprefix(f"{name[:2].upper()} ")


PHRASES = sorted(
    {
        (form.name, phrase)
        for phrase, forms in _BY_PHRASE.items()
        for form in forms
        if "." in form.name and form.name != "gb.nino"
    }
)


@pytest.mark.parametrize(("name", "phrase"), PHRASES)
def test_every_country_is_found_beside_each_of_its_words(name, phrase):
    number = example(name)
    for text in (f"{phrase}: {number}", f"{phrase.upper()} {number}.", f'"{phrase}":"{number}"'):
        found = find(text, [BY_NAME["national_id"]], Context())
        assert [text[span.start : span.end] for span in found] == [number], text


@pytest.mark.parametrize(
    "form", [form for form in FORMATS if "." in form.name and form.name != "gb.nino"], ids=lambda form: form.name
)
def test_a_key_is_as_good_as_a_word(form):
    number = re.sub(r"[^0-9A-Za-z]", "", example(form.name)) if form.name != "fi.hetu" else example(form.name)
    phrase = next(phrase for phrase, forms in _BY_PHRASE.items() if form in forms)
    keys = (folded(phrase),)
    assert find(number, [BY_NAME["national_id"]], Context(keys=keys))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("BSN 111222334", MissReason.CHECKSUM_FAILED),
        ("BSN 1112223", MissReason.WRONG_LENGTH),
        ("44051401359", MissReason.NEEDS_A_WORD),
    ],
)
def test_a_miss_has_its_reason(text, reason):
    misses = list(BY_NAME["national_id"].why_not(text, Context()))
    assert [miss.reason for miss in misses] == [reason]
