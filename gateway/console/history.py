"""Which rules were live when: a line for each start and reload at which a file's text or a digest changed, sealed.

Whoever publishes says so beforehand; a change that nobody announced was made on the disk. The last line of a file holds its
live text, so a text is never lost by being overwritten.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from gateway.console.database import Database, Line
from gateway.console.rulefile import OnDisk, etag_of, text_of

KIND: Final = "rules"
MOST: Final = 2000
ON_DISK: Final = "on disk"
CONFIGURATION: Final = ""
"""The name of no file: gateway.yaml, trackers or keys changed."""


@dataclass(frozen=True, slots=True)
class Edition:
    """One line. `file` went live with `text`; `digests` are those of all programs then. Times: seconds since 1970."""

    number: int
    at: float
    file: str
    etag: str
    text: str
    who: str
    by: str
    note: str
    digests: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Announced:
    """Who is about to publish what."""

    file: str
    etag: str
    who: str
    by: str
    note: str


class History:
    """The history of a console's rules."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._announced: Announced | None = None

    def announce(self, announced: Announced | None) -> None:
        """The next line with this text is this one's."""
        self._announced = announced

    def record(self, files: Sequence[OnDisk], digests: Sequence[str]) -> None:
        """Writes down what is live now, where that is news."""
        with self._database.changing():
            newest = self.read(most=1)
            changed = False
            for file in files:
                if file.built_in:
                    continue
                text = text_of(file)
                last = self._last(file.name)
                if last is None or last.etag != etag_of(text):
                    self._write(file.name, text, digests)
                    changed = True
            if not changed and newest and newest[0].digests != tuple(digests):
                self._write(CONFIGURATION, "", digests)

    def read(self, *, before: int | None = None, most: int = 100) -> list[Edition]:
        """The newest lines, newest first."""
        return [_edition(line) for line in self._database.lines(KIND, before=before, most=most)]

    def get(self, number: int) -> Edition | None:
        """One line."""
        line = self._database.line(KIND, number)
        return _edition(line) if line is not None else None

    def _last(self, name: str) -> Edition | None:
        return next((one for one in self.read(most=MOST) if one.file == name), None)

    def _write(self, name: str, text: str, digests: Sequence[str]) -> None:
        told = self._announced
        mine = told is not None and (told.file, told.etag) == (name, etag_of(text))
        said: dict[str, Any] = {
            "file": name,
            "etag": etag_of(text),
            "text": text,
            "who": told.who if told is not None and mine else "",
            "by": told.by if told is not None and mine else ON_DISK,
            "note": told.note if told is not None and mine else "",
            "digests": list(digests),
        }
        self._database.append(KIND, time.time(), said, most=MOST)


def _edition(line: Line) -> Edition:
    said = line.said
    return Edition(
        line.number, line.at, said["file"], said["etag"], said["text"], said["who"], said["by"], said["note"],
        tuple(said["digests"]),
    )  # fmt: skip
