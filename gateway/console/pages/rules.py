"""Rules: what is in effect, in order, with how often each masked; and the rule files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.console import rules
from gateway.console.call import Call

_SHOWN = ("rule", "category")
"""The tables that are open; the others unfold."""


async def show(call: Call) -> Mapping[str, Any]:
    """Everything that is in effect."""
    found = await rules.read_rules(call)
    hits = {one.rule: one for one in found.hits}
    tables = [table for table in found.tables if table.rows]
    return {
        "digests": found.digests,
        "files": found.files,
        "open": [table for name in _SHOWN for table in tables if table.name == name],
        "folded": [table for table in tables if table.name not in _SHOWN],
        "hits": hits,
    }
