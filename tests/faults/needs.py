"""What some faults ask of a machine, tried before they run. Everything else needs this package's own code alone."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from collections.abc import Callable, Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from tests.faults.certificates import tls_1_1_is_built_in

FAKETIME = "*/faketime/libfaketimeMT.so.1"  # under /usr/lib
OF_OUR_OWN = ("unshare", "--net", "--mount", "--propagation", "private")
OF_A_USER = ("unshare", "--user", "--map-root-user", "--net", "--mount", "--propagation", "private")


@cache
def works(*command: str) -> bool:
    """Whether a command can be run to a good end here."""
    if shutil.which(command[0]) is None:
        return False
    return subprocess.run(command, capture_output=True, check=False, timeout=30).returncode == 0


@cache
def enclosure() -> tuple[str, ...] | None:
    """What puts a command into a network and a mount table of its own, so that nothing it does there is left behind."""
    tried = "mount -t tmpfs none /mnt && ip link set lo up"
    return next((one for one in (OF_OUR_OWN, OF_A_USER) if works(*one, "sh", "-c", tried)), None)


def faketime() -> str:
    """The library's path, or an empty string."""
    return next((str(path) for path in Path("/usr/lib").glob(FAKETIME)), "")


def _drops_packets() -> bool:
    enclosed = enclosure()
    return enclosed is not None and works(
        *enclosed, "iptables", "-A", "INPUT", "-p", "tcp", "--dport", "9", "-j", "DROP"
    )


MISSING: Mapping[str, tuple[Callable[[], bool], str]] = {
    "namespaces": (lambda: enclosure() is not None, "needs root, or user namespaces (util-linux, iproute2)"),
    "iptables": (_drops_packets, "needs iptables in a network namespace"),
    "strace": (lambda: works("strace", "-f", "-o", "/dev/null", "true"), "needs strace and the right to trace"),
    "fiu": (lambda: works("fiu-run", "-x", "true"), "needs fiu-utils"),
    "faketime": (lambda: faketime() != "", "needs faketime"),
    "maskers": (lambda: find_spec("gateway.maskers") is not None, "this gateway masks in its own process"),
    "tls1.1": (tls_1_1_is_built_in, f"TLS 1.1 is not built into {ssl.OPENSSL_VERSION}"),
}


def missing(needs: tuple[str, ...]) -> str:
    """Why it can't run here, or an empty string."""
    return "; ".join(why for there, why in (MISSING[need] for need in needs) if not there())
