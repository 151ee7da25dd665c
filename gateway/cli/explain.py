"""`gateway explain`: for one value, every place where a capture holds it, and why it was or was not masked there.

The very pipeline of `gateway run`, watched: each claim's category, element and deciding rule with its file and line,
and of each detector a hit or the reason of its miss, from a closed list. Without a capture the value is taken as a
plain text.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from gateway import config
from gateway.cli.captures import read_file
from gateway.cli.subject import load_subject, trackers_option
from gateway.core.category import NEVER_TOUCHED, Category
from gateway.core.errors import UserError
from gateway.core.message import Headers, Inbound
from gateway.core.plugin import MissReason
from gateway.core.yaml import nearest, quoted
from gateway.insight.captures import read_capture
from gateway.insight.explanation import Candidate, explain, said
from gateway.insight.reasons import origins

_SHOWN = 72
_SAID: Mapping[str, str] = {  # what a miss's reason means, behind its name
    MissReason.CHECKSUM_FAILED: ", its form is right",
    MissReason.NEEDS_A_WORD: ": the form is right, but nothing beside it says what it is",
    MissReason.WRONG_LENGTH: " for one",
    MissReason.NOT_ISSUED: ": no such range, country or area is given out",
    MissReason.RESERVED: ": it names no host, device or person",
    MissReason.INSIDE_LONGER_TOKEN: ": a part of another word or number",
    MissReason.TIME_LIKE: ": a date or a time",
    MissReason.MEASURE_LIKE: ": a measure, an amount or a drawing",
    MissReason.NOT_A_DOMAIN: " behind the @",
    MissReason.PLACEHOLDER: ": a literal, or masked already",
}
_STYLES = {"masked": "green", "dropped": "green", "not masked": "bold red", "refused": "yellow"}


@click.command("explain")
@click.argument("value")
@click.argument("capture", type=click.Path(path_type=Path, allow_dash=True), required=False)
@click.option("--config", "config_file", type=click.Path(path_type=Path), help="By the rules of this gateway.yaml.")
@click.option("--rules", multiple=True, metavar="NAME|FILE", help="By these rules (after default).")
@trackers_option
@click.option("--tracker", help="Whose requests they are; recognised where not told.")
@click.option("--key", default="text", show_default=True, help="The field's key, where there is no capture.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def command(
    value: str,
    capture: Path | None,
    config_file: Path | None,
    rules: tuple[str, ...],
    tracker_files: tuple[Path, ...],
    tracker: str | None,
    key: str,
    as_json: bool,
) -> None:
    """Say for VALUE, wherever CAPTURE holds it, why it is or is not masked.

    CAPTURE is a HAR file, captured requests or a body; without one VALUE is a text of its own.
    """
    if not value:
        raise UserError("an empty value is everywhere: give one to explain")
    subject = load_subject(config_file, rules, tracker_files)
    if tracker is not None and tracker not in subject.trackers:
        raise UserError(f"no tracker is named {quoted(tracker)}{nearest(tracker, subject.trackers)}")
    empty = Inbound("POST", "/", Headers())
    if capture is None:
        body = json.dumps({key: value}, ensure_ascii=False).encode("utf-8", "surrogatepass")
        requests: Sequence[Inbound] = (Inbound("POST", "/", Headers([("Content-Type", "application/json")]), body),)
    else:
        requests = read_capture(read_file(capture), empty, str(capture)).requests
    program, where = subject.program([tracker] if tracker else []), origins(subject.rules, config.read_text)
    explained = list(explain(program, where, requests, value, time.thread_time))
    if as_json:
        click.echo(json.dumps([asdict(one) for one in explained], ensure_ascii=False))
    elif explained:
        _print(value, explained, many=len(requests) > 1)
    if not explained:
        click.echo(f"gateway: {capture or 'the text'} holds the value nowhere, in any layer", err=True)
        raise click.exceptions.Exit(1)


# for people


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def _rows(one: Candidate) -> Iterator[tuple[str, str]]:
    yield "layers", one.layers
    category = one.category or Category.EVENT_PROPERTIES.value
    yield "category", f"{category} ({one.category_from})" if one.category_from else one.category
    marks = ", ".join([*(["private"] if one.private else []), *(f"picked by {name!r}" for name in one.selected_by)])
    yield "element", f"{one.element} ({marks})" if marks else one.element
    at = f" at {one.where}" if one.where else ""
    is_own = one.category in {category.value for category in NEVER_TOUCHED}
    yield "decided by", f"{one.rule} → {one.operator}{at}" if one.rule and not is_own else ""
    yield "because", one.why
    yield "leaves as", _short(one.after) if one.outcome == "masked" else ""


def _print(value: str, explained: Sequence[Candidate], *, many: bool) -> None:
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 200)
    kept = sum(one.outcome == "not masked" for one in explained)
    for group in _alike(explained):
        one = group[0]
        title = Text.assemble(
            f"{_requests(group)}, " if many else "",
            one.part,
            f" {one.place}" if one.place else "",
            "  ",
            (one.outcome, _STYLES.get(one.outcome, "")),
            f"  × {len(group)}" if len(group) > 1 and not many else "",
        )
        if not console.is_terminal:
            console.print(title, soft_wrap=True)
            for name, told in _lines(one):
                console.print(Text(f"  {name}: {told}"), soft_wrap=True)
            continue
        tree = Tree(title, guide_style="dim")
        for name, told in _lines(one):
            tree.add(Text.assemble((f"{name:<11}", "dim"), told))
        console.print(tree)
    places = "place" if len(explained) == 1 else "places"
    console.print(Text(f"{_short(value)}: {len(explained)} {places}, {kept} not masked"), soft_wrap=True)


def _alike(explained: Sequence[Candidate]) -> list[list[Candidate]]:
    """The places that differ in nothing but the record or the request that they are in, together."""
    groups: dict[str, list[Candidate]] = {}
    for one in explained:
        groups.setdefault(repr(replace(one, request=0)), []).append(one)
    return list(groups.values())


def _requests(group: Sequence[Candidate]) -> str:
    times = Counter(one.request for one in group)
    told = ", ".join(f"{number} × {count}" if count > 1 else str(number) for number, count in times.items())
    return f"request{'s' if len(times) > 1 else ''} {told}"


def _lines(one: Candidate) -> Iterator[tuple[str, Any]]:
    for name, told in _rows(one):
        if told:
            yield name, told
    for sight in one.sights:
        rule = f"{sight.rule!r} {sight.where}".rstrip() if sight.rule else ""
        rule = f" by {rule}" if sight.verdict == "hit" else f" (rule {rule})" if rule else ""
        told = f"{said(sight.verdict)}{_SAID.get(sight.verdict, '')}{rule}"
        yield ("pattern", told) if sight.finder == "pattern" else ("detector", f"{sight.finder}: {told}")
