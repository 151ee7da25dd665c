"""The keys that the spool seals with, as gateway.yaml names them: the active one first, old ones behind it.

`spool.key` names keys of 64 hexadecimal digits, the active one first, or a key ring, as `gateway keys create --of spool`
makes it and `gateway keys rotate --of spool` changes it.
"""

from __future__ import annotations

from collections.abc import Mapping

from gateway import secret
from gateway.config import SpoolSettings
from gateway.keyring import KeyRing, read_ring
from gateway.secret import Secret


def spool_ring(settings: SpoolSettings, environ: Mapping[str, str] | None = None) -> KeyRing:
    """The spool's ring. Raises `UserError` where the key is missing, readable by others, or no key."""
    hint = ": make it with `gateway keys create --of spool`"
    return named_ring(settings.key, "spool.key", settings.where, environ, hint=hint)


def named_ring(
    told: Secret, what: str, where: str = "", environ: Mapping[str, str] | None = None, *, hint: str = ""
) -> KeyRing:
    """The ring that a key of gateway.yaml names. `what` is that key; `hint` says how to make its file. Raises `UserError`."""
    hint = hint if told.file else ": give it a key (openssl rand -hex 32)"
    text = secret.read(told, what, environ, where, forbidden=secret.OTHERS_READ, hint=hint)
    return read_ring(text, f"{what} ({told})")
