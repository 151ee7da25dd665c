"""A backend that keeps what it gets: every request verbatim, the head's bytes too, and an answer that SDKs take as success.

HTTP/1.1 on loopback, by hand, so that no library tidies up what arrives. It runs in a thread of its own; one request is
kept before its answer is sent, so whoever has the answer may look.
"""

from __future__ import annotations

import asyncio
import threading
from typing import Self

from tests.judge.recorded import Request

# path ending or part → answer, where an empty object is not what the real backend says
ANSWERS: tuple[tuple[str, str, bytes], ...] = (
    ("/envelope/", "application/json", b'{"id":"00000000000000000000000000000000"}'),
    ("/i/v0/e/", "application/json", b'{"status":1}'),
    ("/s/", "application/json", b'{"status":1}'),
    ("/track/", "application/json", b'{"code":200,"status":"OK","error":null}'),
    ("/2/httpapi", "application/json", b'{"code":200,"events_ingested":1}'),
    ("matomo.php", "image/gif", b"GIF89a"),
)
PLAIN = ("application/json", b"{}")


class Sink:
    """`with Sink() as sink:` listens at `sink.port`; `sink.arrived` grows by each request."""

    def __init__(self) -> None:
        self.arrived: list[Request] = []
        self.heads: list[bytes] = []
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._talk, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        talks = asyncio.all_tasks(self._loop)
        for talk in talks:
            talk.cancel()
        self._loop.run_until_complete(asyncio.gather(*talks, return_exceptions=True))
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                message = await read_request(reader)
                if message is None:
                    break
                request, head = message
                self.heads.append(head)
                self.arrived.append(request)
                writer.write(self._answer(request))
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    @staticmethod
    def _answer(request: Request) -> bytes:
        path = request.target.partition("?")[0]
        kind, body = next(((kind, body) for part, kind, body in ANSWERS if path.endswith(part)), PLAIN)
        head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
        origin = request.header("origin") or "*"
        head += f"Access-Control-Allow-Origin: {origin}\r\nAccess-Control-Allow-Credentials: true\r\n\r\n"
        return head.encode("latin-1") + (b"" if request.method == "HEAD" else body)


async def read_request(reader: asyncio.StreamReader) -> tuple[Request, bytes] | None:
    """One request and the bytes of its head; None when the peer is done."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    line, *fields = head.decode("latin-1").split("\r\n")
    method, target, _ = line.split(" ", 2)
    headers = tuple((name, value.strip()) for name, _, value in (field.partition(":") for field in fields if field))
    lower = {name.lower(): value for name, value in headers}
    if "chunked" in lower.get("transfer-encoding", "").lower():
        body = await read_chunks(reader)
    else:
        body = await reader.readexactly(int(lower.get("content-length") or 0))
    return Request("", method, target, headers, body), head


async def read_chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while size := int((await reader.readline()).split(b";")[0], 16):
        body += await reader.readexactly(size)
        await reader.readline()
    while (await reader.readline()).strip():
        pass
    return body
