"""The report on the terminal: each tracker's visit in a line, every fact before and after, and the verdict."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.box import ROUNDED
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from gateway.demo.evidence import Result, Trail, Verdict, excerpt, pieces_of, tells_most

MOST_RULES: Final = 4
_ARROW: Final = " › "


def report(results: Sequence[Result], verdict: Verdict, seconds: float) -> RenderableType:
    """Everything, ready to print."""
    parts: list[RenderableType] = [
        Text(),
        Rule(Text("A visit to Alma's Bakery, recorded by three trackers", style="bold"), style="dim", align="left"),
    ]
    parts += [Padding(_visit(result), (1, 0, 0, 1)) for result in results]
    parts += [Text(), _facts(results), Padding(_verdict(results, verdict, seconds), (1, 0, 0, 1))]
    return Group(*parts)


def _visit(result: Result) -> Text:
    sent, got = result.sizes
    text = Text()
    text.append(f"{result.title:<9}", style="bold cyan")
    text.append(f"{result.forwarded} of {len(result.exchanges)} requests forwarded", style="bold")
    text.append(f", {sent / 1000:.1f} kB in, {got / 1000:.1f} kB out, {result.seconds * 1000:.0f} ms of masking\n")
    text.append(f"{'':9}opened    ", style="dim")
    text.append(_ARROW.join(result.chain), style="magenta")
    text.append("  and closed again the same way\n", style="dim")
    text.append(f"{'':9}masked    ", style="dim")
    text.append(f"{result.masked} values: ", style="bold")
    text.append(", ".join(f"{name_of_rule(rule)} {count}" for rule, count in result.rules.most_common(MOST_RULES)))
    text.append("\n")
    text.append(f"{'':9}the same  ", style="dim")
    text.append(f"{result.kept / max(result.values, 1):.0%} of {result.values} values, so the recording still plays")
    return text


def name_of_rule(rule: str) -> str:
    """A rule's name for people: a category is named by its key."""
    return rule.replace("_", " ")


def _facts(results: Sequence[Result]) -> Table:
    table = Table(box=ROUNDED, border_style="dim", header_style="bold", show_lines=True, expand=False)
    table.add_column("What the visitor typed", no_wrap=False, ratio=3)
    table.add_column("What the tracker sent", overflow="fold", ratio=5)
    table.add_column("What the backend got", overflow="fold", ratio=5)
    trails = list(zip(*(result.trails for result in results), strict=True))
    for which, title in ((True, ""), (False, "what page, browser and network knew")):
        if title:
            table.add_row(Text(title, style="italic dim"), "", "")
        for same in trails:
            if same[0].fact.is_typed is which:
                table.add_row(*_row(results, same))
    return table


def _row(results: Sequence[Result], same: Sequence[Trail]) -> tuple[Text, Text, Text]:
    fact = same[0].fact
    by = [result.title for result, trail in zip(results, same, strict=True) if trail.sent or trail.beginnings]
    sent, got = sum(trail.sent for trail in same), sum(trail.got for trail in same)
    beginnings = sum(len(trail.beginnings) for trail in same)
    first = Text.assemble((f"{fact.label}\n", "dim"), (fact.value, "bold"))
    best = min((sighting for trail in same for sighting in trail.sightings), key=tells_most, default=None)
    if best is None:
        return first, Text("not sent", style="dim"), Text()
    before = marked(best.before, best.start, best.end, "bold red")
    counted = f"\n{sent}× by {', '.join(by)}" + (f"; {beginnings}× as it was typed" if beginnings else "")
    before.append(counted, style="dim")
    if got:
        return first, before, Text(f"{got}× still there", style="bold white on red")
    if best.after is None:
        after = Text("(gone)", style="green")
    else:
        pieces = pieces_of(best.before, best.after)
        after = Text.assemble(*((text, "bold green" if is_new else "") for text, is_new in pieces))
    return first, before, after.append(f"\n{name_of_rule(best.rule)}" if best.rule else "", style="dim")


def marked(text: str, start: int, end: int, style: str) -> Text:
    """An excerpt with its middle in a style."""
    head, middle, tail = excerpt(text, start, end)
    return Text.assemble(head, (middle, style), tail)


def _verdict(results: Sequence[Result], verdict: Verdict, seconds: float) -> Text:
    good, bad = "bold green", "bold white on red"
    values = sum(result.values for result in results)
    kept = sum(result.kept for result in results)
    requests = sum(len(result.exchanges) for result in results)
    text = Text()
    text.append(f"{requests - verdict.refused} of {requests} requests", style="bold")
    text.append(
        f" through a real gateway in {seconds:.1f} s; {kept / max(values, 1):.0%} of {values} values unchanged.\n"
    )
    if verdict.unread:
        text.append(
            f"{verdict.unread} values that arrived could not be read, so nobody knows what they tell.\n", style=bad
        )
    style = bad if verdict.known_arrived else good
    text.append(f"{verdict.known_arrived} of {verdict.known}", style=style)
    text.append(" things that page, browser and network knew reached the backend.\n")
    style = bad if verdict.typed_arrived else good
    text.append(f"{verdict.typed_arrived} of {verdict.typed} typed values reached the backend", style=style)
    text.append(" (read by a decoder that is not the gateway's own).")
    return text


def print_report(console: Console, results: Sequence[Result], verdict: Verdict, seconds: float) -> None:
    """Prints it."""
    console.print(report(results, verdict, seconds), highlight=False)
