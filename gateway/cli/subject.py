"""What commands try things on: rules and trackers, from gateway.yaml or from rule files named alone.

Pseudonyms of a configuration are made with its key where it exists already; otherwise with a key of this run, so that
trying something out neither creates a key nor says what the running gateway would call a visitor.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import click

from gateway import config
from gateway.core.limits import Limits
from gateway.keyring import new_ring
from gateway.ruleset.keys import Keys
from gateway.ruleset.loading import load_rules
from gateway.ruleset.program import Program
from gateway.ruleset.schema import RuleFile
from gateway.trackers.loading import load_trackers
from gateway.trackers.schema import TrackerFile


@dataclass(frozen=True, slots=True)
class Subject:
    """Rules in effective order, all trackers, and what goes with them."""

    rules: tuple[RuleFile, ...]
    trackers: Mapping[str, TrackerFile]
    key: Keys
    limits: Limits

    def program(self, trackers: Sequence[str] = ()) -> Program:
        """What runs on a route with these trackers; none means all."""
        return Program(
            self.rules,
            self.trackers,
            names=trackers,
            key=self.key,
            today=datetime.now(UTC).date(),
            clock=time.monotonic,
            limits=self.limits,
        )


def trackers_option[F: Callable[..., object]](command: F) -> F:
    """`--trackers FILE`, for every command that tries things."""
    return click.option(
        "--trackers",
        "tracker_files",
        multiple=True,
        metavar="FILE",
        type=click.Path(path_type=Path),
        help="A tracker file of your own, beside the packaged ones.",
    )(command)


def load_subject(config_file: Path | None, rules: Sequence[str], tracker_files: Sequence[Path] = ()) -> Subject:
    """The rules of `config_file`, or those named by `rules` (none: the default ones). Raises UserError."""
    own = tuple(tracker_files)
    if config_file is not None:
        loaded = config.load(config_file, trackers=own)
        told = loaded.settings.masking_key
        exists = told.file is None or told.file.exists()
        key = config.masking_keys(loaded.settings) if exists else new_ring()
        if not rules:
            return Subject(
                loaded.rules, loaded.trackers, config.keys_of(loaded, key), loaded.settings.limits.as_limits()
            )
        own = (*loaded.settings.trackers, *own)
    else:
        key = new_ring()
    trackers = load_trackers([*config.tracker_paths(), *own], config.read_text)
    files = load_rules(
        [str(rule) for rule in rules], Path(), config.built_in_rules(), config.read_text, config.known_names(trackers)
    )
    return Subject(files, trackers, Keys(key.oldest, ("trial", key.oldest)), Limits())
