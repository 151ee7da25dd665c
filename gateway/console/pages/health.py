"""How the gateway is: what is wrong, the last hour as pictures, what the efficacy monitor found."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from gateway.console.call import Call
from gateway.console.drawing import bare, draw
from gateway.console.health import read_health
from gateway.console.hour import Line

EVERY = 30
"""Seconds between two loads, where the reader asks for it."""


async def show(call: Call) -> Mapping[str, Any]:
    """All of it."""
    health = await read_health(call)
    times = [at.timestamp() for at in health.times]
    pictures = [
        (chart, draw([Line(line.label, line.values) for line in chart.lines], times, chart.unit))
        for chart in health.charts
    ]
    expires = health.facts.certificate_expires
    now = datetime.now(UTC)
    return {
        "health": health,
        # a picture of nothing at all says nothing
        "pictures": [(chart, drawing) for chart, drawing in pictures if drawing.lines],
        "bare": bare,
        "days": None if expires is None else (expires - now).days,
        "again": EVERY if call.query.get("again") == "on" else 0,
    }
