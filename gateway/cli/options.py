"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from gateway import config


def config_option[F: Callable[..., object]](command: F) -> F:
    """`--config FILE`, for every command that works on one gateway."""
    return click.option(
        "--config",
        "config_file",
        type=click.Path(path_type=Path),
        default=config.FILE_NAME,
        show_default=True,
        help="The configuration.",
    )(command)
