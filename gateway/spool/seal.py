"""How a record is sealed: AES-256-GCM, and everything that stands beside it in the clear is authenticated.

    plain   4 bytes: length of the head · head: JSON (method, target, headers, …) · body, byte for byte
    beside  the key's id, position, route, lane, time, the digest of the program that masked it

So a record opens only as what it was, where it was: a flipped bit in any field, a record moved to another place or
under another digest, does not open. Nonces are 96 random bits each: the chance that two of 10⁹ records of one key meet
is 6·10⁻¹² (NIST SP 800-38D section 8.3 allows 2³² of them). Records and quarantine have keys of their own, derived from
the ring's by HKDF (RFC 5869).
"""

from __future__ import annotations

import json
import os
import struct
from dataclasses import dataclass
from typing import Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gateway.core.masked import unseal
from gateway.core.message import Headers, Outbound
from gateway.keyring import KeyRing
from gateway.spool.store import Entry

RECORDS: Final = "spool records"
QUARANTINE: Final = "quarantine"
"""What a sealer's keys are for."""

NONCE_SIZE: Final = 12
_LENGTH: Final = struct.Struct(">I")


class Damaged(Exception):  # noqa: N818 - reads as what it is: `except Damaged`
    """The bytes are not those that were sealed, or not where they were."""


class UnknownKey(Exception):  # noqa: N818
    """The key with this id is not on the ring."""


class Beside(Protocol):
    """What stands beside sealed bytes in the clear."""

    def authenticated(self, key: str) -> bytes:
        """Unambiguous bytes of all of it, for AES-GCM's associated data."""
        ...


@dataclass(frozen=True, slots=True)
class Label:
    """What stands beside a sealed record in the clear. `at` is in milliseconds since 1970."""

    position: int
    route: str
    lane: bytes
    at: int
    program: str

    def authenticated(self, key: str) -> bytes:
        """Unambiguous bytes of all fields, for AES-GCM's associated data."""
        return json.dumps(
            ["gateway 1", key, self.position, self.route, self.lane.hex(), self.at, self.program]
        ).encode()


@dataclass(frozen=True, slots=True)
class Sealed:
    """A record as it is stored: key id, nonce, and ciphertext with its tag."""

    key: str
    nonce: bytes
    data: bytes


class Sealer:
    """Seals with the ring's active key and opens with any. `purpose` keeps kinds of data apart."""

    def __init__(self, ring: KeyRing, purpose: str) -> None:
        self._active = ring.active
        self._ciphers = {
            name: AESGCM(HKDF(SHA256(), 32, None, f"gateway {purpose}".encode()).derive(key))
            for name, key in ring.keys.items()
        }

    @property
    def active(self) -> str:
        """The id of the key that seals."""
        return self._active

    def knows(self, key: str) -> bool:
        """Whether a key with this id is on the ring."""
        return key in self._ciphers

    def seal(self, label: Beside, plain: bytes) -> Sealed:
        """Seals under the active key."""
        nonce = os.urandom(NONCE_SIZE)
        data = self._ciphers[self._active].encrypt(nonce, plain, label.authenticated(self._active))
        return Sealed(self._active, nonce, data)

    def open(self, label: Beside, sealed: Sealed) -> bytes:
        """The plain bytes. Raises `Damaged`, or `UnknownKey` where no key of the ring opens it under any id.

        A changed key id is told from a key that is missing by trying all keys under their own ids.
        """
        if sealed.key in self._ciphers:
            return self._open_as(sealed.key, label, sealed)
        for key in self._ciphers:
            try:
                self._open_as(key, label, sealed)
            except Damaged:
                continue
            raise Damaged
        raise UnknownKey(sealed.key)

    def _open_as(self, key: str, label: Beside, sealed: Sealed) -> bytes:
        try:
            return self._ciphers[key].decrypt(sealed.nonce, sealed.data, label.authenticated(key))
        except (InvalidTag, ValueError):  # ValueError: a nonce of a wrong length
            raise Damaged from None


def write(entry: Entry) -> bytes:
    """An entry's plain bytes, without what its label holds."""
    request = entry.masked.request
    head = json.dumps(
        {
            "method": request.method,
            "target": request.target,
            "headers": list(request.headers),
            "came": list(entry.came),
            "tracker": entry.tracker,
        }
    ).encode()
    return b"".join((_LENGTH.pack(len(head)), head, request.body))


def read(label: Label, plain: bytes) -> Entry:
    """The entry again, under the digest that masked it. `Damaged` where the bytes are no entry."""
    try:
        (length,) = _LENGTH.unpack_from(plain)
        end = _LENGTH.size + length
        head = json.loads(plain[_LENGTH.size : end])
        request = Outbound(head["method"], head["target"], _headers(head["headers"]), plain[end:])
        return Entry(unseal(request, label.program), label.route, label.lane, head["tracker"], _headers(head["came"]))
    except (struct.error, ValueError, KeyError, TypeError):
        raise Damaged from None


def _headers(pairs: list[list[str]]) -> Headers:
    return Headers((name, value) for name, value in pairs)
