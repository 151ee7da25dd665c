"""The way to the backend, and the only function that sends. It takes a `Masked` and nothing else.

No cookies, no redirects, no proxies from the environment, no fields of its own, no decompression; certificates are
verified by chain and name without a fall-back. A request is sent again only where it is idempotent and the connection, used
before, turned out closed. A backend that can't be reached is left alone for a moment (circuit.py).
"""

from __future__ import annotations

import math
import re
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from aiohttp.abc import AbstractResolver

from gateway.core.errors import UserError
from gateway.core.masked import Masked
from gateway.core.message import Headers
from gateway.log import Name
from gateway.proxy.circuit import Circuit
from gateway.proxy.connection import Answer, Failure, Kind
from gateway.proxy.egress import EgressAnswer, EgressClient
from gateway.proxy.hop import outgoing_fields
from gateway.proxy.pool import Origin, Pool
from gateway.proxy.routes import Route
from gateway.status import Reason, Sample, Trouble

CONNECT_SECONDS = 10.0
READ_SECONDS = 30.0
INVALID = "invalid_request"
"""The reason of `Unreachable` for what is no HTTP: no backend will ever take it."""
CONNECTIONS = 4096
"""How many there may be at once, to all backends. More than one visitor may have here (`limits.connections`): whoever reads
answers slowly holds one for each, and must not hold those of all others."""

RENEW_SECONDS = 30.0
"""How long connections are reused and addresses believed."""

_BODILESS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
# RFC 9110 section 5.5: visible ASCII, spaces and tabs inside
_FIELD = re.compile(r"[\t -~]*")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_TARGET = re.compile(r"/[!-~]*")


type BackendAnswer = Answer | EgressAnswer


class Told(NamedTuple):
    """What a browser hears of a failure, and whether it says that somebody is there (None: it can't tell)."""

    status: int
    line: str
    is_there: bool | None


TOLD: Final = {
    Kind.DOWN: Told(502, "The backend could not be reached.", is_there=False),
    Kind.UNTRUSTED: Told(502, "The backend's certificate could not be verified.", is_there=False),
    Kind.UNCONNECTED: Told(504, "The backend did not answer in time.", is_there=False),
    Kind.LATE: Told(504, "The backend did not answer in time.", is_there=None),
    Kind.PROTOCOL: Told(502, "The backend's answer was not valid HTTP.", is_there=True),
    Kind.PROXY: Told(502, "The egress proxy refused the connection.", is_there=False),
}
"""Of each failure. What is counted is its kind, but for `UNCONNECTED`, which counts as late."""


class Unreachable(Exception):  # noqa: N818 - reads as what happened: `except Unreachable`
    """The backend gave no usable answer. `status` and `line` are for the browser, `reason` is counted.

    `retry_after`: seconds until the next try makes sense, where that is known; else 0.
    """

    def __init__(self, status: int, line: str, reason: str, retry_after: int = 0) -> None:
        super().__init__(reason)
        self.status = status
        self.line = line
        self.reason = reason
        self.retry_after = retry_after

    @property
    def fields(self) -> tuple[tuple[str, str], ...]:
        """What the answer says besides."""
        return (("Retry-After", str(self.retry_after)),) if self.retry_after else ()


