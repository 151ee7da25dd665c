"""The backend that records: every request that reached it, byte for byte, and whether its answer went out whole.

One `Backend`, several doors: each door is a port with its own certificate, or none. How it answers is its `manner`, changed
while it runs.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import re
import ssl
from dataclasses import dataclass

from tests.faults.toxic import abort

SET_UP = json.dumps({"supportedCompression": ["gzip-js"], "end": "of the set-up answer", "filler": "." * 3000}).encode()


@dataclass
class Delivery:
    """One request as it arrived. `id` is the event's own; `connection` the port that it came from, as the backend sees it."""

    target: str
    head: bytes
    body: bytes
    connection: int
    taken: bool = False
    """The backend said that it has it, or that it never will: there is no reason to send it again."""
    followed: bool = False
    """Another request came on the same connection: the answer to this one has been read."""

    @property
    def event(self) -> object:
        """The body, decoded by this module's own means."""
        try:
            return json.loads(gzip.decompress(self.body) if self.body[:2] == b"\x1f\x8b" else self.body)
        except (ValueError, OSError, EOFError):
            return None

    @property
    def id(self) -> str:
        event = self.event
        return str(event.get("uuid", "")) if isinstance(event, dict) else ""


def answer_to(delivery: Delivery) -> bytes:
    """What a backend that is well says: to an event, its id; to a set-up call, a text with an end."""
    return json.dumps({"status": 1, "id": delivery.id}).encode() if delivery.id else SET_UP


def message(status: str, body: bytes, *fields: str) -> bytes:
    head = [f"HTTP/1.1 {status}", "Content-Type: application/json", f"Content-Length: {len(body)}", *fields]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


class Manner:
    """How the backend answers: well. `acted` counts the requests that another manner harmed."""

    greets = True
    """Whether a connection is served at all, or reset at once."""
    answers_first = False
    """Whether the answer goes out before the body was read."""

    def __init__(self) -> None:
        self.acted = 0
        self.over = asyncio.Event()

    async def answer(self, delivery: Delivery, writer: asyncio.StreamWriter) -> bool:
        """Answers. Returns whether the connection goes on."""
        writer.write(message("200 OK", answer_to(delivery)))
        await writer.drain()
        delivery.taken = True
        return True


class Refusing(Manner):
    """Answers with a status of its own. `for_good`: one after which nobody sends the same again."""

    def __init__(self, status: str, *fields: str, for_good: bool = False) -> None:
        super().__init__()
        self._answer = message(status, b'{"error":"not now"}', *fields)
        self._for_good = for_good

    async def answer(self, delivery: Delivery, writer: asyncio.StreamWriter) -> bool:
        self.acted += 1
        writer.write(self._answer)
        await writer.drain()
        delivery.taken = self._for_good
        return True


class Saying(Manner):
    """Says these bytes for an answer, and closes or resets. Where they begin with a 200, the event was taken."""

    def __init__(self, said: bytes, *, resets: bool = False) -> None:
        super().__init__()
        self._said, self._resets = said, resets

    async def answer(self, delivery: Delivery, writer: asyncio.StreamWriter) -> bool:
        self.acted += 1
        writer.write(self._said)
        await writer.drain()
        delivery.taken = self._said.startswith(b"HTTP/1.1 200 ")
        if self._resets:
            abort(writer)
        return False


class Resetting(Manner):
    """Resets each connection as it is made."""

    greets = False


class Silent(Manner):
    """Reads, and never answers; the connections end when this manner does."""

    async def answer(self, delivery: Delivery, writer: asyncio.StreamWriter) -> bool:
        self.acted += 1
        await self.over.wait()
        return False


class Dripping(Manner):
    """Answers well, eight bytes at a time. Whoever hears the 200 may leave: the event was taken."""

    async def answer(self, delivery: Delivery, writer: asyncio.StreamWriter) -> bool:
        self.acted += 1
        said = message("200 OK", answer_to(delivery))
        delivery.taken = True
        for start in range(0, len(said), 8):
            writer.write(said[start : start + 8])
            await writer.drain()
            await asyncio.sleep(0.004)
        return True


class Closing(Manner):
    """Answers well and closes the connection without having said so."""

    async def answer(self, delivery: Delivery, writer: asyncio.StreamWriter) -> bool:
        self.acted += 1
        await super().answer(delivery, writer)
        return False


class Hasty(Manner):
    """Refuses before it has read the body, and closes."""

    answers_first = True

    async def answer(self, delivery: Delivery, writer: asyncio.StreamWriter) -> bool:
        self.acted += 1
        writer.write(message("503 Service Unavailable", b"", "Connection: close"))
        await writer.drain()
        return False


class Backend:
    """Keeps every delivery, in order of arrival."""

    def __init__(self) -> None:
        self.deliveries: list[Delivery] = []
        self.unreadable: list[bytes] = []
        """Bytes that came and were no HTTP request: none may hold anything private either."""
        self.manner = Manner()
        self.handshakes_failed = 0
        self._servers: list[asyncio.Server] = []
        self._writers: set[asyncio.StreamWriter] = set()

    async def door(self, tls: ssl.SSLContext | None) -> int:
        """Opens another port, with this certificate; returns it."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=tls, backlog=512)
        self._servers.append(server)
        return int(server.sockets[0].getsockname()[1])

    def behave(self, manner: Manner | None = None) -> None:
        """Takes another manner; who waited for the old one's answer is let go."""
        old, self.manner = self.manner, manner or Manner()
        old.over.set()

    async def close(self) -> None:
        self.manner.over.set()
        for server in self._servers:
            server.close()
        for writer in tuple(self._writers):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self.manner.greets:
            self.manner.acted += 1
            abort(writer)
            return
        self._writers.add(writer)
        before: Delivery | None = None
        connection = writer.get_extra_info("peername")[1]
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ssl.SSLError):
            while head := await self._head(reader):
                if before is not None:
                    before.followed = True
                manner = self.manner
                delivery = Delivery(head.split(b" ", 2)[1].decode("latin-1"), head, b"", connection)
                if manner.answers_first:
                    goes_on = await manner.answer(delivery, writer)
                    delivery.body = await self._body(reader, head)
                    self.deliveries.append(delivery)
                else:
                    delivery.body = await self._body(reader, head)
                    self.deliveries.append(delivery)
                    goes_on = await manner.answer(delivery, writer)
                before = delivery
                if not goes_on:
                    break
        self._writers.discard(writer)
        writer.close()

    async def _head(self, reader: asyncio.StreamReader) -> bytes:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError as rest:
            if rest.partial:
                self.unreadable.append(rest.partial)
            return b""
        if not re.match(rb"[A-Z]+ /\S* HTTP/1\.1\r\n", head):
            self.unreadable.append(head)
            return b""
        return head

    async def _body(self, reader: asyncio.StreamReader, head: bytes) -> bytes:
        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        if length:
            return await self._exactly(reader, int(length[1]))
        body = b""
        if re.search(rb"(?i)\r\ntransfer-encoding: *chunked", head):
            while size := int(await reader.readuntil(b"\r\n"), 16):
                body += (await self._exactly(reader, size + 2))[:-2]
            await reader.readuntil(b"\r\n")
        return body

    async def _exactly(self, reader: asyncio.StreamReader, size: int) -> bytes:
        try:
            return await reader.readexactly(size)
        except asyncio.IncompleteReadError as rest:
            self.unreadable.append(rest.partial)
            raise
