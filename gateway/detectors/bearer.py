"""Credentials of the Authorization header (RFC 6750, RFC 7617): what stands behind `Bearer` and `Basic`, not the words.

`Basic` counts when its value decodes to `user:password`, `Bearer` when its value is no word of a sentence.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Iterator
from typing import Final

from gateway.core.plugin import Context, Detector
from gateway.core.signs import SPACED

_CREDENTIAL: Final = re.compile(r"(?<![A-Za-z])(bearer|basic)[ \t:+\"']{1,3}([A-Za-z0-9._~+/=-]{4,}+)", re.IGNORECASE)
_HEADER: Final = re.compile(r"authorization[\"'\s\\]{0,4}[:=,][\"'\s\\]{0,6}$", re.IGNORECASE)
_NEAR: Final = 32
_LEAST: Final = 8
_LONGEST_BASIC: Final = 4096


def _find(text: str, context: Context) -> Iterator[tuple[int, int]]:
    del context
    for match in _CREDENTIAL.finditer(text):
        value = match[2]
        says_header = _HEADER.search(text[max(0, match.start() - _NEAR) : match.start()]) is not None
        is_basic = match[1].lower() == "basic"
        if says_header or (_is_pair(value) if is_basic else _is_token(value)):
            end = match.end(2) - (len(value) - len(value.rstrip(".")))
            yield match.start(2), end


def _is_token(value: str) -> bool:
    if len(value) < _LEAST:
        return False
    has_digit = any(character.isdigit() for character in value)
    return has_digit or (len(value) >= 2 * _LEAST and not value.islower() and not value.istitle())


def _is_pair(value: str) -> bool:
    value = value.rstrip("=")[:_LONGEST_BASIC]
    value = value[: len(value) - (len(value) % 4 == 1)]
    try:
        plain = b64decode(value + "=" * (-len(value) % 4), altchars=b"-_" if "-" in value or "_" in value else None)
    except ValueError:
        return False
    return b":" in plain and plain.decode("latin-1").isprintable()


DETECTOR: Final = Detector(
    name="bearer",
    title="authorization credential",
    label="credential",
    hint=lambda text: _CREDENTIAL.search(text) is not None,
    find=_find,
    folded=(("bearer", SPACED), ("basic", SPACED)),
)
