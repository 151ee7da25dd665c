"""`gateway audit`: made-up people through every tracker, coding, format and place of a configuration; none may come out."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress

from gateway import config
from gateway.audit.cases import cases
from gateway.audit.people import people
from gateway.audit.report import as_html, as_json, as_text
from gateway.audit.trial import run
from gateway.cli.subject import load_subject
from gateway.core.errors import UserError
from gateway.core.yaml import nearest, quoted
from gateway.ruleset.program import ANY_TRACKER

EACH = 10
"""People in one request: every one of them stands in some thirty places of it."""


@click.command("audit")
@click.option("--config", "config_file", type=click.Path(path_type=Path), help="Audit this gateway.yaml.")
@click.option("--rules", multiple=True, metavar="NAME|FILE", help="Audit these rules (after default).")
@click.option("--tracker", "wanted", multiple=True, help="Only these trackers.")
@click.option("--people", "count", type=click.IntRange(1, 10_000_000), default=5000, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed makes the same people.")
@click.option("--json", "as_data", is_flag=True, help="For programs.")
@click.option("--html", "page", type=click.Path(path_type=Path), help="Write the report to this file too.")
def command(
    config_file: Path | None,
    rules: tuple[str, ...],
    wanted: tuple[str, ...],
    count: int,
    seed: int,
    as_data: bool,
    page: Path | None,
) -> None:
    """Send made-up people through the rules and prove that none of them comes out.

    Exit code 1 where a value came out, or where nothing could be tried.
    """
    if config_file is None and not rules and Path(config.FILE_NAME).exists():
        config_file = Path(config.FILE_NAME)
    subject = load_subject(config_file, rules)
    known = {name: one for name, one in subject.trackers.items() if name != ANY_TRACKER}
    for name in wanted:
        if name not in known:
            raise UserError(f"no tracker is named {quoted(name)}{nearest(name, known)}")
    trackers = [one for name, one in known.items() if (not wanted or name in wanted) and "*" not in one.unsupported]
    program = subject.program()
    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("made-up people", total=count)
        result = run(program, cases(trackers, people(count, seed), EACH), lambda done: bar.advance(task, done))
    if page is not None:
        try:
            page.write_text(as_html(result, seed, program.digest), encoding="utf-8")
        except OSError as error:
            raise UserError(f"can't be written: {(error.strerror or 'failed').lower()}", str(page)) from None
    if as_data:
        click.echo(as_json(result, seed, program.digest))
    else:
        Console(highlight=sys.stdout.isatty()).print(as_text(result))
    if not result.is_clean:
        raise click.exceptions.Exit(1)
