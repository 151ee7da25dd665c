"""The console's listener: pages and API for people with accounts, and /live, /ready, /metrics for whoever watches.

It shares nothing with the data plane but its sources and what `Control` lets it do: a failure here is a 500 here.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Sequence
from contextlib import suppress

from aiohttp import web

from gateway.console.application import Application, silent
from gateway.console.call import Desk
from gateway.console.probes import Probes
from gateway.console.rules import live_files
from gateway.core.errors import UserError
from gateway.status import Source

STOP_SECONDS = 1.0
LINE_SIZE = 128 * 1024
"""Bytes of a request's first line: a rule to try may be in its query."""


class Console:
    """Serves on a bound socket until closed. Without a desk there are no accounts: three answers for this machine."""

    def __init__(self, sources: Sequence[Source], desk: Desk | None = None, hosts: Sequence[str] = ()) -> None:
        self._sources = sources
        self._hosts = hosts
        self._desk = desk
        self._runner: web.AppRunner | None = None
        self._measuring: asyncio.Task[None] | None = None
        self.address: tuple[str, int] | None = None
        self.is_secure = False
        self._recording: asyncio.Task[None] | None = None

    async def start(self, bound: socket.socket, tls: ssl.SSLContext | None = None) -> None:
        """Begins to serve, by HTTPS where there is a context."""
        self.address = bound.getsockname()[:2]
        self.is_secure = tls is not None
        settings = self._desk.settings if self._desk is not None else None
        application = Application(
            self._desk,
            Probes(self._sources),
            hosts=self._hosts,
            loopback=settings.listen.is_loopback if settings is not None else True,
            secure=self.is_secure,
        )
        self.took()
        self._runner = web.AppRunner(
            application.web, access_log=None, logger=silent, shutdown_timeout=STOP_SECONDS, max_line_size=LINE_SIZE
        )
        await self._runner.setup()
        if self._desk is not None:
            self._measuring = asyncio.create_task(self._desk.hour.run())
        await web.SockSite(self._runner, bound, ssl_context=tls).start()

    def took(self) -> None:
        """Other rules are live, perhaps: what is news of it goes into the history."""
        if self._desk is not None:
            self._recording = asyncio.get_running_loop().create_task(self._record(self._desk))

    @staticmethod
    async def _record(desk: Desk) -> None:
        files, digests = live_files(desk), tuple(desk.control.digests)
        with suppress(UserError):  # a disk that is full keeps nobody from serving
            await desk.run(desk.history.record, files, digests)

    async def close(self) -> None:
        """Ends all connections."""
        if self._measuring is not None:
            self._measuring.cancel()
            await asyncio.gather(self._measuring, return_exceptions=True)
        if self._runner is not None:
            await self._runner.cleanup()
        if self._recording is not None:
            await self._recording
        if self._desk is not None:
            await self._desk.trials.take(None, self._desk.control.shadow)
            await self._desk.workshop.close()
            self._desk.database.close()
