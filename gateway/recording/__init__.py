"""The recorded page: event streams of session recorders, read into claims over one mirror of the page.

`RECORDINGS` is the visible list; the first that recognises a record by its shape reads it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from gateway.core.document import Map
from gateway.recording import rrweb
from gateway.recording.claim import PageReader


class Kind(NamedTuple):
    """One kind of recording."""

    name: str
    recognises: Callable[[Map], bool]
    reader: type[PageReader]


RECORDINGS: Final[tuple[Kind, ...]] = (Kind("rrweb", rrweb.recognises, rrweb.Reader),)


def reader_of(record: Map) -> type[PageReader] | None:
    """What reads this record, or None where it is no recorded event."""
    for kind in RECORDINGS:
        if kind.recognises(record):
            return kind.reader
    return None
