"""Visitors: sessions that send one event after the other, each with an id of its own and full of what must not leave.

Every request is noted with the answer that came; an event is *acked* where a whole 2xx was read. Nothing is sent twice.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import re
import ssl
import uuid
from dataclasses import dataclass, field

MARK = "zq7canary"
CARD = "4111 1111 1111 1111"
ADDRESS = "203.0.113.77"
PRIVATE = (MARK, CARD, CARD.replace(" ", ""), CARD.replace(" ", "%20"), ADDRESS)
"""What must be in nothing that leaves, is logged or is stored."""

AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 Safari/537.36"
FIELDS = (
    ("Host", "localhost"),
    ("User-Agent", AGENT),
    ("Origin", "https://shop.example"),
    ("Cookie", f"shop={MARK}-cookie"),
    ("X-Forwarded-For", ADDRESS),
)
PREFIX = "/t"
SET_UP = "/array/phc_faults/config"
SESSIONS = 4
LARGE_EVERY = 12
PAUSE = 0.03
PATIENCE = 40.0
"""Seconds that a visitor waits for one answer."""


@dataclass(frozen=True)
class Answer:
    status: int
    fields: dict[str, str]
    body: bytes


@dataclass
class Sent:
    """One event. `answer` is None where none came, or only a part of one."""

    id: str
    session: str
    number: int
    target: str
    fields: tuple[tuple[str, str], ...]
    body: bytes
    answer: Answer | None = None
    left: bool = False
    """The visitor went away on purpose."""

    @property
    def acked(self) -> bool:
        return self.answer is not None and 200 <= self.answer.status < 300


def make_event(session: str, number: int) -> Sent:
    """A PostHog event; every third one is gzip, some are large."""
    own = str(uuid.uuid4())
    filler = [f"step {n} of the visit" for n in range(3000)] if number % LARGE_EVERY == LARGE_EVERY - 1 else []
    event = {
        "api_key": "phc_faults",
        "uuid": own,
        "event": "order sent",
        "distinct_id": f"{MARK}-{session}",
        "timestamp": "2026-11-24T10:00:00.000Z",
        "properties": {
            "$session_id": session,
            "$lib": "web",
            "$current_url": f"https://shop.example/order?mail=jo.{MARK}{number}@example.com",
            "number": number,
            "note": f"card {CARD}, mail jo.{MARK}{number}@example.com, from {ADDRESS}",
            "steps": filler,
            "$set": {"name": f"Jo {MARK.title()}", "email": f"jo.{MARK}{number}@example.com"},
        },
    }
    body = json.dumps(event).encode()
    if number % 3 == 2:
        fields = (*FIELDS, ("Content-Type", "text/plain"))
        return Sent(own, session, number, "/e/?compression=gzip-js", fields, gzip.compress(body, mtime=0))
    return Sent(own, session, number, "/e/", (*FIELDS, ("Content-Type", "application/json")), body)


class Line:
    """One client connection to the gateway, kept as long as it lasts."""

    def __init__(self, port: int, tls: ssl.SSLContext) -> None:
        self._port, self._tls = port, tls
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def ask(
        self, method: str, target: str, fields: tuple[tuple[str, str], ...], body: bytes = b""
    ) -> Answer | None:
        """The answer, or None where there is none that is whole."""
        try:
            async with asyncio.timeout(PATIENCE):
                await self.send(method, target, fields, body)
                return await self._answer()
        except (OSError, EOFError, ValueError, TimeoutError, asyncio.LimitOverrunError):
            self.drop()
            return None

    async def send(
        self, method: str, target: str, fields: tuple[tuple[str, str], ...], body: bytes, upto: int | None = None
    ) -> None:
        """Sends a request, or its first `upto` bytes."""
        if self._writer is None:
            self._reader, self._writer = await asyncio.open_connection(
                "127.0.0.1", self._port, ssl=self._tls, server_hostname="localhost"
            )
        lines = [f"{method} {PREFIX}{target} HTTP/1.1", *(f"{name}: {value}" for name, value in fields)]
        if method != "GET":
            lines.append(f"Content-Length: {len(body)}")
        raw = "\r\n".join(lines).encode() + b"\r\n\r\n" + body
        self._writer.write(raw[:upto])
        await self._writer.drain()

    async def _answer(self) -> Answer:
        assert self._reader
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        status = int(re.fullmatch(r"HTTP/1\.1 (\d{3}) .*", head[0])[1])  # type: ignore[index]
        fields = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
        body = b""
        if "content-length" in fields:
            body = await self._reader.readexactly(int(fields["content-length"]))
        elif fields.get("transfer-encoding") == "chunked":
            while size := int(await self._reader.readuntil(b"\r\n"), 16):
                body += (await self._reader.readexactly(size + 2))[:-2]
            await self._reader.readuntil(b"\r\n")
        elif status not in {204, 304}:
            raise ValueError("an answer without a length")
        if fields.get("connection", "").lower() == "close":
            self.drop()
        return Answer(status, fields, body)

    def drop(self) -> None:
        if self._writer is not None:
            self._writer.transport.abort()
        self._reader = self._writer = None


@dataclass
class Crowd:
    """All visitors of one cell, and what they were told."""

    port: int
    tls: ssl.SSLContext
    sent: list[Sent] = field(default_factory=list)
    set_up: list[Answer] = field(default_factory=list)
    habit: Habit | None = None
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _over: bool = False

    def start(self) -> None:
        self._tasks = [asyncio.create_task(self._visit(str(uuid.uuid4()))) for _ in range(SESSIONS)]
        self._tasks.append(asyncio.create_task(self._ask_for_set_up()))

    async def stop(self) -> None:
        """No further requests; waits for the answers to those that are under way."""
        self._over = True
        await asyncio.gather(*self._tasks)

    async def one_more(self) -> bool:
        """A fresh visitor with one event. Whether it was acked."""
        line = Line(self.port, self.tls)
        event = make_event(str(uuid.uuid4()), 0)
        self.sent.append(event)
        event.answer = await line.ask("POST", event.target, event.fields, event.body)
        line.drop()
        return event.acked

    async def _visit(self, session: str) -> None:
        line, number = Line(self.port, self.tls), 0
        while not self._over:
            event = make_event(session, number)
            self.sent.append(event)
            if self.habit is None or not await self.habit.leaves(line, event):
                event.answer = await line.ask("POST", event.target, event.fields, event.body)
            number += 1
            await asyncio.sleep(PAUSE)
        line.drop()

    async def _ask_for_set_up(self) -> None:
        line = Line(self.port, self.tls)
        while not self._over:
            answer = await line.ask("GET", SET_UP, FIELDS)
            if answer is not None:
                self.set_up.append(answer)
            await asyncio.sleep(5 * PAUSE)
        line.drop()


class Habit:
    """Every other request is left alone by its visitor, after `upto` of its bytes: mid-head, mid-body, or all sent."""

    def __init__(self, upto: int | None, *, waits: float = 0.0) -> None:
        self.acted = 0
        self._upto, self._waits = upto, waits

    async def leaves(self, line: Line, event: Sent) -> bool:
        if event.number % 2:
            return False
        self.acted += 1
        event.left = True
        with contextlib.suppress(OSError):
            await line.send("POST", event.target, event.fields, event.body, self._upto)
            await asyncio.sleep(self._waits)
        line.drop()
        return True
