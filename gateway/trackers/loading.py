"""Tracker files, read and checked together. Reads nothing itself: the shell hands in the texts.

Invariant: one file, one tracker, of the same name; a file that is wrong stops the start, it is never skipped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import PurePath

from gateway.core.yaml import parse, read_model
from gateway.trackers.schema import TrackerFile


def load_tracker(path: PurePath, text: str) -> TrackerFile:
    """One tracker file; `posthog.yaml` must say `tracker: posthog`."""
    source = parse(text, str(path))
    tracker = read_model(source, TrackerFile)
    if tracker.tracker != path.stem:
        raise source.error(f'"tracker": the file is named {path.name}, so this must be {path.stem}', ["tracker"])
    return tracker


def load_trackers(paths: Iterable[PurePath], read: Callable[[PurePath], str]) -> Mapping[str, TrackerFile]:
    """Every tracker by its name, in the order of names. `read` gives a path's text or raises UserError."""
    return {path.stem: load_tracker(path, read(path)) for path in sorted(paths, key=lambda one: one.stem)}
