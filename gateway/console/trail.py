"""The audit log: who saw or changed what, sealed, of a closed vocabulary. Never what a visitor sent.

`about` is a name that the site owner gave (an account, a token, a rule file, a route) or a number of the gateway's.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from gateway.console.database import Database

KIND: Final = "audit"
MOST: Final = 100_000


class Act(StrEnum):
    """Everything that is ever written down."""

    LOGGED_IN = "logged in"
    LOG_IN_FAILED = "log-in failed"
    LOGGED_OUT = "logged out"
    ACCOUNT_ADDED = "account added"
    ACCOUNT_REMOVED = "account removed"
    PASSWORD_CHANGED = "password changed"  # noqa: S105 - words
    ROLE_CHANGED = "role changed"
    TOKEN_MADE = "token made"  # noqa: S105 - words
    TOKEN_REVOKED = "token revoked"  # noqa: S105 - words
    RULES_PUBLISHED = "rules published"
    RULES_ROLLED_BACK = "rules rolled back"
    ROUTE_STOPPED = "route stopped"
    ROUTE_STARTED = "route started"
    SHADOW_BEGUN = "shadow begun"
    SHADOW_ENDED = "shadow ended"
    BEFORE_SEEN = "before seen"
    PAGE_SEEN = "page seen"
    SPOOL_RETRIED = "spool retried"
    SPOOL_DROPPED = "spool dropped"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line: when (seconds since 1970), who, by what (a log-in, a token's name, the command line), did what."""

    number: int
    at: float
    who: str
    by: str
    act: str
    about: str


class Trail:
    """The audit log of a console; the newest 100,000 lines are kept."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def write(self, who: str, by: str, act: Act, about: str = "") -> None:
        """One more line."""
        said = {"who": who, "by": by, "act": Act(act), "about": about}
        self._database.append(KIND, time.time(), said, most=MOST)

    def read(self, *, before: int | None = None, most: int = 100) -> list[Entry]:
        """The newest lines, newest first."""
        return [
            Entry(line.number, line.at, line.said["who"], line.said["by"], line.said["act"], line.said["about"])
            for line in self._database.lines(KIND, before=before, most=most)
        ]
