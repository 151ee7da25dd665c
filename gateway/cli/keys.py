"""`gateway keys`: the key ring that `with: encrypt` seals with. Keys are never printed."""

from __future__ import annotations

from pathlib import Path

import click

from gateway.keyring import load_ring, new_ring, save_ring

DEFAULT_RING = Path("var/encryption-keys.json")

_ring = click.option(
    "--ring", type=click.Path(path_type=Path), default=DEFAULT_RING, show_default=True, help="The key ring's file."
)


@click.group("keys")
def command() -> None:
    """Make, rotate and destroy the keys of the operator `encrypt`."""


@command.command("create")
@_ring
def create(ring: Path) -> None:
    """Make a key ring with a first key."""
    fresh = new_ring()
    save_ring(ring, fresh, create=True)
    click.echo(f"made {ring} with the key {fresh.active}; back it up: without it sealed values can't be read")


@command.command("list")
@_ring
def list_keys(ring: Path) -> None:
    """Show the keys' ids."""
    loaded = load_ring(ring)
    for name in loaded.keys:
        click.echo(f"{name}\t{'active' if name == loaded.active else 'opens only'}")
    for name in loaded.destroyed:
        click.echo(f"{name}\tdestroyed")


@command.command("rotate")
@_ring
def rotate(ring: Path) -> None:
    """Seal with a new key from now on; the old ones still open what they sealed."""
    fresh = load_ring(ring).rotated()
    save_ring(ring, fresh)
    click.echo(f"{fresh.active} is active; a running gateway takes it up at its next reload (SIGHUP)")


@command.command("destroy")
@click.argument("key_id")
@_ring
@click.option("--yes", is_flag=True, help="Don't ask.")
def destroy(key_id: str, ring: Path, yes: bool) -> None:
    """Destroy a key: what was sealed with it can never be read again."""
    loaded = load_ring(ring)
    rest = loaded.without(key_id)
    if not yes:
        click.confirm(f"What was sealed with {key_id} can never be read again. Destroy it?", abort=True)
    save_ring(ring, rest)
    click.echo(f"destroyed {key_id}; destroy its backups too")
