"""Tracker files, read and checked together. Reads nothing itself: the shell hands in the texts.

Invariant: one file, one tracker, of the same name, and no name twice; a file that is wrong stops the start, it is never
skipped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import PurePath
from typing import Final

from gateway.core.errors import UserError
from gateway.core.yaml import parse, read_model
from gateway.trackers.schema import TrackerFile

EVERY: Final = "_any"  # holds what means the same in all of them


def load_tracker(path: PurePath, text: str) -> TrackerFile:
    """One tracker file; `posthog.yaml` must say `tracker: posthog`."""
    source = parse(text, str(path))
    tracker = read_model(source, TrackerFile)
    if tracker.tracker != path.stem:
        raise source.error(f'"tracker": the file is named {path.name}, so this must be {path.stem}', ["tracker"])
    if tracker.tracker.startswith("_") and tracker.tracker != EVERY:
        raise source.error('"tracker": a name that begins with _ is no tracker\'s', ["tracker"])
    return tracker


def load_trackers(paths: Iterable[PurePath], read: Callable[[PurePath], str]) -> Mapping[str, TrackerFile]:
    """Every tracker by its name, in the order of names. `read` gives a path's text or raises UserError.

    Of two files with one name the later one is the mistake: the packaged ones come first.
    """
    found: dict[str, TrackerFile] = {}
    for path in sorted(paths, key=lambda one: one.stem):  # stable: the packaged one of a name stays ahead
        if path.stem in found:
            raise UserError(
                f'there is a tracker "{path.stem}" already: give this file and its tracker another name', str(path)
            )
        found[path.stem] = load_tracker(path, read(path))
    return found
