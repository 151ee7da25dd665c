"""`gateway diff OLD NEW CAPTURE`: what a rule change would alter on recorded traffic, before it is live.

Both rule sets mask the same requests with the same key; what is told is where their results differ. Exit code 1 where
something that OLD masks would leave by NEW, so that a review can hold a loosening up.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gateway.cli.captures import read_capture, read_file
from gateway.cli.mask import Tried, attempted
from gateway.cli.subject import load_subject
from gateway.core.message import Headers, Inbound

_SHOWN = 48


@dataclass(frozen=True, slots=True)
class Difference:
    """One value that the two rule sets treat differently. An empty result: as it came."""

    request: int
    place: str
    before: str
    old: str
    new: str
    count: int = 1

    @property
    def loosens(self) -> bool:
        """Whether a value that was masked would leave as it came."""
        return self.new == "" and self.old != ""


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
        for difference in compare(number, *(attempted(program, inbound) for program in programs))
    ]
    if as_json:
        click.echo(json.dumps([asdict(one) for one in found], ensure_ascii=False))
    else:
        _print(found, len(requests))
    if any(one.loosens for one in found):
        raise click.exceptions.Exit(1)


def compare(number: int, old: Tried | str, new: Tried | str) -> Iterator[Difference]:
    """Where two results of one request differ."""
    if isinstance(old, str) or isinstance(new, str):
        verdicts = [f"refused: {one}" if isinstance(one, str) else "forwarded" for one in (old, new)]
        if verdicts[0] != verdicts[1]:
            yield Difference(number, "(the request)", "", verdicts[0], verdicts[1])
        return
    results: dict[tuple[str, str], list[Counter[str]]] = {}
    for side, tried in enumerate((old, new)):
        for change in tried.changes:
            pair = results.setdefault((change.place, change.before), [Counter(), Counter()])
            pair[side][change.after or "(gone)"] += 1
    for (place, value), (was, will) in results.items():
        if was == will:
            continue
        left, right = was - will, will - was
        for text, count in left.items():
            yield Difference(number, place, value, text, next(iter(right), "") or _cover(new, place, value), count)
        if not left:
            for text, count in right.items():
                yield Difference(number, place, value, _cover(old, place, value), text, count)


def _cover(tried: Tried, place: str, value: str) -> str:
    """What stands for a value that goes with a larger one around it."""
    return next((one.after or "(gone)" for one in tried.changes if one.place == place and value in one.before), "")


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
