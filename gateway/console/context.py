"""What is tried is tried beside what is live: the live blueprint, and how rule files are found."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path, PurePath

from gateway import config
from gateway.config import Configuration
from gateway.keyring import load_ring
from gateway.maskers.blueprint import Blueprint
from gateway.recording.sessions import Sessions
from gateway.ruleset.loading import load_rules
from gateway.ruleset.program import Program
from gateway.ruleset.secrets import Memories


@dataclass(frozen=True)
class Context:
    """Plain data, which the front hands to its workshop. `packed` is the live blueprint, `base` the folder of gateway.yaml."""

    packed: bytes = field(repr=False)
    names: tuple[str, ...]  # `rules` of gateway.yaml
    base: Path
    encryption_keys: Path
    where: str = ""
    asks_consent: bool = False

    @property
    def blueprint(self) -> Blueprint:
        """What is live."""
        return _unpacked(self.packed)

    def candidate(self, texts: Mapping[Path, str]) -> Blueprint:
        """What would be live if these files had these texts. Raises `FileErrors` and `UserError`."""
        live = self.blueprint
        changed = {os.path.realpath(path): text for path, text in texts.items()}

        def reader(path: PurePath) -> str:
            text = changed.get(os.path.realpath(path))
            return config.read_text(path) if text is None else text

        known = config.known_names(live.trackers)
        files = load_rules(self.names, self.base, config.built_in_rules(), reader, known, where=self.where)
        config.check_consent(files, asked=self.asks_consent)
        keys = live.keys
        if keys.sealing is None and config.seals(files):
            keys = replace(keys, sealing=load_ring(self.encryption_keys).sealing)
        return replace(live, rules=files, keys=keys)


@lru_cache(maxsize=2)
def _unpacked(packed: bytes) -> Blueprint:
    return Blueprint.unpacked(packed)


def program_of(blueprint: Blueprint, trackers: Sequence[str] = (), unrecognised: str = "detect") -> Program:
    """A Program for these trackers (none: any), with sessions of its own."""
    return Program(
        blueprint.rules,
        blueprint.trackers,
        names=trackers,
        key=blueprint.keys,
        today=blueprint.today,
        clock=time.monotonic,
        limits=blueprint.limits,
        unrecognised=unrecognised,
        sessions=Sessions(blueprint.kept.most, blueprint.kept.nodes, blueprint.kept.idle),
        memories=Memories(blueprint.keys.master, blueprint.kept.most, blueprint.kept.secrets, blueprint.kept.idle),
    )


def program_for(blueprint: Blueprint, route: str) -> Program:
    """A route's Program, with sessions of its own; one for any tracker where there is no such route."""
    told = blueprint.routes.get(route)
    return program_of(blueprint, told.trackers, told.unrecognised) if told is not None else program_of(blueprint)


def context_of(configuration: Configuration, packed: bytes, base: Path) -> Context:
    """The context of what is live."""
    settings = configuration.settings
    asks = settings.visitors.consent is not None
    return Context(packed, settings.rules, base, settings.encryption_keys, settings.where, asks)
