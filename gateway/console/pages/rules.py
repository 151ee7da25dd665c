"""Rules: what is in effect, in order, with how often each masked; and the rule files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.console import rules, shadow
from gateway.console.call import Call
from gateway.console.pages.page import Redirect
from gateway.console.role import Role

_SHOWN = ("rule", "category")
"""The tables that are open; the others unfold."""


async def show(call: Call) -> Mapping[str, Any]:
    """Everything that is in effect."""
    found = await rules.read_rules(call)
    hits = {one.rule: one for one in found.hits}
    tables = [table for table in found.tables if table.rows]
    return {
        "trial": await shadow.read_shadow(call),
        "may": call.actor.role.may(Role.EDITOR),
        "digests": found.digests,
        "files": found.files,
        "open": [table for name in _SHOWN for table in tables if table.name == name],
        "folded": [table for table in tables if table.name not in _SHOWN],
        "hits": hits,
    }


async def act(call: Call) -> Redirect:
    """Ends the trial."""
    await shadow.end_shadow(call)
    return Redirect("/rules")
