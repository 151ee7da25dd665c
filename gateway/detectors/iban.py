"""IBANs (ISO 13616): country, length, structure and mod 97 must agree; spaces, dashes and dots between are read over.

The length comes from the country, so letters or digits glued to an IBAN don't hide it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from string import ascii_uppercase
from typing import Final

from stdnum import iban

from gateway.core.plugin import Context, Detector

# SWIFT's IBAN registry: country code and length
_REGISTRY: Final = """
AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 ES24
FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32
LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24
RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30
"""
LENGTHS: Final = {entry[:2]: int(entry[2:]) for entry in _REGISTRY.split()}

_START: Final = re.compile(r"[A-Za-z]{2}[ .-]?\d[ .-]?\d(?=[ .-]{0,2}[0-9A-Za-z])")
_REST: Final = {
    length: re.compile(rf"[A-Za-z]{{2}}(?:[ \t.-]{{0,2}}[0-9A-Za-z]){{{length - 2}}}")
    for length in set(LENGTHS.values())
}
_VALUES: Final = str.maketrans({letter: str(10 + value) for value, letter in enumerate(ascii_uppercase)})
_GAPS: Final = str.maketrans("", "", " \t.-")


def _find(text: str, context: Context) -> Iterator[tuple[int, int]]:
    del context
    start = _START.search(text)
    while start:
        at = start.start()
        length = LENGTHS.get(text[at : at + 2].upper())
        whole = _REST[length].match(text, at) if length else None
        if whole and _is_valid(whole[0].translate(_GAPS).upper()):
            yield whole.span()
            at = whole.end() - 1
        start = _START.search(text, at + 1)


def _is_valid(number: str) -> bool:
    # stdnum goes last: it costs many times the checksum, and 96 of 97 candidates fail that
    digits = (number[4:] + number[:4]).translate(_VALUES)
    return digits.isdecimal() and int(digits) % 97 == 1 and bool(iban.is_valid(number))


DETECTOR: Final = Detector(
    name="iban",
    title="bank account (IBAN)",
    label="iban",
    hint=lambda text: _START.search(text) is not None,
    find=_find,
)
