"""The keys that the spool seals with, as gateway.yaml names them: the active one first, old ones behind it.

`spool.key` is `env:NAME` or `file:path`. Both may hold keys of 64 hexadecimal digits, the active one first; a file may be
a key ring, as `gateway keys create --ring FILE` makes it and `gateway keys rotate` changes it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from gateway.config import SpoolSettings, read_text
from gateway.core.errors import UserError
from gateway.keyring import KeyRing, load_ring, ring_of


def spool_ring(settings: SpoolSettings, environ: Mapping[str, str] | None = None) -> KeyRing:
    """The ring. Raises `UserError` where the key is missing, readable by others, or no key."""
    secret = settings.key
    if secret.file is None:
        text = (os.environ if environ is None else environ).get(secret.variable)
        if not text:
            raise UserError(
                f"spool.key: the environment variable {secret.variable} is not set: give it a key (openssl rand -hex 32)",
                settings.where,
            )
        return ring_of(text, f"spool.key ({secret})")
    try:
        mode = secret.file.stat().st_mode
    except FileNotFoundError:
        raise UserError(
            f"spool.key: no such file: make it with `gateway keys create --ring {secret.file}`", str(secret.file)
        ) from None
    except OSError as error:
        raise UserError(f"can't be read: {(error.strerror or 'unreadable').lower()}", str(secret.file)) from None
    if mode & 0o077:
        raise UserError(f"others can read the spool's key: chmod 600 {secret.file}", str(secret.file))
    text = read_text(secret.file)
    return load_ring(secret.file) if text.lstrip().startswith("{") else ring_of(text, str(secret.file))
