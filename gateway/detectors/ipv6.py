"""IPv6 addresses, mapped IPv4 and zones included, as the standard library's `ipaddress` reads them.

Clock times, hardware addresses, CSS pseudo-elements (`a::before`) and scope operators (`dead::beef`) are none; nor are
addresses that name no host (`::`, `::1`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import AddressValueError, IPv6Address
from typing import Final

from gateway.core.plugin import Context, Detector, Miss, MissReason
from gateway.core.signs import Shape
from gateway.detectors.near_miss import near_misses

_CANDIDATE: Final = re.compile(
    r"(?<![\w:.])(?=[0-9A-Fa-f]{0,4}:)[0-9A-Fa-f:]{4,45}(?:(?<=:)\d{1,3}(?:\.\d{1,3}){3}|(?<=\d)(?:\.\d{1,3}){3})?"
    r"(?:%[A-Za-z0-9]{1,15})?(?!\w|:\w)"
)


def _find(text: str, context: Context) -> Iterator[tuple[int, int]]:
    del context
    for match in _CANDIDATE.finditer(text):
        written = match[0]
        if written.endswith(":") and not written.endswith("::"):
            written = written[:-1]  # a colon of the sentence
        if _is_address(written):
            yield match.start(), match.start() + len(written)


def _is_address(written: str) -> bool:
    try:
        address = IPv6Address(written.partition("%")[0])
    except AddressValueError:
        return False
    groups = [group for group in written.partition("%")[0].split(":") if group]
    if address.is_loopback or address.is_unspecified or not any(character.isdigit() for character in written):
        return False
    is_first_telling = bool(groups) and len(groups[0]) == 4 and written[0] != ":"
    return len(groups) > 2 or "." in written or (is_first_telling and len(groups) > 1)


def _why_not(text: str, context: Context) -> Iterator[Miss]:
    for match in near_misses(_CANDIDATE, text, _find(text, context)):
        if match[0].count(":") > 1:
            reason = MissReason.TIME_LIKE if _TIME.fullmatch(match[0]) else MissReason.RESERVED
            if reason is MissReason.RESERVED and not _is_whole(match[0]):
                reason = MissReason.WRONG_LENGTH
            yield Miss(*match.span(), DETECTOR.name, reason)


def _is_whole(written: str) -> bool:
    try:
        IPv6Address(written.partition("%")[0])
    except AddressValueError:
        return False
    return True


_TIME: Final = re.compile(r"\d{1,2}:\d\d:\d\d")

DETECTOR: Final = Detector(
    name="ipv6",
    title="IPv6 address",
    label="ip",
    hint=lambda text: text.count(":") > 1,
    find=_find,
    why_not=_why_not,
    shapes=(Shape.IPV6,),
)
