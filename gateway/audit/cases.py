"""Cases: requests in the shape of a tracker file, with people planted in every place that the file and the rules know.

A tracker file says how its requests look (`match`) and where which category stands (`places`); from these alone a request
is made that is recognised as that tracker's and carries a person in each of its places, in the general ones (typed input,
traits, sensitive keys, free text, keys, URLs, headers, cookies, the path) and in a recorded page. Then it is coded: the
ways that real trackers send their bodies.
"""

from __future__ import annotations

import base64
import gzip
import json
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final
from urllib.parse import quote, urlencode

import brotli
import zstandard

from gateway.audit.people import DETECTED, Person
from gateway.core.category import Category
from gateway.core.message import Headers, Inbound
from gateway.trackers.path import FieldPath, Wild
from gateway.trackers.schema import Match, TrackerFile


@dataclass(frozen=True, slots=True)
class Planted:
    """One value of one person, and where it was put."""

    person: int
    kind: str
    value: str
    place: str


@dataclass(slots=True)
class Case:
    """One request with all that was planted in it."""

    tracker: str
    coding: str
    inbound: Inbound
    planted: list[Planted] = field(default_factory=list)


type Coding = Callable[[Any], tuple[bytes, list[tuple[str, str]]]]


def _json(told: Any) -> bytes:
    return json.dumps(told, ensure_ascii=False).encode()


def _packed(told: Any) -> bytes:
    return _json({"packed": gzip.compress(_json(told), mtime=0).decode("latin-1")})


CODINGS: Final[Mapping[str, Coding]] = {
    "json": lambda told: (_json(told), [("Content-Type", "application/json")]),
    "json as text": lambda told: (_json(told), [("Content-Type", "text/plain")]),
    "json escaped": lambda told: (json.dumps(told).encode(), [("Content-Type", "application/json")]),
    "gzip": lambda told: (gzip.compress(_json(told), mtime=0), [("Content-Encoding", "gzip")]),
    "gzip hidden": lambda told: (gzip.compress(_json(told), mtime=0), [("Content-Type", "text/plain")]),
    "zlib hidden": lambda told: (zlib.compress(_json(told)), []),
    "deflate": lambda told: (zlib.compress(_json(told)), [("Content-Encoding", "deflate")]),
    "brotli": lambda told: (brotli.compress(_json(told)), [("Content-Encoding", "br")]),
    "zstd": lambda told: (zstandard.ZstdCompressor().compress(_json(told)), [("Content-Encoding", "zstd")]),
    "form of base64": lambda told: (
        urlencode({"data": base64.b64encode(_json(told)).decode()}).encode(),
        [("Content-Type", "application/x-www-form-urlencoded")],
    ),
    "form of json": lambda told: (
        urlencode({"data": _json(told).decode()}).encode(),
        [("Content-Type", "application/x-www-form-urlencoded")],
    ),
    "json in json": lambda told: (_json({"payload": _json(told).decode()}), [("Content-Type", "application/json")]),
    "json in json in json": lambda told: (_json({"a": _json({"b": _json(told).decode()}).decode()}), []),
    "base64url in json": lambda told: (
        _json({"payload": base64.urlsafe_b64encode(_json(told)).decode().rstrip("=")}),
        [("Content-Type", "application/json")],
    ),
    "gzip in latin-1 in json": lambda told: (_packed(told), [("Content-Type", "application/json")]),
    "ndjson": lambda told: (_json({"line": 1}) + b"\n" + _json(told) + b"\n", [("Content-Type", "text/plain")]),
    "utf-16": lambda told: (
        json.dumps(told, ensure_ascii=False).encode("utf-16"),
        [("Content-Type", "application/json; charset=utf-16")],
    ),
}
"""How real trackers send a body, and how one could try to send it past a reader."""

_TEXT: Final = {
    Category.PAGE_TEXT, Category.EVENT_PROPERTIES, Category.DATA_LOGS,
}  # fmt: skip
_KINDS: Final[Mapping[Category, tuple[str, ...]]] = {
    Category.FORM_INPUTS: ("typed", "name", "card", "password"),
    Category.USER_TRAITS: ("name", "email", "phone", "street"),
    Category.DEVICE_IDS: ("device",),
    Category.IP_ADDRESSES: ("ipv4", "ipv6"),
    Category.LOCATION: ("street",),
} | dict.fromkeys(_TEXT, DETECTED)


