"""`gateway forget`: what is held of one visitor is shown, or wiped; and which pseudonyms the backends know the visitor by.

Keys and files are those of gateway.yaml; it works beside a running gateway. What the gateway holds in memory of a session
names nobody: it is told, with the time after which it is gone.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

import click

from gateway import config
from gateway.cli.options import config_option
from gateway.cluster.setup import Cluster, make_cluster
from gateway.cluster.visitor import search_records, search_states
from gateway.cluster.visitor import wipe as wipe_on_servers
from gateway.config import Configuration
from gateway.core.errors import UserError
from gateway.core.yaml import quoted
from gateway.keyring import KeyRing
from gateway.maskers.setup import blueprint_of
from gateway.operators.hash import hash_text
from gateway.ruleset.program import Program
from gateway.spool.keys import spool_ring
from gateway.spool.quarantine import quarantine_path
from gateway.spool.seal import QUARANTINE, RECORDS, Sealer
from gateway.spool.upkeep import opened
from gateway.spool.visitor import Held, Names, Search, search_quarantine, search_spool, wipe
from gateway.trackers.schema import TrackerFile

SHORTEST: Final = 6
"""Letters and digits of an id: what is shorter stands in other visitors' records, too."""


@dataclass(frozen=True, slots=True)
class Store:
    """One place in which something of the visitor may be."""

    name: str
    search: Search
    wipe: Callable[[Sequence[Held]], int]


