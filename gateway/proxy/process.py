"""What the process asks of the system for itself, before it serves.

No picture of its memory is written to disk: what is in it is what visitors typed, before it was masked. Core files are off
by limit, which processes that it starts inherit; on Linux the process is not dumpable either, so that no handler in
`core_pattern` gets one (man 2 prctl, PR_SET_DUMPABLE), and nobody but root attaches a debugger. That flag is lost by
`exec`: a process that is started anew asks again.
"""

from __future__ import annotations

import resource

from gateway.maskers.bounds import forbid_dumps

__all__ = ["allow_descriptors", "forbid_dumps"]

_DESCRIPTORS = 65536


def allow_descriptors() -> None:
    """As many open files as the system lets it have, up to 65536: a connection is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
