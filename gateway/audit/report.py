"""An audit's report: as a table for people, as JSON for programs, as one HTML page to file away."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from gateway.audit.trial import Result

Row = tuple[str, ...]


def headline(result: Result) -> str:
    """The result in one sentence."""
    out = sum(result.out.values())
    return (
        f"{out} of {result.planted:,} planted values of {result.people:,} made-up people came out "
        f"({result.requests:,} requests, {result.seconds:.1f} s)"
    )


def by_tracker(result: Result) -> list[Row]:
    """A row a tracker: requests, codings, values planted, out, refused."""
    rows: list[Row] = []
    for tracker in sorted({name for name, _ in result.codings} | {name for name, *_ in result.refused}):
        codings = [coding for name, coding in result.codings if name == tracker]
        sent = sum(count for (name, _), count in result.codings.items() if name == tracker)
        planted = sum(count for (name, _), count in result.values.items() if name == tracker)
        out = sum(count for (name, *_), count in result.out.items() if name == tracker)
        refused = sum(count for (name, *_), count in result.refused.items() if name == tracker)
        rows.append((tracker, str(sent), str(len(codings)), str(planted), str(out), str(refused)))
    return rows


def by_place(result: Result) -> list[Row]:
    """A row a place and kind that came out."""
    return [(tracker, place, kind, str(count)) for (tracker, place, kind), count in result.out.most_common()]


def refusals(result: Result) -> list[Row]:
    """A row a reason."""
    return [
        (tracker, coding, reason, str(count)) for (tracker, coding, reason), count in sorted(result.refused.items())
    ]


COLUMNS = ("tracker", "requests", "codings", "values", "out", "refused")


def as_text(result: Result) -> RenderableType:
    """For a terminal."""
    table = Table(title="What was sent, and what came out", title_justify="left")
    for name in COLUMNS:
        table.add_column(name, justify="left" if name == "tracker" else "right")
    for row in by_tracker(result):
        table.add_row(*row, style="bold red" if row[4] != "0" else None)
    parts: list[RenderableType] = [table]
    if result.out:
        leaks = Table(title="Where values came out", title_justify="left")
        for name in ("tracker", "place", "kind", "times"):
            leaks.add_column(name)
        for row in by_place(result)[:40]:
            leaks.add_row(*row)
        parts.append(leaks)
    if result.refused:
        refused = Table(title="Refused: nothing left, nothing proven", title_justify="left")
        for name in ("tracker", "coding", "reason", "requests"):
            refused.add_column(name)
        for row in refusals(result)[:40]:
            refused.add_row(*row)
        parts.append(refused)
    parts.append(Text(headline(result), style="bold green" if result.is_clean else "bold red"))
    return Group(*parts)


def as_json(result: Result, seed: int, digest: str) -> str:
    """For programs. Values of findings are made up, so they are told."""
    told: dict[str, Any] = {
        "people": result.people,
        "seed": seed,
        "program": digest,
        "requests": result.requests,
        "planted": result.planted,
        "out": sum(result.out.values()),
        "trackers": [dict(zip(COLUMNS, row, strict=True)) for row in by_tracker(result)],
        "places": [
            {"place": place, "kind": kind, "planted": count} for (place, kind), count in sorted(result.places.items())
        ],
        "findings": [
            {
                "tracker": one.tracker, "coding": one.coding, "place": one.planted.place, "kind": one.planted.kind,
                "person": one.planted.person, "value": one.planted.value,
            }
            for one in result.findings
        ],
        "refused": [dict(zip(("tracker", "coding", "reason", "requests"), row, strict=True)) for row in refusals(result)],
    }  # fmt: skip
    return json.dumps(told, indent=1, ensure_ascii=False)


_STYLE = """:root{color-scheme:light dark}body{font:15px/1.5 system-ui,sans-serif;max-width:60rem}
body{margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;margin:1rem 0 2rem;width:100%}
th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #8884}
td.n{text-align:right;font-variant-numeric:tabular-nums}.ok{color:#18794e}.bad{color:#cd2b31}h1{font-size:1.4rem}small{opacity:.7}"""


def as_html(result: Result, seed: int, digest: str) -> str:
    """One page without outside assets."""
    mood = "ok" if result.is_clean else "bad"
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>",
        f"<title>Audit of the masking gateway</title><style>{_STYLE}</style>",
        f"<h1 class={mood}>{escape(headline(result))}</h1>",
        f"<p><small>{datetime.now(UTC):%Y-%m-%d %H:%M} UTC · program {escape(digest[:12])} · seed {seed}; repeat with",
        f" <code>gateway audit --people {result.people} --seed {seed}</code></small></p>",
        _table("What was sent, and what came out", COLUMNS, by_tracker(result)),
    ]
    if result.out:
        parts.append(_table("Where values came out", ("tracker", "place", "kind", "times"), by_place(result)))
    if result.refused:
        columns = ("tracker", "coding", "reason", "requests")
        parts.append(_table("Refused: nothing left, nothing proven", columns, refusals(result)))
    places = [(place, kind, str(count)) for (place, kind), count in sorted(result.places.items())]
    parts.append(_table("Where values were planted", ("place", "kind", "values"), places))
    return "".join(parts)


def _table(title: str, columns: Row, rows: Sequence[Row]) -> str:
    head = "".join(f"<th>{escape(name)}" for name in columns)
    body = "".join(
        "<tr>" + "".join(f"<td class=n>{cell}" if cell.isdecimal() else f"<td>{escape(cell)}" for cell in row)
        for row in rows
    )
    return f"<h2>{escape(title)}</h2><table><tr>{head}{body}</table>"