def client_context(extra_ca: Path | None = None) -> ssl.SSLContext:
    """What upstream certificates are verified with: the system's authorities and, at most, one named file's."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    if extra_ca is not None:
        try:
            context.load_verify_locations(cafile=extra_ca)
        except FileNotFoundError:
            raise UserError(f"upstream_ca file {extra_ca} does not exist", str(extra_ca)) from None
        except (OSError, ssl.SSLError):
            raise UserError("upstream_ca is not a readable PEM file with certificates", str(extra_ca)) from None
    return context


class Upstream:
    """The backends of all routes. Made inside the running loop; closed once."""

    def __init__(
        self,
        *,
        connect: float = CONNECT_SECONDS,
        read: float = READ_SECONDS,
        renew: float = RENEW_SECONDS,
        resolver: AbstractResolver | None = None,
        breaks: bool = True,
    ) -> None:
        """`breaks`: whether a backend that can't be reached is left alone for a moment; the drain has pauses of its own."""
        self._breaks = breaks
        self._tls = client_context()
        self._pool = Pool(connect=connect, read=read, renew=renew, most=CONNECTIONS, resolver=resolver)
        self._egress = EgressClient(connect=connect, read=read, renew=renew, most=CONNECTIONS)
        self._circuits: dict[str, Circuit] = {}

    async def close(self) -> None:
        """Ends all connections to backends."""
        await self._pool.close()
        await self._egress.close()

    def troubles(self) -> Iterator[Trouble]:
        """The backends that are not tried now."""
        return (Trouble(Reason.CIRCUIT_OPEN, Name(one)) for one, circuit in self._circuits.items() if circuit.is_open)

    def samples(self) -> Iterator[Sample]:
        """Each backend's circuit."""
        for origin, circuit in self._circuits.items():
            yield Sample("gateway_circuit_open", int(circuit.is_open), (Name(origin),))

    async def send(self, route: Route, masked: Masked, came: Headers, pseudonym: str) -> BackendAnswer:
        """Sends one masked request and returns the answer once its head is there; its body is still to be read.

        Raises `Unreachable` for everything that went wrong on the way. `came` are the fields as received, for `Via`.
        """
        request = masked.request
        fields = outgoing_fields(request.method, request.headers, came, pseudonym)
        if not _TARGET.fullmatch(request.target) or not all(
            _NAME.fullmatch(name) and _FIELD.fullmatch(value) for name, value in fields
        ):
            raise Unreachable(502, "The masked request is not valid HTTP and was dropped.", INVALID)
        circuit = self._circuits.setdefault(route.origin, Circuit())
        if self._breaks and (wait := circuit.begin()):
            line = "The backend could not be reached a moment ago; come back later."
            raise Unreachable(503, line, "circuit_open", math.ceil(wait))
        is_there: bool | None = None
        try:
            tls = route.tls or self._tls
            if route.egress is not None:
                answer: BackendAnswer = await self._egress.ask(
                    route.egress, request.method, route.base + request.target, fields, request.body, tls
                )
            else:
                answer = await self._ask(route, request.method, request.target, fields, request.body, tls)
            is_there = True
        except Failure as failure:
            told = TOLD[failure.kind]
            is_there = told.is_there
            reason = Kind.LATE if failure.kind is Kind.UNCONNECTED else failure.kind
            raise Unreachable(told.status, told.line, reason.value) from None
        finally:
            self._note(circuit, route, is_there=is_there)
        return answer

    async def _ask(
        self, route: Route, method: str, target: str, fields: Headers, body: bytes, tls: ssl.SSLContext
    ) -> Answer:
        base = urlsplit(route.base)
        is_secure = base.scheme == "https"
        host, port = base.hostname or "", base.port or (443 if is_secure else 80)
        authority = base.netloc.removesuffix(":443" if is_secure else ":80")
        lines = [f"{method} {base.path}{target} HTTP/1.1", f"Host: {authority}"]
        lines += [f"{name}: {value}" for name, value in fields]
        if body or method not in _BODILESS:
            lines.append(f"Content-Length: {len(body)}")
        head = "\r\n".join((*lines, "\r\n")).encode("ascii")
        return await self._pool.ask(Origin(host, port, tls if is_secure else None), method, head, body)

    def _note(self, circuit: Circuit, route: Route, *, is_there: bool | None) -> None:
        if is_there is None:
            circuit.undecided()
        elif is_there:
            circuit.reached()
        else:
            circuit.missed()
            parts = urlsplit(route.origin)
            # it may have moved: the next try asks again
            self._pool.forget(parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))
