"""Sessions of people who logged in: a random token in a cookie, its hash in the file. They end by idleness, by age, at
log-out and when the password changes.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from gateway.console.accounts import Account, Accounts
from gateway.console.database import Database

SEEN_SECONDS: Final = 30.0
"""How often a session's last use is written down."""

MOST: Final = 20
"""Sessions of one account: the longest unused goes first."""


@dataclass(frozen=True, slots=True)
class Visit:
    """A session that is good now."""

    token: str
    account: Account

    @property
    def proof(self) -> str:
        """What a form of this session carries: a page of another site can't know it (CSRF)."""
        return hmac.new(self.token.encode(), b"gateway console form", sha256).hexdigest()


class Visits:
    """The sessions of a console; times are seconds since 1970."""

    def __init__(self, database: Database, accounts: Accounts, *, idle: float, longest: float) -> None:
        self._database = database
        self._accounts = accounts
        self._idle = idle
        self._longest = longest

    def begin(self, account: Account, now: float) -> Visit:
        """A new session, with a token that never was."""
        token = secrets.token_urlsafe(32)
        with self._database.changing() as db:
            db.execute("DELETE FROM visits WHERE seen < ? OR began < ?", (now - self._idle, now - self._longest))
            db.execute("INSERT INTO visits VALUES (?, ?, ?, ?)", (_hash(token), account.name, now, now))
            db.execute(
                "DELETE FROM visits WHERE id IN (SELECT id FROM visits WHERE account = ? ORDER BY seen DESC "
                "LIMIT -1 OFFSET ?)",
                (account.name, MOST),
            )
        return Visit(token, account)

    def find(self, token: str, now: float, *, by_hand: bool = True) -> Visit | None:
        """The session of a token, if it is good now. What a page asks `by_hand` of nobody keeps it no longer."""
        rows = self._database.asked("SELECT account, began, seen FROM visits WHERE id = ?", (_hash(token),))
        if not rows:
            return None
        name, began, seen = rows[0]
        account = self._accounts.find(name)
        if account is None or now - seen > self._idle or now - began > self._longest:
            self.end(token)
            return None
        if by_hand and now - seen > SEEN_SECONDS:
            with self._database.changing() as db:
                db.execute("UPDATE visits SET seen = ? WHERE id = ?", (now, _hash(token)))
        return Visit(token, account)

    def end(self, token: str) -> None:
        """Ends one session."""
        with self._database.changing() as db:
            db.execute("DELETE FROM visits WHERE id = ?", (_hash(token),))


def _hash(token: str) -> str:
    return sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
