"""No picture of this process's memory is written to disk: what is in it is what visitors typed, before it was masked.

Core files are off by limit, which processes that it starts inherit; on Linux the process is not dumpable either, so that
no handler in `core_pattern` gets one (man 2 prctl, PR_SET_DUMPABLE), and nobody but root attaches a debugger. That flag
is lost by `exec`: a process that is started anew asks again.
"""

from __future__ import annotations

import ctypes
import resource
import sys

_PR_SET_DUMPABLE = 4


def forbid() -> None:
    """For this process, from here on."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
