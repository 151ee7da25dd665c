"""The keys that a program hashes and seals with, and when pseudonyms change.

A pseudonym's key is derived from the master key, the period (never, a day, a week) and, where sites are kept apart, the
site. A session keeps the period in which it began, so that a visitor is one visitor until the session ends; set-up
calls, events and replay queries of one session hash alike. Where the master key was rotated, a period names the key of
its sessions, too: those that began before go on under the former one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from hashlib import blake2b
from typing import Literal

Rotation = Literal["never", "daily", "weekly"]


@dataclass(frozen=True, slots=True)
class Keys:
    """`master` is 32 bytes; `sealing` the active key of the ring with its id, or None where nothing is sealed.

    `active` is the id, in `later`, of the key that sessions begin with; empty: `master`, the oldest one. Fingerprints that
    only the gateway itself reads are made with `master` whatever is active, so that a rotation forgets nothing.
    """

    master: bytes = field(repr=False)
    sealing: tuple[str, bytes] | None = field(default=None, repr=False)
    rotate: Rotation = "never"
    per_site: bool = False
    active: str = ""
    later: Mapping[str, bytes] = field(default_factory=dict, repr=False)

    def period(self, today: date) -> str:
        """The name of the period that a day is in, with the key that is active."""
        return f"{self.active}:{self._date(today)}" if self.active else self._date(today)

    def _date(self, today: date) -> str:
        if self.rotate == "never":
            return ""
        year, week, _ = today.isocalendar()
        return today.isoformat() if self.rotate == "daily" else f"{year}-W{week:02d}"

    def of(self, period: str, site: str) -> bytes:
        """The key for pseudonyms of a period and a site. A period whose key was destroyed goes on under the active one."""
        name, colon, day = period.rpartition(":")
        master = self.later.get(name) or self.later.get(self.active) or self.master if colon else self.master
        told = f"{day}\0{site if self.per_site else ''}"
        if told == "\0":
            return master
        return blake2b(told.encode(), key=master, digest_size=32, person=b"gateway.period").digest()

    def session(self, route: str, tracker: str, session: str) -> bytes:
        """A fingerprint of a session: 16 bytes."""
        named = f"{route}\0{tracker}\0{session}".encode(errors="surrogatepass")
        return blake2b(named, key=self.master, digest_size=16, person=b"gateway.session").digest()

    def every(self, days: Iterable[date], sites: Iterable[str] = ()) -> Iterator[bytes]:
        """The keys of all periods that these days are in, under each master key, the active one first; each once."""
        names = dict.fromkeys((self.active, "", *reversed(list(self.later))))
        dates = dict.fromkeys(map(self._date, days))
        yield from dict.fromkeys(
            self.of(f"{name}:{day}" if name else day, site)
            for name in names
            for day in dates
            for site in (sites if self.per_site else ("",))
        )
