"""`gateway reveal`: what a value that `with: encrypt` sealed was, for those who hold its key."""

from __future__ import annotations

from pathlib import Path

import click

from gateway.cli.keys import DEFAULT_RING
from gateway.core.errors import UserError
from gateway.keyring import load_ring
from gateway.operators.encrypt import key_id_of, reveal


@click.command("reveal")
@click.argument("sealed")
@click.option(
    "--place", required=True, help="The field it stood in, as `gateway mask --explain` names it: properties.email"
)
@click.option(
    "--ring", type=click.Path(path_type=Path), default=DEFAULT_RING, show_default=True, help="The key ring's file."
)
def command(sealed: str, place: str, ring: Path) -> None:
    """Read a sealed value again."""
    key_id = key_id_of(sealed)
    if key_id is None:
        raise UserError("this is no sealed value: one begins with enc1.")
    try:
        click.echo(reveal(sealed, place, load_ring(ring).key(key_id)))
    except ValueError as error:
        raise UserError(f"the value {error}") from None
