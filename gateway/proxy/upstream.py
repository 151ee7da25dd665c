"""The way to the backend: one shared client, and the only function that sends. It takes a `Masked` and nothing else.

No cookies, no redirects, no proxies from the environment, no fields of its own, no decompression; certificates are
verified by chain and name without a fall-back. A request is retried only by the client's own rule: an idempotent one on
a reused connection that turned out closed.
"""

from __future__ import annotations

import asyncio
import io
import re
import ssl
from pathlib import Path

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from gateway.core.errors import UserError
from gateway.core.masked import Masked
from gateway.core.message import Headers
from gateway.proxy.hop import outgoing_fields
from gateway.proxy.routes import Route

CONNECT_SECONDS = 10.0
READ_SECONDS = 30.0
IDLE_SECONDS = 15.0
INVALID = "invalid_request"
"""The reason of `Unreachable` for what is no HTTP: no backend will ever take it."""

_LARGE = 64 * 1024
# RFC 9110 section 5.5: visible ASCII, spaces and tabs inside
_FIELD = re.compile(r"[\t -~]*")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_TARGET = re.compile(r"/[!-~]*")


class Unreachable(Exception):  # noqa: N818 - reads as what happened: `except Unreachable`
    """The backend gave no usable answer. `status` and `line` are for the browser, `reason` is counted."""

    def __init__(self, status: int, line: str, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.line = line
        self.reason = reason


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

    def __init__(self, *, connect: float = CONNECT_SECONDS, read: float = READ_SECONDS) -> None:
        self._default_tls = client_context()
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=512, limit_per_host=256, keepalive_timeout=IDLE_SECONDS, ttl_dns_cache=30, ssl=self._default_tls
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            raise_for_status=False,
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
            timeout=aiohttp.ClientTimeout(total=None, connect=connect, sock_connect=connect, sock_read=read),
            max_line_size=16 * 1024,
            max_field_size=32 * 1024,
        )

    async def close(self) -> None:
        """Ends all connections to backends."""
        await self._session.close()

    async def send(self, route: Route, masked: Masked, came: Headers, pseudonym: str) -> aiohttp.ClientResponse:
        """Sends one masked request and returns the answer once its head is there; its body is still to be read.

        Raises `Unreachable` for everything that went wrong on the way. `came` are the fields as received, for `Via`.
        """
        request = masked.request
        fields = outgoing_fields(request.headers, came, pseudonym)
        if not _TARGET.fullmatch(request.target) or not all(
            _NAME.fullmatch(name) and _FIELD.fullmatch(value) for name, value in fields
        ):
            raise Unreachable(502, "The masked request is not valid HTTP and was dropped.", INVALID)
        # a large one is written in pieces, so that other connections get their turn
        body = io.BytesIO(request.body) if len(request.body) > _LARGE else request.body or None
        try:
            answer = await self._session.request(
                request.method,
                URL(route.base + request.target, encoded=True),
                headers=CIMultiDict(fields),
                data=body,
                allow_redirects=False,
                ssl=route.tls or self._default_tls,
            )
        except TimeoutError:
            raise Unreachable(504, "The backend did not answer in time.", "upstream_timeout") from None
        except (aiohttp.ClientConnectorCertificateError, aiohttp.ClientSSLError):
            raise Unreachable(502, "The backend's certificate could not be verified.", "upstream_tls") from None
        except (aiohttp.ClientConnectorError, ConnectionRefusedError):
            raise Unreachable(502, "The backend could not be reached.", "upstream_down") from None
        except (aiohttp.ClientError, OSError, asyncio.IncompleteReadError, ValueError):
            raise Unreachable(502, "The backend's answer was not valid HTTP.", "upstream_protocol") from None
        if answer.status < 200:  # RFC 9110 section 15.2: no final answer; 101 was never asked for
            answer.close()
            raise Unreachable(502, "The backend's answer was not valid HTTP.", "upstream_protocol")
        return answer
