"""A TCP proxy that harms what passes it: the network as it is on a bad day. One toxic per direction, changed while it runs.

`Proxy.shut` and `Proxy.open` are the other side going away and coming back: with no listener, a connection is refused. The
port stays ours in between.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
from collections.abc import Callable, Coroutine
from dataclasses import dataclass

PIECE = 64 * 1024


class Cut(Exception):
    """A toxic ends the connection: by a reset, or as if the peer had closed."""

    def __init__(self, *, reset: bool) -> None:
        super().__init__()
        self.reset = reset


class Flow:
    """One direction of one connection. `passed` counts the bytes that went through, `changed` says the toxic was changed."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self.passed = 0
        self.changed = asyncio.Event()
        self._writer = writer

    async def write(self, data: bytes) -> None:
        self.passed += len(data)
        self._writer.write(data)
        await self._writer.drain()

    def end(self) -> None:
        if self._writer.can_write_eof():
            self._writer.write_eof()


class Toxic:
    """Lets everything through. `acted` counts how often a toxic did what it is for."""

    def __init__(self) -> None:
        self.acted = 0

    async def carry(self, flow: Flow, piece: bytes) -> None:
        await flow.write(piece)

    async def end(self, flow: Flow) -> None:
        flow.end()


class Latency(Toxic):
    """Each piece waits `seconds`, and up to `jitter` seconds more."""

    def __init__(self, seconds: float, jitter: float = 0.0) -> None:
        super().__init__()
        self._seconds, self._jitter = seconds, jitter

    async def carry(self, flow: Flow, piece: bytes) -> None:
        await asyncio.sleep(self._seconds + random.random() * self._jitter)
        self.acted += 1
        await flow.write(piece)


class Slicer(Toxic):
    """Pieces of at most `size` bytes, each in a packet of its own, with `pause` seconds between."""

    def __init__(self, size: int, pause: float = 0.0) -> None:
        super().__init__()
        self._size, self._pause = size, pause

    async def carry(self, flow: Flow, piece: bytes) -> None:
        for start in range(0, len(piece), self._size):
            await flow.write(piece[start : start + self._size])
            self.acted += 1
            await asyncio.sleep(self._pause)


class Bandwidth(Toxic):
    """At most `rate` bytes a second."""

    def __init__(self, rate: int) -> None:
        super().__init__()
        self._rate = rate

    async def carry(self, flow: Flow, piece: bytes) -> None:
        step = max(1, self._rate // 20)
        for start in range(0, len(piece), step):
            await flow.write(piece[start : start + step])
            self.acted += 1
            await asyncio.sleep(0.05)


class Break(Toxic):
    """The connection ends after `after` bytes: reset, or closed as if all had been said (limit_data)."""

    def __init__(self, after: int, *, reset: bool) -> None:
        super().__init__()
        self._after, self.reset = after, reset

    async def carry(self, flow: Flow, piece: bytes) -> None:
        left = self._after - flow.passed
        if left > 0:
            await flow.write(piece[:left])
        if len(piece) > left:
            self.acted += 1
            raise Cut(reset=self.reset)


class Timeout(Toxic):
    """Takes everything and passes nothing on; the connections that it held are reset when it goes."""

    async def carry(self, flow: Flow, piece: bytes) -> None:
        self.acted += 1
        await flow.changed.wait()
        raise Cut(reset=True)


class SlowClose(Toxic):
    """The end of the stream arrives `seconds` late."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds

    async def end(self, flow: Flow) -> None:
        self.acted += 1
        await asyncio.sleep(self._seconds)
        flow.end()


class Corrupt(Toxic):
    """One bit of each byte at a multiple of `every` is flipped."""

    def __init__(self, every: int) -> None:
        super().__init__()
        self._every = every

    async def carry(self, flow: Flow, piece: bytes) -> None:
        harmed = bytearray(piece)
        first = -flow.passed % self._every
        for at in range(first, len(harmed), self._every):
            harmed[at] ^= 0x10
            self.acted += 1
        await flow.write(bytes(harmed))


@dataclass(eq=False)
class Link:
    """One connection through the proxy. `cut`: ended by the proxy, not by one of its two sides."""

    near: asyncio.StreamWriter
    far: asyncio.StreamWriter
    to_target: Flow
    to_client: Flow
    cut: bool = False


class Proxy:
    """127.0.0.1:`port` → 127.0.0.1:`target`."""

    def __init__(self, target: int = 0) -> None:
        self.target = target
        self.links: dict[int, Link] = {}
        """All connections that there were, by the local port from which the target saw them come."""
        self._toxics = (Toxic(), Toxic())
        self._live: set[Link] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._held = _socket(0)  # bound and never listening: the port is ours while nobody listens on it
        self.port: int = self._held.getsockname()[1]

    @property
    def is_open(self) -> bool:
        return self._server is not None

    async def open(self) -> None:
        if self._server is None:
            # known before anything waits: who is cancelled in between leaves a server that `close` finds, not an open socket
            door = await asyncio.start_server(self._serve, sock=_socket(self.port), backlog=512, start_serving=False)
            self._server = door
            await door.start_serving()

    async def shut(self) -> None:
        """Refuses new connections and resets those that there are."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self.cut()

    def cut(self) -> None:
        """Resets every connection."""
        for link in tuple(self._live):
            self._end(link, reset=True)

    def aim(self, target: int) -> None:
        """Leads to another port; who is connected is cut off."""
        self.target = target
        self.cut()

    def poison(self, to_target: Toxic | None = None, to_client: Toxic | None = None) -> None:
        """Replaces the toxics of both directions; without arguments everything passes again."""
        self._toxics = (to_target or Toxic(), to_client or Toxic())
        for link in self._live:
            for flow in (link.to_target, link.to_client):
                flow.changed.set()
                flow.changed = asyncio.Event()

    async def close(self) -> None:
        await self.shut()
        self._held.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            abort(writer)
            return
        link = Link(writer, far_writer, Flow(far_writer), Flow(writer))
        self._live.add(link)
        self.links[far_writer.get_extra_info("sockname")[1]] = link
        there = self._start(self._pump(link, reader, link.to_target, lambda: self._toxics[0]))
        back = self._start(self._pump(link, far_reader, link.to_client, lambda: self._toxics[1]))
        await asyncio.gather(there, back, return_exceptions=True)
        self._live.discard(link)
        for one in (writer, far_writer):
            one.close()

    def _start(self, pump: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(pump)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _pump(self, link: Link, reader: asyncio.StreamReader, flow: Flow, toxic: Callable[[], Toxic]) -> None:
        try:
            while piece := await reader.read(PIECE):
                await toxic().carry(flow, piece)
            await toxic().end(flow)
        except Cut as cut:
            self._end(link, reset=cut.reset)
        except OSError:
            # one side was reset: so is the other
            for writer in (link.near, link.far):
                abort(writer)

    def _end(self, link: Link, *, reset: bool) -> None:
        link.cut = True
        self._live.discard(link)
        for writer in (link.near, link.far):
            if reset:
                abort(writer)
            else:
                writer.close()


def _socket(port: int) -> socket.socket:
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    made.bind(("127.0.0.1", port))
    return made


def abort(writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
