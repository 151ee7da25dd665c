"""IPv4 addresses of visitors and servers, not versions.

A four-part number after `/` (but a whole segment of a path, of parts too large for a version), `v`, `@`,
`=`-operators of package lists, a product's name or the word version is none; nor is one in a user agent, in path data
of SVG, in an amount of money, or one that no host has (0.0.0.0, 120.0.0.0).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from string import ascii_lowercase
from typing import Final

from gateway.core.plugin import Context, Detector, Miss, MissReason
from gateway.core.signs import Shape
from gateway.detectors.near_miss import near_misses

_PACKAGE: Final = r"\.(?:min|bundle|m?js|css|map|t?gz|tar|zip|exe|dmg|whl|jar)\b"
_QUAD: Final = re.compile(rf"(?<![A-Za-z0-9.])\d{{1,3}}(?:\.\d{{1,3}}){{3}}(?!\w|\.\d|-[A-Za-z]|{_PACKAGE})")
_SIGN_BEFORE: Final = re.compile(r"(?:(?<!/)/|@|==|[<>~!^]=?|[vV]=?[\"']?)$")
_PRODUCTS: Final = frozenset({
    "android", "api", "brand", "build", "chapter", "chrome", "chromium", "driver", "edg", "edge", "firefox", "firmware",
    "ios", "ipados", "kernel", "linux", "macos", "opera", "opr", "release", "rev", "revision", "safari", "sdk",
    "section", "ver", "version", "windows", "nt", "notes",
})  # fmt: skip
_BREAK: Final = re.compile(r"[\s\"'(=]")
_SEGMENT_END: Final = re.compile(r"[/?#\s\"'&),;:]|$")
_LEAST_OF_ADDRESS: Final = 40  # the greatest part; four-part versions in paths (`/lib/1.2.3.4/x.js`) stay below
_FILLERS: Final = frozenset({"is", "number", "no", "was", "to", "from"})
_NEAR: Final = 32
_KEYS: Final = frozenset(
    {"version", "versions", "ver", "build", "release", "sdk", "ua", "agent", "useragent", "firmware"}
)
_AGENT: Final = re.compile(r"\b(?:Mozilla|AppleWebKit|Dalvik|okhttp|Opera)/\d")
_SAYS_ADDRESS: Final = re.compile(
    r"\b(?:ip|ips|ipv4|addr|address|from|host|client|remote|peer|server|for)\b[\s\"':=(\[]{0,6}$", re.IGNORECASE
)
_PATH_DATA: Final = re.compile(r"\s*[Mm][MmZzLlHhVvCcSsQqTtAaEe0-9\s,.+-]*")
_MONEY_BEFORE: Final = re.compile(r"(?:[$€£₫₽₺¥₩]|\b(?:EUR|USD|Rp|VND|TRY|IDR|CLP|COP|BRL|ARS))\s?$")
_MONEY_AFTER: Final = re.compile(r"\s?(?:[$€£₫₽₺¥₩]|(?:EUR|USD|VND|TRY|IDR|CLP|COP|BRL|ARS)\b)")


def _find(text: str, context: Context) -> Iterator[tuple[int, int]]:
    agent = _AGENT.search(text)
    if text.lstrip()[:1] in {"M", "m"} and _PATH_DATA.fullmatch(text):
        return
    is_version_field = not _KEYS.isdisjoint(context.keys)
    for match in _QUAD.finditer(text):
        start, end = match.span()
        before = text[max(0, start - _NEAR) : start]
        if not _is_address(match[0]):
            continue
        if before and (not _is_segment(text, before, end, match[0]) if before[-1] == "/" else _says_version(before)):
            continue
        if (before.strip(" .0123456789") and _MONEY_BEFORE.search(before[-5:])) or _MONEY_AFTER.match(text, end):
            continue
        if (is_version_field or (agent and agent.start() < start)) and not _SAYS_ADDRESS.search(before):
            continue
        yield start, end


def _is_segment(text: str, before: str, end: int, written: str) -> bool:
    """Whether a number after a slash is a host of its own (`//`), or a whole segment of a path that is no version's."""
    if before.endswith("//"):
        return True
    path = _BREAK.split(before)[-1]
    if not (path[0] == "/" or path.count("/") > 1) or not _SEGMENT_END.match(text, end):
        return False
    if path[:-1].rpartition("/")[2].lower() in _PRODUCTS:
        return False
    return max(map(int, written.split("."))) >= _LEAST_OF_ADDRESS


def _says_version(before: str) -> bool:
    """Whether a sign right before, or the last word before, makes the number a version."""
    if not before[-1].isspace() and _SIGN_BEFORE.search(before[-4:]):
        return True
    told = before.rstrip(" \t\"':=()#.-")
    if not told[-1:].isalpha():
        return False
    words = told.lower().split()
    while words and words[-1] in _FILLERS:
        words.pop()
    last = words[-1] if words else ""
    return last[len(last.rstrip(ascii_lowercase)) :] in _PRODUCTS


def _is_address(written: str) -> bool:
    first, *rest = written.split(".")
    if max(map(int, rest)) > 255 or rest == ["0", "0", "0"] or "000" in rest:
        return False
    return int(first) <= 255 and int(first) not in {0, 127} and written != "255.255.255.255"


_LOOKS_LIKE: Final = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}")


def _why_not(text: str, context: Context) -> Iterator[Miss]:
    for match in near_misses(_LOOKS_LIKE, text, _find(text, context)):
        start, end = match.span()
        if not _QUAD.match(text, start):
            reason = MissReason.INSIDE_LONGER_TOKEN
        elif not _is_address(match[0]):
            reason = MissReason.RESERVED
        elif _MONEY_BEFORE.search(text[max(0, start - 5) : start]) or _MONEY_AFTER.match(text, end):
            reason = MissReason.MEASURE_LIKE
        else:
            reason = MissReason.VERSION_LIKE
        yield Miss(start, end, DETECTOR.name, reason)


DETECTOR: Final = Detector(
    name="ipv4",
    title="IPv4 address",
    label="ip",
    hint=lambda text: _QUAD.search(text) is not None,
    find=_find,
    why_not=_why_not,
    shapes=(Shape.QUAD,),
)
