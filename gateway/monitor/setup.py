"""The monitor that a configuration asks for."""

from __future__ import annotations

from collections.abc import Iterable

from gateway import log
from gateway.config import Configuration
from gateway.monitor.monitor import Knowledge, Monitor


def make_monitor(configuration: Configuration, digests: Iterable[str]) -> Monitor | None:
    """What reads a sample again, where the configuration says so. `digests`: of the Programs that mask now."""
    settings = configuration.settings.monitor
    if settings is None:
        return None
    return Monitor(settings.sample, settings.learn, knowledge_of(configuration, digests), log.emit)


def knowledge_of(configuration: Configuration, digests: Iterable[str]) -> Knowledge:
    """What the monitor knows: the names in the site owner's files and the packaged ones, and what masks now."""
    routes = (route.label for route in configuration.settings.routes)
    return Knowledge.of(configuration.rules, configuration.trackers, routes, digests)
