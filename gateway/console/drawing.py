"""Charts as geometry: paths and ticks of a small SVG that a template writes out. No script, no colour: classes alone.

Times run from left to right, values from 0 up. What is missing is a gap.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from gateway.console.hour import STEP, Line

WIDTH: Final = 560
HEIGHT: Final = 150
LEFT: Final = 52  # for the words of values
BOTTOM: Final = 20  # for those of times
TOP: Final = 8
RIGHT: Final = 6
MOST_LINES: Final = 6  # the rest become one

_PREFIXES: Final = ((1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""), (1e-3, "m"))


@dataclass(frozen=True, slots=True)
class Drawn:
    """One line: its path, and what it says in words."""

    label: str
    path: str
    last: str
    most: str


@dataclass(frozen=True, slots=True)
class Tick:
    """A word at an axis."""

    at: float
    word: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """All of a chart. `told` says in words what the picture shows."""

    lines: tuple[Drawn, ...]
    values: tuple[Tick, ...]
    times: tuple[Tick, ...]
    told: str
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    bottom: int = HEIGHT - BOTTOM


def figure(value: float | None, unit: str) -> str:
    """A value as people read it: `12.3 kB/s`, `4 ms`, `0`."""
    if value is None:
        return "–"
    if value == 0:
        return f"0 {unit}"
    scale, prefix = next(((scale, prefix) for scale, prefix in _PREFIXES if value >= scale), _PREFIXES[-1])
    if not unit.startswith(("B", "s")) and scale < 1:
        scale, prefix = 1.0, ""
    number = value / scale
    digits = 0 if number >= 100 or number == int(number) else 1 if number >= 10 else 2
    shown = f"{number:.{digits}f}"
    shown = shown.rstrip("0").rstrip(".") if "." in shown else shown
    return f"{shown} {prefix}{unit}" if unit.startswith(("B", "s")) or not prefix else f"{shown}{prefix} {unit}"


def bare(word: str, unit: str) -> str:
    """A figure where its unit stands elsewhere; seconds and bytes keep theirs, since they may be milli or kilo."""
    return word if unit.startswith(("B", "s")) else word.removesuffix(f" {unit}")


def ceiling(most: float) -> float:
    """A round number that is no less: 1, 2 or 5 times a power of ten."""
    if most <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(most))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= most * 0.9999)


def draw(lines: Sequence[Line], times: Sequence[float], unit: str) -> Drawing:
    """The picture of a chart's lines."""
    shown = _few(lines)
    top = ceiling(max((value for line in shown for value in line.values if value is not None), default=0.0))
    last = times[-1] if times else 0.0
    first = min(times[0] if times else 0.0, last - 30 * STEP)
    across, down = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def x(at: float) -> float:
        return round(LEFT + across * (at - first) / (last - first), 1)

    def y(value: float) -> float:
        return round(TOP + down * (1 - value / top), 1)

    drawn = []
    for line in shown:
        path, pen = [], "M"
        for at, value in zip(times, line.values, strict=True):
            if value is None:
                pen = "M"
                continue
            path.append(f"{pen}{x(at):g} {y(value):g}" + ("h0" if pen == "M" else ""))
            pen = "L"
        there = [value for value in line.values if value is not None]
        last_one, most = (figure(one, unit) for one in (there[-1] if there else None, max(there, default=None)))
        drawn.append(Drawn(line.label, "".join(path), last_one, most))
    marks = [at for at in times if int(at // STEP) % (60 if len(times) > 100 else 12) == 0]
    return Drawing(
        tuple(drawn),
        tuple(Tick(y(top * part), bare(figure(top * part, unit), unit)) for part in (0, 0.5, 1)),
        tuple(
            Tick(x(at), f"{datetime.fromtimestamp(at, UTC):%H:%M}") for at in marks if LEFT + 14 < x(at) < WIDTH - 24
        ),
        "; ".join(f"{one.label}: {one.last}, at most {one.most}" for one in drawn) or "nothing yet",
    )


def _few(lines: Sequence[Line]) -> list[Line]:
    if len(lines) <= MOST_LINES:
        return list(lines)
    rest = zip(*(line.values for line in lines[MOST_LINES - 1 :]), strict=True)
    together = tuple(
        sum(there) if (there := [value for value in values if value is not None]) else None for values in rest
    )
    return [*lines[: MOST_LINES - 1], Line(f"{len(lines) - MOST_LINES + 1} others", together)]
