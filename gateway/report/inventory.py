"""What a configuration says of each backend: which data arrive, what leaves of them, for which visitors, for how long.

Visitors differ by region and consent where rules say so. For each of `PLACES`, and each place that a rule names, the
rules are asked what holds; those with the same answer share a column.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from gateway.config import Configuration, RouteSettings
from gateway.core.region import EVERYWHERE, REGIONS, is_in
from gateway.policy.wording import TOLD, Effects
from gateway.ruleset.program import ANY_TRACKER, Program
from gateway.ruleset.schema import RuleFile
from gateway.trackers.schema import TrackerFile

PLACES: Final[Mapping[str, str]] = {
    "GDPR": "DE",
    "United Kingdom": "GB",
    "Switzerland": "CH",
    "US states with a privacy law": "US-CA",
    "rest of the US": "US-WY",
    "elsewhere": "BR",
    "unknown place": "",
}
"""What a column may be named → a place in it."""


@dataclass(frozen=True, slots=True)
class Route:
    """Where data goes. `upstream` is the backend's host."""

    name: str
    path: str
    upstream: str
    trackers: tuple[str, ...]
    records: bool
    delivery: str
    quarantine: bool


@dataclass(frozen=True, slots=True)
class Line:
    """One category on its way to one backend, by one tracker. `operators` by column; `fields` as the tracker file names them."""

    route: str
    upstream: str
    tracker: str
    title: str
    category: str
    covers: str
    fields: tuple[str, ...]
    operators: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class OwnRule:
    """A rule that the site owner wrote."""

    name: str
    picks: str
    operator: str
    where: str


@dataclass(frozen=True, slots=True)
class Cost:
    """What one switch does to a backend's reports. `holds_for`: the columns in which it is set so."""

    category: str
    operator: str
    effect: str
    holds_for: tuple[str, ...]
    of_backends: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Inventory:
    """All of it."""

    routes: tuple[Route, ...]
    columns: tuple[str, ...]
    lines: tuple[Line, ...]
    rules: tuple[OwnRule, ...]
    costs: tuple[Cost, ...]


def take(
    configuration: Configuration, programs: Mapping[str, Program], effects: Effects, seen: Mapping[str, Sequence[str]]
) -> Inventory:
    """What a configuration says. `seen`: by route, the trackers that were counted; they stand for a route of any tracker."""
    routes = tuple(_route(route) for route in configuration.settings.routes)
    lines: list[Line] = []
    consent = configuration.settings.visitors.consent
    required_in = consent.required_in if consent is not None else ()
    columns: tuple[str, ...] = ()
    for route in routes:
        columns, records = _columns(programs[route.name], configuration.rules, required_in)
        for tracker in _trackers(route, configuration.trackers, seen.get(route.name, ())):
            lines += _lines(route, tracker, configuration.trackers.get(ANY_TRACKER), records, effects)
    return Inventory(
        routes, columns, tuple(lines), tuple(_own(configuration)), tuple(_costs(lines, columns, configuration, effects))
    )


def _route(route: RouteSettings) -> Route:
    trackers = () if route.is_auto else route.tracker
    upstream = urlsplit(route.upstream).hostname or ""
    return Route(
        route.label,
        f"{route.host}{route.path}",
        upstream,
        trackers,
        route.record,
        route.delivery,
        route.unreadable == "quarantine",
    )


def _trackers(route: Route, trackers: Mapping[str, TrackerFile], seen: Sequence[str]) -> Iterator[TrackerFile | None]:
    named = route.trackers or tuple(name for name in seen if name in trackers and name != ANY_TRACKER)
    yield from (trackers[name] for name in named)
    if not named or "" in seen:
        yield None


def _columns(
    program: Program, rules: Sequence[RuleFile], required_in: Sequence[str]
) -> tuple[tuple[str, ...], Mapping[str, Mapping[str, str]]]:
    """Names of columns, and each one's operators by category. `required_in`: where consent is asked for first."""
    named = {place.removeprefix("not ") for file in rules for one in file.visitors for place in one.when.region or ()}
    places = {**PLACES, **{name: name for name in sorted(named) if name not in REGIONS and name != EVERYWHERE}}
    columns: dict[str, Mapping[str, str]] = {}
    for consented in (True, False) if program.records_unasked else (True,):
        found: dict[tuple[tuple[str, str], ...], list[str]] = {}
        for name, place in places.items():
            if consented or is_in(place, required_in):
                law = program.law_for(program.only or program.trackers[0], place, consented=consented)
                record = tuple((category.value, law.record[category].operator) for category in TOLD)
                found.setdefault(record, []).append(name)
        most = max(found.values(), key=len, default=[])
        for record, names in found.items():
            others = "all visitors" if len(found) == 1 else "all others"
            name = others if names is most else ", ".join(names)
            columns[name if consented else f"no answer to the consent question yet ({name})"] = dict(record)
    return tuple(columns), columns


def _lines(
    route: Route,
    tracker: TrackerFile | None,
    general: TrackerFile | None,
    records: Mapping[str, Mapping[str, str]],
    effects: Effects,
) -> Iterator[Line]:
    for category in TOLD:
        fields = [str(path) for path in (tracker.places.get(category, ()) if tracker is not None else ())]
        fields += [f"key “{phrase}”" for phrase in (general.keys.get(category, ()) if general is not None else ())]
        yield Line(
            route.name,
            route.upstream,
            tracker.tracker if tracker is not None else "",
            (tracker.title or tracker.tracker) if tracker is not None else "no known tracker",
            category.value,
            effects.categories[category].covers,
            tuple(fields),
            {column: record[category.value] for column, record in records.items()},
        )


def _own(configuration: Configuration) -> Iterator[OwnRule]:
    for file in configuration.rules[1:]:  # the first one is `default`
        for rule in file.mask:
            yield OwnRule(rule.name, rule.selector, str(rule.operator), _short(rule.where))
        for allow in file.allow:
            until = f", until {allow.until}" if allow.until is not None else ""
            yield OwnRule(allow.name, "allow", f"detectors leave it alone{until}", _short(allow.where))


def _short(where: str) -> str:
    return where.rpartition("/")[2]


def _costs(
    lines: Sequence[Line], columns: Sequence[str], configuration: Configuration, effects: Effects
) -> Iterator[Cost]:
    trackers = {line.tracker: line.title for line in lines if line.tracker}
    for category in TOLD:
        mine = [line for line in lines if line.category == category]
        told = effects.categories[category].effects
        used = {operator for line in mine for operator in line.operators.values()}
        for operator in dict.fromkeys([*told, *sorted(used)]):
            holds = tuple(column for column in columns if any(line.operators[column] == operator for line in mine))
            of_backends = {
                title: text
                for name, title in trackers.items()
                if (text := configuration.trackers[name].effects.get(category, {}).get(operator))
            }
            text = told.get(operator, f"The backend gets {effects.operators[operator]}.")
            yield Cost(category.value, operator, text, holds, of_backends)
