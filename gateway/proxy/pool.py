"""Connections to backends, kept and used again.

One that is reused has idled for `IDLE_SECONDS` at most and lives for `renew` seconds, and addresses are believed for as
long, so that a backend that moves in the DNS is followed even while traffic keeps its connections busy.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import deque
from contextlib import suppress
from ipaddress import ip_address
from typing import Final, NamedTuple

import aiohappyeyeballs
from aiohttp import DefaultResolver
from aiohttp.abc import AbstractResolver

from gateway.proxy.connection import READ_SIZE, Answer, Connection, Failure, Kind

IDLE_SECONDS: Final = 15.0
SWEEP_SECONDS: Final = 5.0
IDEMPOTENT: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})
"""Methods that may be sent again on a connection that had just closed (RFC 9110 section 9.2.2)."""
_DELAY: Final = 0.25  # RFC 8305 section 8


class Origin(NamedTuple):
    """Where connections lead. `tls` is None for plain HTTP."""

    host: str
    port: int
    tls: ssl.SSLContext | None


class Pool:
    """All direct connections. Made inside the running loop; closed once."""

    def __init__(
        self, *, connect: float, read: float, renew: float, most: int, resolver: AbstractResolver | None = None
    ) -> None:
        """`connect`: seconds until a connection stands, waiting for one of the `most` included."""
        self._loop = asyncio.get_running_loop()
        self._seconds = connect
        self._read = read
        self._renew = renew
        self._free = asyncio.Semaphore(most)
        self._resolver = resolver or DefaultResolver()
        self._known: dict[tuple[str, int], tuple[float, list[aiohappyeyeballs.AddrInfoType]]] = {}
        self._buffer = memoryview(bytearray(READ_SIZE))
        self._open: set[Connection] = set()
        self._idle: dict[Origin, deque[Connection]] = {}
        self._sweeping: asyncio.TimerHandle | None = None

    async def ask(self, origin: Origin, method: str, head: bytes, body: bytes) -> Answer:
        """Sends a request, returns the answer once its head is there. Raises `Failure`."""
        is_head = method == "HEAD"
        while (connection := self._taken(origin)) is not None:
            try:
                return self._lent(origin, await connection.ask(head, body, is_head=is_head), connection)
            except Failure as failure:
                if not failure.untouched or method not in IDEMPOTENT:
                    raise
        connection = await self._connected(origin)
        return self._lent(origin, await connection.ask(head, body, is_head=is_head), connection)

    def forget(self, host: str, port: int) -> None:
        """The next connection asks for the host's address anew."""
        self._known.pop((host, port), None)

    async def close(self) -> None:
        """Ends all connections."""
        if self._sweeping is not None:
            self._sweeping.cancel()
        for connection in list(self._open):
            connection.abort()
        await self._resolver.close()
        while self._open:  # noqa: ASYNC110 - until their transports have let go: a turn of the loop or two
            await asyncio.sleep(0)

    def _taken(self, origin: Origin) -> Connection | None:
        """The connection that was used last: the others may time out."""
        idle = self._idle.get(origin)
        while idle:
            connection = idle.pop()
            if connection.is_usable and not self._is_old(connection):
                return connection
            connection.abort()
        return None

    def _lent(self, origin: Origin, answer: Answer, connection: Connection) -> Answer:
        def take_back() -> None:
            if connection.release():
                if self._is_old(connection):
                    connection.abort()
                    return
                connection.idle_since = self._loop.time()
                self._idle.setdefault(origin, deque()).append(connection)
                if self._sweeping is None:
                    self._sweeping = self._loop.call_later(SWEEP_SECONDS, self._sweep)

        answer.on_end = take_back
        return answer

    def _is_old(self, connection: Connection) -> bool:
        now = self._loop.time()
        return now - connection.since > self._renew or now - connection.idle_since > IDLE_SECONDS

    def _sweep(self) -> None:
        """Closes what nobody needed lately."""
        now = self._loop.time()
        for origin, idle in list(self._idle.items()):
            while idle and (now - idle[0].idle_since > IDLE_SECONDS or not idle[0].is_usable):
                idle.popleft().abort()
            if not idle:
                del self._idle[origin]
        self._sweeping = self._loop.call_later(SWEEP_SECONDS, self._sweep) if self._idle else None

    async def _connected(self, origin: Origin) -> Connection:
        try:
            async with asyncio.timeout(self._seconds):
                if self._free.locked():
                    self._make_room()
                await self._free.acquire()
                return await self._connection(origin)
        except TimeoutError:
            raise Failure(Kind.UNCONNECTED) from None

    def _make_room(self) -> None:
        """Closes one that idles, whosever it is."""
        for idle in self._idle.values():
            if idle:
                idle.popleft().abort()
                return

    async def _connection(self, origin: Origin) -> Connection:
        """A connection that stands. Its place is free again once it is lost, or here where it never stood."""
        connection = Connection(self._buffer, self._gone, self._read)
        self._open.add(connection)
        bound: socket.socket | None = None
        try:
            bound = await aiohappyeyeballs.start_connection(
                await self._addresses(origin.host, origin.port),
                loop=self._loop,
                happy_eyeballs_delay=_DELAY,
                interleave=1,
            )
            bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            name = origin.host.rstrip(".") if origin.tls is not None else None
            await self._loop.create_connection(lambda: connection, sock=bound, ssl=origin.tls, server_hostname=name)
        except BaseException as error:
            self._gone(connection)
            connection.abort()
            if bound is not None:
                bound.close()
            if isinstance(error, ssl.SSLError):
                raise Failure(Kind.UNTRUSTED) from None
            if isinstance(error, OSError) and not isinstance(error, TimeoutError):
                raise Failure(Kind.DOWN) from None
            raise
        return connection

    def _gone(self, connection: Connection) -> None:
        if connection in self._open:
            self._open.discard(connection)
            self._free.release()

    async def _addresses(self, host: str, port: int) -> list[aiohappyeyeballs.AddrInfoType]:
        with suppress(ValueError):
            return [_address(ip_address(host).compressed, port)]
        known = self._known.get((host, port))
        if known is not None and known[0] > self._loop.time():
            return known[1]
        found = await self._resolver.resolve(host, port, family=socket.AF_UNSPEC)
        addresses = [_address(one["host"], one["port"]) for one in found]
        self._known[host, port] = (self._loop.time() + self._renew, addresses)
        return addresses


def _address(host: str, port: int) -> aiohappyeyeballs.AddrInfoType:
    address = ip_address(host)
    if address.version == 4:
        return (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (host, port))
    return (socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (host, port, 0, 0))
