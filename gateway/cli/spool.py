"""`gateway spool`: what waits for backends, and what could not be read. Works beside a running gateway."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from gateway import config
from gateway.cli.options import config_option
from gateway.cli.run import sealer_of
from gateway.config import Configuration, Settings, SpoolSettings
from gateway.core.errors import UserError
from gateway.core.message import Inbound
from gateway.core.outcome import Refuse, Send
from gateway.maskers.setup import blueprint_of
from gateway.proxy.masking import Programs
from gateway.spool.database import connect, create
from gateway.spool.keys import spool_ring
from gateway.spool.ledger import Append, Ledger, count
from gateway.spool.quarantine import Pen, quarantine_path
from gateway.spool.seal import QUARANTINE, Sealer
from gateway.spool.store import Entry, NotKept, Numbers
from gateway.spool.upkeep import drop, opened, rekey


@click.group("spool", invoke_without_command=True)
@config_option
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.pass_context
def command(context: click.Context, config_file: Path, as_json: bool) -> None:
    """Show what waits for backends; drop it, seal it anew, retry what could not be read."""
    if context.invoked_subcommand is None:
        status(config_file, as_json=as_json)


def status(config_file: Path, *, as_json: bool) -> None:
    """What waits, by route, and what was dropped."""
    spool = _spool(config.load_settings(config_file), config_file)
    with opened(spool.path) as db:
        numbers = count(db, spool.limit, time.time())
    held = _held(quarantine_path(spool.path))
    if as_json:
        click.echo(json.dumps(_told(numbers, held)))
        return
    rows = [(route or "/", str(waiting)) for route, waiting in sorted(numbers.waiting.items())]
    _table(("route", "waiting"), rows)
    oldest = "-" if numbers.oldest is None else f"{numbers.oldest:.0f} s"
    click.echo(
        f"{numbers.records} records, {numbers.bytes} of {numbers.limit} bytes ({numbers.state}), oldest {oldest}"
    )
    if any(numbers.dropped.values()):
        click.echo("dropped: " + ", ".join(f"{reason} {times}" for reason, times in numbers.dropped.items() if times))
    if held:
        click.echo("quarantine: " + ", ".join(f"{reason} {times}" for reason, times in sorted(held.items())))


@command.command("drop")
@config_option
@click.option("--route", default="", help="Of this route only.")
@click.option("--program", default="", help="Masked under this digest (its first digits).")
@click.option("--key", default="", help="Sealed with the key of this id.")
@click.option("--older", "older", default="", metavar="AGE", help="Older than this, as in 24h.")
@click.option("--all", "everything", is_flag=True, help="Everything that waits.")
@click.option("--quarantine", is_flag=True, help="Of the quarantine, not of the spool.")
@click.option("--yes", is_flag=True, help="Don't ask.")
def drop_records(
    config_file: Path, route: str, program: str, key: str, older: str, everything: bool, quarantine: bool, yes: bool
) -> None:
    """Give up records that wait: they will never be delivered."""
    spool = _spool(config.load_settings(config_file), config_file)
    if everything is any((route, program, key, older)):
        raise UserError("say which records: --route, --program, --key or --older; or --all of them")
    before = time.time() - config.age(older) if older else None
    if not yes:
        click.confirm("What is dropped can't be delivered any more. Drop it?", abort=True)
    with opened(quarantine_path(spool.path) if quarantine else spool.path) as db:
        gone = drop(db, route=route, key=key, program=program, before=before)
    click.echo(f"dropped {gone} records")


@command.command("rekey")
@config_option
def rekey_records(config_file: Path) -> None:
    """Seal everything with the active key, so that older ones can go."""
    spool = _spool(config.load_settings(config_file), config_file)
    ring = spool_ring(spool)
    left = 0
    for path, sealer in ((spool.path, sealer_of(spool)), (quarantine_path(spool.path), Sealer(ring, QUARANTINE))):
        if path.exists():
            with opened(path) as db:
                anew, damaged, locked = rekey(db, sealer)
            left += locked
            click.echo(f"{path.name}: {anew} records sealed with {ring.active}, {damaged} damaged and dropped")
    if left:
        raise UserError(f"{left} records are sealed with keys that spool.key lacks: add them behind the active one")


@command.command("retry")
@config_option
def retry(config_file: Path) -> None:
    """Read again, under the rules as they are now, what was quarantined; what is masked is delivered."""
    loaded = config.load(config_file)
    spool = _spool(loaded.settings, config_file)
    path = quarantine_path(spool.path)
    if not path.exists():
        click.echo("the quarantine is empty")
        return
    keep = spool.quarantine
    pen = Pen(path, Sealer(spool_ring(spool), QUARANTINE), limit=keep.limit, keep=keep.keep)
    create(spool.path)
    ledger = Ledger(connect(spool.path), spool.path, sealer_of(spool), limit=spool.limit, keep=spool.keep)
    try:
        passed, left = _retry(pen, ledger, loaded)
    finally:
        ledger.close()
        pen.close()
    told = ", ".join(f"{reason} {times}" for reason, times in sorted(left.items()))
    click.echo(f"{passed} requests are masked and wait for delivery; {left.total()} stay{': ' if told else ''}{told}")


def _retry(pen: Pen, ledger: Ledger, loaded: Configuration) -> tuple[int, Counter[str]]:
    masker = Programs(blueprint_of(loaded, config.masking_keys(loaded.settings)).programs())
    known = {route.label for route in loaded.settings.routes}
    passed, left = 0, Counter[str]()
    for position, inbound, _ in pen.requests():
        if inbound.route not in known:
            left["route is gone"] += 1
            continue
        outcome = masker.mask(inbound)
        if isinstance(outcome, Send):
            _hand_on(ledger, inbound, outcome)
            pen.remove(position)
            passed += 1
        elif isinstance(outcome, Refuse):
            left[outcome.reason.value] += 1
    return passed, left


def _hand_on(ledger: Ledger, inbound: Inbound, send: Send) -> None:
    (told,) = ledger.commit([Append(Entry(send.masked, inbound.route, send.session, send.report.tracker))])
    if isinstance(told, NotKept):
        raise UserError(f"the spool takes no more ({told.state}): the rest stays in quarantine")


def _spool(settings: Settings, config_file: Path) -> SpoolSettings:
    if settings.spool is None:
        raise UserError("there is no `spool:` here: add `spool: {key: env:GATEWAY_KEY}`", str(config_file))
    return settings.spool


def _held(path: Path) -> dict[str, int]:
    """How many requests are in quarantine, by reason."""
    if not path.exists():
        return {}
    with opened(path) as db:
        return dict(db.execute("SELECT program, count(*) FROM records GROUP BY program").fetchall())


def _told(numbers: Numbers, held: dict[str, int]) -> dict[str, Any]:
    return {
        "state": numbers.state,
        "records": numbers.records,
        "bytes": numbers.bytes,
        "limit": numbers.limit,
        "oldest_seconds": numbers.oldest,
        "waiting": dict(numbers.waiting),
        "dropped": {reason.value: times for reason, times in numbers.dropped.items()},
        "quarantine": held,
    }


def _table(names: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    if not sys.stdout.isatty():
        for row in rows:
            click.echo("\t".join(row))
        return
    table = Table(*names)
    for row in rows:
        table.add_row(*row)
    Console().print(table)
