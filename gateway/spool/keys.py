"""The keys that the spool seals with, as gateway.yaml names them: the active one first, old ones behind it.

`spool.key` names keys of 64 hexadecimal digits, the active one first, or a key ring, as `gateway keys create --of spool`
makes it and `gateway keys rotate --of spool` changes it.
"""

from __future__ import annotations

from collections.abc import Mapping

from gateway import secret
from gateway.config import SpoolSettings
from gateway.keyring import KeyRing, read_ring


def spool_ring(settings: SpoolSettings, environ: Mapping[str, str] | None = None) -> KeyRing:
    """The ring. Raises `UserError` where the key is missing, readable by others, or no key."""
    told = settings.key
    hint = ": make it with `gateway keys create --of spool`" if told.file else ": give it a key (openssl rand -hex 32)"
    text = secret.read(told, "spool.key", environ, settings.where, forbidden=secret.OTHERS_READ, hint=hint)
    return read_ring(text, f"spool.key ({told})")
