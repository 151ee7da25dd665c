"""The stage of the traces: a raw client, the real data plane in a thread of its own, a scripted backend.

Everything is on 127.0.0.1 and on ports that the system picks.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import trustme
import uvloop

from gateway.core.masked import seal
from gateway.core.message import Inbound, Outbound
from gateway.core.outcome import Outcome, Send
from gateway.core.report import Report
from gateway.proxy.routes import Plan, Route
from gateway.proxy.server import Gateway, Listening
from gateway.proxy.tls import TlsFiles
from gateway.proxy.upstream import Upstream, client_context
from gateway.spool.quarantine import Quarantine
from gateway.spool.store import Store
from gateway.traffic import Traffic

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
SECONDS = 10.0


class PassMasker:
    """Stands for the pipeline: what came leaves as it is, and what came is kept for the test to look at."""

    def __init__(self) -> None:
        self.seen: list[Inbound] = []

    def mask(self, inbound: Inbound) -> Outcome:
        self.seen.append(inbound)
        request = Outbound(inbound.method, inbound.target, inbound.headers, inbound.body)
        return Send(seal(request, "0" * 64), Report(tracker="rrweb"))


def read_message(reader: socket.SocketIO) -> bytes:
    """One message: its head, and as much body as Content-Length or chunked framing says. Empty at the end of file."""
    raw = b""
    while not raw.endswith(b"\r\n\r\n"):
        line = reader.readline()
        if not line:
            return raw
        raw += line
    head = raw.lower()
    if b"content-length:" in head:
        length = int(head.partition(b"content-length:")[2].split(b"\r\n")[0])
        while length > 0:
            piece = reader.read(length)
            if not piece:
                break
            raw += piece
            length -= len(piece)
    elif b"transfer-encoding: chunked" in head:
        while True:
            line = reader.readline()
            raw += line
            if line in {b"0\r\n", b""}:
                return raw + reader.readline()
            raw += reader.read(int(line, 16) + 2)
    return raw


class Backend:
    """Answers each request with what `script` holds (bytes, or a function that gets the socket); keeps what it got."""

    def __init__(self, tls: ssl.SSLContext | None = None, address: tuple[str, int] = ("127.0.0.1", 0)) -> None:
        self.received: list[bytes] = []
        self.script: bytes | Callable[[socket.socket], None] = OK
        self.closes = False
        self._tls = tls
        self._listener = socket.create_server(address)
        self.port = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def heads(self) -> list[dict[str, list[str]]]:
        found: list[dict[str, list[str]]] = []
        for raw in self.received:
            fields: dict[str, list[str]] = {}
            for line in raw.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:]:
                name, _, value = line.decode("latin-1").partition(": ")
                fields.setdefault(name.lower(), []).append(value)
            found.append(fields)
        return found

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for one in self._open:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(SECONDS)
        for one in self._open:
            one.close()

    def _accept(self) -> None:
        while True:
            try:
                plain, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(plain)
            thread = threading.Thread(target=self._serve, args=(plain,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_side=True)
                self._open.append(connection)
            with connection.makefile("rb") as reader:
                while raw := read_message(reader):
                    self.received.append(raw)
                    if callable(self.script):
                        self.script(connection)
                    else:
                        connection.sendall(self.script)
                    if self.closes:
                        break
            connection.shutdown(socket.SHUT_RDWR)


@dataclass
class Stage:
    """One gateway in front of one backend."""

    backend: Backend
    masker: PassMasker = field(default_factory=PassMasker)
    plan: Plan | None = None
    gateway: Gateway | None = None
    events: list[tuple[object, dict[str, object]]] = field(default_factory=list)
    _loop: asyncio.AbstractEventLoop | None = None
    _thread: threading.Thread | None = None

    def route(self, **more: object) -> Route:
        return replace(Route(name="t", upstream=self.backend.url, path="/t/"), **more)

    def start(
        self,
        *,
        tls: TlsFiles | None = None,
        redirect: bool = False,
        read: float = 30.0,
        store: Store | None = None,
        quarantine: Quarantine | None = None,
        upstream: dict[str, object] | None = None,
        traffic: Traffic | None = None,
        **plan: object,
    ) -> Stage:
        self.plan = Plan(masker=plan.pop("masker", self.masker), routes=plan.pop("routes", (self.route(),)), **plan)
        ready = threading.Event()

        async def live() -> None:
            self._loop = asyncio.get_running_loop()
            self.gateway = Gateway(
                Listening(("127.0.0.1", 0), tls, ("127.0.0.1", 0) if redirect else None),
                self.plan,
                emit=lambda event, **fields: self.events.append((event, fields)),
                upstream=Upstream(read=read, **(upstream or {})),
                store=store,
                quarantine=quarantine,
                traffic=traffic,
            )
            self._stopping = asyncio.Event()
            await self.gateway.start()
            ready.set()
            await self._stopping.wait()
            await self.gateway.stop(2)

        def run() -> None:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(live())

        self._thread = threading.Thread(target=run)
        self._thread.start()
        assert ready.wait(SECONDS)
        return self

    @property
    def port(self) -> int:
        return self.gateway.address[1]

    def on_loop(self, function: Callable[[], None]) -> None:
        """Runs a function on the data plane's loop and waits for it."""

        async def call() -> None:
            function()

        asyncio.run_coroutine_threadsafe(call(), self._loop).result(SECONDS)

    def connect(self, tls: ssl.SSLContext | None = None, port: int = 0) -> socket.socket:
        plain = socket.create_connection(("127.0.0.1", port or self.port), timeout=SECONDS)
        if tls is None:
            return plain
        try:
            return tls.wrap_socket(plain, server_hostname="localhost")
        except OSError:
            plain.close()
            raise

    def talk(self, *pieces: bytes, tls: ssl.SSLContext | None = None, port: int = 0) -> bytes:
        """Sends the pieces, says that nothing follows, and returns everything until the gateway closes."""
        with self.connect(tls, port) as client:
            with contextlib.suppress(OSError):
                for piece in pieces:
                    client.sendall(piece)
            got = b""
            with contextlib.suppress(ConnectionResetError, ssl.SSLError):  # how TLS 1.3 says no to a client certificate
                while piece := client.recv(65536):
                    got += piece
            return got

    @staticmethod
    def read(reader: socket.SocketIO) -> bytes:
        """The next answer of a connection that stays open."""
        return read_message(reader)

    def stop(self) -> None:
        if self._thread is not None and self._loop is not None:
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join(SECONDS)
            assert not self._thread.is_alive()


