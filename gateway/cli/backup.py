"""`gateway backup`: an encrypted copy of keys, held events, configuration and rules. A running gateway makes one a day."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from gateway import backup, config
from gateway.cli.options import config_option
from gateway.core.errors import UserError


@click.command("backup")
@config_option
def command(config_file: Path) -> None:
    """Write an encrypted copy of keys, held events, configuration and rules."""
    loaded = config.load(config_file)
    if loaded.settings.backup is None:
        raise UserError("says nothing of backups: add `backup: {folder: …, key: env:NAME}`", str(config_file))
    path, written = back_up(loaded, loaded.settings.backup, config_file.parent, datetime.now(UTC))
    for one in written:
        click.echo(f"{one.path}\t{one.size} bytes")
    click.echo(f"wrote {path}; read again and whole")


def back_up(
    loaded: config.Configuration, settings: config.BackupSettings, base: Path, now: datetime
) -> tuple[Path, list[backup.Content]]:
    """A backup of a configuration's state, in its folder."""
    files = config.state_files(loaded)
    return backup.make(settings.folder, files, base, config.backup_key(settings), now, settings.keep)
