"""What changed since an earlier report: routes, backends, what leaves of each category, rules, retention, and totals.

Compares the JSON forms; one that is of a later version, or none at all, is a UserError of whoever reads it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def compare(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    """One sentence a change, in the order of the report."""
    yield from _things(_routes(before), _routes(after), "route")
    yield from _things(_lines(before), _lines(after), "")
    yield from _things(_rules(before), _rules(after), "rule")
    yield from _things(dict(before["retention"]), dict(after["retention"]), "kept: ")
    gone, come = set(before["measures"]) - set(after["measures"]), set(after["measures"]) - set(before["measures"])
    yield from (f"no longer: {text}" for text in sorted(gone))
    yield from (f"new: {text}" for text in sorted(come))


def _things(before: Mapping[str, str], after: Mapping[str, str], kind: str) -> Iterator[str]:
    for name in before.keys() - after.keys():
        yield f"{kind} {name} is gone (was {before[name]})".strip()
    for name, told in after.items():
        if name not in before:
            yield f"{kind} {name} is new: {told}".strip()
        elif before[name] != told:
            yield f"{kind} {name}: was {before[name]}, is {told}".strip()


def _routes(report: Mapping[str, Any]) -> dict[str, str]:
    return {
        one["name"]: f"{one['path']} → {one['upstream']}{'' if one['records'] else ', not recorded'}"
        f"{', unreadable requests quarantined' if one['quarantine'] else ''}"
        for one in report["inventory"]["routes"]
    }


def _lines(report: Mapping[str, Any]) -> dict[str, str]:
    return {
        f"{one['category']} to {one['upstream']} ({one['title']} by {one['route']}), {column}": operator
        for one in report["inventory"]["lines"]
        for column, operator in one["operators"].items()
    }


def _rules(report: Mapping[str, Any]) -> dict[str, str]:
    return {f"“{one['name']}”": f"{one['picks']}: {one['operator']}" for one in report["inventory"]["rules"]}
