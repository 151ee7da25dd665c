"""Where a secret is, and how its text is had: from an environment variable, a file, or a command such as a KMS client's.

A configuration names the place and never holds the secret. A command is a list of words, run without a shell, with
nothing on its standard input; it may take `SECONDS` and say `SIZE` bytes. What it says on standard error is nobody's
business here: messages name the command alone.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Timer
from typing import Final

from gateway.core.errors import UserError

SECONDS: Final = 10.0
SIZE: Final = 64 * 1024
OTHERS_WRITE: Final = 0o022
OTHERS_READ: Final = 0o077
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Secret:
    """Where a secret is: in an environment variable, in a file, or what a command says. Never the secret."""

    variable: str = ""
    file: Path | None = None
    command: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.command:
            return f"command {self.command[0]}"  # its other words may be telling
        return f"env:{self.variable}" if self.file is None else f"file:{self.file}"


def named(text: str, base: Path) -> Secret | None:
    """The secret that `env:NAME` or `file:path` names; None for a text that names none."""
    kind, _, rest = text.partition(":")
    if kind == "env" and _VARIABLE.match(rest):
        return Secret(variable=rest)
    if kind == "file" and rest.strip() and "\0" not in rest:
        return Secret(file=Path(base, rest))
    return None


def read(
    secret: Secret,
    what: str,
    environ: Mapping[str, str] | None = None,
    where: str = "",
    *,
    forbidden: int = 0,
    hint: str = "",
) -> str:
    """The secret's text. Raises `UserError` in one line: `what` is its key in gateway.yaml, `where` the line of that.

    `forbidden` are bits of a file's mode: who else may not read or write it. `hint` says how to make what is missing.
    """
    if secret.command:
        return _said(secret, what, where)
    if secret.file is None:
        text = (os.environ if environ is None else environ).get(secret.variable)
        if not text:
            raise UserError(f"{what}: the environment variable {secret.variable} is not set{hint}", where)
        return text
    path = secret.file
    try:
        mode = path.stat().st_mode
        with path.open("rb") as file:
            data = file.read(SIZE + 1)
    except FileNotFoundError:
        raise UserError(f"{what}: no such file{hint}", str(path)) from None
    except OSError as error:
        raise UserError(f"{what}: can't be read: {(error.strerror or 'unreadable').lower()}", str(path)) from None
    if mode & forbidden:
        deed = "read" if forbidden == OTHERS_READ else "write"
        raise UserError(f"{what}: others can {deed} it: chmod 600 {path}", str(path))
    return _text(data, what, str(path))


def _said(secret: Secret, what: str, where: str) -> str:
    program = secret.command[0]
    try:
        process = subprocess.Popen(  # noqa: S603 - the site owner's own command, without a shell
            secret.command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as error:
        reason = (error.strerror or "failed").lower()
        raise UserError(f"{what}: the command {program} can't be run: {reason}", where) from None
    late = Event()

    def end() -> None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # with whatever it started, which may hold the pipe

    def give_up() -> None:
        late.set()
        end()

    limit = Timer(SECONDS, give_up)
    limit.start()
    with process:
        assert process.stdout is not None
        data = process.stdout.read(SIZE + 1)
        if len(data) > SIZE:
            end()
        process.wait()
    limit.cancel()
    if late.is_set():
        raise UserError(f"{what}: the command {program} said nothing within {SECONDS:.0f} seconds", where)
    if len(data) > SIZE:
        raise UserError(f"{what}: the command {program} says more than {SIZE // 1024} KiB: that is no key", where)
    if process.returncode:
        raise UserError(f"{what}: the command {program} ended with {process.returncode}: run it by hand", where)
    return _text(data, what, where)


def _text(data: bytes, what: str, where: str) -> str:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text or len(data) > SIZE:
        raise UserError(f"{what}: what is there is no text of at most {SIZE // 1024} KiB", where)
    return text
