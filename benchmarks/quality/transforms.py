"""Notations: how a value is written so that a person, a page or a decoder still reads it, and a pattern does not."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable
from urllib.parse import quote, quote_plus

from .people import Sample

type Transform = Callable[[Sample], str]


def each(form: str) -> Callable[[str], str]:
    return lambda text: "".join(form.format(c=sign, n=ord(sign)) for sign in text)


def digits(zero: int) -> Callable[[str], str]:
    return lambda text: "".join(chr(zero + int(sign)) if sign in "0123456789" else sign for sign in text)


def percent(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode())


def utf16(text: str) -> str:
    raw = text.encode("utf-16-be")
    return "".join(f"\\u{raw[at]:02x}{raw[at + 1]:02x}" for at in range(0, len(raw), 2))


def fullwidth(text: str) -> str:
    return "".join(chr(ord(sign) + 0xFEE0) if "!" <= sign <= "~" else sign for sign in text)


HOMOGLYPHS = str.maketrans("aeopcxyABEHKMOPTX", "аеорсхуАВЕНКМОРТХ")
NAMED = str.maketrans(
    {"@": "&commat;", ".": "&period;", ":": "&colon;", "+": "&plus;", "-": "&hyphen;", "/": "&sol;", " ": "&nbsp;"}
)

# of the value alone, in its sentence
OF_VALUE: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "full-width": fullwidth,
    "Arabic digits": digits(0x660),
    "Devanagari digits": digits(0x966),
    "mathematical digits": digits(0x1D7CE),
    "surrogate pairs": lambda text: utf16(digits(0x1D7CE)(text)),
    "zero-width joiners": each("{c}\u200d"),
    "zero-width spaces": each("{c}\u200b"),
    "soft hyphens": each("{c}\u00ad"),
    "variation selectors": each("{c}\ufe0f"),
    "combining marks": each("{c}\u0301"),
    "right-to-left override": lambda text: f"\u202e{text}\u202c",
    "homoglyphs": lambda text: text.translate(HOMOGLYPHS),
    "no-break spaces, other dashes": lambda text: text.replace(" ", "\u00a0").replace("-", "\u2011"),
    "percent": percent,
    "double percent": lambda text: percent(text).replace("%", "%25"),
    "decimal entities": each("&#{n};"),
    "hexadecimal entities": each("&#x{n:x};"),
    "named entities": lambda text: text.translate(NAMED),
    r"\u escapes": utf16,
    r"\\u escapes": lambda text: utf16(text).replace("\\", "\\\\"),
}


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _url64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _claims(sample: Sample) -> str:
    head = _url64(b'{"alg":"none","typ":"JWT"}')
    return f"{head}.{_url64(json.dumps({'sub': sample.text}).encode())}.{_url64(b'0' * 32)}"


# of the whole text
OF_TEXT: dict[str, Transform] = {
    "base64": lambda sample: _b64(f"{sample.text} and so on".encode()),
    "base64url without padding": lambda sample: _url64(f"{sample.text} and so on".encode()),
    "base64 of gzip of JSON": lambda sample: _b64(gzip.compress(json.dumps({"a": [sample.text]}).encode(), mtime=0)),
    "JSON in a string": lambda sample: json.dumps({"message": sample.text}),
    "JSON in JSON in a string": lambda sample: json.dumps({"m": json.dumps([sample.text])}),
    "percent, all of it": lambda sample: quote(sample.text, safe=""),
    "form (+)": lambda sample: f"a=1&text={quote_plus(sample.text)}&b=2",
    "query of a URL": lambda sample: f"https://w3.test/p?q={quote(sample.text, safe='')}&page=2",
    "kept query of a URL": lambda sample: f"https://w3.test/p?utm_term={quote(sample.text, safe='')}",
    "fragment of a URL": lambda sample: f"https://w3.test/p#{quote(sample.text, safe='')}",
    "path of a URL": lambda sample: f"https://w3.test/a/{quote(sample.text, safe='')}/b",
    "claims of a JWT": _claims,
    "data: URL": lambda sample: f"data:text/plain;base64,{_b64(sample.text.encode() + b' and so on')}",
    "markup": lambda sample: f'<p class="a" title="t">{sample.text.replace("<", "&lt;")}</p>',
    "stack trace": lambda sample: f"Error: {sample.text}\n    at pay (https://w3.test/app.js:10:15)",
}