@pytest.fixture
def backend() -> Iterator[Backend]:
    made = Backend()
    yield made
    made.close()


@pytest.fixture
def stage(backend: Backend) -> Iterator[Stage]:
    made = Stage(backend)
    yield made
    made.stop()


@dataclass
class Certified:
    """A certificate on disk, its authority, and a client that trusts it."""

    authority: trustme.CA
    files: TlsFiles

    def client(self, **versions: ssl.TLSVersion) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.authority.configure_trust(context)
        for name, version in versions.items():
            setattr(context, name, version)
        return context

    def renew(self, name: str = "localhost") -> trustme.LeafCert:
        leaf = self.authority.issue_cert(name, "localhost", "127.0.0.1")
        leaf.private_key_pem.write_to_path(self.files.key)
        self.files.certificate.write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
        return leaf


@pytest.fixture
def certified(tmp_path: Path) -> Certified:
    made = Certified(trustme.CA(), TlsFiles(tmp_path / "gateway.pem", tmp_path / "gateway.key"))
    made.renew()
    return made


@pytest.fixture
def upstream_authority(tmp_path: Path) -> tuple[trustme.CA, ssl.SSLContext]:
    """An authority for backends, and the client context of a route whose `upstream_ca` names it."""
    authority = trustme.CA()
    path = tmp_path / "upstream-ca.pem"
    authority.cert_pem.write_to_path(path)
    return authority, client_context(path)
