"""Files that commands try things on; what they may hold says `gateway.insight.captures`."""

from __future__ import annotations

import sys
from pathlib import Path

from gateway.core.errors import UserError


def read_file(file: Path) -> bytes:
    """A file's bytes, or standard input's for `-`; UserError where it can't be read."""
    try:
        return sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        raise UserError(f"can't be read: {(error.strerror or 'unreadable').lower()}", str(file)) from None
