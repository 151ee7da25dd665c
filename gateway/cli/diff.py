"""`gateway diff OLD NEW CAPTURE`: what a rule change would alter on recorded traffic, before it is live.

Both rule sets mask the same requests with the same key; what is told is where their results differ. Exit code 1 where
something that OLD masks would leave by NEW, so that a review can hold a loosening up.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gateway.cli.captures import read_file
from gateway.cli.subject import load_subject
from gateway.core.message import Headers, Inbound
from gateway.insight.captures import read_capture
from gateway.insight.comparison import attempt
from gateway.insight.difference import Difference, differences

_SHOWN = 48


@click.command("diff")
@click.argument("old", metavar="OLD")
@click.argument("new", metavar="NEW")
@click.argument("capture", type=click.Path(path_type=Path))
@click.option("--tracker", help="Whose requests they are; recognised where not told.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def command(old: str, new: str, capture: Path, tracker: str | None, as_json: bool) -> None:
    """Show what a rule change would alter on recorded traffic.

    OLD and NEW are rule files or built-in names; CAPTURE is a HAR file, captured requests or a body.
    """
    names = [tracker] if tracker else []
    before = load_subject(None, [old])
    after = replace(load_subject(None, [new]), key=before.key)
    requests = read_capture(read_file(capture), Inbound("POST", "/", Headers()), str(capture)).requests
    programs = before.program(names), after.program(names)
    found = [
        difference
        for number, inbound in enumerate(requests, 1)
        for difference in differences(number, *(attempt(program, inbound, time.thread_time) for program in programs))
    ]
    if as_json:
        click.echo(json.dumps([asdict(one) for one in found], ensure_ascii=False))
    else:
        _print(found, len(requests))
    if any(one.loosens for one in found):
        raise click.exceptions.Exit(1)


def _print(found: list[Difference], requests: int) -> None:
    if not sys.stdout.isatty():
        for one in found:
            click.echo(
                "\t".join(
                    [str(one.request), one.place, one.before, one.old or "(as it came)", one.new or "(as it came)"]
                )
            )
        return
    table = Table(title=f"{requests} requests · {len(found)} values differ", title_justify="left")
    for name in ("request", "place", "before", "old", "new"):
        table.add_column(name, overflow="fold")
    for one in found:
        style = "bold red" if one.loosens else "green"
        new = Text(_short(one.new) or "as it came", style=style)
        table.add_row(str(one.request), one.place, _short(one.before), _short(one.old) or "as it came", new)
    Console().print(table)


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}… ({len(text)})"
