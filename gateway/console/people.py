"""Accounts, API tokens and the audit log, as operations and pages show them."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Annotated

from pydantic import BeforeValidator, Field

from gateway.console.accounts import Account, NoAccount
from gateway.console.call import Call, Model, Problem
from gateway.console.passwords import LONGEST as LONGEST_PASSWORD
from gateway.console.passwords import SHORTEST, matches
from gateway.console.role import Role
from gateway.console.tokens import LONGEST, NoToken, Token
from gateway.console.trail import Act

DAY = 86400.0
Name = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[a-z0-9][a-z0-9._@-]{0,63}$")]
Days = Annotated[
    int,
    Field(ge=1, le=int(LONGEST / DAY)),
    BeforeValidator(lambda told: int(told) if isinstance(told, float) and told.is_integer() else told),
]
"""An integer as JSON Schema has it: 90.0 is one. (The bounds stand first, or the document would not have them.)"""

Password = Annotated[
    str, Field(min_length=SHORTEST, max_length=LONGEST_PASSWORD, json_schema_extra={"format": "password"})
]


def when(at: float) -> datetime:
    """A time as it is told."""
    return datetime.fromtimestamp(at, UTC).replace(microsecond=0)


class Me(Model):
    """Who calls."""

    name: str
    role: Role
    by: str


class PasswordChange(Model):
    """The old password, and the new one."""

    old: Annotated[str, Field(max_length=LONGEST_PASSWORD)]
    new: Password


class AccountView(Model):
    """An account, without its password."""

    name: str
    role: Role
    created: datetime


class Accounts(Model):
    """All accounts, by name."""

    accounts: tuple[AccountView, ...]


class NewAccount(Model):
    """Who may come in."""

    name: Name
    role: Role
    password: Password


class AccountChange(Model):
    """What is to change; what is left out stays."""

    role: Role | None = None
    password: Password | None = None


class TokenView(Model):
    """What is known of a token. Its text is kept nowhere."""

    id: str
    name: str
    account: str
    role: Role
    created: datetime
    expires: datetime
    expired: bool


class TokenList(Model):
    """Tokens, newest first."""

    tokens: tuple[TokenView, ...]


class NewToken(Model):
    """What the token is for, what it may, and for how many days."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    role: Role = Role.VIEWER
    days: Days = 90


class MadeToken(Model):
    """The token's text: it is shown this once."""

    token: str
    id: str
    expires: datetime


class AuditQuery(Model):
    """Which lines: those before a number, and how many."""

    before: Annotated[int, Field(ge=1, le=1 << 53)] | None = None
    most: Annotated[int, Field(ge=1, le=500)] = 100


class AuditLine(Model):
    """Who did what."""

    number: int
    at: datetime
    who: str
    by: str
    act: str
    about: str


class AuditPage(Model):
    """Lines, newest first."""

    lines: tuple[AuditLine, ...]


async def me(call: Call) -> Me:
    """Who calls."""
    return Me(name=call.actor.name, role=call.actor.role, by=call.actor.by)


async def change_password(call: Call) -> None:
    """Another password for the one who calls; the old one must be right, and is throttled like a log-in."""
    desk, asked, name = call.desk, call.body, call.actor.name
    now = time.monotonic()
    wait = desk.throttle.wait(name, f"password of {name}", now)
    if wait:
        raise Problem(429, f"too many tries: wait {wait:.0f} s", headers={"Retry-After": str(int(wait) + 1)})
    desk.throttle.begin(name, f"password of {name}", now)
    account = await desk.run(desk.accounts.get, name)
    if not await desk.run(matches, asked.old, account.password):
        raise Problem(403, "the old password is another one")
    desk.throttle.succeed(name, f"password of {name}")
    await desk.run(desk.accounts.set_password, name, asked.new)
    await call.note(Act.PASSWORD_CHANGED, name)


