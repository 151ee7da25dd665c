"""`Masked`: the only thing a shell may send or store, and only the pipeline makes one; the spool opens what it sealed.

The constructor asks for a key that `pipeline` alone holds, so a shell that tries to send an `Inbound` fails type
checking, and one that tries to forge a `Masked` fails at once.
"""

from __future__ import annotations

from typing import Final, final

from gateway.core.message import Outbound

_SEAL: Final = object()


@final
class Masked:
    """A request that has been through the pipeline, with the digest of the Program that masked it."""

    __slots__ = ("program_digest", "request")

    def __init__(self, seal: object, request: Outbound, program_digest: str) -> None:
        if seal is not _SEAL:
            raise TypeError("a Masked is made by core.pipeline only")
        self.request = request
        self.program_digest = program_digest

    def __repr__(self) -> str:
        return f"Masked({self.request.method}, {len(self.request.body)} bytes, program {self.program_digest[:12]})"


def seal(request: Outbound, program_digest: str) -> Masked:
    """For core.pipeline alone (import-linter and a test hold this)."""
    return Masked(_SEAL, request, program_digest)


def unseal(request: Outbound, program_digest: str) -> Masked:
    """For gateway.spool alone: a `Masked` that was sealed at rest, opened again under the digest that masked it."""
    return Masked(_SEAL, request, program_digest)
