"""encrypt: a value that only the holder of the key can read again, with `gateway reveal`.

AES-256-GCM. The nonce is derived from the key, the place and the value (no randomness in pure rooms), so that equal values
at one place look equal and two different ones share a nonce only if 96 bits collide. The place and the key's id are
authenticated: a value that was moved to another field does not open. Destroying a key makes what it sealed unreadable.
Numbers and switches are masked instead: a sealed one would be neither.

    enc1.<key id>.<base64url of nonce, ciphertext and tag>
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from hashlib import blake2b

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.core.document import Kind
from gateway.core.plugin import Operator, Situation
from gateway.operators.parameters import check_names
from gateway.operators.shapes import hidden

MARK = "enc1."
_NONCE = 12  # bytes, NIST SP 800-38D section 8.2


def seal(value: str, place: str, key_id: str, key: bytes) -> str:
    """The sealed form of a value at a place. `key` is 32 bytes."""
    data = value.encode("utf-8", "surrogatepass")
    bound = _bound(place, key_id)
    nonce = blake2b(bound + b"\0" + data, key=key, digest_size=_NONCE, person=b"gateway.nonce").digest()
    sealed = nonce + AESGCM(key).encrypt(nonce, data, bound)
    return f"{MARK}{key_id}.{base64.urlsafe_b64encode(sealed).decode().rstrip('=')}"


def key_id_of(sealed: str) -> str | None:
    """The id of the key that a value was sealed with, or None where it is no sealed value."""
    parts = sealed.split(".")
    return parts[1] if len(parts) == 3 and sealed.startswith(MARK) else None


def reveal(sealed: str, place: str, key: bytes) -> str:
    """The value again; ValueError where the key, the place or a single bit is another."""
    key_id = key_id_of(sealed)
    if key_id is None:
        raise ValueError(f"is no sealed value: one begins with {MARK}")
    text = sealed.rpartition(".")[2]
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        return AESGCM(key).decrypt(data[:_NONCE], data[_NONCE:], _bound(place, key_id)).decode("utf-8", "surrogatepass")
    except (InvalidTag, ValueError, binascii.Error):
        raise ValueError(
            "does not open: it was sealed at another place or with another key, or it was changed"
        ) from None


def _bound(place: str, key_id: str) -> bytes:
    return f"gateway.encrypt\0{key_id}\0{place}".encode("utf-8", "surrogatepass")


def _prepare(given: Mapping[str, object]) -> Callable[[str, Situation], str]:
    check_names("encrypt", given, ())

    def run(value: str, situation: Situation) -> str:
        if not value or value.startswith(MARK):
            return value
        if situation.kind is not Kind.TEXT:
            return hidden(value, situation.kind)  # a sealed number is no number: its field would not take it
        if situation.sealing is None:
            raise ValueError("encrypt: no key to seal with")
        return seal(value, situation.place, *situation.sealing)

    return run


ENCRYPT = Operator(name="encrypt", strength=45, parameters={}, prepare=_prepare)
