"""One family of errors: a payload that must not leave. Reasons are a closed list; the edge turns each into an answer.

A `Refused` never carries a value out of the payload: its reason and its place in the code are all that is logged.
"""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Why a payload is not forwarded. The value is the word that logs, metrics and error pages use."""

    TOO_LARGE = "too_large"  # body, decoded size or one layer over its limit, bombs included
    TOO_DEEP = "too_deep"  # more layers or nesting than the limits allow
    TOO_SLOW = "too_slow"  # the time budget ran out
    UNKNOWN_CODING = "unknown_coding"  # a Content-Encoding or charset that the gateway does not own
    BROKEN_CODING = "broken_coding"  # truncated or corrupt gzip, zlib, brotli, zstd, base64
    BROKEN_FORMAT = "broken_format"  # claims to be JSON, multipart, an envelope … and isn't
    OPAQUE = "opaque"  # bytes that are not text and cannot be opened
    UNRECOGNISED = "unrecognised"  # decodes, belongs to no known tracker, and the route says `refuse`
    UNSUPPORTED = "unsupported"  # a known tracker's format that this version cannot read yet
    LEAK = "leak"  # verify found a secret in what was about to leave
    FAULT = "fault"  # a defect of ours: the payload stays


class Refused(Exception):  # noqa: N818 - reads as the verdict it is: `raise Refused(Reason.OPAQUE)`
    """The payload does not leave. Raised by codings, formats, limits and verify; caught at the pipeline's edge only."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason


class UserError(Exception):
    """Wrong usage, configuration or rules: one line that says what to do; the command line prints it and exits with 2.

    `where` is `file:line` (or a file, or nothing).
    """

    def __init__(self, message: str, where: str = "") -> None:
        super().__init__(f"{where}: {message}" if where else message)
        self.message = message
        self.where = where
