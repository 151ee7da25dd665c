"""A configuration → what its maskers compile. Apart, since a masker itself never reads a configuration."""

from __future__ import annotations

from datetime import UTC, datetime

from gateway import config
from gateway.config import Configuration
from gateway.keyring import KeyRing
from gateway.maskers.blueprint import Blueprint, Kept, RouteRules


def blueprint_of(configuration: Configuration, ring: KeyRing) -> Blueprint:
    """What the Programs of a configuration are made of. `ring` holds the masking keys."""
    kept = configuration.settings.sessions
    return Blueprint(
        rules=configuration.rules,
        trackers=configuration.trackers,
        routes={
            route.label: RouteRules(() if route.is_auto else route.tracker, route.unrecognised)
            for route in configuration.settings.routes
        },
        keys=config.keys_of(configuration, ring),
        today=datetime.now(UTC).date(),
        limits=configuration.settings.limits.as_limits(),
        kept=Kept(kept.most, kept.nodes, kept.secrets, kept.idle),
    )
