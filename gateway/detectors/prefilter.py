"""One quick look that tells whether any detector of this room could find anything in a text at all.

It never says no to a text in which one would (a test holds this over every positive and every transform); it says no to
nearly all the short strings that documents are made of, most of them after one pass over one set of characters.
"""

from __future__ import annotations

import re
from typing import Final

from gateway.detectors import secret

# Letters of other scripts, and signs, that read as themselves: text of these alone needs no reading
_AS_WRITTEN: Final = (
    "\u00a1-\u00a7\u00c0-\u012f\u0134-\u013e\u0141-\u0148\u014a-\u017e\u2018-\u201f\u20ac"
    "\u3041-\u3096\u30a1-\u30fa\u4e00-\u9fff\uac00-\ud7a3"
)
# Without any of these there is at most a key of one long word
_SIGN: Final = re.compile(rf"[^\t\n\r !\"#$'()*+.;<>?A-Z\[\]^_`a-z{{|}}~{_AS_WRITTEN}-]")
_MARK: Final = re.compile(rf"[^\t\n\r !\"#$'()*+,.0-9;<=>?A-Z\[\]^_`a-z{{|}}~{_AS_WRITTEN}-]")
_KEY: Final = "[A-Za-z0-9._+/=-]"
_SHORT: Final = re.compile(rf"(?:{_KEY}{{0,15}}+(?!{_KEY})[\s\S])*+{_KEY}{{0,15}}+\Z")  # no word of sixteen such signs
_GAP: Final = r"[ \t._/()+-]{0,3}"
_NUMBER: Final = re.compile(
    rf"\d(?:(?:{_GAP}\d){{5}}|[eE][+-]?\d"  # cards, phones, SSNs, national ids, dates
    r"|\.\d{1,3}\.\d|\.\d{4}"  # IPv4, coordinates
    rf"|(?:{_GAP}\d){{3}}{_GAP}[A-Za-z](?![A-Za-z])|{_GAP}\d{_GAP}[A-Za-z]{_GAP}\d{_GAP}\d"  # ids with letters
    r"|\d{0,3}\s?[-/.年년]\s?\d{1,2}\s?[-/.月월]\s?\d"  # dates
    r"|[^\W_]{0,2}[.º]?[ -](?:de |of )?[^\W\d_]{3,12}\.?,?[ -](?:de )?\d{4}|(?:st|nd|rd|th)?,? \d{4}"
    r"|(?:(?<=[A-Za-z]\d)|(?<=[A-Za-z][ .-]\d))[ .-]?\d(?:[ \t.-]{0,2}[0-9A-Za-z]){11})"  # IBANs
)
_FOURS: Final = re.compile(r"[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\.")  # MAC
_MARKED: Final = re.compile(
    rf"[@\\]|%[0-7u]|&[#A-Za-z]|[^\x00-\x7f{_AS_WRITTEN}]"
    r"|:(?:[0-9A-Fa-f]{0,4}:|[0-9A-Fa-f]{2}:)"  # MAC, IPv6
    r"|/(?:[hH][oO][mM][eE]|[uU][sS][eE][rR][sS]"
    r"|[dD][oO][cC][uU][mM][eE][nN][tT][sS] [aA][nN][dD] [sS][eE][tT]{2}[iI][nN][gG][sS])[/\\]"
)


def may_hold(text: str) -> bool:
    """Whether `text` is worth reading: a superset of the texts that any detector finds something in."""
    if len(text) > 15 and not _SHORT.match(text):
        return True
    if "PRIVATE KEY" in text:
        return True
    sign = _SIGN.search(text)
    if sign is None:
        return False
    if _NUMBER.search(text, sign.start()):
        return True
    mark = _MARK.search(text, sign.start())
    if mark and _MARKED.search(text, mark.start()):
        return True
    if "." in text and _FOURS.search(text):
        return True
    lowered = text.lower()
    return secret.names_one(lowered) or "basic" in lowered or "bearer" in lowered
