"""`gateway restore`: puts a backup's files back, once it is found whole; never over what is newer, unless told so."""

from __future__ import annotations

import os
from pathlib import Path

import click

from gateway import backup, config
from gateway.core.errors import UserError


@click.command("restore")
@click.argument("source", type=click.Path(path_type=Path), metavar="BACKUP|FOLDER")
@click.option(
    "--key", "key_name", default="env:GATEWAY_BACKUP_KEY", show_default=True, metavar="env:NAME|file:PATH",
    help="Where the key is that it was sealed with.",
)  # fmt: skip
@click.option(
    "--directory", type=click.Path(path_type=Path, file_okay=False), default=Path(),
    help="The folder of gateway.yaml; this one unless told.",
)  # fmt: skip
@click.option("--list", "only_list", is_flag=True, help="Say what is in it, and whether it is whole; change nothing.")
@click.option("--force", is_flag=True, help="Also over files that are newer than the backup.")
def command(source: Path, key_name: str, directory: Path, *, only_list: bool, force: bool) -> None:
    """Put a backup's files back (of a folder, those of its newest). Stop the gateway first."""
    if source.is_dir():
        found = backup.backups_in(source)
        if not found:
            raise UserError("holds no backup", str(source))
        source = found[0]
    key = config.key_of(config.secret_of(key_name, Path()), "--key", os.environ)
    if only_list:
        for content in backup.read(source, key):
            click.echo(f"{content.path}\t{content.size} bytes")
        click.echo(f"{source} is whole")
        return
    for place, changed in backup.restore(source, directory, key, force=force):
        click.echo(f"{place}\t{'put back' if changed else 'is the same'}")
    click.echo(f"restored {source}; start the gateway, or SIGHUP where only rules changed")
