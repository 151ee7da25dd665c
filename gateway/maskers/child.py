"""Child processes of the front: our own modules, started by exec, that know no keys and speak over one socket pair."""

from __future__ import annotations

import gc
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Final

import gateway

_PASSED_ON: Final = frozenset(
    {"PATH", "LANG", "LANGUAGE", "TZ", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SSL_CERT_FILE"}
)
"""Of the front's environment, beside PYTHON* and LC_*. Keys and passwords are not among it."""


def start_child(module: str, *arguments: str, is_silent: bool = False) -> tuple[subprocess.Popen[bytes], socket.socket]:
    """The process that runs `module`, and our end of the pair; the number of its own end is its first argument.

    `is_silent`: nothing that it writes to standard error is seen, as a defect's message may hold what a visitor sent.
    """
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-P", "-m", module, f"{theirs.fileno()}", *arguments],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL if is_silent else None,
            env=_environment(),
        )
    return process, ours


def _environment() -> dict[str, str]:
    """What a child process gets to know: where Python and this package are. No keys, no passwords."""
    passed = {
        name: value for name, value in os.environ.items() if name in _PASSED_ON or name.startswith(("PYTHON", "LC_"))
    }
    home = str(Path(gateway.__file__).parents[1])  # where this very package is, however the front found it
    passed["PYTHONPATH"] = os.pathsep.join(filter(None, (home, passed.get("PYTHONPATH", ""))))
    return passed


def be_child(name: str) -> None:
    """What each child does first: signals to the group are the front's to answer, and of a defect its kind alone is told."""

    def tell_the_kind_alone(kind: type[BaseException], _error: BaseException, _trace: TracebackType | None) -> None:
        """A defect's message may hold what a visitor sent."""
        sys.stderr.write(f"{name}: {kind.__name__}\n")

    sys.excepthook = tell_the_kind_alone
    for meant_for_the_front in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(meant_for_the_front, signal.SIG_IGN)
    gc.set_threshold(200_000, 10, 10)  # as in `gateway run`: documents die by themselves
