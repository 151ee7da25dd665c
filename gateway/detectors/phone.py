"""Telephone numbers. `+` and `00` forms anywhere; national forms only beside a word or key that says telephone.

Lengths and numbering plans per country code are libphonenumber's. `+` forms need a possible length only: numbers kept
for fiction (555-01xx) are in no plan and still look like somebody's. `00` forms need the plan too: zero-padded ids
begin like them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata

from gateway.core.plugin import Context, Detector, Miss, MissReason
from gateway.core.signs import Shape
from gateway.detectors.beside import Words
from gateway.detectors.near_miss import near_misses

_GAP: Final = r"[ \t.()/-]{0,3}"
_INTERNATIONAL: Final = re.compile(rf"(?<!\d)(\+|(?<![\w#.+])00)(?:{_GAP}\d){{7,18}}")
_NATIONAL: Final = re.compile(rf"(?<![\w.+#$€£-])(?<!\d:)\(?\d(?:{_GAP}\d){{5,14}}(?![\w%]|[.,:]\d)")
_GROUP: Final = re.compile(r"\d+")
_PLACE: Final = re.compile(r"\+\d{2}\.\d{3,}[+-]\d{2,3}\.\d")  # ISO 6709: +52.5200-013.4050

_WORDS: Final = (
    "phone", "telephone", "tel", "telefon", "telefono", "teléfono", "telefone", "téléphone", "telefoon", "mobile",
    "mobil", "telefonnummer", "mobilfunk", "handy", "cell", "cellphone", "movil", "móvil", "celular", "fax", "telefax",
    "msisdn", "whatsapp", "sms", "call", "dial", "ring", "hotline", "phonenumber", "phone_number", "mobile_number",
    "rufnummer", "portable", "телефон", "тел", "電話", "电话", "전화",
)  # fmt: skip
_SPOKEN: Final = Words(dict.fromkeys((*_WORDS, "telefon nr", "phone no", "tel no", "mob"), (True,)))
_KEYS: Final = frozenset(_WORDS) - {"call", "ring", "cell", "dial", "portable", "mobile", "mobil", "sms"} | {"phones"}
_BESIDE_NUMBER: Final = frozenset({"mobile", "mobil", "cell", "sms", "call"})  # as keys they need `number` too
_NOT_NATIONAL: Final = re.compile(
    r"1\d{9}|1\d{12}|1\d{15}"  # Unix times
    r"|(?:19|20)\d\d[01]\d[0-3]\d(?:\d{4}|\d{6})?"  # 20260314, 202603141200, 20260314120000
)
_DATE: Final = re.compile(r"\d{4}([-/.])\d{1,2}\1\d{1,2}\b|\d{1,2}([-/.])\d{1,2}\2\d{4}\b")
_FRACTION: Final = re.compile(r"\d+\.\d+")


@lru_cache(maxsize=1024)
def _plan(code: str) -> tuple[frozenset[int], tuple[re.Pattern[str], ...]]:
    """Possible national lengths and patterns under one country calling code."""
    lengths: set[int] = set()
    patterns: list[re.Pattern[str]] = []
    for region in COUNTRY_CODE_TO_REGION_CODE.get(int(code), ()):
        metadata = (
            PhoneMetadata.metadata_for_nongeo_region(int(code))
            if region == "001"
            else PhoneMetadata.metadata_for_region(region)
        )
        plan = metadata.general_desc if metadata else None
        if plan is None or plan.national_number_pattern is None:
            continue
        lengths.update(plan.possible_length)
        patterns.append(re.compile(plan.national_number_pattern))
    return frozenset(lengths), tuple(patterns)


def _is_possible(digits: str, strict: bool) -> bool:
    """Whether digits after `+` or `00` are a country code and a number of a length that it has."""
    for size in (1, 2, 3):
        code = digits[:size]
        if code[0] == "0" or int(code) not in COUNTRY_CODE_TO_REGION_CODE:
            continue
        lengths, patterns = _plan(code)
        national = digits[size:]
        for number in {national, national.removeprefix("0")}:  # +49 (0) 151 …
            if len(number) in lengths and (not strict or any(pattern.fullmatch(number) for pattern in patterns)):
                return True
    return False


def _find(text: str, context: Context) -> Iterator[tuple[int, int]]:
    done = 0
    for match in _INTERNATIONAL.finditer(text):
        start, end = match.span()
        if text[end : end + 1].isdigit() or _PLACE.match(text, start):
            continue
        first = match.end(1)
        groups = [run.end() for run in _GROUP.finditer(text, first, end)]
        for stop in reversed(groups):
            digits = "".join(filter(str.isdigit, text[first:stop]))
            if len(digits) < 7:
                break
            if _is_possible(digits, strict=match[1] == "00"):
                done = stop
                yield start, stop
                break
    has_key = _is_named(context.keys)
    for match in _NATIONAL.finditer(text):
        start, end = match.span()
        if (has_key or all(_SPOKEN.beside(text, start))) and _is_national(match[0]):
            if start < done and text[start - 1 : start] == "+":
                continue
            yield start, end


def _is_named(keys: tuple[str, ...]) -> bool:
    return not _KEYS.isdisjoint(keys) or (not _BESIDE_NUMBER.isdisjoint(keys) and "number" in keys)


def _is_national(written: str) -> bool:
    digits = "".join(filter(str.isdigit, written))
    if len(digits) < 7 and not (len(digits) == 6 and digits[0] != "0" and digits != written):
        return False
    return not (_NOT_NATIONAL.fullmatch(digits) or _DATE.match(written) or _FRACTION.fullmatch(written))


def _why_not(text: str, context: Context) -> Iterator[Miss]:
    hits = list(_find(text, context))
    for pattern, reason in ((_INTERNATIONAL, MissReason.NOT_ISSUED), (_NATIONAL, MissReason.NEEDS_A_WORD)):
        for match in near_misses(pattern, text, hits):
            start, end = match.span()
            if pattern is _NATIONAL and not _is_national(match[0]):
                is_time = len(match[0]) > 7
                yield Miss(start, end, DETECTOR.name, MissReason.TIME_LIKE if is_time else MissReason.WRONG_LENGTH)
            else:
                yield Miss(start, end, DETECTOR.name, reason)
            hits.append((start, end))


_ENOUGH: Final = re.compile(r"(?:\d[ \t.()/-]{0,3}){6}")

DETECTOR: Final = Detector(
    name="phone",
    title="telephone number",
    label="phone",
    hint=lambda text: _ENOUGH.search(text) is not None,
    find=_find,
    why_not=_why_not,
    shapes=(Shape.PHONE,),
    beside=_SPOKEN.forms,
    keyed=(Shape.DIGITS_6,),
    named=_is_named,
)
