"""Where a visitor is: what a trusted proxy says, else what a database says of the address. Looked up, then forgotten.

The embedded database (iptocc) knows to which country's registry an address was given. A file of MaxMind's format knows
more (states, with a City file); it is read into memory by the library's Python reader, so that a hostile file can do no
more than be refused.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import iptocc
import maxminddb

from gateway.core.errors import UserError
from gateway.core.message import Headers
from gateway.core.region import known_place


@dataclass(frozen=True, slots=True)
class Geography:
    """How places are found. `header` and `state_header` count from trusted proxies only; empty names count never."""

    header: str = ""
    state_header: str = ""
    database: Any = field(default=None, repr=False)
    unknown: str = ""  # the place of those of whom nothing is known; empty: in every region

    def place(self, headers: Headers, client: str, *, trusted: bool) -> str:
        """`DE`, `US-CA`, or an empty text. `client` is the visitor's address."""
        if trusted and self.header:
            told = known_place(_only(headers, self.header))
            if told:
                state = _only(headers, self.state_header) if self.state_header and "-" not in told else ""
                return known_place(f"{told}-{state}") or told
        return self._looked_up(client) or self.unknown

    def _looked_up(self, client: str) -> str:
        if not client:
            return ""
        if self.database is None:
            return known_place(iptocc.country_code(client) or "")
        try:
            found = self.database.get(client)
            country = known_place(str(found["country"]["iso_code"]))
            states = found.get("subdivisions") or ()
            return (known_place(f"{country}-{states[0]['iso_code']}") or country) if states else country
        except (
            maxminddb.InvalidDatabaseError,
            ValueError,
            KeyError,
            TypeError,
            IndexError,
            AttributeError,
            RecursionError,
        ):
            return ""


def _only(headers: Headers, name: str) -> str:
    """What a header says, where it says one thing."""
    values = {value.strip() for value in headers.all(name)}
    return values.pop() if len(values) == 1 else ""


def open_database(path: Path) -> Any:
    """A MaxMind-format file, in memory; UserError where it is none."""
    try:
        database = maxminddb.open_database(str(path), maxminddb.MODE_MEMORY)
        database.get("192.0.2.1")
    except OSError as error:
        raise UserError(f"can't be read: {(error.strerror or 'unreadable').lower()}", str(path)) from None
    except (maxminddb.InvalidDatabaseError, ValueError, KeyError, TypeError, IndexError, RecursionError, UnicodeError):
        raise UserError("is no database of MaxMind's format: get it again", str(path)) from None
    return database
