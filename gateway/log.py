"""Log lines: one JSON object each, on standard error, of a closed vocabulary.

An event has a name of `Event`, and exactly the fields that `FIELDS` lists for it, each of a kind that can't hold what a
visitor sent: a word of an enum, a count, a duration, an address of this machine's own listener, or the name of a route,
tracker, rule or file that the site owner wrote. A request's value, key, path, header or address is no argument; whoever
tries gets a TypeError. Invariant: no line holds anything out of a payload.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import Enum, StrEnum
from typing import Final, TextIO

import orjson

from gateway.core.yaml import one_line


class Event(StrEnum):
    """Everything that is ever logged."""

    STARTED = "started"
    RELOADED = "reloaded"
    RELOAD_FAILED = "reload_failed"
    STOPPED = "stopped"
    REFUSED = "refused"
    UPSTREAM_FAILED = "upstream_failed"
    COUNTED = "counted"
    DECIDED = "decided"
    FAULT = "fault"
    MASKER_ENDED = "masker_ended"
    DEBUG_ON = "debug_on"  # requests are kept as they came
    DEBUG_OFF = "debug_off"
    BACKED_UP = "backed_up"
    BACKUP_FAILED = "backup_failed"
    RESIDUE_FOUND = "residue_found"
    FIELD_APPEARED = "field_appeared"
    RULE_STOPPED = "rule_stopped"


class Method(StrEnum):
    """Request methods; whatever else a client makes up is OTHER."""

    GET = "GET"
    HEAD = "HEAD"
    POST = "POST"
    PUT = "PUT"
    PATCH = "PATCH"
    DELETE = "DELETE"
    OPTIONS = "OPTIONS"
    OTHER = "OTHER"


class Why(StrEnum):
    """Why something did not happen, where `Reason` has no word for it."""

    CONFIGURATION = "configuration"
    CERTIFICATE = "certificate"
    CONNECT = "connect"
    TIMEOUT = "timeout"


class Name(str):
    """An identifier that the site owner or this program wrote: a route, tracker, rule, fault, or `file:line`."""

    __slots__ = ()


Check = Callable[[object], object]


def _word(value: object) -> object:
    if isinstance(value, StrEnum):
        return value.value
    return _name(value)


def _count(value: object) -> object:
    if not isinstance(value, int) or isinstance(value, (bool, Enum)) or value < 0:
        raise TypeError("is no count")
    return value


def _duration(value: object) -> object:
    if not isinstance(value, (int, float)) or isinstance(value, (bool, Enum)) or not 0 <= value < 1e9:
        raise TypeError("is no duration in seconds")
    return round(value * 1000, 3)


def _name(value: object) -> object:
    if not isinstance(value, Name):
        raise TypeError("is no word of a closed list and no Name: only what our code or the site owner wrote is logged")
    return one_line(value[:1000])


# field → how it is checked and written
KINDS: Final[Mapping[str, Check]] = {
    "route": _name,
    "tracker": _name,
    "rule": _name,
    "where": _name,  # file:line of the site owner's own file
    "fault": _name,  # a defect's class and place in our code, never its message
    "version": _name,
    "place": _name,  # of keys that tracker files and rule files know
    "detector": _name,
    "program": _name,  # the digest of the rules
    "method": _word,
    "reason": _word,
    "why": _word,
    "status": _count,
    "bytes_in": _count,
    "routes": _count,
    "rules": _count,
    "count": _count,
    "verdict": _word,
    "signal": _name,  # what decided, of a closed list
    "region": _name,
    "duration_ms": _duration,  # given in seconds
}

_REQUEST: Final = ("route", "tracker", "method", "status", "duration_ms")

# event → its fields; a caller leaves out what it doesn't know
FIELDS: Final[Mapping[Event, tuple[str, ...]]] = {
    Event.STARTED: ("version", "program", "routes", "rules"),
    Event.RELOADED: ("program", "routes", "rules", "duration_ms"),
    Event.RELOAD_FAILED: ("where", "why"),
    Event.STOPPED: ("duration_ms",),
    Event.REFUSED: (*_REQUEST, "reason", "bytes_in"),
    Event.UPSTREAM_FAILED: (*_REQUEST, "why"),
    Event.COUNTED: ("route", "tracker", "rule", "verdict", "reason", "count"),
    Event.DECIDED: ("route", "verdict", "signal", "region", "count"),
    Event.FAULT: (*_REQUEST, "fault"),
    Event.MASKER_ENDED: ("why",),
    Event.DEBUG_ON: (),
    Event.DEBUG_OFF: (),
    Event.BACKED_UP: ("where", "count"),
    Event.BACKUP_FAILED: ("where",),
    Event.RESIDUE_FOUND: ("route", "tracker", "place", "detector", "count"),
    Event.FIELD_APPEARED: ("route", "tracker", "place"),
    Event.RULE_STOPPED: ("route", "tracker", "rule"),
}


def line(event: Event, fields: Mapping[str, object], at: datetime) -> bytes:
    """The line of one event. TypeError where the event, a field or a value's kind is not of the vocabulary."""
    if not isinstance(event, Event):
        raise TypeError("an event is a member of log.Event")
    written: dict[str, object] = {"at": at.isoformat(timespec="milliseconds"), "event": event.value}
    for name, value in fields.items():
        if name not in FIELDS[event]:
            raise TypeError(f"{event} has no field {name}")
        try:
            written[name] = KINDS[name](value)
        except TypeError as error:
            raise TypeError(f"{name} of {event} {error}") from None
    return orjson.dumps(written, option=orjson.OPT_APPEND_NEWLINE)


def emit(event: Event, **fields: object) -> None:
    """Writes one event to standard error."""
    write(event, sys.stderr, **fields)


def write(event: Event, stream: TextIO, /, **fields: object) -> None:
    """Writes one event to `stream`, in one write, so that lines of several processes don't mix."""
    stream.write(line(event, fields, datetime.now(UTC)).decode())
    stream.flush()


def method(name: str) -> Method:
    """A request's method as a word of the vocabulary."""
    return Method(name) if name in Method.__members__ else Method.OTHER
