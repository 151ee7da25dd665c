"""A body without the codings that only its header fields tell of: the standard library reads the others by their first bytes.

Raises whatever the library raises where the field says one thing and the bytes another.
"""

from __future__ import annotations

from collections.abc import Iterable

import brotli
import zstandard


def bare(body: bytes, headers: Iterable[tuple[str, str]]) -> bytes:
    """The body as the backend would open it first."""
    told = {name.lower(): value.lower() for name, value in headers}
    coding = told.get("content-encoding", "")
    if coding == "br":
        body = brotli.decompress(body)
    elif coding == "zstd":
        body = zstandard.ZstdDecompressor().decompressobj().decompress(body)
    return body.decode("utf-16").encode() if "utf-16" in told.get("content-type", "") else body
