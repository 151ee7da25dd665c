"""The data plane's life: all addresses are bound before anything serves, and what is under way ends before it stops.

    bind → serve → (reload …) → SIGTERM: stop accepting → drain up to ten seconds → close

A busy address is a `UserError` and leaves nothing half started.
"""

from __future__ import annotations

import asyncio
import errno
import secrets
import signal
import socket
import ssl
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.core.errors import UserError
from gateway.log import Name
from gateway.maskers.shadow import Shadow
from gateway.proxy.counts import Counts, Reload
from gateway.proxy.delivery import Delivery
from gateway.proxy.handler import Emit, Handler, Saw
from gateway.proxy.listener import Handle, Listener
from gateway.proxy.peers import Peers
from gateway.proxy.redirect import Redirect
from gateway.proxy.reload import Watcher
from gateway.proxy.routes import Plan
from gateway.proxy.tls import Certificates, TlsFiles
from gateway.proxy.upstream import Upstream
from gateway.spool.quarantine import Quarantine
from gateway.spool.store import Store
from gateway.status import Reason, Sample, Trouble
from gateway.traffic import Traffic, Verdict

DRAIN_SECONDS = 10.0
COUNTS_SECONDS = 60.0
HANDSHAKE_SECONDS = 10.0
_BACKLOG = 1024

Address = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Listening:
    """Where to serve. Without `tls` it is plain HTTP: loopback, or behind a proxy that the plan trusts."""

    address: Address
    tls: TlsFiles | None = None
    redirect: Address | None = None


def bind(address: Address, *, key: str = "listen") -> socket.socket:
    """A listening socket, or a `UserError` that says which key of gateway.yaml to change."""
    host, port = address
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    shown = show(address)
    try:
        bound = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise UserError(f"address {shown} can't be used: {error.strerror}") from None
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
        bound.listen(_BACKLOG)
        bound.setblocking(False)
    except OSError as error:
        bound.close()
        if error.errno == errno.EADDRINUSE:
            raise UserError(f"address {shown} is in use: stop what uses it, or change `{key}`") from None
        raise UserError(f"address {shown} can't be used ({error.strerror}): change `{key}`") from None
    return bound


