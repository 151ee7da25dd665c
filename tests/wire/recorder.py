"""A backend on asyncio that reads strictly (h11) and keeps every request that it got; what it can't read is kept, too."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field

import h11

ANSWER = b"HTTP/1.1 200 OK\r\nX-Backend: 1\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok"


@dataclass(frozen=True, slots=True)
class Message:
    """One request as a strict reader sees it."""

    method: bytes
    target: bytes
    body: bytes


def read(raw: bytes) -> tuple[list[Message], str]:
    """All whole messages of what a client sent, and how it ends: `done`, `half` or `error`."""
    found: list[Message] = []
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=64 * 1024)
    connection.receive_data(raw)
    try:
        while True:
            message, event = _next(connection)
            if message is None:
                idle = (
                    isinstance(event, type) and connection.their_state is h11.IDLE and not connection.trailing_data[0]
                )
                return found, "done" if idle or connection.their_state in {h11.MUST_CLOSE, h11.CLOSED} else "half"
            found.append(message)
            if connection.their_state is h11.MUST_CLOSE:
                return found, "done"
            _answer(connection)
    except h11.RemoteProtocolError:
        return found, "error"


def _next(connection: h11.Connection) -> tuple[Message | None, object]:
    head: h11.Request | None = None
    body = b""
    while True:
        event = connection.next_event()
        if isinstance(event, h11.Request):
            head = event
        elif isinstance(event, h11.Data):
            body += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage) and head is not None:
            return Message(bytes(head.method), bytes(head.target), body), event
        else:
            return None, event


def _answer(connection: h11.Connection) -> None:
    connection.send(h11.Response(status_code=200, headers=[("Content-Length", "0")]))
    connection.send(h11.EndOfMessage())
    if connection.our_state is h11.DONE and connection.their_state is h11.DONE:
        connection.start_next_cycle()


@dataclass
class Recorder:
    """Listens on loopback. `messages` is what came, in order; `unreadable` what no strict reader takes for HTTP."""

    messages: list[Message] = field(default_factory=list)
    unreadable: list[bytes] = field(default_factory=list)
    port: int = 0
    _server: asyncio.Server | None = None

    async def start(self) -> Recorder:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=1024)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def close(self) -> None:
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = h11.Connection(h11.SERVER, max_incomplete_event_size=256 * 1024)
        head: h11.Request | None = None
        body = bytearray()
        last = b""
        with suppress(ConnectionError):
            try:
                while True:
                    event = connection.next_event()
                    if event is h11.NEED_DATA:
                        last = await reader.read(65536)
                        connection.receive_data(last)
                    elif isinstance(event, h11.Request):
                        head, body = event, bytearray()
                    elif isinstance(event, h11.Data):
                        body += event.data
                    elif isinstance(event, h11.EndOfMessage) and head is not None:
                        self.messages.append(Message(bytes(head.method), bytes(head.target), bytes(body)))
                        writer.write(ANSWER if head.method != b"HEAD" else ANSWER[:-2])
                        await writer.drain()
                        connection.send(h11.Response(status_code=200, headers=[("Content-Length", "0")]))
                        connection.send(h11.EndOfMessage())
                        if h11.MUST_CLOSE in {connection.our_state, connection.their_state}:
                            break
                        connection.start_next_cycle()
                    else:
                        break
            except h11.RemoteProtocolError:
                if head is None or last:  # a peer that leaves in the middle of a body is no malformed one
                    self.unreadable.append(last)
        writer.close()
