"""Routes, with the emergency stop of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gateway.console import routes
from gateway.console.call import Call, Problem
from gateway.console.pages.page import Redirect
from gateway.console.role import Role


async def show(call: Call) -> Mapping[str, Any]:
    """All routes."""
    found = await routes.read_routes(call)
    return {"routes": found.routes, "may": call.actor.role.may(Role.EDITOR), "told": ""}


async def act(call: Call) -> Mapping[str, Any] | Redirect:
    """Stops one, or starts it again."""
    form: dict[str, str] = call.body
    stop = routes.Stop(stopped=form.get("do") == "stop")
    try:
        await routes.stop_route(replace(call, path={"route": form.get("route", "")}, body=stop))
    except Problem as problem:
        return {**await show(call), "told": problem.told, "status": problem.status}
    return Redirect("/routes")
