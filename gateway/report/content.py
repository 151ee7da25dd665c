"""Everything that a report tells, as plain data: what templates show and what `--format json` keeps for the next one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from gateway import __version__
from gateway.config import Configuration
from gateway.core.errors import UserError
from gateway.policy.wording import SAID_OF, Effects, NoticeWords
from gateway.report.changes import compare
from gateway.report.figures import Figure, Figures
from gateway.report.inventory import Inventory, Line, take
from gateway.ruleset.program import Program

FORMAT: Final = 1
"""Of the JSON form. A later version's is left alone."""

MASKED: Final = "gateway_masked_values_total"
REQUESTS: Final = "gateway_requests_total"
DECISIONS: Final = "gateway_visitor_decisions_total"


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a table of figures: what it is about, and a figure for each heading."""

    name: str
    figures: Mapping[str, Figure]


@dataclass(frozen=True, slots=True)
class Notice:
    """The text for the privacy page in one language, paragraph by paragraph."""

    language: str
    lawyer: str
    title: str
    paragraphs: tuple[str, ...]
    items: tuple[str, ...]
    rest: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Content:
    """A report. Tables of figures are empty where nothing was counted."""

    format: int
    made: str
    version: str
    counted_since: str
    inventory: Inventory
    masked: tuple[Row, ...]  # by route, tracker and category, named as `of` names a line
    requests: tuple[Row, ...]
    bytes: tuple[Row, ...]
    regions: tuple[Row, ...]
    signals: tuple[Row, ...]
    retention: tuple[tuple[str, str], ...]
    measures: tuple[str, ...]
    changes: tuple[str, ...]
    since: str
    notices: tuple[Notice, ...]

    def as_json(self) -> dict[str, Any]:
        """What the next report is compared with."""
        return asdict(self)


def of(line: Line) -> str:
    """How a line of the inventory is named in the table of masked values."""
    return f"{line.route} {line.tracker} {line.category}"


def make(
    configuration: Configuration,
    programs: Mapping[str, Program],
    figures: Figures,
    effects: Effects,
    notices: Mapping[str, NoticeWords],
    now: datetime,
    earlier: Mapping[str, Any] | None,
) -> Content:
    """The report of a configuration and what was counted. `earlier` is the JSON form of a former one."""
    seen = {route: figures.values(MASKED, "tracker", route=route) for route in programs}
    inventory = take(configuration, programs, effects, seen)
    started = _told(datetime.fromtimestamp(figures.started, UTC)) if figures.started else ""
    content = Content(
        format=FORMAT,
        made=_told(now),
        version=__version__,
        counted_since=started,
        inventory=inventory,
        masked=tuple(_masked(inventory, figures)),
        requests=tuple(_table(figures, REQUESTS, "tracker", "verdict", unnamed="no known tracker, or none read")),
        bytes=tuple(_bytes(figures)),
        regions=tuple(_table(figures, DECISIONS, "region", "decision")),
        signals=tuple(_table(figures, DECISIONS, "signal", "decision")),
        retention=tuple(_retention(configuration)),
        measures=tuple(_measures(configuration)),
        changes=(),
        since="",
        notices=tuple(_notice(configuration, inventory, name, words) for name, words in notices.items()),
    )
    if earlier is None:
        return content
    try:
        changes = tuple(compare(earlier, content.as_json()))
    except (KeyError, TypeError, ValueError, AttributeError):
        raise UserError("--since: is no report in JSON: keep what `--format json` writes") from None
    return replace(content, changes=changes, since=str(earlier["made"]))


def _masked(inventory: Inventory, figures: Figures) -> Iterator[Row]:
    for line in inventory.lines if figures else ():
        labels = {"route": line.route, "tracker": line.tracker, "category": line.category}
        operators = figures.values(MASKED, "operator", **labels)
        told = {operator: figures.sum(MASKED, **labels, operator=operator) for operator in operators}
        yield Row(of(line), {"all": figures.sum(MASKED, **labels), **told})


def _table(figures: Figures, metric: str, rows: str, columns: str, unnamed: str = "") -> Iterator[Row]:
    for name in figures.values(metric, rows):
        told = {
            column: figures.sum(metric, **{rows: name, columns: column}) for column in figures.values(metric, columns)
        }
        yield Row(name or unnamed, told)


def _bytes(figures: Figures) -> Iterator[Row]:
    for route in figures.values("gateway_route_in_bytes_total", "route"):
        yield Row(
            route,
            {
                "came in": figures.sum("gateway_route_in_bytes_total", route=route),
                "went to the backend": figures.sum("gateway_route_out_bytes_total", route=route),
            },
        )


def _told(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _hours(seconds: float) -> str:
    hours = seconds / 3600
    return f"{hours:.0f} hours" if hours >= 2 else f"{seconds / 60:.0f} minutes"


def _retention(configuration: Configuration) -> Iterator[tuple[str, str]]:
    settings = configuration.settings
    yield (
        "pages and secrets of a session, as structure and keyed fingerprints, in memory",
        _hours(settings.sessions.idle),
    )
    if settings.spool is not None:
        yield "masked events that wait for a backend, encrypted", _hours(settings.spool.keep)
        if any(route.unreadable == "quarantine" for route in settings.routes):
            yield "requests that could not be read, as they came, encrypted", _hours(settings.spool.quarantine.keep)
    if settings.backup is not None:
        yield "backups with keys and what waits, encrypted", f"the {settings.backup.keep} newest"
    yield "logs and counters", "hold nothing of a visitor"
    yield "at the backend", "[as agreed with its operator]"


def _measures(configuration: Configuration) -> Iterator[str]:
    settings = configuration.settings
    yield "Personal data is masked before it leaves, by the rules in this report; what can't be read does not leave."
    served = {
        "serve": f"the gateway serves {settings.tls.minimum.replace('TLSv', 'TLS ')} or later",
        "behind_proxy": "the proxy in front serves it, and says so for each request",
        "off": "none: this configuration serves a loopback address",
    }
    yield f"Encryption in transit: {served[settings.tls.mode]}; backends are reached by verified TLS."
    rotated = {"never": "", "daily": ", changed daily", "weekly": ", changed weekly"}[settings.pseudonyms.rotate]
    yield f"Pseudonyms are made with a key that stays here{rotated}. They remain personal data."
    if settings.spool is not None:
        yield "What waits is sealed with AES-256-GCM."
    if settings.backup is not None:
        yield "Backups are sealed with AES-256-GCM under a key of their own, and read again after each."
    yield "No log line, metric or error page holds anything that a visitor sent."
    opt_out = settings.visitors.opt_out
    switches = {
        "the opt-out page": bool(opt_out.cookies),
        "Global Privacy Control": opt_out.gpc,
        "Do Not Track": opt_out.dnt,
    }
    signals = [name for name, on in switches.items() if on]
    yield f"Objections are honoured by {', '.join(signals) or 'nothing: all signals are off'}."
    if settings.visitors.consent is not None:
        yield f"Consent is asked for first in: {', '.join(settings.visitors.consent.required_in)}."


def _notice(configuration: Configuration, inventory: Inventory, language: str, words: NoticeWords) -> Notice:
    settings = configuration.settings
    hosts = ", ".join(dict.fromkeys(route.upstream for route in inventory.routes if route.records))
    paragraphs = [words.intro.replace("{recipients}", hosts), f"{words.before}:"]
    rest = []
    if settings.spool is not None:
        rest.append(words.held.replace("{hours}", f"{settings.spool.keep / 3600:.0f}"))
    if settings.visitors.consent is not None:
        unasked = any(profile.when.consent for file in configuration.rules for profile in file.visitors)
        rest.append(words.unasked if unasked else words.consent)
    rest += [words.choice.replace("{page}", f"{settings.routes[0].path}opt-out"), words.rights]
    return Notice(
        language, words.lawyer, words.title, tuple(paragraphs), tuple(_items(inventory.lines, words)), tuple(rest)
    )


def _items(lines: Sequence[Line], words: NoticeWords) -> Iterator[str]:
    """What becomes of each category: where it differs by visitor or backend, all of it."""
    for category, name in words.categories.items():
        operators = {operator for line in lines if line.category == category for operator in line.operators.values()}
        said = dict.fromkeys(getattr(words, SAID_OF[operator]) for operator in SAID_OF if operator in operators)
        if said:
            yield f"{name}: {' / '.join(said)}."
    addresses = {operator for line in lines if line.category == "ip_addresses" for operator in line.operators.values()}
    if "keep" not in addresses:
        yield words.address
