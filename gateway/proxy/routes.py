"""Routes, and the plan that one request is served by: everything that a reload may swap, frozen and swapped as a whole.

The longest match wins: a route with a host before one without, then the longer path. Paths match whole segments of the
raw path (`/t/` takes `/t` and `/t/e`, never `/tx`); nothing is decoded, so what reaches the upstream is what came.
"""

from __future__ import annotations

import re
import ssl
from base64 import b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Protocol
from urllib.parse import urljoin, urlsplit

from gateway.core.limits import Limits
from gateway.core.message import Inbound
from gateway.core.outcome import Outcome
from gateway.maskers.pool import Edition
from gateway.policy.choice import Choice
from gateway.policy.consent import Consent
from gateway.policy.signals import OptOut
from gateway.proxy.geography import Geography
from gateway.proxy.trust import Trust, read_address
from gateway.ruleset.keys import Keys
from gateway.trackers.schema import OptedOut
from gateway.trackers.shape import Shapes

_URL = re.compile(r"[!-\[\]-~]*")


class Masker(Protocol):
    """The pipeline with its Program and its sessions, in this process. Called from several threads; never sees a socket."""

    def mask(self, inbound: Inbound) -> Outcome:
        """What may become of this request. Expected to refuse rather than raise; what it raises forwards nothing."""
        ...


@dataclass(frozen=True, slots=True)
class Ingest:
    """Which of a tracker's paths take events, and what the SDK is told once they are kept."""

    paths: tuple[str, ...] = ()
    accepted: tuple[OptedOut, ...] = ()


@dataclass(frozen=True, slots=True)
class Egress:
    """The proxy through which a backend is reached, by CONNECT. `credentials` are `user:password`."""

    url: str
    credentials: str = field(default="", repr=False)

    @property
    def fields(self) -> dict[str, str] | None:
        """What the proxy is told, and the backend never."""
        if not self.credentials:
            return None
        return {"Proxy-Authorization": f"Basic {b64encode(self.credentials.encode()).decode()}"}


@dataclass(frozen=True, slots=True)
class Route:
    """One host and/or path prefix in front of one backend. `upstream` is an origin with an optional base path."""

    name: str
    upstream: str
    host: str = ""
    path: str = "/"
    record: bool = True
    record_mobile: bool = True
    tls: ssl.SSLContext | None = None
    egress: Egress | None = None
    set_cookies: tuple[str, ...] = ()  # names or globs that the tracker's backend may set
    opted_out: tuple[OptedOut, ...] = ()
    ingest: Mapping[str, Ingest] = field(default_factory=dict)  # by tracker
    is_queued: bool = False  # kept first, then delivered
    quarantines: bool = False  # what can't be read is kept, sealed, for other rules
    shapes: Shapes = field(default_factory=Shapes)  # of its trackers' paths, as people are shown them

    @property
    def base(self) -> str:
        """The upstream without a slash at its end: a target in origin form follows it."""
        return self.upstream.rstrip("/")

    @property
    def origin(self) -> str:
        """Scheme and authority of the upstream."""
        scheme, _, rest = self.upstream.partition("://")
        return f"{scheme}://{rest.partition('/')[0]}"

    def strip(self, target: str) -> str | None:
        """The target behind this route's prefix, in origin form; None where it is not under the prefix."""
        prefix = self.path.rstrip("/")
        path, mark, query = target.partition("?")
        if path != prefix and not path.startswith(prefix + "/"):
            return None
        return (path[len(prefix) :] or "/") + mark + query

    def locate(self, target: str, location: str) -> str | None:
        """A backend's `Location` as the browser must see it: under this route's prefix.

        None where it leads to another origin or above the upstream's path: a browser that followed it would bring its
        address, and with 307 and 308 its unmasked body, to whoever that is.
        """
        if not _URL.fullmatch(location):
            return None  # browsers drop tabs and read a backslash as a slash: `/\\elsewhere`
        try:
            parts = urlsplit(urljoin(self.base + target, location))
        except ValueError:
            return None
        base = urlsplit(self.base)
        if (parts.scheme, parts.netloc.lower()) != (base.scheme, base.netloc.lower()):
            return None
        if parts.path != base.path and not parts.path.startswith(base.path + "/"):
            return None
        rest = parts.path[len(base.path) :] or "/"
        if rest.startswith("//"):
            return None
        tail = (f"?{parts.query}" if parts.query else "") + (f"#{parts.fragment}" if parts.fragment else "")
        return self.path.rstrip("/") + rest + tail


@dataclass(frozen=True, slots=True)
class Plan:
    """How requests are served until the next reload. With `must_say_https`, only what a trusted proxy vouches for."""

    masker: Masker | Edition
    routes: tuple[Route, ...]
    opt_out: OptOut = field(default_factory=OptOut)
    choice: Choice | None = None  # the opt-out page
    consent: Consent | None = None
    geography: Geography = field(default_factory=Geography)
    asks_for_country: bool = False  # whether rules do
    records_unasked: bool = False  # whether rules say how, of visitors who must be asked first and have not answered
    trust: Trust = field(default_factory=Trust)
    limits: Limits = field(default_factory=Limits)
    connections: int = 1000  # that one address may have open
    must_say_https: bool = False
    keys: Keys | None = None  # that sessions are known by
    revoked: tuple[str, ...] = ()  # beginnings of digests: what waits and was masked by these is dropped

    def country_of(self, inbound: Inbound) -> str:
        """Where the visitor is, where that matters: `DE`, `US-CA`, or an empty text."""
        if not self.looks_up_country:
            return ""
        trusted = self.trust.includes(read_address(inbound.peer))
        return self.geography.place(inbound.headers, inbound.client, trusted=trusted)

    @property
    def looks_up_country(self) -> bool:
        """Whether it matters where a visitor is."""
        return self.consent is not None or self.asks_for_country

    def at_most(self, peer: str) -> float:
        """How many connections this address may have open: any number for a trusted proxy, which has many visitors."""
        return inf if self.trust.includes(read_address(peer)) else self.connections

    def find(self, host: str, target: str) -> tuple[Route, str] | None:
        """The route for a request and the target behind its prefix. `host` may have a port; a route's host may too."""
        return _best(self.routes, host, target)


def _best(routes: Iterable[Route], host: str, target: str) -> tuple[Route, str] | None:
    name = host if host.endswith("]") else host.rpartition(":")[0] or host
    best: tuple[tuple[bool, int], Route, str] | None = None
    for route in routes:
        if route.host and route.host.lower() not in {host, name}:
            continue
        rest = route.strip(target)
        if rest is None:
            continue
        rank = (bool(route.host), len(route.path.rstrip("/")))
        if best is None or rank > best[0]:
            best = rank, route, rest
    return None if best is None else best[1:]
