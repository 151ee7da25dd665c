"""`gateway test`: the `tests:` of rule files, each through the very pipeline that `gateway run` uses.

A test gives a body and what must leave of it. Exit code 1 where one fails; no test at all is a failure too, since a
rule file whose tests were lost would otherwise pass.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from gateway import config
from gateway.cli.subject import Subject, load_subject, trackers_option
from gateway.core.message import Headers, Inbound
from gateway.insight.comparison import Stopped, attempt
from gateway.ruleset.program import Program
from gateway.ruleset.schema import RuleTest


@dataclass(frozen=True, slots=True)
class Verdict:
    """One test's outcome; `told` says what came instead, a line a difference."""

    test: RuleTest
    told: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        return not self.told


@click.command("test")
@click.option("--config", "config_file", type=click.Path(path_type=Path), help="Test the rules of this gateway.yaml.")
@trackers_option
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.argument("rules", nargs=-1, metavar="[RULES]...")
def command(config_file: Path | None, tracker_files: tuple[Path, ...], as_json: bool, rules: tuple[str, ...]) -> None:
    """Run the tests that rule files hold (those of gateway.yaml, or RULES)."""
    if config_file is None and not rules and Path(config.FILE_NAME).exists():
        config_file = Path(config.FILE_NAME)
    verdicts = list(run_tests(load_subject(config_file, rules, tracker_files)))
    if as_json:
        click.echo(json.dumps([_told(verdict) for verdict in verdicts], ensure_ascii=False))
    else:
        _print(verdicts)
    if not verdicts or not all(verdict.passed for verdict in verdicts):
        raise click.exceptions.Exit(1)


def run_tests(subject: Subject) -> Iterator[Verdict]:
    """The verdict of each test, in the order of the files.

    The built-in rules' own tests say what holds before anybody changes it: they run where no other file is tested.
    """
    programs: dict[str | None, Program] = {}
    own = [file for file in subject.rules if not Path(file.file).is_relative_to(config.rules_directory())]
    for file in own or subject.rules:
        for test in file.tests:
            program = programs.get(test.tracker)
            if program is None:
                program = programs[test.tracker] = subject.program([test.tracker] if test.tracker else [])
            yield Verdict(test, tuple(_differences(program, test)))


def _differences(program: Program, test: RuleTest) -> Iterator[str]:
    body = json.dumps(test.input, ensure_ascii=False).encode()
    inbound = Inbound("POST", test.path or "/", Headers(test.headers.items()), body)
    inbound = replace(inbound, country=test.country, consented=test.consent is None)
    tried = attempt(program, inbound, time.thread_time)
    if isinstance(tried, Stopped):
        if test.expect != "refused":
            yield f"refused: {tried}; nothing of it would leave"
        return
    yield from differ(json.loads(tried.outbound.body), test.expect, "")


def differ(came: Any, wanted: Any, place: str) -> Iterator[str]:
    """Where two JSON values differ: a line a place."""
    if isinstance(came, dict) and isinstance(wanted, dict):
        for key in [*wanted, *(key for key in came if key not in wanted)]:
            inner = f"{place}.{key}" if place else str(key)
            if key not in came:
                yield f"{inner}: is gone, expected {_shown(wanted[key])}"
            elif key not in wanted:
                yield f"{inner}: is {_shown(came[key])}, expected to be gone"
            else:
                yield from differ(came[key], wanted[key], inner)
    elif isinstance(came, list) and isinstance(wanted, list) and len(came) == len(wanted):
        for index, (one, other) in enumerate(zip(came, wanted, strict=True)):
            yield from differ(one, other, f"{place}[{index}]")
    elif came != wanted or type(came) is not type(wanted):
        yield f"{place or 'body'}: is {_shown(came)}, expected {_shown(wanted)}"


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 120 else f"{text[:120]}…"


def _told(verdict: Verdict) -> dict[str, Any]:
    return {
        "name": verdict.test.name,
        "where": verdict.test.where,
        "passed": verdict.passed,
        "differences": list(verdict.told),
    }


def _print(verdicts: Sequence[Verdict]) -> None:
    console = Console(highlight=False, soft_wrap=True)
    for verdict in verdicts:
        mark = Text("pass  ", style="green") if verdict.passed else Text("FAIL  ", style="bold red")
        console.print(mark + Text(verdict.test.name) + Text(f"  {verdict.test.where}", style="dim"))
        for line in verdict.told:
            console.print(Text(f"      {line}", style="red"))
    failed = sum(1 for verdict in verdicts if not verdict.passed)
    if not verdicts:
        click.echo("gateway: no tests in these rules: write some under `tests:`", err=True)
    else:
        console.print(f"{len(verdicts) - failed} passed, {failed} failed")
    sys.stdout.flush()