@click.command("forget")
@click.argument("visitor", metavar="ID")
@config_option
@click.option("--show", "only_show", is_flag=True, help="Say what is held, and erase nothing.")
@click.option("--site", "sites", multiple=True, metavar="HOST", help="Where pseudonyms.per_site is on: of these sites.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.option("--yes", is_flag=True, help="Don't ask.")
def command(visitor: str, config_file: Path, only_show: bool, sites: tuple[str, ...], as_json: bool, yes: bool) -> None:
    """Access and erasure: show or wipe what is held of a visitor, by an ID that a tracker knows (or a session's)."""
    if sum(map(str.isalnum, visitor)) < SHORTEST:
        raise UserError(
            f"{quoted(visitor)} is too short to tell a visitor by: give an id of {SHORTEST} letters or digits"
        )
    loaded = config.load(config_file)
    if loaded.settings.pseudonyms.per_site and not sites:
        raise UserError("pseudonyms differ by site (pseudonyms.per_site): name the sites, as in --site shop.example")
    programs = blueprint_of(loaded, config.masking_keys(loaded.settings)).programs()
    pseudonyms = tuple(_pseudonyms(visitor, loaded, programs, sites))
    stores = list(_stores(loaded, visitor, pseudonyms, programs))
    calls = list(_calls(loaded, pseudonyms))
    erases = not only_show and any(one.search.held for one in stores)
    if not as_json:
        _tell(stores, pseudonyms, calls, loaded)
    if erases and not yes:
        click.confirm("What is wiped can't be delivered any more. Wipe it?", abort=True)
    gone = {one.name: one.wipe(one.search.held) if erases else 0 for one in stores}
    if as_json:
        click.echo(json.dumps(_data(stores, pseudonyms, calls, gone), indent=1))
    elif erases:
        click.echo(f"wiped {sum(gone.values())} records; a running gateway may still deliver one that is on its way")


def _pseudonyms(
    visitor: str, loaded: Configuration, programs: Mapping[str, Program], sites: Sequence[str]
) -> Iterator[str]:
    """By every key that may have made one of them as long as anything waits, and a session lasts."""
    spool, now = loaded.settings.spool, datetime.now(UTC)
    seconds = (spool.keep if spool is not None else 0) + 2 * 86400
    days = [(now - timedelta(days=one)).date() for one in range(int(seconds // 86400) + 1)]
    keys = next(iter(programs.values())).keys
    yield from dict.fromkeys(hash_text(visitor, key) for key in keys.every(days, sites))


def _stores(
    loaded: Configuration, visitor: str, pseudonyms: Sequence[str], programs: Mapping[str, Program]
) -> Iterator[Store]:
    spool = loaded.settings.spool
    if spool is None:
        return
    ring = spool_ring(spool)
    program = next(iter(programs.values()))
    names = Names((visitor, *pseudonyms), program.opener)
    lanes = {
        route: [one.keys.session(route, tracker.tracker, visitor) for tracker in one.trackers]
        for route, one in programs.items()
    }
    cluster = make_cluster(loaded.settings, ring, program.keys.master)
    if cluster is not None:
        yield from asyncio.run(_of_cluster(cluster, names, lanes, program, visitor, loaded, ring))
    elif spool.path.exists():
        with opened(spool.path) as db:
            found = search_spool(db, Sealer(ring, RECORDS), names, lanes)
        yield Store("spool", found, partial(_wiped, spool.path))
    beside = quarantine_path(spool.path)
    if beside.exists():
        with opened(beside) as db:
            found = search_quarantine(db, Sealer(ring, QUARANTINE), names)
        yield Store("quarantine", found, partial(_wiped, beside))


def _wiped(path: Path, held: Sequence[Held]) -> int:
    with opened(path) as db:
        return wipe(db, held)


async def _of_cluster(
    cluster: Cluster,
    names: Names,
    lanes: Mapping[str, Collection[bytes]],
    program: Program,
    visitor: str,
    loaded: Configuration,
    ring: KeyRing,
) -> list[Store]:
    await cluster.open()
    try:
        records = await search_records(cluster, names, lanes)
        states = await search_states(cluster, program.memories, visitor)
    finally:
        await cluster.store.close()

    def wiped(held: Sequence[Held], *, of_sessions: bool) -> int:
        async def take_out() -> int:
            again = make_cluster(loaded.settings, ring, program.keys.master)
            assert again is not None
            await again.open()
            try:
                return await wipe_on_servers(again, *(((), held) if of_sessions else (held, ())))
            finally:
                await again.store.close()

        return asyncio.run(take_out())

    return [
        Store("spool", records, partial(wiped, of_sessions=False)),
        Store("sessions", states, partial(wiped, of_sessions=True)),
    ]


def _calls(loaded: Configuration, pseudonyms: Sequence[str]) -> Iterator[Mapping[str, str]]:
    """What to ask of each backend, with the pseudonym that is made now."""
    for route in loaded.settings.routes:
        for name in route.tracker if not route.is_auto else ():
            yield {"route": route.label, "upstream": route.upstream, **_call(loaded.trackers[name], pseudonyms[0])}
        if route.is_auto:
            yield {
                "route": route.label,
                "upstream": route.upstream,
                "tracker": "any",
                "call": "",
                "note": "name the route's trackers in gateway.yaml to see their calls",
                "docs": "",
            }


def _call(tracker: TrackerFile, pseudonym: str) -> dict[str, str]:
    erasure = tracker.erasure
    if erasure is None:
        note = "no call is known here: ask the backend's operator to erase what it holds of the pseudonyms"
        return {"tracker": tracker.tracker, "call": "", "note": note, "docs": tracker.docs}
    call, note = (text.replace("{id}", pseudonym) for text in (erasure.call, erasure.note))
    return {"tracker": tracker.tracker, "call": call, "note": note, "docs": erasure.docs}


def _tell(
    stores: Sequence[Store], pseudonyms: Sequence[str], calls: Sequence[Mapping[str, str]], loaded: Configuration
) -> None:
    for store in stores:
        click.echo(f"{store.name}: {len(store.search.held)} records")
        for one in store.search.held:
            why = "names the visitor" if one.named else "of the same session"
            click.echo(f"  {one.route}\t{one.at:%Y-%m-%d %H:%M:%S} UTC\t{one.size} bytes\t{why}")
        if store.search.unreadable:
            click.echo(
                f"  {store.search.unreadable} more can't be read: nobody knows whose they are (`gateway spool drop`)"
            )
    if not stores:
        click.echo("nothing waits: there is no spool")
    idle = timedelta(seconds=loaded.settings.sessions.idle)
    click.echo(
        f"memory of a running gateway: a session's structure and keyed fingerprints, until it was idle for {idle}"
    )
    if loaded.settings.backup is not None:
        click.echo(
            f"backups: the {loaded.settings.backup.keep} newest may hold what waited when they were made, sealed"
        )
    click.echo("pseudonyms, the one that is made now first:")
    for pseudonym in pseudonyms:
        click.echo(f"  {pseudonym}")
    click.echo("at the backends:")
    for call in calls:
        click.echo(f"  {call['tracker']}, {call['upstream']}")
        for key in ("call", "note", "docs"):
            if call[key]:
                click.echo(f"    {call[key]}")


def _data(
    stores: Sequence[Store], pseudonyms: Sequence[str], calls: Sequence[Mapping[str, str]], gone: Mapping[str, int]
) -> dict[str, Any]:
    return {
        "held": {one.name: [_row(held) for held in one.search.held] for one in stores},
        "unreadable": {one.name: one.search.unreadable for one in stores},
        "wiped": gone,
        "pseudonyms": list(pseudonyms),
        "calls": list(calls),
    }


def _row(held: Held) -> dict[str, Any]:
    return {"route": held.route, "at": held.at.isoformat(), "bytes": held.size, "named": held.named}
