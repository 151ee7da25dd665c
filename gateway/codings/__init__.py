"""Codings: content to content, both ways, one small file each. These tables are all there is: no scanning."""

from __future__ import annotations

from gateway.codings.base64 import BASE64
from gateway.codings.brotli import BROTLI
from gateway.codings.deflate import DEFLATE
from gateway.codings.gzip import GZIP
from gateway.codings.identity import IDENTITY
from gateway.codings.latin1 import LATIN1
from gateway.codings.percent import PERCENT
from gateway.codings.reversed_base64 import REVERSED_BASE64
from gateway.codings.utf8 import UTF8
from gateway.codings.utf16 import UTF16, UTF16_BE, UTF16_LE, UTF32, UTF32_BE, UTF32_LE
from gateway.codings.windows1252 import WINDOWS1252
from gateway.codings.zlib import ZLIB
from gateway.codings.zstd import ZSTD
from gateway.core.plugin import Coding

CODINGS: tuple[Coding, ...] = (
    GZIP,
    ZLIB,
    DEFLATE,
    BROTLI,
    ZSTD,
    REVERSED_BASE64,
    BASE64,
    LATIN1,
    UTF8,
    UTF16,
    WINDOWS1252,
    PERCENT,
    IDENTITY,
)

# names of RFC 9110 section 8.4.1 and the IANA registry; `compress` is not owned, and so refused
BY_CONTENT_CODING: dict[str, Coding] = {
    "gzip": GZIP,
    "x-gzip": GZIP,
    "deflate": DEFLATE,
    "br": BROTLI,
    "zstd": ZSTD,
    "identity": IDENTITY,
}

# labels of the WHATWG Encoding Standard that the gateway owns; utf-7 and all others are refused
BY_CHARSET: dict[str, Coding] = {
    "utf-8": UTF8,
    "utf8": UTF8,
    "utf-16": UTF16,
    "utf-16le": UTF16_LE,
    "utf-16be": UTF16_BE,
    "utf-32": UTF32,
    "utf-32le": UTF32_LE,
    "utf-32be": UTF32_BE,
    "us-ascii": WINDOWS1252,
    "ascii": WINDOWS1252,
    "iso-8859-1": WINDOWS1252,
    "iso8859-1": WINDOWS1252,
    "latin1": WINDOWS1252,
    "latin-1": WINDOWS1252,
    "windows-1252": WINDOWS1252,
    "cp1252": WINDOWS1252,
}

__all__ = ["BY_CHARSET", "BY_CONTENT_CODING", "CODINGS"]