def cases(trackers: Sequence[TrackerFile], people: Iterator[Person], each: int) -> Iterator[Case]:
    """Cases until the people are used up, `each` people a case; trackers and codings take turns, so that all pairs meet."""
    names = list(CODINGS)
    number = 0
    while group := list(islice(people, each)):
        tracker = trackers[number % len(trackers)]
        coding = names[(number // len(trackers)) % len(names)]
        yield make_case(tracker, coding, group, number)
        number += 1


def make_case(tracker: TrackerFile, coding: str, group: Sequence[Person], number: int) -> Case:
    """One request of this tracker with these people in it."""
    planted: list[Planted] = []
    document: dict[str, Any] = {}
    match = next(
        (entry for entry in tracker.match if entry.path), tracker.match[0] if tracker.match else Match(path=("/x",))
    )
    for path in match.body:
        put(document, path, "x")
    # who stands in a place that says what it holds is a secret of the request: who stands in free text must be another
    half = (len(group) + 1) // 2
    told, free = group[:half], group[half:] or group[:half]
    turn = number
    for category, paths in tracker.places.items():
        crowd = free if category in _TEXT else told
        kinds = _KINDS.get(category, ())
        for path in paths if kinds else ():
            person = crowd[turn % len(crowd)]
            kind = kinds[turn % len(kinds)]
            turn += 1
            value = person.values[kind]
            if put(document, path, f"seen {value} here" if category in _TEXT else value):
                planted.append(Planted(person.number, kind, value, str(path)))
    document["people"] = [_told(person, planted) for person in told] + [_free(person, planted) for person in free]
    document["events"] = [*_page(told, free, planted), *_as_list(document.get("events"))]
    body, fields = CODINGS[coding](document)
    first = told[0]
    fields += _fields(first, planted)
    target = _target(match, free[-1], planted)
    inbound = Inbound(
        match.method[0] if match.method else "POST",
        target,
        Headers([*fields, *((name, _filled(glob)) for name, glob in match.headers.items())]),
        body,
        host=_filled(match.host[0]) if match.host else "collect.example",
        peer=first.values["ipv4"],
        client=first.values["ipv4"],
    )
    return Case(tracker.tracker, coding, inbound, planted)


def put(document: dict[str, Any], path: FieldPath, value: Any) -> bool:
    """Puts a value at a field path (`**` as a map `data`, `*` as `any`); False where something stands in the way."""
    steps = [step for step in path.steps if step is not Wild.ANY]
    keys = ["any" if step is Wild.ONE else str(step) for step in steps]
    if path.steps[0] is Wild.ANY and len(keys) == 1:
        keys = ["data", *keys]
    holder: Any = document
    for key in keys[:-1]:
        inner = holder.setdefault(key, {})
        if not isinstance(inner, dict):
            return False
        holder = inner
    if keys[-1] in holder:
        return False
    holder[keys[-1]] = value
    return True


def _planter(person: Person, planted: list[Planted]) -> Callable[..., str]:
    def plant(kind: str, place: str, told: str = "{}") -> str:
        planted.append(Planted(person.number, kind, person.values[kind], place))
        return told.format(person.values[kind])

    return plant


def _told(person: Person, planted: list[Planted]) -> dict[str, Any]:
    """A person in the places that say what they hold, whichever tracker."""
    plant = _planter(person, planted)
    return {
        "traits": {"name": plant("name", "traits"), "address": plant("street", "traits")},
        "password": plant("password", "sensitive key"),
        "email": plant("email", "sensitive key"),
        "anonymousId": plant("device", "device id"),
        "userId": plant("user", "user id"),
        "element": {"tagName": "input", "type": "text", "value": plant("typed", "an element's value")},
        "request": {
            "method": "POST",
            "url": "/pay",
            "body": plant("name", "a recorded request"),
            "headers": {"x": "y"},
        },
        "page": plant("token", "a URL's query", "https://shop.example/pay?session={}#top"),
    }


def _free(person: Person, planted: list[Planted]) -> dict[str, Any]:
    """A person in text that says nothing of what it holds: what the detectors find."""
    plant = _planter(person, planted)
    return {
        "properties": {f"note {kind}": plant(kind, "free text", "call {} now") for kind in DETECTED},
        "number": int(plant("card", "a number")),
        "list": [plant(kind, "a list") for kind in ("email", "iban", "phone")],
        plant("email", "a key"): 1,
        "link": plant("email", "a URL's query", "https://shop.example/u?q={}"),
        "percent": quote(plant("email", "percent escapes"), safe=""),
    }


def _page(told: Sequence[Person], free: Sequence[Person], planted: list[Planted]) -> Iterator[dict[str, Any]]:
    """A recorded page of rrweb: a snapshot with fields and texts, then typing a key at a time, then a private text."""
    nodes: list[dict[str, Any]] = []
    typing: list[dict[str, Any]] = []
    for at, person in enumerate(told):
        base = 100 + 10 * at
        values, other = person.values, free[at % len(free)]
        field_node = {
            "type": 2,
            "tagName": "input",
            "attributes": {"type": "text", "value": values["name"]},
            "childNodes": [],
            "id": base,
        }
        private = {
            "type": 2, "tagName": "p", "attributes": {"data-private": ""}, "id": base + 1,
            "childNodes": [{"type": 3, "textContent": f"for {values['name']}", "id": base + 2}],
        }  # fmt: skip
        text = {
            "type": 2, "tagName": "p", "attributes": {"title": f"ask {other.values['email']}"}, "id": base + 3,
            "childNodes": [{"type": 3, "textContent": f"pay to {other.values['iban']}", "id": base + 4}],
        }  # fmt: skip
        nodes += [field_node, private, text]
        planted += [
            Planted(person.number, "name", values["name"], "a preset field"),
            Planted(person.number, "name", values["name"], "a private element"),
            Planted(other.number, "email", other.values["email"], "an attribute"),
            Planted(other.number, "iban", other.values["iban"], "a page's text"),
            Planted(person.number, "typed", values["typed"], "typed text"),
            Planted(person.number, "street", values["street"], "a text added in private"),
        ]
        typing += [
            {
                "type": 3,
                "data": {"source": 5, "id": base, "text": values["typed"][:end], "isChecked": False},
                "timestamp": 3,
            }
            for end in (6, 9, len(values["typed"]))
        ]
        added = {
            "parentId": base + 1,
            "nextId": None,
            "node": {"type": 3, "textContent": values["street"], "id": base + 5},
        }
        change = {"source": 0, "texts": [], "attributes": [], "removes": [], "adds": [added]}
        typing.append({"type": 3, "data": change, "timestamp": 4})
    body = {"type": 2, "tagName": "body", "attributes": {}, "childNodes": nodes, "id": 3}
    html = {"type": 2, "tagName": "html", "attributes": {}, "childNodes": [body], "id": 2}
    snapshot = {"node": {"type": 0, "childNodes": [html], "id": 1}, "initialOffset": {"left": 0, "top": 0}}
    yield {"type": 2, "data": snapshot, "timestamp": 2}
    yield from typing


def _fields(person: Person, planted: list[Planted]) -> list[tuple[str, str]]:
    values = person.values
    planted += [
        Planted(person.number, "user", values["user"], "a cookie"),
        Planted(person.number, "token", values["token"], "the Authorization field"),
        Planted(person.number, "email", values["email"], "the Referer field"),
        Planted(person.number, "email", values["email"], "a field of the tracker's own"),
    ]
    return [
        ("Cookie", f"sid={values['user']}"),
        ("Authorization", f"Bearer {values['token']}"),
        ("Referer", f"https://shop.example/pay?mail={quote(values['email'])}"),
        ("X-Client-Note", f"by {values['email']}"),
        (
            "User-Agent",
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36",
        ),
    ]


def _target(match: Match, person: Person, planted: list[Planted]) -> str:
    planted.append(Planted(person.number, "email", person.values["email"], "the query"))
    told = {name: _filled(glob) for name, glob in match.query.items()} | {"mail": person.values["email"]}
    path = _filled(match.path[0]) if match.path else "/x"
    return f"{path if path.startswith('/') else '/' + path}?{urlencode(told)}"


def _filled(glob: str) -> str:
    return glob.replace("*", "x")


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]
