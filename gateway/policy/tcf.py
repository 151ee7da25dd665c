"""IAB TCF v2 and GPP strings, as far as they say whether a visit may be recorded.

Sources: IAB Tech Lab, "Consent string and vendor list formats v2.2" (core segment) and "Global Privacy Platform String" with
its US sections. What is cut short or not of the form raises ValueError: for whoever asks, a malformed signal is a no.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

_BASE64URL: Final = re.compile(r"[A-Za-z0-9_-]*\Z", re.ASCII)
_DIGITS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_SIX_BITS: Final = {digit: f"{value:06b}" for value, digit in enumerate(_DIGITS)}
_TCF, _USP, _NATIONAL = 2, 6, 7
_YES: Final = 1  # of a two-bit field: opted out; 2: did not; 0: not applicable

# section → which of the two-bit fields behind the version are opt-outs of sale, sharing or targeted advertising
_OPT_OUTS: Final = {
    _NATIONAL: (6, 7, 8),
    8: (3, 4),  # California
    9: (3, 4),  # Virginia
    10: (3, 4),  # Colorado
    11: (4, 5),  # Utah
    12: (3, 4),  # Connecticut
    13: (3, 4),  # Florida
    14: (3, 4),  # Montana
    15: (3, 4),  # Oregon
    16: (3, 4),  # Texas
    17: (3, 4),  # Delaware
    18: (4, 5),  # Iowa
    19: (3, 4),  # Nebraska
    20: (3, 4),  # New Hampshire
    21: (3, 4),  # New Jersey
    22: (3, 4),  # Tennessee
}


class _Bits:
    """The bits of a base64url text, read from the left. ValueError where there are no more."""

    def __init__(self, text: str) -> None:
        if not _BASE64URL.match(text):
            raise ValueError("not base64url")
        self._bits = "".join(_SIX_BITS[digit] for digit in text)
        self._at = 0

    def take(self, size: int) -> int:
        """The next `size` bits as a number."""
        end = self._at + size
        if end > len(self._bits):
            raise ValueError("cut short")
        value = int(self._bits[self._at : end] or "0", 2)
        self._at = end
        return value

    def take_fibonacci(self) -> int:
        """The next number in Fibonacci coding: Zeckendorf's sum, the least first, ended by two ones."""
        total, one, two, was_set = 0, 1, 2, False
        for _ in range(32):
            if self.take(1):
                if was_set:
                    return total
                total, was_set = total + one, True
            else:
                was_set = False
            one, two = two, one + two
        raise ValueError("no number")


def purposes_consented(text: str) -> frozenset[int]:
    """The purposes (1 to 24) that a TC string of version 2 consents to."""
    bits = _Bits(text.partition(".")[0])
    if bits.take(6) != 2:
        raise ValueError("not version 2")
    bits.take(
        36 + 36 + 12 + 12 + 6 + 12 + 12 + 6 + 1 + 1 + 12
    )  # dates, CMP, screen, language, versions, flags, features
    given = frozenset(number for number in range(1, 25) if bits.take(1))
    bits.take(24 + 1 + 12)  # legitimate interests, one treatment, the publisher's country
    for _ in ("consent", "legitimate interest"):
        _skip_vendors(bits)
    for _ in range(bits.take(12)):  # publisher restrictions
        bits.take(6 + 2)
        _skip_ranges(bits)
    return given


def _skip_vendors(bits: _Bits) -> None:
    """Read to their end, so that a string that was cut is known for one."""
    most = bits.take(16)
    if bits.take(1):
        _skip_ranges(bits)
    else:
        bits.take(most)


def _skip_ranges(bits: _Bits) -> None:
    for _ in range(bits.take(12)):
        bits.take(32 if bits.take(1) else 16)


def gpp_sections(text: str) -> Iterator[tuple[int, str]]:
    """The sections of a GPP string by their ids."""
    header, *sections = text.split("~")
    bits = _Bits(header)
    if bits.take(6) != 3 or bits.take(6) != 1:
        raise ValueError("no GPP header")
    ids: list[int] = []
    last = 0
    for _ in range(bits.take(12)):
        is_range = bits.take(1)
        first = last + bits.take_fibonacci()
        last = first + bits.take_fibonacci() if is_range else first
        if last - first > 64:
            raise ValueError("no section ids")
        ids += range(first, last + 1)
    if len(ids) != len(sections):
        raise ValueError("sections are missing")
    return zip(ids, sections, strict=True)


def has_opted_out(section: int, text: str) -> bool:
    """Whether a US section says no to sale, sharing or targeted advertising, or carries Global Privacy Control."""
    core, *more = text.split(".")
    if section == _USP:
        return usp_opted_out(text)
    if section not in _OPT_OUTS:
        return False
    bits = _Bits(core)
    bits.take(6)
    fields = [bits.take(2) for _ in range(max(_OPT_OUTS[section]) + 1)]
    if any(fields[index] == _YES for index in _OPT_OUTS[section]):
        return True
    for one in more:  # subsections: two bits of type, and of type 1 one bit: Global Privacy Control
        part = _Bits(one)
        if part.take(2) == 1 and part.take(1):
            return True
    return False


def usp_opted_out(text: str) -> bool:
    """Whether a US Privacy string (`1YNN`) says that the visitor opted out of sale."""
    if not re.fullmatch(r"1[YN-]{3}", text, re.ASCII | re.IGNORECASE):
        raise ValueError("no US Privacy string")
    return text[2].upper() == "Y"


def gpp_consents(text: str) -> tuple[bool, frozenset[int] | None]:
    """Whether any US section opted out, and the purposes that its TCF section consents to (None without one)."""
    given: frozenset[int] | None = None
    opted_out = False
    for section, one in gpp_sections(text):
        if section == _TCF:
            given = purposes_consented(one)
        opted_out |= has_opted_out(section, one)
    return opted_out, given
