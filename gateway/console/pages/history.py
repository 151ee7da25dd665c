"""Which rules were live when, and the way back to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from gateway.console import rules
from gateway.console.call import Call, Problem
from gateway.console.pages.page import Redirect
from gateway.console.role import Role


async def show(call: Call) -> Mapping[str, Any]:
    """Lines, newest first; `?before=` goes on to older ones, `?number=` shows a line's text."""
    before, number = call.query.get("before", ""), call.query.get("number", "")
    asked = rules.HistoryQuery(before=int(before) if before.isdecimal() and 0 < int(before) < 1 << 53 else None)
    found = await rules.read_history(replace(call, query=asked))
    texts = {one.name: one.etag for one in (await rules.read_rules(call)).files if not one.why_not}
    return {
        "editions": found.editions,
        "more": found.editions[-1].number if len(found.editions) == asked.most else None,
        "etags": texts,
        "may": call.actor.role.may(Role.EDITOR),
        "one": await rules.read_edition(replace(call, path={"number": number})) if number else None,
        "told": "",
    }


async def act(call: Call) -> Mapping[str, Any] | Redirect:
    """Rolls back."""
    form: dict[str, str] = call.body
    try:
        done = await rules.roll_back(replace(call, path={"number": form.get("number", "")}, match=form.get("etag", "")))
    except Problem as problem:
        told = "; ".join([problem.told, *(f"{where} {message}" for where, message in problem.errors)])
        return {**await show(replace(call, query={})), "told": told, "status": problem.status}
    return Redirect(f"/rules/edit?{urlencode({'file': done.file, 'done': 'back'})}")
