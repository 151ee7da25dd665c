"""The recorded page: event streams of session recorders, read into claims over one mirror of the page.

`RECORDINGS` is the visible list; the first that recognises a record by its shape reads it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from gateway.core.document import Map
from gateway.recording import chunks, clarity, datadog, datadog_action, openreplay, rrweb, smartlook
from gateway.recording.claim import PageReader


class Kind(NamedTuple):
    """One kind of recording."""

    name: str
    recognises: Callable[[Map], bool]
    reader: type[PageReader]
    tells_session: bool = False  # its records hold the keys of the session that they belong to


RECORDINGS: Final[tuple[Kind, ...]] = (
    Kind("cut", chunks.recognises, chunks.Reader),
    Kind("rrweb", rrweb.recognises, rrweb.Reader),
    Kind("datadog", datadog.recognises, datadog.Segment, tells_session=True),
    Kind("openreplay", openreplay.recognises, openreplay.Reader),
    Kind("smartlook", smartlook.recognises, smartlook.Reader),
    Kind("clarity", clarity.recognises, clarity.Reader),
    Kind("datadog action", datadog_action.recognises, datadog_action.Reader, tells_session=True),
)


def reader_of(record: Map) -> type[PageReader] | None:
    """What reads this record, or None where it is no recorded event."""
    for kind in RECORDINGS:
        if kind.recognises(record):
            return kind.reader
    return None


def tells_session(reader: type[PageReader]) -> bool:
    """Whether the records that this one reads say which session and page they belong to."""
    return any(kind.tells_session for kind in RECORDINGS if kind.reader is reader)
