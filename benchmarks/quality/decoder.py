"""Reads what left the way a curious person would: everything decoded that decodes, everything folded that looks the
same.

Standard library only, and nothing of the gateway's: what one of them does not understand the other may.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import re
import unicodedata
import zlib
from contextlib import suppress
from html import unescape
from urllib.parse import unquote_to_bytes

_ESCAPE = re.compile(r"\\+u([0-9A-Fa-f]{4})")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{16,}={0,2}")
_LOOKS = str.maketrans("аеорсхуАВЕНКМОРТХ", "aeopcxyABEHKMOPTX")
_ROUNDS = 4
_SLICE = 6


def _unescaped(text: str) -> str:
    pairs = _ESCAPE.sub(lambda match: chr(int(match[1], 16)), text)
    return pairs.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _inside(text: str) -> list[str]:
    found = []
    for match in _BASE64.finditer(text):
        packed = match[0].rstrip("=").replace("-", "+").replace("_", "/")
        try:
            data = base64.b64decode(packed + "=" * (-len(packed) % 4))
        except (ValueError, binascii.Error):
            continue
        with suppress(OSError, EOFError, zlib.error):
            data = gzip.decompress(data)
        try:
            found.append(data.decode())
        except UnicodeDecodeError:
            continue
    return found


def views(text: str) -> list[str]:
    """The text in every reading that differs from the one before."""
    found = [text]
    now = text
    for _ in range(_ROUNDS):
        before = now
        now = unescape(unquote_to_bytes(now.encode("utf-8", "surrogatepass")).decode("utf-8", "replace"))
        now = _unescaped(now)
        found.append(now)
        if now == before:
            break
    for _ in range(2):
        found += [inner for one in found[:8] for inner in _inside(one)]
    return found


def plain(text: str) -> str:
    """Letters and digits alone, as they look."""
    text = unicodedata.normalize("NFKD", text).translate(_LOOKS).lower()
    signs = (str(digit) if (digit := unicodedata.digit(sign, None)) is not None else sign for sign in text)
    return "".join(sign for sign in signs if sign.isalnum())


def leaks(value: str, left: str, around: str, row: int = _SLICE) -> bool:
    """Whether the value, or `row` signs of it in a row, can be read from what left; but for what stands beside it."""
    wanted = plain(value)
    beside = plain(around)
    size = min(row, len(wanted))
    slices = {wanted[at : at + size] for at in range(len(wanted) - size + 1)}
    slices = {one for one in slices if one not in beside}
    return any(one in told for told in map(plain, views(left)) for one in slices)
