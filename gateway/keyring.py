"""A key ring: named keys in one file, one of them active. Of the operator `encrypt`, of the spool, and of pseudonyms.

    {"version": 1, "active": "k2", "keys": {"k1": "<64 hex digits>", "k2": "…"}, "destroyed": ["k0"]}

Written whole beside the old file and moved into place, readable by its owner alone. A destroyed key's id stays known, so
that `reveal` says what happened and no later key takes its name.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import tempfile
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any

from gateway.core.errors import UserError

KEY_SIZE = 32
VERSION = 1
"""Of the file. Files of lower versions are read; one of a higher version was written by a later gateway, and is left alone."""

_ID = re.compile(r"[A-Za-z0-9_-]{1,32}\Z")


@dataclass(frozen=True, slots=True)
class KeyRing:
    """Keys by their id, the oldest first."""

    active: str
    keys: dict[str, bytes] = field(repr=False)
    destroyed: tuple[str, ...] = ()

    @property
    def sealing(self) -> tuple[str, bytes]:
        """The active key with its id: what `encrypt` seals with."""
        return self.active, self.keys[self.active]

    @property
    def oldest(self) -> bytes:
        """The key that has been here longest."""
        return next(iter(self.keys.values()))

    def key(self, key_id: str) -> bytes:
        """A key by its id; UserError where it was destroyed or never was here."""
        if key_id in self.keys:
            return self.keys[key_id]
        if key_id in self.destroyed:
            raise UserError(f"the key {key_id} was destroyed: what was sealed with it can't be read again")
        raise UserError(f"the key {key_id} is not on this key ring")

    def rotated(self) -> KeyRing:
        """With a new active key; the old ones still open what they sealed."""
        number = 1 + max(
            (int(name[1:]) for name in (*self.keys, *self.destroyed) if re.fullmatch(r"k\d{1,6}", name)), default=0
        )
        fresh = f"k{number}"
        return KeyRing(fresh, {**self.keys, fresh: secrets.token_bytes(KEY_SIZE)}, self.destroyed)

    def without(self, key_id: str) -> KeyRing:
        """With one key destroyed; the active one can't be (rotate first)."""
        self.key(key_id)
        if key_id == self.active:
            raise UserError(f"the key {key_id} is active: rotate first")
        keys = {name: key for name, key in self.keys.items() if name != key_id}
        return KeyRing(self.active, keys, (*self.destroyed, key_id))


def new_ring() -> KeyRing:
    """A ring with one key."""
    return KeyRing("k1", {"k1": secrets.token_bytes(KEY_SIZE)})


def load_ring(path: Path) -> KeyRing:
    """The ring in a file; UserError where there is none or it is wrong."""
    try:
        if path.stat().st_mode & 0o077:
            raise UserError(f"others can read the key ring: chmod 600 {path}", str(path))
        text = path.read_text()
    except FileNotFoundError:
        raise UserError("there is no key ring: make one with `gateway keys create`", str(path)) from None
    except OSError as error:
        raise UserError(f"can't be read: {(error.strerror or 'unreadable').lower()}", str(path)) from None
    except UnicodeDecodeError:
        text = ""
    return _of_json(text, str(path))


def read_ring(text: str, where: str) -> KeyRing:
    """A ring in either form: JSON, as `gateway keys` writes it, or keys alone. UserError where it is neither."""
    return _of_json(text, where) if text.lstrip().startswith("{") else ring_of(text, where)


def _of_json(text: str, where: str) -> KeyRing:
    try:
        told: Any = json.loads(text)
        if told.get("version", VERSION) > VERSION:
            raise UserError("was written by a later version of the gateway: use that one", where)
        keys = {name: bytes.fromhex(key) for name, key in told["keys"].items()}
        ring = KeyRing(told["active"], keys, tuple(told.get("destroyed", ())))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise UserError("is no key ring: restore it from a backup", where) from None
    if ring.active not in keys or any(len(key) != KEY_SIZE or not _ID.match(name) for name, key in keys.items()):
        raise UserError("is no key ring: restore it from a backup", where)
    return ring


def ring_of(text: str, where: str) -> KeyRing:
    """A ring written as keys alone, the active one first: 64 hexadecimal digits each, apart by spaces or commas.

    A key's id is a fingerprint of it, so that it keeps its id wherever it stands.
    """
    words = re.split(r"[\s,]+", text.strip())
    if not all(re.fullmatch(r"[0-9A-Fa-f]{64}", word, re.ASCII) for word in words):
        raise UserError("keys of 64 hexadecimal digits are wanted (openssl rand -hex 32), the active one first", where)
    named = [
        (blake2b(key, digest_size=4, person=b"gateway.key.id").hexdigest(), key) for key in map(bytes.fromhex, words)
    ]
    return KeyRing(named[0][0], dict(reversed(named)))


def save_ring(path: Path, ring: KeyRing, *, create: bool = False) -> None:
    """Writes the ring; with `create`, only where there is none yet."""
    told = {
        "version": VERSION,
        "active": ring.active,
        "keys": {name: key.hex() for name, key in ring.keys.items()},
        "destroyed": list(ring.destroyed),
    }
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".key-ring-")  # mode 0600
        try:
            with os.fdopen(handle, "w") as file:
                json.dump(told, file, indent=1)
                file.flush()
                os.fsync(file.fileno())
            if create:
                os.link(name, path)
            else:
                Path(name).replace(path)
        except FileExistsError:
            raise UserError("there is a key ring already: rotate it with `gateway keys rotate`", str(path)) from None
        finally:
            Path(name).unlink(missing_ok=True)
    except OSError as error:
        raise UserError(f"can't be written: {(error.strerror or 'failed').lower()}", str(path)) from None
