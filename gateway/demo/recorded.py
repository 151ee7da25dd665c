"""What the demo shows: a visitor who does not exist, and the requests that real trackers sent of her visit.

`shop.html` was opened in Chromium with rrweb, posthog-js and @sentry/browser in turn, and `persona.json` typed into it.
`traffic/<tracker>.jsonl` holds the requests as they came, one a line: a body that is UTF-8 as text, others as base64.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

from gateway.core.message import Headers

TRACKERS: Final = {"posthog": "PostHog", "sentry": "Sentry", "rrweb": "rrweb"}
"""Name → title, in the order in which they are shown; a tracker's requests begin with its name as a path."""


@dataclass(frozen=True, slots=True)
class Fact:
    """Something about the visitor. `tells` are parts or other spellings that give it away by themselves."""

    name: str
    label: str
    value: str
    how: str
    tells: tuple[str, ...] = ()

    @property
    def is_typed(self) -> bool:
        """Whether she typed or chose it; otherwise the page, the browser or the network knew it."""
        return self.how == "typed"


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it was on the wire. `at` is in milliseconds since the tracker's first one."""

    method: str
    target: str
    headers: Headers
    body: bytes
    at: int = 0


def read_file(name: str) -> str:
    """The text of a file of this package."""
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def load_persona() -> tuple[Fact, ...]:
    """Everything that must not arrive."""
    return tuple(
        Fact(one["name"], one["label"], one["value"], one["how"], tuple(one["tells"]))
        for one in json.loads(read_file("persona.json"))
    )


def load_traffic(tracker: str) -> tuple[Request, ...]:
    """A tracker's requests, in order."""
    return tuple(_requests(read_file(f"traffic/{tracker}.jsonl")))


def _requests(text: str) -> Iterator[Request]:
    for line in text.split("\n"):  # str.splitlines would also split at U+2028, which JSON strings may hold
        if line:
            told = json.loads(line)
            body = told["body"].encode() if "body" in told else base64.b64decode(told["body_b64"])
            headers = Headers((str(name), str(value)) for name, value in told["headers"])
            yield Request(told["method"], told["target"], headers, body, told["at"])
