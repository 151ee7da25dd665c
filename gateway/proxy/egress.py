"""Backends behind an egress proxy: aiohttp's client, which knows CONNECT, credentials and TLS inside TLS.

Connections and addresses live for `renew` seconds at most, as those of pool.py do.
"""

from __future__ import annotations

import asyncio
import io
import ssl
from collections import deque
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Self

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from gateway.core.message import Headers
from gateway.proxy.connection import ANSWER_SECONDS, PIECE, Failure, Kind
from gateway.proxy.pool import IDLE_SECONDS
from gateway.proxy.routes import Egress


class EgressAnswer:
    """A `connection.Answer` that came through a proxy."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self.status = response.status
        self.raw_headers = response.raw_headers

    @property
    def headers(self) -> Headers:
        """The fields as text."""
        return Headers((name.decode("latin-1"), value.decode("latin-1")) for name, value in self.raw_headers)

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body as it comes. Raises `Failure` where it breaks off."""
        try:
            async for piece in self._response.content.iter_chunked(PIECE):
                yield piece
        except TimeoutError:
            raise Failure(Kind.LATE) from None
        except aiohttp.ClientError:
            raise Failure(Kind.PROTOCOL) from None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._response.__aexit__(kind, error, trace)

    def close(self) -> None:
        """Needs no more of it."""
        self._response.close()


class EgressClient:
    """Asks through proxies. Made inside the running loop; closed once."""

    def __init__(self, *, connect: float, read: float, renew: float, most: int) -> None:
        """`connect`, `read`: seconds until a connection stands, and that it may be silent; `most` connections at once."""
        self._timeout = aiohttp.ClientTimeout(total=None, connect=connect, sock_connect=connect, sock_read=read)
        self._renew = renew
        self._most = most
        self._loop = asyncio.get_running_loop()
        self._retired: deque[tuple[float, aiohttp.ClientSession]] = deque()
        self._closing: set[asyncio.Task[None]] = set()
        self._session: aiohttp.ClientSession | None = None
        self._since = 0.0

    async def ask(
        self, egress: Egress, method: str, url: str, fields: Headers, body: bytes, tls: ssl.SSLContext
    ) -> EgressAnswer:
        """Sends a request, returns the answer once its head is there. Raises `Failure`."""
        # a large one is written in pieces, so that other connections get their turn
        data = io.BytesIO(body) if len(body) > PIECE else body or None
        try:
            response = await self._client().request(
                method,
                URL(url, encoded=True),
                headers=CIMultiDict(fields),
                data=data,
                allow_redirects=False,
                ssl=tls,
                proxy=egress.url,
                proxy_headers=egress.fields,
            )
        except aiohttp.ConnectionTimeoutError:
            raise Failure(Kind.UNCONNECTED) from None
        except TimeoutError:
            raise Failure(Kind.LATE) from None
        except (aiohttp.ClientConnectorCertificateError, aiohttp.ClientSSLError):
            raise Failure(Kind.UNTRUSTED) from None
        except aiohttp.ClientHttpProxyError:
            raise Failure(Kind.PROXY) from None
        except (aiohttp.ClientConnectorError, ConnectionRefusedError):
            raise Failure(Kind.DOWN) from None
        except (aiohttp.ClientError, OSError, asyncio.IncompleteReadError, ValueError):
            raise Failure(Kind.PROTOCOL) from None
        if response.status < 200:  # RFC 9110 section 15.2: no final answer; 101 was never asked for
            response.close()
            raise Failure(Kind.PROTOCOL)
        return EgressAnswer(response)

    def _client(self) -> aiohttp.ClientSession:
        """The client of now. Former ones end their answers; the connections that they don't use time out by themselves."""
        now = self._loop.time()
        if self._session is None or now - self._since >= self._renew:
            if self._session is not None:
                self._retired.append((now, self._session))
            self._session, self._since = self._open(), now
        while self._retired and now - self._retired[0][0] > ANSWER_SECONDS:
            task = self._loop.create_task(self._retired.popleft()[1].close())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)
        return self._session

    def _open(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._most, limit_per_host=self._most, keepalive_timeout=IDLE_SECONDS),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            raise_for_status=False,
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
            timeout=self._timeout,
            max_line_size=16 * 1024,
            max_field_size=32 * 1024,
        )

    async def close(self) -> None:
        """Ends all connections."""
        for session in (*([self._session] if self._session is not None else []), *(one for _, one in self._retired)):
            await session.close()
        await asyncio.gather(*self._closing)