def show(address: Address) -> str:
    """`host:port`, an IPv6 host in brackets."""
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class Gateway:
    """One data plane in one event loop."""

    def __init__(
        self,
        listening: Listening,
        plan: Plan,
        *,
        emit: Emit,
        upstream: Upstream | None = None,
        store: Store | None = None,
        quarantine: Quarantine | None = None,
        traffic: Traffic | None = None,
        saw: Saw | None = None,
    ) -> None:
        """`store` is where accepted events wait for a backend that is away; without it, browsers are told.

        `traffic` is told of each request as it ends.
        """
        self.counts = Counts()
        self.traffic = traffic or Traffic()
        self._listening = listening
        self._certificates = Certificates(listening.tls) if listening.tls else None
        self._executor = ThreadPoolExecutor(max_workers=2, thread_name_prefix="masking")
        self._upstream = upstream or Upstream()
        pseudonym = f"gateway-{secrets.token_hex(4)}"
        self.delivery = (
            Delivery(store, lambda: self._handler.plan, self.counts, pseudonym, quarantine) if store else None
        )
        self._handler = Handler(
            plan,
            self._upstream,
            self.counts,
            self.traffic,
            executor=self._executor,
            pseudonym=pseudonym,
            emit=emit,
            delivery=self.delivery,
            hsts=listening.tls is not None,
            saw=saw,
        )
        self._peers = Peers(self._at_most)
        self._listeners: list[Listener] = []
        self._servers: list[asyncio.Server] = []
        self.address: Address = listening.address
        self.redirect_address: Address | None = listening.redirect
        self.reload_failed: Name | None = None  # what is wrong, and where

    def troubles(self) -> Iterator[Trouble]:
        """What is wrong with the data plane now."""
        if self._handler.is_draining:
            yield Trouble(Reason.DRAINING)
        if self.reload_failed is not None:
            yield Trouble(Reason.RELOAD_FAILED, self.reload_failed)
        if self._certificates is not None:
            yield from self._certificates.troubles()
        yield from self._upstream.troubles()
        if self.delivery is not None:
            yield from self.delivery.troubles()

    def samples(self) -> Iterator[Sample]:
        """What there is to measure of it now."""
        yield from self.counts.samples()
        yield from self.traffic.samples()
        yield Sample("gateway_connections", sum(len(one.connections) for one in self._listeners))
        yield Sample("gateway_held_body_bytes", self._handler.held)
        if self._certificates is not None:
            yield from self._certificates.samples()
        yield from self._upstream.samples()
        if self.delivery is not None:
            yield from self.delivery.samples()

    @property
    def plan(self) -> Plan:
        """What new requests are served by."""
        return self._handler.plan

    @plan.setter
    def plan(self, plan: Plan) -> None:
        self._handler.plan = plan

    def offer_to(self, shadow: Shadow | None) -> None:
        """Rules on trial, which get what is masked from now on."""
        self._handler.shadow = shadow

    def reload_certificates(self) -> None:
        """Takes the certificate files as they are now, or raises `UserError` and keeps the old ones."""
        if self._certificates is not None:
            self._certificates.reload()

    async def start(self) -> None:
        """Binds every address, then serves. Raises `UserError`, with nothing left open, when one can't be had."""
        asyncio.get_running_loop().set_exception_handler(self._note)
        bound: list[socket.socket] = []
        try:
            if self.delivery is not None:  # checks a file that may be large: nobody connects before that is done
                await self.delivery.start()
            bound.append(bind(self._listening.address))
            self.address = bound[0].getsockname()[:2]
            if self._listening.redirect is not None:
                bound.append(bind(self._listening.redirect, key="tls.redirect_http"))
                self.redirect_address = bound[1].getsockname()[:2]
        except UserError:
            for one in bound:
                one.close()
            await self.stop(0)
            raise
        context = self._certificates.context if self._certificates else None
        await self._serve(bound[0], self._handler, context)
        if len(bound) > 1:
            await self._serve(bound[1], Redirect(self.address[1], self.counts), None)

    async def stop(self, drain: float = DRAIN_SECONDS) -> None:
        """Stops accepting, lets what is under way end within `drain` seconds, then closes everything."""
        self._handler.is_draining = True
        for server in self._servers:
            server.close()
        for listener in self._listeners:
            listener.pre_shutdown()
        with suppress(TimeoutError):
            async with asyncio.timeout(drain):
                while any(listener.connections for listener in self._listeners):  # noqa: ASYNC110 - aiohttp has no event
                    await asyncio.sleep(0.02)
        for listener in self._listeners:
            await listener.shutdown(0)
        if self.delivery is not None:
            await self.delivery.stop()
        await self._upstream.close()
        self._executor.shutdown(wait=False, cancel_futures=True)

    async def _serve(self, bound: socket.socket, handle: Handle, context: ssl.SSLContext | None) -> None:
        listener = Listener(handle, self.counts, self._peers)
        timeout = HANDSHAKE_SECONDS if context else None
        server = await asyncio.get_running_loop().create_server(
            listener, sock=bound, ssl=context, ssl_handshake_timeout=timeout, backlog=_BACKLOG
        )
        self._listeners.append(listener)
        self._servers.append(server)

    def _at_most(self, peer: str) -> float:
        return self.plan.at_most(peer)  # of the plan that is current then

    def _note(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Failed handshakes and the like are counted: their texts may hold addresses."""
        self.counts.add(Verdict.REJECTED, "tls" if isinstance(context.get("exception"), ssl.SSLError) else "connection")


async def serve(
    gateway: Gateway,
    *,
    load: Callable[[], Plan],
    watched: Callable[[], Iterable[Path]],
    ready: Callable[[], None],
    reloaded: Callable[[], None],
    complain: Callable[[UserError], None],
    tell: Callable[[Counts], None],
    began: Callable[[Watcher[Plan]], None] = lambda _: None,
) -> None:
    """Serves until SIGTERM or SIGINT. SIGHUP, or a change of a watched file, takes a new plan and certificates.

    `load` makes the plan and runs in a thread; `complain` gets what was wrong where the old ones are kept; `tell` gets
    the counts, each minute and at the end; `began` gets the watcher, for whoever else wants a reload.
    """
    loop = asyncio.get_running_loop()

    def load_all() -> Plan:
        plan = load()
        gateway.reload_certificates()
        return plan

    def take(plan: Plan) -> None:
        gateway.plan = plan
        gateway.reload_failed = None
        gateway.counts.reloads[Reload.TAKEN] += 1
        reloaded()

    def refuse(error: UserError) -> None:
        gateway.reload_failed = Name(error.where)
        gateway.counts.reloads[Reload.FAILED] += 1
        complain(error)

    stopping = asyncio.Event()
    watcher = Watcher(watched, load_all, take, refuse)
    began(watcher)
    await gateway.start()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    loop.add_signal_handler(signal.SIGHUP, watcher.poke)
    tasks = [loop.create_task(watcher.run()), loop.create_task(_tell(gateway, tell))]
    try:
        ready()
        await stopping.wait()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await gateway.stop()
        tell(gateway.counts)


async def _tell(gateway: Gateway, tell: Callable[[Counts], None]) -> None:
    while True:
        await asyncio.sleep(COUNTS_SECONDS)
        tell(gateway.counts)
