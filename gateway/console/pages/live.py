"""The requests as they pass, and one of them before and after. Without script the list reloads itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlencode

from aiohttp import web

from gateway.console import live
from gateway.console.call import Call, Problem
from gateway.console.role import Role
from gateway.console.templates import render
from gateway.traffic import Verdict

KINDS: Final[Mapping[Verdict, str]] = {
    Verdict.FORWARDED: "good",
    Verdict.ANSWERED: "accent",
    Verdict.HELD: "warn",
    Verdict.REFUSED: "bad",
    Verdict.REJECTED: "bad",
    Verdict.FAILED: "bad",
}
"""Verdict → colour; the word stands beside it."""

TOLD: Final[Mapping[Verdict, str]] = {
    Verdict.FORWARDED: "masked, and taken by its backend",
    Verdict.ANSWERED: "answered here: nothing left",
    Verdict.HELD: "accepted, and waiting",
    Verdict.REFUSED: "could not be masked: nothing left",
    Verdict.REJECTED: "turned away before masking",
    Verdict.FAILED: "masked, but its backend was not reached",
}
RULES: Final = 3  # shown in a row
_NAMES: Final = ("tracker", "verdict", "route", "rule")


async def show(call: Call) -> Mapping[str, Any]:
    """The list, by its filters; `?before=` goes on to older ones."""
    asked = _asked(call)
    found = await live.list_traffic(replace(call, query=asked))
    traffic = call.desk.traffic
    chosen = {name: getattr(asked, name) or "" for name in _NAMES}
    last = found.exchanges[-1].number if len(found.exchanges) == asked.most else None
    return {
        "exchanges": found.exchanges,
        "chosen": chosen,
        "is_filtered": any(chosen.values()),
        "trackers": sorted({one.tracker for one in traffic if one.tracker}),
        "routes": [route.label for route in call.desk.control.configuration.settings.routes],
        "verdicts": list(TOLD),
        "is_newest": asked.before is None,
        "stream": "/traffic/rows?" + _query(chosen, after=found.newest),
        "older": "/traffic?" + _query(chosen, before=last) if last is not None else "",
        **_ROW,
    }


def by_rule(one: live.ExchangeView) -> list[tuple[str, int]]:
    """How many values each rule masked, most first."""
    counts: Counter[str] = Counter()
    for finding in one.findings:
        counts[finding.rule] += finding.count
    return counts.most_common()


_ROW: Final = {"kinds": KINDS, "told": TOLD, "rules": RULES, "by_rule": by_rule}


async def rows(call: Call) -> web.StreamResponse:
    """New rows of the list, as events: `live.js` puts them in."""
    return live.events(
        replace(call, query=_asked(call)), lambda one: render("live_row.html", {"one": live.view(one), **_ROW})
    )


async def show_one(call: Call) -> Mapping[str, Any]:
    """One request: before and after for editors where there is a before, else after alone."""
    page, rows = call.query.get("page", ""), call.query.get("rows", "")
    number = int(page) if page.isascii() and page.isdecimal() and 0 < len(page) < 5 else 1
    asked = replace(call, query=live.SightQuery(page=max(1, number), all_rows=rows == "all"))
    may_compare = call.actor.role.may(Role.EDITOR)
    alone = call.query.get("view") == "after" or not may_compare
    try:
        sight = await (live.read_exchange(asked) if alone else live.compare_exchange(asked))
    except Problem as problem:
        if problem.status != 409:
            raise
        alone, sight = True, await live.read_exchange(asked)
    return {
        "sight": sight,
        "one": sight.exchange,
        "changes": {change.number: change for change in sight.changes},
        "is_alone": alone,
        "may_compare": may_compare and sight.exchange.has_before,
        "is_debug": call.desk.traffic.debug,
        "role": call.actor.role,
        "all_rows": rows == "all",
        "kinds": KINDS,
        "told": TOLD,
        "link": lambda **more: "?" + _query({"view": "after" if alone else "", "rows": rows} | more),
    }


def _asked(call: Call) -> live.TrafficQuery:
    """The filters of a page's query; what makes no sense is no filter."""
    told = {name: call.query.get(name, "")[:200] for name in _NAMES}
    verdict = told.pop("verdict")
    before, after = (_number(call.query.get(name, "")) for name in ("before", "after"))
    known = verdict if verdict in set(Verdict) else None
    return live.TrafficQuery(**told, verdict=known, before=before or None, after=after)


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else 0


def _query(told: Mapping[str, Any], **more: object) -> str:
    return urlencode({name: str(value) for name, value in {**told, **more}.items() if value})
