"""The way to the backend: one shared client, and the only function that sends. It takes a `Masked` and nothing else.

No cookies, no redirects, no proxies from the environment, no fields of its own, no decompression; certificates are
verified by chain and name without a fall-back. A request is retried only by the client's own rule: an idempotent one on
a reused connection that turned out closed.

A backend that can't be reached is left alone for a moment (circuit.py). Connections and addresses live for a minute at
most, so that a backend that moves in the DNS is followed even while traffic keeps its connections busy.
"""

from __future__ import annotations

import asyncio
import io
import math
import re
import ssl
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver
from multidict import CIMultiDict
from yarl import URL

from gateway.core.errors import UserError
from gateway.core.masked import Masked
from gateway.core.message import Headers
from gateway.log import Name
from gateway.proxy.circuit import Circuit
from gateway.proxy.hop import outgoing_fields
from gateway.proxy.routes import Route
from gateway.status import Reason, Sample, Trouble

CONNECT_SECONDS = 10.0
READ_SECONDS = 30.0
IDLE_SECONDS = 15.0
INVALID = "invalid_request"
"""The reason of `Unreachable` for what is no HTTP: no backend will ever take it."""
CONNECTIONS = 4096
"""How many there may be at once, to all backends. More than one visitor may have here (`limits.connections`): whoever reads
answers slowly holds one for each, and must not hold those of all others."""

RENEW_SECONDS = 30.0
"""How long connections are reused and addresses believed; after twice that, all are new ones."""

ANSWER_SECONDS = 600.0
"""How long an answer may take from its head to its end."""

_LARGE = 64 * 1024
# RFC 9110 section 5.5: visible ASCII, spaces and tabs inside
_FIELD = re.compile(r"[\t -~]*")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_TARGET = re.compile(r"/[!-~]*")


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
    """The shared client of all routes. Made inside the running loop; closed once."""

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
        self._default_tls = client_context()
        self._timeout = aiohttp.ClientTimeout(total=None, connect=connect, sock_connect=connect, sock_read=read)
        self._renew = renew
        self._resolver = resolver
        self._loop = asyncio.get_running_loop()
        self._circuits: dict[str, Circuit] = {}
        self._retired: deque[tuple[float, aiohttp.ClientSession]] = deque()
        self._closing: set[asyncio.Task[None]] = set()
        self._session = self._open()
        self._since = self._loop.time()

    def _open(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=CONNECTIONS,
                limit_per_host=CONNECTIONS,
                keepalive_timeout=IDLE_SECONDS,
                ttl_dns_cache=max(1, round(self._renew)),
                resolver=self._resolver,
                ssl=self._default_tls,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            raise_for_status=False,
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
            timeout=self._timeout,
            max_line_size=16 * 1024,
            max_field_size=32 * 1024,
        )

    def _client(self) -> aiohttp.ClientSession:
        """The client of now. Former ones end their answers; the connections that they don't use time out by themselves."""
        now = self._loop.time()
        if now - self._since >= self._renew:
            self._retired.append((now, self._session))
            self._session, self._since = self._open(), now
        while self._retired and now - self._retired[0][0] > ANSWER_SECONDS:
            task = self._loop.create_task(self._retired.popleft()[1].close())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)
        return self._session

    async def close(self) -> None:
        """Ends all connections to backends."""
        for session in (self._session, *(one for _, one in self._retired)):
            await session.close()
        await asyncio.gather(*self._closing)

    def troubles(self) -> Iterator[Trouble]:
        """The backends that are not tried now."""
        return (Trouble(Reason.CIRCUIT_OPEN, Name(one)) for one, circuit in self._circuits.items() if circuit.is_open)

    def samples(self) -> Iterator[Sample]:
        """Each backend's circuit."""
        for origin, circuit in self._circuits.items():
            yield Sample("gateway_circuit_open", int(circuit.is_open), (Name(origin),))

    async def send(self, route: Route, masked: Masked, came: Headers, pseudonym: str) -> aiohttp.ClientResponse:
        """Sends one masked request and returns the answer once its head is there; its body is still to be read.

        Raises `Unreachable` for everything that went wrong on the way. `came` are the fields as received, for `Via`.
        """
        request = masked.request
        fields = outgoing_fields(request.method, request.headers, came, pseudonym)
        if not _TARGET.fullmatch(request.target) or not all(
            _NAME.fullmatch(name) and _FIELD.fullmatch(value) for name, value in fields
        ):
            raise Unreachable(502, "The masked request is not valid HTTP and was dropped.", INVALID)
        # a large one is written in pieces, so that other connections get their turn
        body = io.BytesIO(request.body) if len(request.body) > _LARGE else request.body or None
        circuit = self._circuit(route)
        if self._breaks and (wait := circuit.begin()):
            line = "The backend could not be reached a moment ago; come back later."
            raise Unreachable(503, line, "circuit_open", math.ceil(wait))
        is_there: bool | None = None
        try:
            answer = await self._client().request(
                request.method,
                URL(route.base + request.target, encoded=True),
                headers=CIMultiDict(fields),
                data=body,
                allow_redirects=False,
                ssl=route.tls or self._default_tls,
                proxy=route.egress.url if route.egress is not None else None,
                proxy_headers=route.egress.fields if route.egress is not None else None,
            )
            is_there = True
        except aiohttp.ConnectionTimeoutError:
            is_there = False
            raise Unreachable(504, "The backend did not answer in time.", "upstream_timeout") from None
        except TimeoutError:
            raise Unreachable(504, "The backend did not answer in time.", "upstream_timeout") from None
        except (aiohttp.ClientConnectorCertificateError, aiohttp.ClientSSLError):
            is_there = False
            raise Unreachable(502, "The backend's certificate could not be verified.", "upstream_tls") from None
        except aiohttp.ClientHttpProxyError:
            is_there = False
            raise Unreachable(502, "The egress proxy refused the connection.", "egress_proxy") from None
        except (aiohttp.ClientConnectorError, ConnectionRefusedError):
            is_there = False
            raise Unreachable(502, "The backend could not be reached.", "upstream_down") from None
        except (aiohttp.ClientError, OSError, asyncio.IncompleteReadError, ValueError):
            is_there = True
            raise Unreachable(502, "The backend's answer was not valid HTTP.", "upstream_protocol") from None
        finally:
            self._note(circuit, route, is_there=is_there)
        if answer.status < 200:  # RFC 9110 section 15.2: no final answer; 101 was never asked for
            answer.close()
            raise Unreachable(502, "The backend's answer was not valid HTTP.", "upstream_protocol")
        return answer

    def _circuit(self, route: Route) -> Circuit:
        return self._circuits.setdefault(route.origin, Circuit())

    def _note(self, circuit: Circuit, route: Route, *, is_there: bool | None) -> None:
        if is_there is None:
            circuit.undecided()
        elif is_there:
            circuit.reached()
        else:
            circuit.missed()
            parts = urlsplit(route.origin)
            connector = self._session.connector
            if isinstance(connector, aiohttp.TCPConnector) and parts.hostname:
                # it may have moved: the next try asks again
                connector.clear_dns_cache(parts.hostname, parts.port or (443 if parts.scheme == "https" else 80))
