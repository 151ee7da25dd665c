"""`python -m tests.judge.report [RUN…]`: a table of verdicts, a line a run, and below it each finding with its place.

Findings are grouped by what they are and where; a group shows one example and the request it is in. With `--request RUN/NAME`
the values of that request that changed, before and after. The lines are for people: nothing parses them.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from tests.judge.decoder import decode
from tests.judge.places import classify, collapse
from tests.judge.recorded import CORPUS, load_run, planted, runs_of
from tests.judge.relay import Relay, hollow_out, pass_through
from tests.judge.replay import PEERS, replay, running_gateway
from tests.judge.sink import Sink
from tests.judge.verdicts import Change, Leak, Verdict, judge

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.judge.replay import Exchange

STAND_INS = {"pass-through": pass_through, "hollow": hollow_out}
HEAD = ("run", "sent", "forwarded", "leaks", "useful", "lost", "exact", "text", "url", "structure", "")


@contextlib.contextmanager
def subject(name: str, peer: str, backend: int) -> Iterator[int]:
    """What is on trial: the real gateway, or a stand-in for it."""
    if name in STAND_INS:
        with Relay(backend, STAND_INS[name]) as relay:
            yield relay.port
    else:
        with running_gateway(backend, peer, lambda text: print(text[-3000:]) if text.strip() else None) as port:
            yield port


def share(verdict: Verdict, kind: str) -> str:
    total = verdict.compared[kind]
    return f"{100 * verdict.same[kind] / total:.2f}% of {total}" if total else "-"


def row(verdict: Verdict) -> tuple[str, ...]:
    arrived = sum(1 for _, count in verdict.useful.values() if count)
    good = verdict.is_tight and verdict.is_forwarded and verdict.is_useful and verdict.is_unchanged
    return (
        verdict.run,
        str(verdict.sent),
        f"{verdict.forwarded} ({100 * verdict.forwarded / max(1, verdict.sent):.0f}%)",
        str(len(verdict.leaks)),
        f"{arrived}/{len(verdict.useful)}",
        str(len(verdict.lost)),
        share(verdict, "exact"),
        share(verdict, "text"),
        share(verdict, "url"),
        str(len(verdict.structure)),
        "ok" if good else "shut" if verdict.is_shut and verdict.is_tight else "FAIL",
    )


def table(verdicts: list[Verdict]) -> str:
    rows = [HEAD, *(row(verdict) for verdict in verdicts)]
    widths = [max(len(line[column]) for line in rows) for column in range(len(HEAD))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in rows
    )


def short(text: str | None, limit: int = 110) -> str:
    return "(none)" if text is None else repr(text if len(text) <= limit else text[:limit] + "…")


def leak_lines(leaks: list[Leak], limit: int) -> Iterator[str]:
    groups: dict[tuple[str, str], list[Leak]] = {}
    for leak in leaks:
        groups.setdefault((leak.kind, collapse(leak.place)), []).append(leak)
    for (kind, place), group in list(groups.items())[:limit]:
        names = list(dict.fromkeys(leak.name for leak in group))
        more = f" and {len(names) - 8} more" if len(names) > 8 else ""
        yield f"  LEAK {kind}  ×{len(group)}  in {group[0].request}: {place}"
        yield f"       {', '.join(names[:8])}{more}: {short(group[0].excerpt)}"
    if len(groups) > limit:
        yield f"  … and {len(groups) - limit} more places"


def change_lines(word: str, changes: list[Change], limit: int) -> Iterator[str]:
    groups: dict[tuple[str, str], list[Change]] = {}
    for change in changes:
        groups.setdefault((change.kind, collapse(change.place)), []).append(change)
    for (kind, place), group in list(groups.items())[:limit]:
        yield f"  {word} {kind}  ×{len(group)}  in {group[0].request}: {place}"
        yield f"       {short(group[0].before)} → {short(group[0].after)}"
    if len(groups) > limit:
        yield f"  … and {len(groups) - limit} more places"


def details(verdict: Verdict, limit: int = 25) -> str:
    """Every finding of a run, grouped."""
    lines = [f"{verdict.run}:"]
    refusals = Counter((status, answer) for _, status, answer in verdict.refused)
    for (status, answer), count in refusals.items():
        names = [name for name, s, a in verdict.refused if (s, a) == (status, answer)]
        lines.append(f"  NOT FORWARDED ×{count}: answered {status} {answer!r}: {', '.join(names[:12])}")
    lines += [f"  SENT TWICE: {name}" for name in verdict.twice]
    lines += leak_lines(verdict.leaks, limit)
    refused = {name for name, _, _ in verdict.refused}
    lines += change_lines("LOST", [change for change in verdict.lost if change.request not in refused], limit)
    lines += change_lines("CHANGED", [change for change in verdict.changed if change.kind != "url"], limit)
    lines += change_lines("CHANGED", [change for change in verdict.changed if change.kind == "url"], limit)
    lines += change_lines("STRUCTURE", verdict.structure, limit)
    return "\n".join(lines) if len(lines) > 1 else ""


def difference(exchange: Exchange) -> str:
    """All values of one request that changed, classes named."""
    before, after = decode(exchange.sent), decode(exchange.arrived[0]) if exchange.arrived else None
    if after is None:
        return f"not forwarded: {exchange.status} {exchange.answer[:300]!r}"
    sent = {leaf.place: leaf for leaf in before.values()}
    got = {leaf.place: leaf for leaf in after.values()}
    index = {place: leaf.text for place, leaf in sent.items()}
    lines = []
    for place, leaf in sent.items():
        mate = got.get(place)
        if mate is None or mate.text != leaf.text:
            kind = leaf.kind if leaf.kind == "key" else classify(leaf, index)
            lines.append(
                f"{kind:8} {'/'.join(place)}\n    {short(leaf.text, 300)}\n  → {short(mate.text if mate else None, 300)}"
            )
    lines += [
        f"new      {'/'.join(place)}\n  → {short(leaf.text, 300)}" for place, leaf in got.items() if place not in sent
    ]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.judge.report", description="Judges a gateway over recorded runs."
    )
    parser.add_argument("runs", nargs="*", help="names of runs, or beginnings of names; all if none")
    parser.add_argument("--corpus", type=Path, default=CORPUS, help="folder of runs (*.jsonl, or folders of NNN.json)")
    parser.add_argument("--peer", choices=[*PEERS, "both"], default="untrusted")
    parser.add_argument("--subject", choices=["gateway", *STAND_INS], default="gateway")
    parser.add_argument("--brief", action="store_true", help="the table only")
    parser.add_argument("--limit", type=int, default=25, help="places shown of each kind of finding")
    parser.add_argument("--request", metavar="RUN/NAME", help="what changed in one request, value by value")
    options = parser.parse_args()
    runs = runs_of(options.corpus)
    wanted = [options.request.rpartition("/")[0]] if options.request else options.runs
    if wanted:
        exact = set(wanted) & set(runs)
        runs = [run for run in runs if run in exact or any(run.startswith(name) for name in set(wanted) - exact)]
    failed = False
    canaries = planted(options.corpus)
    for peer in PEERS if options.peer == "both" else (options.peer,):
        with Sink() as sink, subject(options.subject, peer, sink.port) as port:
            replayed = {run: replay(load_run(options.corpus, run), port, sink) for run in runs}
        if options.request:
            name = options.request.rpartition("/")[2]
            print(*(difference(each) for each in replayed[runs[0]] if each.sent.name == name), sep="\n")
            continue
        verdicts = [judge(run, exchanges, canaries) for run, exchanges in replayed.items()]
        print(f"{options.subject}, {peer} peer")
        print(table(verdicts))
        if not options.brief:
            print(*(text for verdict in verdicts if (text := details(verdict, options.limit))), sep="\n")
        failed |= any(line[-1] == "FAIL" for line in map(row, verdicts))
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
