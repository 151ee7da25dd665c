"""`gateway users`: the console's accounts and API tokens, beside a running gateway too. Passwords are never arguments."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import click

from gateway import config
from gateway.cli.options import config_option
from gateway.console.accounts import Accounts
from gateway.console.database import Database
from gateway.console.passwords import LONGEST
from gateway.console.role import Role
from gateway.console.tokens import Tokens
from gateway.console.trail import Act, Trail
from gateway.core.errors import UserError
from gateway.spool.keys import named_ring

BY = "command line"
_ROLES = click.Choice([role.value for role in Role])


@click.group("users", invoke_without_command=True)
@config_option
@click.pass_context
def command(context: click.Context, config_file: Path) -> None:
    """Keep the console's accounts; without a command, list them."""
    if context.invoked_subcommand is None:
        _list(config_file, as_json=False)


@command.command("list")
@config_option
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def list_users(config_file: Path, as_json: bool) -> None:
    """Who may log in, with which role."""
    _list(config_file, as_json=as_json)


@command.command("add")
@config_option
@click.argument("name")
@click.option("--role", type=_ROLES, default=Role.VIEWER.value, show_default=True, help="What they may do.")
def add(config_file: Path, name: str, role: str) -> None:
    """Make an account. The password is asked for, or read from standard input."""
    with _opened(config_file) as (database, accounts):
        if accounts.find(name) is not None:
            raise UserError(
                f'there is an account named "{name}" already: `gateway users password {name}` changes its password'
            )
        made = accounts.add(name, Role(role), _password(), time.time())
        Trail(database).write("", BY, Act.ACCOUNT_ADDED, f"{made.name} ({made.role})")
    click.echo(f"{made.name}\t{made.role}")


@command.command("password")
@config_option
@click.argument("name")
def password(config_file: Path, name: str) -> None:
    """Change a password; their sessions end. It is asked for, or read from standard input."""
    with _opened(config_file) as (database, accounts):
        accounts.get(name)
        accounts.set_password(name, _password())
        Trail(database).write("", BY, Act.PASSWORD_CHANGED, name)


@command.command("role")
@config_option
@click.argument("name")
@click.argument("role", type=_ROLES)
def change_role(config_file: Path, name: str, role: str) -> None:
    """Give somebody another role."""
    with _opened(config_file) as (database, accounts):
        accounts.set_role(name, Role(role))
        Trail(database).write("", BY, Act.ROLE_CHANGED, f"{name} ({role})")


@command.command("remove")
@config_option
@click.argument("name")
def remove(config_file: Path, name: str) -> None:
    """Take an account away, with its sessions and tokens."""
    with _opened(config_file) as (database, accounts):
        accounts.remove(name)
        Trail(database).write("", BY, Act.ACCOUNT_REMOVED, name)


@command.group("tokens", invoke_without_command=True)
@config_option
@click.pass_context
def tokens(context: click.Context, config_file: Path) -> None:
    """Keep API tokens; without a command, list them."""
    if context.invoked_subcommand is not None:
        return
    with _opened(config_file) as (database, accounts):
        now = time.time()
        for one in Tokens(database, accounts).all():
            ended = "\tended" if one.expires <= now else ""
            click.echo(f"{one.id}\t{one.account}\t{one.role}\t{_day(one.expires)}\t{one.name}{ended}")


@tokens.command("add")
@config_option
@click.argument("account")
@click.argument("name")
@click.option("--role", type=_ROLES, default=Role.VIEWER.value, show_default=True, help="What it may do.")
@click.option("--days", type=click.IntRange(1, 366), default=90, show_default=True, help="When it ends.")
def add_token(config_file: Path, account: str, name: str, role: str, days: int) -> None:
    """Make a token for ACCOUNT; NAME says what it is for. It is printed this once."""
    with _opened(config_file) as (database, accounts):
        text, made = Tokens(database, accounts).make(
            accounts.get(account), name, Role(role), days * 86400.0, time.time()
        )
        Trail(database).write("", BY, Act.TOKEN_MADE, f"{made.name} of {account} ({made.role})")
    click.echo(text)


@tokens.command("revoke")
@config_option
@click.argument("token_id", metavar="ID")
def revoke_token(config_file: Path, token_id: str) -> None:
    """Take a token away. `gateway users tokens` lists ids."""
    with _opened(config_file) as (database, accounts):
        gone = Tokens(database, accounts).revoke(token_id)
        Trail(database).write("", BY, Act.TOKEN_REVOKED, f"{gone.name} of {gone.account}")


def _list(config_file: Path, *, as_json: bool) -> None:
    with _opened(config_file) as (_, accounts):
        found = accounts.all()
    if as_json:
        click.echo(json.dumps([{"name": one.name, "role": one.role, "created": one.created} for one in found]))
        return
    for one in found:
        click.echo(f"{one.name}\t{one.role}\t{_day(one.created)}")
    if not found:
        click.echo("gateway: no accounts yet: `gateway users add NAME --role admin` makes one", err=True)


@contextmanager
def _opened(config_file: Path) -> Iterator[tuple[Database, Accounts]]:
    settings = config.load_settings(config_file)
    console = settings.console
    if console is None or console.key is None:
        raise UserError(
            "the console has no key: add `console: {listen: 127.0.0.1:9090, key: env:GATEWAY_CONSOLE_KEY}`",
            str(config_file),
        )
    database = Database(console.path, named_ring(console.key, "console.key", console.where))
    try:
        yield database, Accounts(database)
    finally:
        database.close()


def _password() -> str:
    if sys.stdin.isatty():
        return str(click.prompt("Password", hide_input=True, confirmation_prompt="Again", err=True))
    line = sys.stdin.readline(LONGEST + 2).rstrip("\r\n")
    if not line:
        raise UserError("write the password to standard input, or use a terminal")
    return line


def _day(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d}"