async def list_accounts(call: Call) -> Accounts:
    """All accounts."""
    found = await call.desk.run(call.desk.accounts.all)
    return Accounts(accounts=tuple(_view(one) for one in found))


async def add_account(call: Call) -> AccountView:
    """A new account."""
    asked: NewAccount = call.body
    made = await call.desk.run(call.desk.accounts.add, asked.name, asked.role, asked.password, time.time())
    await call.note(Act.ACCOUNT_ADDED, f"{made.name} ({made.role})")
    return _view(made)


async def change_account(call: Call) -> AccountView:
    """Another role or password for somebody."""
    desk, asked, name = call.desk, call.body, call.path["name"]
    try:
        account = await desk.run(desk.accounts.get, name)
        if asked.role is not None and asked.role is not account.role:
            account = await desk.run(desk.accounts.set_role, name, asked.role)
            await call.note(Act.ROLE_CHANGED, f"{name} ({asked.role})")
        if asked.password is not None:
            await desk.run(desk.accounts.set_password, name, asked.password)
            await call.note(Act.PASSWORD_CHANGED, name)
    except NoAccount as error:
        raise Problem(404, error.message) from None
    return _view(account)


async def remove_account(call: Call) -> None:
    """Takes an account away."""
    try:
        await call.desk.run(call.desk.accounts.remove, call.path["name"])
    except NoAccount as error:
        raise Problem(404, error.message) from None
    await call.note(Act.ACCOUNT_REMOVED, call.path["name"])


async def list_tokens(call: Call) -> TokenList:
    """One's own tokens; an admin sees all."""
    tokens, actor = call.desk.tokens, call.actor
    found = await call.desk.run(tokens.all) if actor.role is Role.ADMIN else await call.desk.run(tokens.of, actor.name)
    now = time.time()
    return TokenList(tokens=tuple(_token(one, now) for one in found))


async def make_token(call: Call) -> MadeToken:
    """A new token. One that a token makes ends no later than it, and may no more."""
    desk, asked, actor = call.desk, call.body, call.actor
    now = time.time()
    lasts = asked.days * DAY
    if actor.until is not None:
        lasts = min(lasts, actor.until - now)
    if not actor.role.may(asked.role):
        raise Problem(422, f"you are {actor.role}: a token of yours can't be {asked.role}")
    account = await desk.run(desk.accounts.get, actor.name)
    text, made = await desk.run(desk.tokens.make, account, asked.name, asked.role, lasts, now)
    await call.note(Act.TOKEN_MADE, f"{made.name} ({made.role})")
    return MadeToken(token=text, id=made.id, expires=when(made.expires))


async def revoke_token(call: Call) -> None:
    """Takes a token away: one's own, or as an admin any."""
    desk = call.desk
    try:
        token = await desk.run(desk.tokens.get, call.path["id"])
        if token.account != call.actor.name and call.actor.role is not Role.ADMIN:
            raise Problem(404, NoToken(f'no token has the id "{token.id}"').message)
        await desk.run(desk.tokens.revoke, token.id)
    except NoToken as error:
        raise Problem(404, error.message) from None
    await call.note(Act.TOKEN_REVOKED, f"{token.name} of {token.account}")


async def read_audit(call: Call) -> AuditPage:
    """Lines of the audit log."""
    asked: AuditQuery = call.query
    found = await call.desk.run(call.desk.trail.read, before=asked.before, most=asked.most)
    return AuditPage(
        lines=tuple(
            AuditLine(number=one.number, at=when(one.at), who=one.who, by=one.by, act=one.act, about=one.about)
            for one in found
        )
    )


def _view(account: Account) -> AccountView:
    return AccountView(name=account.name, role=account.role, created=when(account.created))


def _token(token: Token, now: float) -> TokenView:
    return TokenView(
        id=token.id,
        name=token.name,
        account=token.account,
        role=token.role,
        created=when(token.created),
        expires=when(token.expires),
        expired=token.expires <= now,
    )
