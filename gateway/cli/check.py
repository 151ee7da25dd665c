"""`gateway check`: validates configuration, rules and tracker files, and prints what is in effect, in order.

It changes nothing and starts nothing. Every mistake is one line with file and line (exit code 2); a warning is
something that works and probably isn't meant (exit code 0).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path, PurePath
from typing import Final

import click
from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from gateway import config
from gateway.cli.subject import trackers_option
from gateway.console.database import stopped_routes
from gateway.core.errors import UserError
from gateway.core.yaml import FileErrors, Table, one_line, parse
from gateway.insight.effective import Section, show_rules, warn_of_rules
from gateway.ruleset.loading import load_rules
from gateway.trackers.loading import load_tracker, load_trackers
from gateway.trackers.schema import TrackerFile

PRECEDENCE: Final = "opted out › private mark and typed input › later rule › earlier rule › category › detectors"


CELL_SIZE: Final = 160  # characters of one cell on a terminal; piped output and JSON hold all


@click.command("check")
@click.option(
    "--config",
    "config_file",
    type=click.Path(path_type=Path),
    help=f"The configuration; {config.FILE_NAME} unless told.",
)
@trackers_option
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
def command(config_file: Path | None, tracker_files: tuple[Path, ...], as_json: bool, files: tuple[Path, ...]) -> None:
    """Validate configuration and rules; print what is in effect.

    FILES are rule files, tracker files or configurations; without any, gateway.yaml and all that it names.
    """
    targets = [*([config_file] if config_file else []), *files] or [Path(config.FILE_NAME)]
    mistakes: list[UserError] = []
    sections: list[Section] = []
    for target in targets:
        try:
            sections.extend(
                examine(target, tracker_files, is_config=target is config_file, today=datetime.now(UTC).date())
            )
        except FileErrors as errors:
            mistakes.extend(errors.each)
        except UserError as error:
            mistakes.append(error)
    if as_json:
        click.echo(_json(sections, mistakes))
    else:
        _print(sections)
        for mistake in mistakes:
            click.echo(f"gateway: {one_line(str(mistake))}", err=True)
    if mistakes:
        raise click.exceptions.Exit(2)


def examine(path: Path, tracker_files: Sequence[Path] = (), *, is_config: bool, today: date) -> list[Section]:
    """What is in effect by one file, whatever its kind; a UserError where it is wrong."""
    data = parse(config.read_text(path), str(path)).data
    keys = set(data) if isinstance(data, Table) else set()
    if is_config or path.name == config.FILE_NAME or keys & {"routes", "listen"}:
        loaded = config.load(path, trackers=tracker_files)
        found = [*warn_of_settings(loaded.settings), *warn_of_rules(loaded.rules, today)]
        return [*show_rules(loaded.rules), show_routes(loaded.settings), show_warnings(found)]
    if "tracker" in keys:
        return [show_tracker(load_tracker(path, config.read_text(path)))]
    trackers = load_trackers([*config.tracker_paths(), *tracker_files], config.read_text)
    name = path.name if path.suffix in {".yaml", ".yml"} else f"{path.name}.yaml"
    files = load_rules(
        [name], PurePath(path.parent), config.built_in_rules(), config.read_text, config.known_names(trackers)
    )
    return [*show_rules(files), show_warnings(list(warn_of_rules(files, today)))]


def show_routes(settings: config.Settings) -> Section:
    """Routes, in the file's order. `stopped`: by the console's emergency stop."""
    stopped = stopped_routes(settings.console.path) if settings.console is not None else {}
    return Section(
        "route",
        "Routes",
        ("route", "tracker", "upstream", "unreadable", "unrecognised", "record", "where"),
        tuple(
            (
                route.label,
                ", ".join(route.tracker),
                route.upstream,
                route.unreadable,
                route.unrecognised,
                "stopped" if route.label in stopped else "on" if route.record else "off",
                route.where,
            )
            for route in settings.routes
        ),
    )


def show_tracker(tracker: TrackerFile) -> Section:
    """The places of one tracker file."""
    return Section(
        "place",
        f"Tracker {tracker.tracker}",
        ("category", "field"),
        tuple((category.value, str(field)) for category, fields in tracker.places.items() for field in fields),
    )


def show_warnings(found: Sequence[tuple[str, str]]) -> Section:
    """What works and probably isn't meant."""
    return Section("warning", "Warnings", ("where", "message"), tuple(found))


def warn_of_settings(settings: config.Settings) -> Iterator[tuple[str, str]]:
    """(where, message) for each doubtful setting."""
    for route in settings.routes:
        if route.host and route.path == "/":
            yield (
                route.where,
                f"route {route.label} is another origin: no cookies arrive, no opt-out either; use a path of the site",
            )
    for network in settings.trusted_proxies:
        if network.prefixlen == 0:
            yield settings.where, f"trusted_proxies: {network} lets every client say what its address is"
    if settings.console is not None and settings.console.debug:
        yield (
            settings.where,
            "DEBUG MODE (console.debug): requests are kept in memory unmasked, and the console shows them to editors",
        )
    if settings.tls.mode == "serve":
        for name in ("certificate", "key"):
            path: Path = getattr(settings.tls, name)
            if not path.is_file():
                yield settings.where, f"tls.{name}: {path} is not there yet: gateway certs makes one"


def _json(sections: Sequence[Section], mistakes: Sequence[UserError]) -> str:
    answer: dict[str, object] = {"precedence": PRECEDENCE}
    listed: dict[str, list[Mapping[str, str]]] = {}
    for section in sections:
        listed.setdefault(section.name, []).extend(dict(zip(section.columns, row, strict=True)) for row in section.rows)
    answer |= listed
    answer["error"] = [{"where": mistake.where, "message": mistake.message} for mistake in mistakes]
    return json.dumps(answer, indent=2, ensure_ascii=False)


def _print(sections: Sequence[Section]) -> None:
    if not sections:
        return
    if not sys.stdout.isatty():
        click.echo(f"precedence\t{PRECEDENCE}")
        for section in sections:
            for row in section.rows:
                click.echo("\t".join(_shown(cell) for cell in (section.name, *row)))
        return
    console = Console(highlight=False)
    console.print(Text.assemble(("Precedence: ", "bold"), PRECEDENCE))
    for section in sections:
        if section.rows:
            console.print(_grid(section))


def _shown(cell: str) -> str:
    """On one line, the packaged files by their short names."""
    packaged = f"{config.rules_directory()}/"
    return one_line(f"built-in {cell.removeprefix(packaged)}" if cell.startswith(packaged) else cell)


def _grid(section: Section) -> Grid:
    grid = Grid(title=section.title, title_justify="left", title_style="bold")
    for column in section.columns:
        grid.add_column(column, overflow="fold")
    for row in section.rows:
        cells = (_shown(cell) for cell in row)
        grid.add_row(*(Text(cell if len(cell) <= CELL_SIZE else f"{cell[:CELL_SIZE]}…") for cell in cells))
    return grid
