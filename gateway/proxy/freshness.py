"""What a browser may keep of an answer that the gateway edits, or would edit under other rules.

It may keep it, and must ask each time (RFC 9111 section 5.2.2.4, `no-cache`): a copy that is used unasked would outlive
a change of the rules. The backend's own validators stay out of it in both directions: they vouch for the answer as it
was, and `304` to them would bring an unedited copy back. In their place stands a tag of the bytes that leave.
"""

from __future__ import annotations

import re
from hashlib import sha256

from gateway.core.message import Headers

VALIDATORS = (
    "ETag", "Last-Modified", "Expires", "Age", "Cache-Control", "Pragma", "Accept-Ranges", "Content-Length",
)  # fmt: skip
"""Answer fields that tell how long, and by what, the backend's bytes stay valid."""

_TAG = re.compile(r'(?:W/)?("[^"]*")')


def kept(fields: Headers, body: bytes | None) -> Headers:
    """The fields with which the answer may be kept; with a tag of its bytes where they are known."""
    may_be_stored = not any("no-store" in value.lower() for value in fields.all("Cache-Control"))
    ours = [("Cache-Control", "private, no-cache" if may_be_stored else "no-store")]
    if body is not None and may_be_stored:
        ours.append(("ETag", f'"{sha256(body).hexdigest()[:32]}"'))
    return Headers([*fields.without(*VALIDATORS), *ours])


def is_known(fields: Headers, asked: list[str]) -> bool:
    """Whether the browser said in `If-None-Match` that it has these bytes (weak comparison, RFC 9110 section 13.1.2)."""
    tag = fields.get("ETag")
    return bool(tag) and any(tag in _TAG.findall(value) for value in asked)
