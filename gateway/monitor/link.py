"""The reader's process, as the front sees it: started at the first sample, ended where it takes too long, started again.

Which samples it gets is decided elsewhere; here one is asked at a time.
"""

from __future__ import annotations

import asyncio
import subprocess
from contextlib import suppress
from typing import Final

from gateway.maskers.child import start_child
from gateway.monitor import wire

PATIENCE: Final = 60.0
"""Seconds that one sample may take by the clock: the reader has the lowest priority. Its CPU time the kernel bounds."""


class Overran(Exception):  # noqa: N818 - what happened
    """The reader ended over a sample, or was ended."""


class Link:
    """The reader, from its start to its end; `setup` is what it is told first."""

    def __init__(self, setup: wire.Setup) -> None:
        self._setup = setup
        self._process: subprocess.Popen[bytes] | None = None
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    @property
    def pid(self) -> int:
        """The process's id; 0 while there is none."""
        return self._process.pid if self._process is not None else 0

    def use(self, setup: wire.Setup) -> None:
        """From the next sample on it knows this."""
        self._setup = setup
        if self._streams is not None:
            self._streams[1].write(wire.frame(setup))

    async def ask(self, sample: wire.Sample) -> wire.Answer:
        """What a second reading says. Raises `Overran` where there won't be an answer."""
        try:
            async with asyncio.timeout(PATIENCE):
                incoming, outgoing = self._streams or await self._start()
                outgoing.write(wire.frame(sample))
                await outgoing.drain()
                size = wire.LENGTH.unpack(await incoming.readexactly(wire.LENGTH.size))[0]
                return wire.answer(await incoming.readexactly(size))
        except (TimeoutError, EOFError, OSError):
            await self.close()
            raise Overran from None

    async def close(self) -> None:
        """Ends it at once: it has nothing to lose."""
        process, streams, self._process, self._streams = self._process, self._streams, None, None
        if streams is not None:
            streams[1].transport.abort()
        if process is not None:
            with suppress(ProcessLookupError):
                process.kill()
            await asyncio.to_thread(process.wait)

    async def _start(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        self._process, ours = start_child("gateway.monitor.process")
        self._streams = await asyncio.open_unix_connection(sock=ours)
        self._streams[1].write(wire.frame(self._setup))
        return self._streams
