"""E-mail addresses, of IDN domains too, wherever they stand in a text.

Found by their `@`, read outwards from it within the lengths of RFC 5321, so that the work per `@` is bounded. Retina
images (`logo@2x.png`), packages (`react@18.2.0`) and hosts without a dot (`root@localhost`) are no addresses.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from gateway.core.plugin import Context, Detector, Miss, MissReason
from gateway.core.signs import Shape
from gateway.detectors.near_miss import near_misses

_LOCAL: Final = re.compile(r"[\w.!#$%*+'^~-]{1,64}")  # run over the reversed text before the @
_LABEL: Final = r"[^\W_](?:[\w-]{0,61}[^\W_])?"
_DOMAIN: Final = re.compile(rf"(?:{_LABEL}[.。]){{1,8}}(?:[xX][nN]--[A-Za-z0-9-]{{1,59}}|[^\W\d_]{{2,24}})")
_NOT_A_DOMAIN: Final = re.compile(
    r"\d\.|\d{1,5}\.\d{1,5}[.-]"  # a version
    r"|\d(?:\.\d)?x\."  # a density
    r"|.*\.(?:avif|bmp|cjs|css|gif|htm|html|ico|jpe?g|json|jsx|m?js|map|php|png|svg|tsx?|ttf|webp|woff2?)$",
    re.IGNORECASE,
)


def _find(text: str, context: Context) -> Iterator[tuple[int, int]]:
    del context
    done = 0
    at = text.find("@")
    while at >= 0:
        domain = _DOMAIN.match(text, at + 1)
        if domain and not _NOT_A_DOMAIN.match(domain[0]):
            local = _LOCAL.match(text[max(done, at - 64) : at][::-1])
            if local:
                name = local[0][::-1].lstrip(".!#$%*+'^~-")
                if name:
                    done = domain.end()
                    yield at - len(name), done
        at = text.find("@", at + 1)


_LOOKS_LIKE: Final = re.compile(r"[\w.+-]{1,64}@[\w.-]{1,64}")


def _why_not(text: str, context: Context) -> Iterator[Miss]:
    for match in near_misses(_LOOKS_LIKE, text, _find(text, context)):
        is_version = _NOT_A_DOMAIN.match(match[0].partition("@")[2]) and "." in match[0].partition("@")[2]
        yield Miss(*match.span(), DETECTOR.name, MissReason.VERSION_LIKE if is_version else MissReason.NOT_A_DOMAIN)


DETECTOR: Final = Detector(
    name="email",
    title="e-mail address",
    label="email",
    hint=lambda text: "@" in text,
    find=_find,
    why_not=_why_not,
    shapes=(Shape.EMAIL,),
)
