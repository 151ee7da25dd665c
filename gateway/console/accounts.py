"""Accounts: a name, a role, the hash of a password. The last admin stays."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from gateway.console.database import Database
from gateway.console.passwords import check_password, hashed
from gateway.console.role import Role
from gateway.core.errors import UserError
from gateway.core.yaml import quoted

KIND: Final = "account"
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}\Z", re.ASCII)


class NoAccount(UserError):  # noqa: N818 - reads as what it is
    """There is none of this name."""


@dataclass(frozen=True, slots=True)
class Account:
    """Who may come in. `password` is its hash."""

    name: str
    role: Role
    password: str
    created: float


class Accounts:
    """The accounts of a console."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> list[Account]:
        """Every account, by name."""
        return sorted((_read(said) for said in self._database.all(KIND).values()), key=lambda one: one.name)

    def find(self, name: str) -> Account | None:
        """The account of this name."""
        said = self._database.get(KIND, name)
        return _read(said) if said is not None else None

    def get(self, name: str) -> Account:
        """The account of this name; NoAccount where there is none."""
        found = self.find(name)
        if found is None:
            raise NoAccount(f"no account is named {quoted(name)}")
        return found

    def add(self, name: str, role: Role, password: str, now: float) -> Account:
        """A new account. Hashes, so it takes a while."""
        made = Account(checked_name(name), role, hashed(check_password(password, name)), now)
        with self._database.changing():
            if self.find(name) is not None:
                raise UserError(f"there is an account named {quoted(name)} already")
            self._write(made)
        return made

    def set_password(self, name: str, password: str) -> None:
        """Another password; every session of the account ends, but for its API tokens."""
        self.get(name)
        fresh = hashed(check_password(password, name))
        with self._database.changing() as db:
            account = self.get(name)
            self._write(Account(account.name, account.role, fresh, account.created))
            db.execute("DELETE FROM visits WHERE account = ?", (name,))

    def set_role(self, name: str, role: Role) -> Account:
        """Another role, in force at the next request."""
        with self._database.changing():
            account = self.get(name)
            if role is not Role.ADMIN:
                self._keep_an_admin(account)
            changed = Account(account.name, role, account.password, account.created)
            self._write(changed)
        return changed

    def remove(self, name: str) -> None:
        """Takes an account away, with its sessions; its tokens are dead without it."""
        with self._database.changing() as db:
            self._keep_an_admin(self.get(name))
            self._database.forget(KIND, name)
            db.execute("DELETE FROM visits WHERE account = ?", (name,))

    def _keep_an_admin(self, account: Account) -> None:
        others = (one for one in self.all() if one.role is Role.ADMIN and one.name != account.name)
        if account.role is Role.ADMIN and next(others, None) is None:
            raise UserError(f"{quoted(account.name)} is the only admin: make another one first")

    def _write(self, account: Account) -> None:
        said = {"name": account.name, "role": account.role, "password": account.password, "created": account.created}
        self._database.put(KIND, account.name, said)


def checked_name(name: str) -> str:
    """The name, if it may be one."""
    if not _NAME.match(name):
        raise UserError(
            f"{quoted(name)} is no account's name: at most 64 of a-z, 0-9 and . _ @ -, the first a letter or digit"
        )
    return name


def _read(said: dict[str, object]) -> Account:
    return Account(str(said["name"]), Role(str(said["role"])), str(said["password"]), float(str(said["created"])))
