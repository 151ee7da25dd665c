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
_SIGN: Final = re.compile(rf"[0-9@%&\\:=/,]|[^\x00-\x7f{_AS_WRITTEN}]")
_LONG: Final = re.compile(r"[A-Za-z0-9._+/=-]{16}|PRIVATE KEY")
_TELLING: Final = re.compile(
    r"[@\\]|%[0-7u]|&[#A-Za-z]"
    rf"|[^\x00-\x7f{_AS_WRITTEN}]"
    r"|\d(?:[ \t._/()-]{0,3}\d){5}|\d[eE][+-]?\d"  # cards, phones, SSNs
    r"|[A-Za-z]{2}[ .-]?\d[ .-]?\d(?:[ \t.-]{0,2}[0-9A-Za-z]){11}"  # IBANs
    r"|\d\.\d{1,3}\.\d"  # IPv4
    r"|[0-9A-Fa-f]{2}[:-][0-9A-Fa-f]{2}[:-]|[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\.|:[0-9A-Fa-f]{0,4}:"  # MAC, IPv6
    r"|[A-Za-z0-9._+/=-]{16}|PRIVATE KEY"  # JWTs, keys, credentials
    r"|/(?:[hH][oO][mM][eE]|[uU][sS][eE][rR][sS]|[dD]ocuments and [sS]ettings)/"
)


def may_hold(text: str) -> bool:
    """Whether `text` is worth reading: a superset of the texts that any detector finds something in."""
    if not _SIGN.search(text):
        return len(text) > 10 and _LONG.search(text) is not None
    if _TELLING.search(text):
        return True
    lowered = text.lower()
    return secret.names_one(lowered) or "basic" in lowered or "bearer" in lowered
