"""Routes, and the emergency stop: a stopped one answers like an opt-out, at once, and over restarts, until it is started."""

from __future__ import annotations

import time
from datetime import datetime

from gateway.console.call import Call, Desk, Model, Problem
from gateway.console.people import when
from gateway.console.trail import Act
from gateway.core.yaml import quoted


class RouteView(Model):
    """A route. `record` is what gateway.yaml says; `stopped` since when the emergency stop holds it."""

    name: str
    host: str
    path: str
    trackers: tuple[str, ...]
    upstream: str
    record: bool
    stopped: datetime | None


class Routes(Model):
    """All of them, in the file's order."""

    routes: tuple[RouteView, ...]


class Stop(Model):
    """Whether to stop it, or to start it again."""

    stopped: bool


async def read_routes(call: Call) -> Routes:
    """All routes."""
    held = await call.desk.run(stops, call.desk)
    return Routes(routes=tuple(_views(call.desk, held)))


async def stop_route(call: Call) -> RouteView:
    """Stops a route, or starts it again. It is done when this answers."""
    desk, name, stopped = call.desk, call.path["route"], call.body.stopped
    if name not in [one.name for one in _views(desk, {})]:
        raise Problem(404, f"no route is named {quoted(name)}")
    held = await desk.run(_stop, desk, name, stopped)
    desk.control.hold(held)
    await call.note(Act.ROUTE_STOPPED if stopped else Act.ROUTE_STARTED, name)
    return next(one for one in _views(desk, held) if one.name == name)


def stops(desk: Desk) -> dict[str, float]:
    """Which routes are stopped, and since when."""
    return dict(desk.database.asked("SELECT route, since FROM stopped"))


def _stop(desk: Desk, name: str, stopped: bool) -> dict[str, float]:
    with desk.database.changing() as db:
        if stopped:
            db.execute("INSERT OR IGNORE INTO stopped VALUES (?, ?)", (name, time.time()))
        else:
            db.execute("DELETE FROM stopped WHERE route = ?", (name,))
        return stops(desk)


def _views(desk: Desk, held: dict[str, float]) -> list[RouteView]:
    return [
        RouteView(
            name=route.label,
            host=route.host,
            path=route.path,
            trackers=route.tracker,
            upstream="/".join(route.upstream.split("/", 3)[:3]),  # its path may hold what the environment filled in
            record=route.record,
            stopped=when(held[route.label]) if route.label in held else None,
        )
        for route in desk.control.configuration.settings.routes
    ]
