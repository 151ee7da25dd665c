"""Dates of birth: a whole date of a living person's years right beside a word or key that speaks of birth.

Any other date is an event's: dates without that word, years alone and time stamps stay.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from gateway.core.plugin import Context, Detector, Miss, MissReason
from gateway.core.signs import Shape
from gateway.detectors.beside import Words

_PHRASES: Final = """
dob, d.o.b, birth, birthday, birthdate, bday, born, born on, date of birth, birth date, geburtsdatum, geburtstag,
geburt, geboren, geboren am, geb, geb datum, gebdatum, né, née, né le, née le, né(e) le, naissance, date de
naissance, fecha de nacimiento, nacimiento, nacido, nacida, nacido el, nacida el, fecha nacimiento, data di nascita,
nascita, nato, nata, nato il, nata il, data de nascimento, nascimento, nascido, nascida, nascido em, nascida em,
geboortedatum, geboorte, geboren op, födelsedatum, född, fødselsdato, fødselsdag, født, syntymäaika, syntynyt, data
urodzenia, urodzony, urodzona, ur, datum narození, narozen, narozena, nar, dátum narodenia, születési dátum,
született, szül, data nașterii, născut, născută, datum rođenja, rođen, rođena, datum rojstva, дата рождения,
родился, родилась, дата народження, дата на раждане, doğum tarihi, doğum, ημερομηνία γέννησης, 生年月日, 誕生日,
出生日期, 生日, 出生, 생년월일, 생일, ngày sinh, tanggal lahir, lahir, วันเกิด, जन्म तिथि,
تاريخ الميلاد, תאריך לידה, birth_date, birthdate
iso
"""
_WORDS: Final = Words(dict.fromkeys((one.strip() for one in _PHRASES.split(",")), (True,)))
_YEAR: Final = r"(?:1[89]\d\d|20[0-4]\d)"
_MONTH: Final = r"(?:0?[1-9]|1[0-2])"
_DAY: Final = r"(?:0?[1-9]|[12]\d|3[01])"
_NAME: Final = r"[^\W\d_]{3,12}\.?"
_DATE: Final = re.compile(
    rf"(?<!\d)(?<!\d[./-])(?:"
    rf"{_YEAR}\s?([-/.])\s?{_MONTH}\s?\1\s?{_DAY}"
    rf"(?:[T ]\d{{2}}:\d{{2}}(?::\d{{2}})?(?:\.\d{{1,9}})?(?:Z|[+-]\d\d:?\d\d)?)?"
    rf"|{_DAY}\s?([-/.])\s?{_DAY}\s?\2\s?(?:{_YEAR}|\d\d)"
    rf"|{_YEAR}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"
    rf"|{_DAY}(?:st|nd|rd|th|\.|º)?[ -](?:de |of )?{_NAME},?[ -](?:de )?{_YEAR}"
    rf"|{_YEAR}\s?[年년]\s?{_MONTH}\s?[月월]\s?{_DAY}\s?[日일]?"
    rf")(?![\d]|[./-]\d)"
    rf"|(?<![^\W_])(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{{0,6}}\.? "
    rf"{_DAY}(?:st|nd|rd|th)?,? {_YEAR}(?!\d)",
    re.IGNORECASE,
)
_ENOUGH: Final = re.compile(
    r"\d{1,4}\s?[-/.年년]\s?\d{1,2}\s?[-/.月월]\s?\d|\d{8}|[^\W\d_]{3}[., -]{1,3}(?:de )?(?:\d{1,2}[a-z]{0,2},? )?\d{4}"
)


def _judged(text: str, context: Context) -> Iterator[tuple[int, int, bool]]:
    """Every date, with whether it is one of birth."""
    has_key = bool(_WORDS.of_keys(context.keys))
    for match in _DATE.finditer(text):
        beside, is_tight = _WORDS.beside(text, match.start())
        yield *match.span(), has_key or bool(beside and is_tight)


def _find(text: str, context: Context) -> Iterator[tuple[int, int]]:
    for start, end, is_birth in _judged(text, context):
        if is_birth:
            yield start, end


def _why_not(text: str, context: Context) -> Iterator[Miss]:
    for start, end, is_birth in _judged(text, context):
        if not is_birth:
            yield Miss(start, end, DETECTOR.name, MissReason.NEEDS_A_WORD)


DETECTOR: Final = Detector(
    name="date_of_birth",
    title="date of birth",
    label="date of birth",
    hint=lambda text: _ENOUGH.search(text) is not None,
    find=_find,
    why_not=_why_not,
    shapes=(Shape.BIRTH,),
    beside=_WORDS.forms,
    keyed=(Shape.DATED,),
    named=lambda keys: bool(_WORDS.of_keys(keys)),
)
