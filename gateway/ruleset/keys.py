"""The keys that a program hashes and seals with, and when pseudonyms change.

A pseudonym's key is derived from the master key, the period (never, a day, a week) and, where sites are kept apart, the
site. A session keeps the period in which it began, so that a visitor is one visitor until the session ends; set-up
calls, events and replay queries of one session hash alike.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from hashlib import blake2b
from typing import Literal

Rotation = Literal["never", "daily", "weekly"]


@dataclass(frozen=True, slots=True)
class Keys:
    """`master` is 32 bytes; `sealing` the active key of the ring with its id, or None where nothing is sealed."""

    master: bytes = field(repr=False)
    sealing: tuple[str, bytes] | None = field(default=None, repr=False)
    rotate: Rotation = "never"
    per_site: bool = False

    def period(self, today: date) -> str:
        """The name of the period that a day is in."""
        if self.rotate == "never":
            return ""
        year, week, _ = today.isocalendar()
        return today.isoformat() if self.rotate == "daily" else f"{year}-W{week:02d}"

    def of(self, period: str, site: str) -> bytes:
        """The key for pseudonyms of a period and a site."""
        told = f"{period}\0{site if self.per_site else ''}"
        if told == "\0":
            return self.master
        return blake2b(told.encode(), key=self.master, digest_size=32, person=b"gateway.period").digest()
