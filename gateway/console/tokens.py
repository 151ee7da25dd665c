"""API tokens: shown once, kept as a hash, with a name, a role of at most their owner's, and a last day."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from gateway.console.accounts import Account, Accounts
from gateway.console.database import Database
from gateway.console.role import Role
from gateway.core.errors import UserError
from gateway.core.yaml import quoted

KIND: Final = "token"
PREFIX: Final = "gateway_"
"""So that scanners for secrets, and our own detector, know one."""

LONGEST: Final = 366 * 86400.0
MOST: Final = 100  # of one account


class NoToken(UserError):  # noqa: N818 - reads as what it is
    """There is none with this id."""


@dataclass(frozen=True, slots=True)
class Token:
    """What is known of a token. `id` is the beginning of its hash: for lists and to revoke it."""

    id: str
    name: str
    account: str
    role: Role
    created: float
    expires: float


class Tokens:
    """The API tokens of a console; times are seconds since 1970."""

    def __init__(self, database: Database, accounts: Accounts) -> None:
        self._database = database
        self._accounts = accounts

    def make(self, account: Account, name: str, role: Role, lasts: float, now: float) -> tuple[str, Token]:
        """A new token's text, which is never seen again, and what is known of it."""
        if not account.role.may(role):
            raise UserError(f"{account.name} is {account.role}: a token of this account can't be {role}")
        if not name.strip() or len(name) > 100 or not name.isprintable():
            raise UserError("a token's name says what it is for, in at most 100 characters")
        if not 60 <= lasts <= LONGEST:
            raise UserError("a token lasts at least a minute and at most 366 days")
        text = PREFIX + secrets.token_urlsafe(32)
        whole = _hash(text)
        said = {"name": name, "account": account.name, "role": role, "created": now, "expires": now + lasts}
        with self._database.changing():
            if len(self.of(account.name)) >= MOST:
                raise UserError(f"{account.name} has {MOST} tokens already: revoke some first")
            self._database.put(KIND, whole, said)
        return text, _read(whole, said)

    def find(self, text: str, now: float) -> tuple[Token, Account, Role] | None:
        """The token of this text, its owner, and what it may now; None where it is not good."""
        whole = _hash(text)
        said = self._database.get(KIND, whole) if text.startswith(PREFIX) else None
        if said is None:
            return None
        token = _read(whole, said)
        account = self._accounts.find(token.account)
        # an account made anew under an old name doesn't inherit
        if account is None or now >= token.expires or account.created > token.created:
            return None
        return token, account, token.role if account.role.may(token.role) else account.role

    def all(self) -> list[Token]:
        """Every token, newest first."""
        found = (_read(whole, said) for whole, said in self._database.all(KIND).items())
        return sorted(found, key=lambda one: (-one.created, one.id))

    def of(self, account: str) -> list[Token]:
        """The tokens of one account, newest first."""
        return [one for one in self.all() if one.account == account]

    def get(self, token_id: str) -> Token:
        """The token with this id; NoToken where there is none."""
        found = next((one for one in self.all() if one.id == token_id), None)
        if found is None:
            raise NoToken(f"no token has the id {quoted(token_id)}")
        return found

    def revoke(self, token_id: str) -> Token:
        """Takes a token away."""
        token = self.get(token_id)
        whole = next((whole for whole in self._database.all(KIND) if whole.startswith(token.id)), "")
        self._database.forget(KIND, whole)
        return token


def _hash(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _read(whole: str, said: dict[str, Any]) -> Token:
    return Token(whole[:16], said["name"], said["account"], Role(said["role"]), said["created"], said["expires"])
