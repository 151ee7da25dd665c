"""A request's path by the tracker file's own words: the glob that it fits, never what stands in it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import translate

from gateway.trackers.schema import TrackerFile


class Shapes:
    """The globs of some trackers' paths; of several that fit, the plainest wins: no star, then the longest."""

    def __init__(self, trackers: Iterable[TrackerFile] = ()) -> None:
        globs = {glob for tracker in trackers for glob in _paths(tracker)} - {"*"}
        self._plain = frozenset(glob for glob in globs if not set(glob) & set("*?["))
        self._globs = sorted(globs - self._plain, key=lambda glob: (-len(glob), glob))
        self._any = re.compile("|".join(f"({translate(glob)})" for glob in self._globs) or r"(?!)")

    def of(self, path: str) -> str:
        """The glob that a path fits; empty where it fits none."""
        if path in self._plain:
            return path
        found = self._any.match(path)
        return self._globs[found.lastindex - 1] if found is not None and found.lastindex else ""


def _paths(tracker: TrackerFile) -> Iterable[str]:
    for entry in tracker.match:
        yield from entry.path
    yield from tracker.ingest
    yield from tracker.unsupported
    for told in (tracker.replies, tracker.answers.opted_out, tracker.answers.accepted):
        for one in told:
            yield from one.path
