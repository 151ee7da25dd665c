"""The `gateway` command: a table of commands, and what every one of them does with mistakes.

A command's module is imported when it is called, so that one doesn't pay for, or break with, another. A mistake of the
user's (`UserError`) is one line on standard error and exit code 2, never a traceback.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final

import click

from gateway import __version__
from gateway.core.errors import UserError
from gateway.core.yaml import nearest, one_line, quoted

# name → what it does; the command is `command` of gateway.cli.<name>
COMMANDS: Final[Mapping[str, str]] = {
    "init": "Write a configuration, rules and certificates for a tracker.",
    "run": "Serve: mask what trackers send, forward the rest.",
    "demo": "Show the whole thing on this machine, before and after.",
    "check": "Validate configuration and rules; print what is in effect.",
    "test": "Run the tests that rule files hold.",
    "mask": "Mask a body, a HAR file or captured requests.",
    "explain": "Say of one value why it was or was not masked.",
    "diff": "Show what a rule change would alter on recorded traffic.",
    "inspect": "Look at each request before and after, under mitmproxy.",
    "audit": "Send made-up people through the rules; none may come out.",
    "report": "Tell what each backend gets: inventory, record of processing, notice.",
    "forget": "Show or wipe what is held of one visitor.",
    "keys": "Make, rotate and destroy keys: of pseudonyms, the spool, `encrypt`.",
    "reveal": "Read a value again that `encrypt` sealed.",
    "users": "Keep the console's accounts and API tokens.",
    "spool": "Show and look after what waits for backends.",
    "backup": "Write an encrypted copy of keys, held events and rules.",
    "restore": "Put a backup's files back.",
    "certs": "Make certificates for this machine.",
}


class Commands(click.Group):
    """Finds commands by the table."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the table's order."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Imports the command's module."""
        if cmd_name not in COMMANDS:
            ctx.fail(f"no command is named {quoted(cmd_name)}{nearest(cmd_name, COMMANDS)}")
        command: click.Command = import_module(f"gateway.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """From the table, so that help imports nothing."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the command; turns a UserError into its line and exit code 2."""
        try:
            return super().invoke(ctx)
        except UserError as error:
            click.echo(f"gateway: {one_line(str(error))}", err=True)
            ctx.exit(2)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="gateway", message="%(prog)s %(version)s")
def gateway() -> None:
    """Mask what session recorders and analytics trackers send, before it leaves the house."""


def main() -> None:
    """The entry point."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal without › still gets its answer
    gateway(prog_name="gateway")
