"""`gateway mask`: what would leave the house of one body or one captured request, and why.

The very pipeline of `gateway run`, on a body, captured requests or a HAR file (`gateway.insight.captures`). Refused input
prints nothing to standard output: it would not have left.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gateway.cli.captures import read_file
from gateway.cli.subject import load_subject, trackers_option
from gateway.core.errors import UserError
from gateway.core.message import Headers, Inbound
from gateway.core.yaml import nearest, quoted
from gateway.insight.captures import Capture, read_capture, written, written_har
from gateway.insight.comparison import Stopped, Tried, attempt
from gateway.ruleset.judge import Change

_SHOWN = 60


@click.command("mask")
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True), default="-")
@click.option("--config", "config_file", type=click.Path(path_type=Path), help="Mask by this gateway.yaml.")
@click.option("--rules", multiple=True, metavar="NAME|FILE", help="Mask by these rules (after default).")
@trackers_option
@click.option("--tracker", help="Whose request it is; recognised where not told.")
@click.option("--path", "path", default="/", show_default=True, help="The request's path and query, for a body.")
@click.option("--content-type", default="", help="For a body.")
@click.option("--content-encoding", default="", help="For a body.")
@click.option("--diff", "show", flag_value="diff", help="Show each changed value before and after.")
@click.option("--explain", "show", flag_value="explain", help="Show each change with the rule that made it.")
@click.option("--json", "as_json", is_flag=True, help="With --diff or --explain: for programs.")
def command(
    file: Path,
    config_file: Path | None,
    rules: tuple[str, ...],
    tracker_files: tuple[Path, ...],
    tracker: str | None,
    path: str,
    content_type: str,
    content_encoding: str,
    show: str | None,
    as_json: bool,
) -> None:
    """Mask a body, captured requests or a HAR file (FILE or standard input) to standard output."""
    subject = load_subject(config_file, rules, tracker_files)
    if tracker is not None and tracker not in subject.trackers:
        raise UserError(f"no tracker is named {quoted(tracker)}{nearest(tracker, subject.trackers)}")
    headers = Headers(
        pair for pair in (("Content-Type", content_type), ("Content-Encoding", content_encoding)) if pair[1]
    )
    body = Inbound("POST", path if path.startswith("/") else f"/{path}", headers)
    capture = read_capture(read_file(file), body, str(file))
    program = subject.program([tracker] if tracker else [])
    outcomes = [attempt(program, inbound, time.thread_time) for inbound in capture.requests]
    if len(outcomes) == 1 and capture.har is None and isinstance(outcomes[0], Stopped):
        raise UserError(f"refused: {outcomes[0]}; nothing of it would leave")
    if show is None:
        _write(capture, outcomes)
    elif as_json:
        rows = [
            _told(change, with_rule=show == "explain")
            for one in outcomes
            if isinstance(one, Tried)
            for change in one.changes
        ]
        click.echo(json.dumps(rows, ensure_ascii=False))
    else:
        for number, one in enumerate(outcomes, 1):
            title = f"{number}. " if len(outcomes) > 1 else ""
            if isinstance(one, Stopped):
                click.echo(f"{title}refused: {one}; nothing of it would leave", err=True)
            else:
                _print(one, title, with_rule=show == "explain")


def _write(capture: Capture, outcomes: list[Tried | Stopped]) -> None:
    if capture.kind == "body":
        for one in outcomes:
            if isinstance(one, Tried):
                sys.stdout.buffer.write(one.outbound.body)
        return
    left = [str(one) if isinstance(one, Stopped) else one.outbound for one in outcomes]
    if capture.har is not None:
        click.echo(json.dumps(written_har(capture.har, left)))
        return
    for number, outbound in enumerate(left, 1):
        if isinstance(outbound, str):
            click.echo(f"gateway: request {number} is refused: {outbound}", err=True)
        else:
            click.echo(json.dumps(written(outbound)))


def _told(change: Change, *, with_rule: bool) -> dict[str, str]:
    told = {"place": change.place, "before": change.before, "after": change.after}
    if with_rule:
        told |= {
            "rule": change.rule,
            "operator": change.operator,
            "category": change.category,
            "detector": change.detector,
        }
    return told


def _print(tried: Tried, title: str, *, with_rule: bool) -> None:
    columns = ["place", "before", "after", *(["rule", "operator", "category"] if with_rule else [])]
    rows = [
        [
            change.place,
            change.before,
            change.after,
            *(
                [
                    f"{change.rule} ({change.detector})" if change.detector else change.rule,
                    change.operator,
                    change.category,
                ]
                if with_rule
                else []
            ),
        ]
        for change in tried.changes
    ]
    if not sys.stdout.isatty():
        for row in rows:
            click.echo("\t".join(cell.replace("\t", " ").replace("\n", " ") for cell in row))
        return
    console = Console()
    tracker = tried.report.tracker or "no known tracker"
    layers = " › ".join(dict.fromkeys(tried.report.layers)) or "no body"
    table = Table(title=f"{title}{tracker} · {layers} · {len(rows)} changes", title_justify="left", expand=False)
    for name in columns:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(
            row[0], Text(_short(row[1]), style="red"), Text(_short(row[2]) or "(gone)", style="green"), *row[3:]
        )
    console.print(table)


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}… ({len(text)})"
