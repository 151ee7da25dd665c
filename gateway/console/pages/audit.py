"""The audit log, a hundred lines a page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gateway.console import people
from gateway.console.call import Call


async def show(call: Call) -> Mapping[str, Any]:
    """Lines, newest first; `?before=` goes on to older ones."""
    before = call.query.get("before", "")
    asked = people.AuditQuery(before=int(before) if before.isdecimal() and 0 < int(before) < 1 << 53 else None)
    found = await people.read_audit(replace(call, query=asked))
    more = found.lines[-1].number if len(found.lines) == asked.most else None
    return {"lines": found.lines, "more": more}
