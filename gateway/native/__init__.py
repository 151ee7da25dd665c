"""The compiled twin of a few hot functions, where the package was built with a C compiler; elsewhere their Python runs.

`compiled` is the extension module or None. Each user keeps its Python as the reference and takes the twin where there is one;
tests/native holds the two equal. `GATEWAY_PURE=1` in the environment takes the Python everywhere.
"""

from __future__ import annotations

import os
from importlib import import_module
from types import ModuleType


def _load() -> ModuleType | None:
    if os.environ.get("GATEWAY_PURE", "") not in ("", "0"):
        return None
    try:
        return import_module("gateway.native._native")
    except ImportError:
        return None


compiled = _load()
