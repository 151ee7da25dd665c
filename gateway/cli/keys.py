"""`gateway keys`: makes, rotates and destroys keys: of pseudonyms, of the spool, of `with: encrypt`. None is ever printed.

What a key ring holds is a file's matter. Where gateway.yaml has a key from the environment or from a command, whoever
keeps it there rotates it there: the new key first, the old ones behind it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click

from gateway import config, secret
from gateway.core.errors import UserError
from gateway.keyring import KeyRing, new_ring, read_ring, save_ring
from gateway.secret import Secret
from gateway.spool.quarantine import quarantine_path
from gateway.spool.upkeep import opened

DEFAULT_RING = Path("var/encryption-keys.json")
KINDS = ("encryption", "masking", "spool")
LOST = {
    "encryption": "What was sealed with it can never be read again.",
    "masking": "Nobody can tell any more whose pseudonyms were made with it; visitors whose sessions it made are new ones.",
    "spool": "What waits in the spool and was sealed with it is lost.",
}
TAKEN_UP = {
    "encryption": "a running gateway takes it up at its next reload (SIGHUP)",
    "masking": "a running gateway takes it up within a second: sessions that begin from then on",
    "spool": "a running gateway takes it up at its next reload (SIGHUP)",
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a ring of a kind is."""

    kind: str
    told: Secret
    settings: config.Settings | None = None

    @property
    def file(self) -> Path:
        """Its file; UserError where it is in none."""
        if self.told.file is None:
            kind = {"masking": "masking_key", "spool": "spool.key"}[self.kind]
            raise UserError(
                f"{kind} comes from {self.told}: change it there; write the new key (openssl rand -hex 32) first, the "
                "former ones behind it"
            )
        return self.told.file

    def load(self) -> KeyRing:
        """The ring. A masking key that the gateway itself made is a ring of one."""
        forbidden = secret.OTHERS_WRITE if self.kind == "masking" else secret.OTHERS_READ
        hint = f": make one with `gateway keys create{'' if self.kind == 'encryption' else f' --of {self.kind}'}`"
        return read_ring(secret.read(self.told, "keys", forbidden=forbidden, hint=hint), str(self.told))


def _place(kind: str, ring: Path | None, config_file: Path) -> Place:
    if ring is not None:
        return Place(kind, Secret(file=ring))
    if kind == "encryption":
        return Place(kind, Secret(file=DEFAULT_RING))
    settings = config.load_settings(config_file)
    if kind == "masking":
        return Place(kind, settings.masking_key, settings)
    if settings.spool is None:
        raise UserError("there is no `spool:` here: add `spool: {key: file:var/spool-keys.json}`", str(config_file))
    return Place(kind, settings.spool.key, settings)


def _where[F: Callable[..., object]](command: F) -> F:
    command = click.option(
        "--config", "config_file", type=click.Path(path_type=Path), default=config.FILE_NAME, show_default=True,
        help="The configuration, which names the file.",
    )(command)  # fmt: skip
    command = click.option(
        "--ring", type=click.Path(path_type=Path), help=f"The key ring's file itself; of encryption {DEFAULT_RING}."
    )(command)
    return click.option(
        "--of", "kind", type=click.Choice(KINDS), default="encryption", show_default=True, help="Whose keys."
    )(command)


@click.group("keys")
def command() -> None:
    """Make, rotate and destroy keys: of pseudonyms (masking), of the spool, of the operator `encrypt`."""


@command.command("create")
@_where
def create(kind: str, ring: Path | None, config_file: Path) -> None:
    """Make a key ring with a first key."""
    path = _place(kind, ring, config_file).file
    fresh = new_ring()
    save_ring(path, fresh, create=True)
    click.echo(f"made {path} with the key {fresh.active}; back it up. Without it: {LOST[kind]}")


@command.command("list")
@_where
def list_keys(kind: str, ring: Path | None, config_file: Path) -> None:
    """Show the keys' ids."""
    loaded = _place(kind, ring, config_file).load()
    for name in loaded.keys:
        click.echo(f"{name}\t{'active' if name == loaded.active else 'former'}")
    for name in loaded.destroyed:
        click.echo(f"{name}\tdestroyed")


@command.command("rotate")
@_where
def rotate(kind: str, ring: Path | None, config_file: Path) -> None:
    """Go on with a new key from now on; the former ones still hold for what they made."""
    place = _place(kind, ring, config_file)
    path = place.file
    fresh = place.load().rotated()
    save_ring(path, fresh)
    click.echo(f"{fresh.active} is active; {TAKEN_UP[kind]}")


@command.command("destroy")
@click.argument("key_id")
@_where
@click.option("--yes", is_flag=True, help="Don't ask.")
def destroy(key_id: str, kind: str, ring: Path | None, config_file: Path, yes: bool) -> None:
    """Destroy a key for good."""
    place = _place(kind, ring, config_file)
    path = place.file
    rest = place.load().without(key_id)
    _refuse_where_needed(place, key_id)
    if not yes:
        click.confirm(f"{LOST[kind]} Destroy {key_id}?", abort=True)
    save_ring(path, rest)
    click.echo(f"destroyed {key_id}; destroy its backups too")


def _refuse_where_needed(place: Place, key_id: str) -> None:
    """UserError where records wait that only this key opens."""
    spool = place.settings.spool if place.settings is not None and place.kind == "spool" else None
    for path in (spool.path, quarantine_path(spool.path)) if spool is not None else ():
        if not path.exists():
            continue
        with opened(path) as db:
            (waiting,) = db.execute("SELECT count(*) FROM records WHERE key = ?", (key_id,)).fetchone()
        if waiting:
            raise UserError(
                f"{waiting} records wait that are sealed with {key_id}: seal them anew with `gateway spool rekey`, or "
                f"give them up with `gateway spool drop --key {key_id}`",
                str(path),
            )
