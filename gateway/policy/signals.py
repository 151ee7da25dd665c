"""Opt-out signals in a request's fields: the opt-out cookie, `Sec-GPC`, `DNT`.

The reading leans to privacy: any affirmative signal wins, whatever else is there, and a malformed Sec-GPC or DNT counts
as one. What a browser or a front may have broken in the Cookie field never hides a later opt-out. Nothing is decoded
beyond RFC 6265bis section 5.7: a pair ends at `;`, a name is case-sensitive, quotes around a value are not part of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gateway.core.message import Headers

DENIALS = frozenset({"", "0", "false", "no"})
"""Values of an opt-out cookie that say: not opted out. Every other value opts out."""

_BLANK = " \t"


@dataclass(frozen=True, slots=True)
class OptOut:
    """Which signals count: `visitors.opt_out` of gateway.yaml."""

    cookies: tuple[str, ...] = ("gateway_opt_out",)
    gpc: bool = True
    dnt: bool = True


def cookie_pairs(headers: Headers) -> Iterator[tuple[str, str]]:
    """Every (name, value) of every Cookie field, in order, duplicates included; a pair without `=` has no name."""
    for field in headers.all("Cookie"):
        for pair in field.split(";"):
            name, equals, value = pair.partition("=")
            if not equals:
                name, value = "", name
            yield name.strip(_BLANK), value.strip(_BLANK).strip('"').strip(_BLANK)


def has_opt_out_cookie(headers: Headers, names: tuple[str, ...]) -> bool:
    """Whether any cookie of these names says anything but a denial."""
    return any(name in names and value.lower() not in DENIALS for name, value in cookie_pairs(headers) if name)


def has_signal(headers: Headers, name: str) -> bool:
    """Whether a field of this name is there and is anything but a plain `0` (`0, 0` where a front joined two)."""
    return any(part.strip(_BLANK) != "0" for value in headers.all(name) for part in value.split(","))
