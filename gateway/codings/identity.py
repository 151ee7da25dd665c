"""The content coding `identity`: nothing was done (RFC 9110 section 8.4.1)."""

from __future__ import annotations

from gateway.core.limits import Budget


class Identity:
    name = "identity"

    def sniff(self, source: str | bytes) -> bool:
        return isinstance(source, bytes)

    def decode(self, source: str | bytes, budget: Budget) -> str | bytes:  # noqa: ARG002 - one shape for all codings
        return source

    def encode(self, content: str | bytes, original: str | bytes) -> str | bytes:  # noqa: ARG002
        return content


IDENTITY = Identity()
