"""Every detector, every positive, every way to write it: found, and no character of it left outside the span."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from urllib.parse import quote

import pytest

from gateway.core.plugin import Context
from gateway.core.reading import read
from gateway.detectors import BY_NAME, DETECTORS, find, may_hold, scan

TABLES = Path(__file__).parent.parent / "detectors"


def table(name: str):
    spec = importlib.util.spec_from_file_location(f"table_{name}", TABLES / f"test_{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def each(form: str):
    return lambda text: "".join(form.format(c=character, n=ord(character)) for character in text)


def digits(zero: int):
    return lambda text: "".join(chr(zero + int(c)) if c in "0123456789" else c for c in text)


def utf16(text: str) -> str:
    raw = text.encode("utf-16-be")
    return "".join(f"\\u{raw[at]:02x}{raw[at + 1]:02x}" for at in range(0, len(raw), 2))


def percent(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode())


HOMOGLYPHS = str.maketrans("aeopcxyABEHKMOPTX", "аеорсхуАВЕНКМОРТХ")
TRANSFORMS = {
    "as it is": str,
    "fullwidth": lambda text: "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text),
    "Arabic digits": digits(0x660),
    "Devanagari digits": digits(0x966),
    "mathematical digits": digits(0x1D7CE),
    "zero-width joiners": each("{c}\u200d"),
    "zero-width spaces": each("{c}\u200b"),
    "soft hyphens": each("{c}\u00ad"),
    "variation selectors": each("{c}\ufe0f"),
    "combining marks": each("{c}\u0301"),
    "enclosing marks": each("{c}\u20e3"),
    "right-to-left override": lambda text: f"\u202e{text}\u202c",
    "homoglyphs": lambda text: text.translate(HOMOGLYPHS),
    "percent": percent,
    "double percent": lambda text: percent(text).replace("%", "%25"),
    "decimal entities": each("&#{n};"),
    "hexadecimal entities": each("&#x{n:x};"),
    "entities of entities": each("&amp;#{n};"),
    r"\u escapes": utf16,
    r"\\u escapes": lambda text: utf16(text).replace("\\", "\\\\"),
    r"\x escapes": lambda text: "".join(f"\\x{ord(c):02x}" if ord(c) < 256 else c for c in text),
    "no-break spaces": lambda text: text.replace(" ", "\u00a0"),
    "other dashes": lambda text: text.replace("-", "\u2011"),
}
POSITIVES = [
    pytest.param(detector.name, text, hit, id=f"{detector.name}-{number}")
    for detector in DETECTORS
    for number, (text, hit) in enumerate(table(detector.name).POSITIVES)
]
GLUED = ("payment_card", "iban", "us_ssn", "email")


# A backslash right before an escape is read as part of it
CASES = [
    pytest.param(*case.values, transform, id=f"{case.id}-{transform}")
    for case in POSITIVES
    for transform in TRANSFORMS
    if not ("escapes" in transform and "\\" + case.values[2] in case.values[1])
]


def is_covered(text: str, start: int, end: int, spans) -> bool:
    """Whether replacing the spans leaves nothing of [start, end)."""
    left = set(range(start, end))
    for span in spans:
        left -= set(range(span.start, span.end))
    return not left


def written(text: str, hit: str, transform) -> tuple[str, int, int]:
    at = text.index(hit)
    form = transform(hit)
    return text[:at] + form + text[at + len(hit) :], at, at + len(form)


@pytest.mark.parametrize(("name", "text", "hit", "transform"), CASES)
def test_a_disguised_hit_is_found_whole(name, text, hit, transform):
    evading, start, end = written(text, hit, TRANSFORMS[transform])
    spans = scan(evading, [BY_NAME[name]], Context())
    hull = evading[start:end].strip("\u202e\u202c")  # an invisible character alone tells nothing
    start = evading.index(hull)
    assert is_covered(evading, start, start + len(hull), spans)


@pytest.mark.parametrize(
    "transform", ["as it is", "percent", "double percent", "decimal entities", r"\u escapes", "fullwidth"]
)
@pytest.mark.parametrize(("name", "text", "hit"), POSITIVES)
def test_a_text_disguised_as_a_whole_hides_nothing(name, text, hit, transform):
    change = TRANSFORMS[transform]
    at = text.index(hit)
    start = len(change(text[:at]))
    evading = change(text)
    assert is_covered(evading, start, start + len(change(hit)), scan(evading, DETECTORS, Context()))


@pytest.mark.parametrize(
    "frame", ["He wrote: {}, then left.", "https://shop.example/p?a=1&q={q}&b=2", '{{"a": "{}", "b": [1, 2']
)
@pytest.mark.parametrize(("name", "text", "hit"), POSITIVES)
def test_a_hit_in_a_sentence_a_url_or_cut_off_json_is_found(name, text, hit, frame):
    framed = frame.format(text, q=quote(text, safe=""))
    inner = quote(hit, safe="") if "{q}" in frame else hit
    start = framed.index(inner)
    assert is_covered(framed, start, start + len(inner), scan(framed, DETECTORS, Context()))


@pytest.mark.parametrize(("name", "text", "hit"), [case for case in POSITIVES if case.values[0] in GLUED])
def test_letters_glued_to_a_hit_do_not_hide_it(name, text, hit):
    at = text.index(hit) + 2
    glued = text.replace(hit, f"zu{hit}zu")
    assert is_covered(glued, at, at + len(hit), scan(glued, [BY_NAME[name]], Context()))


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_the_prefilter_changes_nothing(transform):
    for case in POSITIVES:
        _, text, hit = case.values
        evading, _, _ = written(text, hit, TRANSFORMS[transform])
        for variant in (evading, f"x {evading} y", TRANSFORMS[transform](text)):
            assert scan(variant, DETECTORS, Context()) == find(variant, DETECTORS, Context())
            assert not find(variant, DETECTORS, Context()) or may_hold(variant)


@pytest.mark.parametrize("name", BY_NAME)
def test_an_attack_string_comes_back(name):
    for attack in table(name).ATTACKS:
        for text in (attack[:65536], attack[:65536] + "!", "é" + attack[:65535]):
            spans = find(text, [BY_NAME[name]], Context(keys=("phone", "ssn", "card")))
            assert all(0 <= span.start < span.end <= len(text) for span in spans)


@pytest.mark.parametrize("detector", DETECTORS, ids=lambda detector: detector.name)
def test_a_detector_names_itself_for_people_and_for_rules(detector):
    assert re.fullmatch(r"[a-z][a-z0-9_]*", detector.name)
    assert detector.title
    assert re.fullmatch(r"[a-z ]+", detector.label)


def test_every_file_of_the_room_is_listed():
    room = Path(importlib.util.find_spec("gateway.detectors").origin).parent
    files = {file.stem for file in room.glob("*.py")} - {"__init__", "beside", "near_miss", "needs", "prefilter"}
    assert files == set(BY_NAME)
    assert len(BY_NAME) == len(DETECTORS)


@pytest.mark.parametrize("name", BY_NAME)
def test_every_detector_has_a_table_of_positives_beside_look_alikes(name):
    tables = table(name)
    assert len(tables.POSITIVES) > 2
    assert len(tables.LOOK_ALIKES) > 3
    assert tables.ATTACKS


SILENT = {"api_key", "bearer", "jwt", "private_key"}  # what they look for has no look-alike worth a reason


@pytest.mark.parametrize("name", sorted(set(BY_NAME) - SILENT))
def test_what_is_passed_over_has_a_reason_and_what_is_found_has_none(name):
    detector = BY_NAME[name]
    told = [miss for text in table(name).LOOK_ALIKES for miss in detector.why_not(read(text).text, Context())]
    assert told
    assert {miss.detector for miss in told} == {name}
    for text, hit in table(name).POSITIVES:
        reading = read(text).text
        at = reading.find(hit)
        assert [miss for miss in detector.why_not(reading, Context()) if miss.start == at] == []


@pytest.mark.parametrize("name", sorted(set(BY_NAME) - SILENT))
def test_an_attack_string_is_explained_in_time(name):
    for attack in table(name).ATTACKS:
        text = attack[:8192]
        assert all(0 <= miss.start < miss.end <= len(text) for miss in BY_NAME[name].why_not(text, Context()))
