"""`gateway test`: the `tests:` of rule files, each through the very pipeline that `gateway run` uses.

A test gives a body and what must leave of it. Exit code 1 where one fails; no test at all is a failure too, since a
rule file whose tests were lost would otherwise pass.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from gateway import config
from gateway.cli.subject import Subject, load_subject, trackers_option
from gateway.insight import trial
from gateway.insight.trial import Verdict


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
    own = [file for file in subject.rules if not Path(file.file).is_relative_to(config.rules_directory())]
    return trial.run_tests(own or subject.rules, subject.program, time.thread_time)


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
