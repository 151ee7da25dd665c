"""Passwords: bcrypt over SHA-256, so that no length is cut off (bcrypt reads 72 bytes). Hashing takes time on purpose: call
it in a thread.
"""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from typing import Final

import bcrypt

from gateway.core.errors import UserError

ROUNDS: Final = 12
SHORTEST: Final = 12
LONGEST: Final = 1024
NOBODY: Final = b"$2b$12$GFgFsAtASjaKoVuqqAX8Re6iGcDjHrZWmAxqmW6Q2a0pHA7Xt/5gW"
"""A hash that no password has: what an unknown name is compared with, so that it takes as long as a known one."""


def check_password(password: str, name: str) -> str:
    """The password, if it may be one; UserError with what is wrong."""
    if len(password) < SHORTEST:
        raise UserError(f"a password has at least {SHORTEST} characters")
    if len(password) > LONGEST:
        raise UserError(f"a password has at most {LONGEST} characters")
    if name.casefold() in password.casefold() and len(password) < SHORTEST + len(name):
        raise UserError("this password is little more than the account's name: take another")
    if len(set(password)) < 5:
        raise UserError("this password repeats the same few characters: take another")
    return password


def hashed(password: str) -> str:
    """What is kept of a password."""
    return bcrypt.hashpw(_folded(password), bcrypt.gensalt(ROUNDS)).decode()


def matches(password: str, kept: str | None) -> bool:
    """Whether a password is the one that was hashed. None, for an unknown account, takes as long and is never."""
    right = bcrypt.checkpw(_folded(password), kept.encode() if kept is not None else NOBODY)
    return right and kept is not None


def _folded(password: str) -> bytes:
    return b64encode(sha256(password.encode("utf-8", "surrogatepass")).digest())
