"""One masker process as the front sees it: questions go in, answers come back in the same order.

What it was asked first when it ends is what it ended over, and fails; the questions behind that one changed nothing, and
may be asked of another.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from enum import StrEnum

from gateway.maskers import wire
from gateway.maskers.bounds import OVERRUN
from gateway.maskers.child import start_child


class End(StrEnum):
    """Why a masker ended."""

    OVERRAN = "overran"  # its CPU time
    STUCK = "stuck"  # longer than any request may take, without using CPU time
    DIED = "died"  # whatever else: killed, out of memory, a crash in a library


class Ended(Exception):  # noqa: N818 - what happened
    """The masker ended over this question."""

    def __init__(self, why: End) -> None:
        super().__init__(why.value)
        self.why = why


class Interrupted(Exception):  # noqa: N818 - what happened
    """The masker ended over another question, or between two: this one changed nothing, and may be asked again."""


class Link(asyncio.Protocol):
    """A masker, from its start to its end."""

    def __init__(self, number: int, maskers: int) -> None:
        self.ended = asyncio.Event()
        self.why = End.DIED
        self.editions: set[int] = set()
        self._place = (number, maskers)
        self._asked: deque[asyncio.Future[wire.Reading]] = deque()
        self._head_since = 0.0
        self._incoming = bytearray()
        self._is_lost = False

    async def start(self) -> None:
        """Starts the process. It answers once its interpreter is up."""
        number, maskers = self._place
        self._process, ours = start_child("gateway.maskers.process", f"{number}", f"{maskers}")
        self._loop = asyncio.get_running_loop()
        self._transport, _ = await self._loop.create_unix_connection(lambda: self, sock=ours)

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    @property
    def seconds_at_one(self) -> float:
        """For how long it has been at its present question."""
        return self._loop.time() - self._head_since if self._asked else 0.0

    def send(self, question: wire.Question) -> asyncio.Future[wire.Reading]:
        """Asks, behind all that was asked before. The answer is `Ended` or `Interrupted` where there won't be one."""
        answer: asyncio.Future[wire.Reading] = self._loop.create_future()
        if self._is_lost:
            answer.set_exception(Interrupted())
            return answer
        self._transport.write(wire.frame(question))
        if not self._asked:
            self._head_since = self._loop.time()
        self._asked.append(answer)
        return answer

    async def ask(self, question: wire.Question) -> wire.Reading:
        """The answer. Raises `Ended` or `Interrupted` where there won't be one."""
        return await self.send(question)

    def tell(self, message: wire.Drop) -> None:
        """Says what has no answer."""
        if not self._is_lost:
            self._transport.write(wire.frame(message))

    def prepare(self, edition: int, blueprint: bytes) -> asyncio.Future[wire.Reading]:
        """Has it compile an edition, before whatever it is asked from here on."""
        self.editions.add(edition)
        return self.send(wire.Prepare(edition, blueprint))

    def kill(self, why: End = End.DIED) -> None:
        """Ends the process at once."""
        self.why = why
        with suppress(ProcessLookupError):
            self._process.kill()

    def close(self) -> None:
        """Lets it end by itself."""
        self._transport.close()

    # asyncio.Protocol

    def data_received(self, data: bytes) -> None:
        """Bytes of answers."""
        incoming, size = self._incoming, wire.LENGTH.size
        incoming += data
        at = 0
        while len(incoming) - at >= size:
            end = at + size + wire.LENGTH.unpack_from(incoming, at)[0]
            if len(incoming) < end:
                break
            with memoryview(incoming) as view:
                answer = wire.answer(view[at + size : end])
            at = end
            asked = self._asked.popleft()
            self._head_since = self._loop.time()
            if not asked.done():  # who asked may have gone
                asked.set_result(answer)
        del incoming[:at]

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002 - its end says why
        """The process closed its side: it has ended, or does so now."""
        self._is_lost = True
        self._burying = self._loop.create_task(self._bury())

    async def _bury(self) -> None:
        with suppress(ProcessLookupError):
            self._process.kill()  # nothing to a process that has ended
        status = await asyncio.to_thread(self._process.wait)
        if status == -OVERRUN:
            self.why = End.OVERRAN
        for place, answer in enumerate(self._asked):
            if not answer.done():
                answer.set_exception(Interrupted() if place else Ended(self.why))
        self._asked.clear()
        self.ended.set()
