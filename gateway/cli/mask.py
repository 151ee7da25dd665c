"""`gateway mask`: what would leave the house of one body or one captured request, and why.

The very pipeline of `gateway run`. A captured request is JSON with `method`, `path`, `headers` (a list of pairs) and
`body_b64` or `body`; anything else is a body. Refused input prints nothing to standard output: it would not have left.
"""

from __future__ import annotations

import base64
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gateway.cli.subject import load_subject
from gateway.core.errors import Refused, UserError
from gateway.core.limits import Budget
from gateway.core.message import Headers, Inbound, Outbound
from gateway.core.report import Report
from gateway.ruleset.judge import Change
from gateway.ruleset.program import Program

_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of one request: what would leave, and every change with its values."""

    outbound: Outbound
    report: Report
    changes: list[Change]


@click.command("mask")
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True), default="-")
@click.option("--config", "config_file", type=click.Path(path_type=Path), help="Mask by this gateway.yaml.")
@click.option("--rules", multiple=True, metavar="NAME|FILE", help="Mask by these rules (after default).")
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
    tracker: str | None,
    path: str,
    content_type: str,
    content_encoding: str,
    show: str | None,
    as_json: bool,
) -> None:
    """Mask a body or a captured request (FILE or standard input) to standard output."""
    subject = load_subject(config_file, rules)
    if tracker is not None and tracker not in subject.trackers:
        raise UserError(f'no tracker is named "{tracker}": `gateway check` lists them')
    data = _read(file)
    captured = _captured(data)
    headers = [("Content-Type", content_type), ("Content-Encoding", content_encoding)]
    inbound = captured or Inbound(
        "POST", path if path.startswith("/") else f"/{path}", Headers(pair for pair in headers if pair[1]), data
    )
    tried = attempt(subject.program([tracker] if tracker else []), inbound)
    if show is None:
        _write(tried.outbound, as_request=captured is not None)
    elif as_json:
        click.echo(json.dumps([_told(change, with_rule=show == "explain") for change in tried.changes], ensure_ascii=False))
    else:
        _print(tried, with_rule=show == "explain")


def attempt(program: Program, inbound: Inbound) -> Tried:
    """The pipeline's steps with a trace. Raises UserError with the reason where the request would be refused."""
    changes: list[Change] = []
    work = program.begin(inbound, Budget(program.limits, time.monotonic), changes)
    try:
        work.open()
        work.recognise()
        work.read()
        work.decide()
        outbound = work.close()
        work.verify()
    except Refused as refused:
        whose = f" ({work.report.tracker})" if work.report.tracker else ""
        raise UserError(f"refused: {refused.reason}{whose}; nothing of it would leave") from None
    return Tried(outbound, work.report, changes)


def _read(file: Path) -> bytes:
    try:
        return sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        raise UserError(f"can't be read: {(error.strerror or 'unreadable').lower()}", str(file)) from None


def _captured(data: bytes) -> Inbound | None:
    """A captured request, where the data is one."""
    try:
        told: Any = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if not isinstance(told, dict) or not {"method", "path", "headers"} <= told.keys():
        return None
    try:
        pairs = told["headers"].items() if isinstance(told["headers"], dict) else told["headers"]
        body = base64.b64decode(told["body_b64"]) if "body_b64" in told else str(told.get("body", "")).encode()
        return Inbound(
            str(told["method"]),
            str(told["path"]),
            Headers((str(name), str(value)) for name, value in pairs),
            body,
            host=str(told.get("host", "")),
        )
    except (ValueError, TypeError) as error:
        raise UserError(f"is no captured request: {error}") from None


def _write(outbound: Outbound, *, as_request: bool) -> None:
    if not as_request:
        sys.stdout.buffer.write(outbound.body)
        return
    told = {
        "method": outbound.method,
        "path": outbound.target,
        "headers": [list(pair) for pair in outbound.headers],
        "body_b64": base64.b64encode(outbound.body).decode(),
    }
    click.echo(json.dumps(told))


def _told(change: Change, *, with_rule: bool) -> dict[str, str]:
    told = {"place": change.place, "before": change.before, "after": change.after}
    if with_rule:
        told |= {"rule": change.rule, "operator": change.operator, "category": change.category, "detector": change.detector}
    return told


def _print(tried: Tried, *, with_rule: bool) -> None:
    columns = ["place", "before", "after", *(["rule", "operator", "category"] if with_rule else [])]
    rows = [
        [
            change.place,
            change.before,
            change.after,
            *([f"{change.rule} ({change.detector})" if change.detector else change.rule, change.operator, change.category] if with_rule else []),
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
    table = Table(title=f"{tracker} · {layers} · {len(rows)} changes", title_justify="left", expand=False)
    for name in columns:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(row[0], Text(_short(row[1]), style="red"), Text(_short(row[2]) or "(gone)", style="green"), *row[3:])
    console.print(table)


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}… ({len(text)})"
