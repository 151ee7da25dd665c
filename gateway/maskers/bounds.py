"""What one request may cost a masker, held by the kernel: also inside a single call that never looks at its budget.

CPU time by an interval timer whose signal ends the process: no code of ours has to run for that. Memory by a soft limit
on the process's data, set anew before each request to what is in use plus `memory_for`; over it allocation fails, which
refuses the request, or ends the process where a library can't bear it. Limits on memory are Linux's alone.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from gateway.core.limits import Limits

OVERRUN: Final = signal.SIGPROF
"""The signal that ends a masker which used up its time: its exit status tells the front why."""

_PR_SET_DUMPABLE: Final = 4
_STATM: Final = "/proc/self/statm"
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")


def forbid_dumps() -> None:
    """No core files, no attaching, from here on."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def resident(pid: int) -> int:
    """Bytes of memory that a process has; 0 where nobody can tell."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_bytes().split()[1]) * _PAGE
    except (OSError, IndexError, ValueError):
        return 0


def time_for(limits: Limits) -> float:
    """Seconds of CPU after which a masker is ended: the budget stops a request first, wherever it is looked at."""
    return 1.5 * limits.time + 0.5


def memory_for(limits: Limits) -> int:
    """Bytes that one request may take: a decoded byte may become an object of some fifty, and what leaves stands beside it."""
    return 128 * 1024 * 1024 + 16 * limits.decoded


class Stopwatch:
    """CPU seconds of this thread, of one request alone: it stands still while another one is worked on."""

    def __init__(self) -> None:
        self._spent = 0.0
        self._since = 0.0

    def __call__(self) -> float:
        return self._spent + time.thread_time() - self._since

    def start(self) -> None:
        """Goes on."""
        self._since = time.thread_time()

    def stop(self) -> None:
        """Stands still."""
        self._spent = self()


class Bounds:
    """The limits of this process."""

    def __init__(self) -> None:
        forbid_dumps()
        try:
            self._statm = os.open(_STATM, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            self._statm = -1
        self._hard = resource.getrlimit(resource.RLIMIT_DATA)[1]

    @contextmanager
    def around(self, limits: Limits, watch: Stopwatch) -> Iterator[None]:
        """Holds what is done inside to what is left of the limits of a request."""
        watch.start()
        signal.setitimer(signal.ITIMER_PROF, max(0.001, time_for(limits) - watch()))
        self._allow(memory_for(limits))
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
            watch.stop()
            if self._statm >= 0:
                resource.setrlimit(resource.RLIMIT_DATA, (self._hard, self._hard))

    def _allow(self, more: int) -> None:
        if self._statm < 0:
            return
        used = int(os.pread(self._statm, 128, 0).split()[5]) * _PAGE  # data and stack, which is what the limit counts
        limit = used + more
        if self._hard != resource.RLIM_INFINITY:
            limit = min(limit, self._hard)
        resource.setrlimit(resource.RLIMIT_DATA, (limit, self._hard))
