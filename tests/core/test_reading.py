from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.reading import read

READS_AS = [
    ("plain ASCII", "plain ASCII"),
    ("ａ＠ｂ．ｃ", "a@b.c"),
    ("𝟜𝟘𝟙𝟚", "4012"),
    ("٤٠١٢ ४०१२ ๔๐๑๒", "4012 4012 4012"),
    ("①②③", "123"),
    ("a\u200db\u200bc\u2060d\ufeffe", "abcde"),
    ("so\u00adft", "soft"),
    ("4\ufe0f\u20e3", "4"),
    ("\u202e4012\u202c", "4012"),
    ("a\u0301\u0336b", "ab"),
    ("\U000e0041x", "x"),
    ("4\u064b0\u064b\u064e12", "4012"),
    ("саnаry", "canary"),
    ("привет мир", "привет мир"),
    ("Ελλάδα", "Ελλάδα"),
    ("Müller", "Müller"),
    ("हिन्दी", "हिन्दी"),
    ("漢字かな", "漢字かな"),
    ("a%40b", "a@b"),
    ("a%2540b", "a@b"),
    ("a%252540b", "a@b"),
    ("%D9%A4%D9%A0", "40"),
    ("%u0040", "@"),
    ("50% off, 100%de", "50% off, 100%de"),
    ("%FF%C0%80", "%FF%C0%80"),
    ("&#64;&#x40;&#00064;&commat;&#64", "@@@@@"),
    ("&amp;#64;", "@"),
    ("AT&T &unknown; a&b=c", "AT&T &unknown; a&b=c"),
    (r"\u0040\x40\u{40}\\u0040", "@@@@"),
    (r"\ud835\udfdc", "4"),
    ("\ud835\udfdc", "4"),
    (r"\ud835 x", "\ud835 x"),
    ("\ud835 lone", "\ud835 lone"),
    (r"C:\temp\new", r"C:\temp\new"),
    ("1\u00a0234\u2009567", "1 234 567"),
    ("415\u2011555\u22120132", "415-555-0132"),
    ("Case Stays", "Case Stays"),
    ("´¨", "´¨"),
    ("", ""),
]
ORIGINS = [
    ("x%40y", "@", "%40"),
    ("x%2540y", "@", "%2540"),
    ("x&#64;y", "@", "&#64;"),
    ("x&amp;#64;y", "@", "&amp;#64;"),
    (r"x\u0040y", "@", r"\u0040"),
    (r"x\ud835\udfdcy", "4", r"\ud835\udfdc"),
    ("xa\u0301\u0302y", "a", "a\u0301\u0302"),
    ("x4\ufe0f\u20e3y", "4", "4\ufe0f\u20e3"),
    ("x4\u200d0y", "40", "4\u200d0"),
    ("x®™y", "TM", "™"),
    ("x＠y", "@", "＠"),
    ("%D9%A4%D9%A0", "0", "%D9%A0"),
]


@pytest.mark.parametrize(("written", "reading"), READS_AS)
def test_a_text_reads_as_people_see_it(written, reading):
    assert read(written).text == reading


@pytest.mark.parametrize(("text", "part", "form"), ORIGINS)
def test_a_span_leads_back_to_the_whole_written_form(text, part, form):
    reading = read(text)
    at = reading.text.index(part)
    start, end = reading.origin(at, at + len(part))
    assert text[start:end] == form


def test_a_text_that_needs_nothing_is_its_own_reading():
    text = "nothing to do here: 4012 8888"
    reading = read(text)
    assert reading.text is text
    assert reading.origin(3, 9) == (3, 9)


SPELLED = st.lists(
    st.sampled_from(
        [
            "%40",
            "%2540",
            "%",
            "&#64;",
            "&amp;",
            "&",
            ";",
            "#",
            "\\",
            "\\u0040",
            "\\ud835",
            "\\udfdc",
            "\u0301",
            "\u200d",
            "ﷺ",
            "é",
            "е",
            "4",
            "a",
            " ",
            "٤",
            "\ud835",
            "\udfdc",
        ]
    ),
    max_size=40,
).map("".join)


@given(st.one_of(SPELLED, st.text(st.characters(codec=None), max_size=60)))
def test_every_character_of_the_reading_has_its_place_in_order(text):
    reading = read(text)
    places = [reading.origin(at, at + 1) for at in range(len(reading.text))]
    assert all(0 <= start < end <= len(text) for start, end in places)
    assert places == sorted(places)
    if places:
        assert reading.origin(0, len(reading.text)) == (places[0][0], places[-1][1])


@given(st.text(st.sampled_from("abcXYZ0189 .,:-_/()"), max_size=60))
def test_a_text_written_in_escapes_reads_as_itself(text):
    for form in ("%{n:02x}", "%25{n:02x}", "&#{n};", "&#x{n:x};", "\\u{n:04x}", "\\x{n:02x}", "{c}\u200b", "{c}\u0301"):
        written = "".join(form.format(c=character, n=ord(character)) for character in text)
        assert read(written).text == text


@pytest.mark.parametrize("piece", ["%25", "&amp;", "\\u005c", "\u0301", "ﷺ", "é", "𝟜", "\\", "&", "%", "&#", "\ud835"])
def test_a_long_hostile_text_comes_back(piece):
    text = piece * (65536 // len(piece))
    reading = read(text)
    assert len(reading.text) <= 4 * len(text)
