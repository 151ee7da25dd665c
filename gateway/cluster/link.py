"""The connection to the NATS servers, and what is asked of JetStream through it.

Every question has a deadline. While a stream elects a leader nobody answers: the question is put again until the
deadline is over, and then it is an `OSError` to whoever asked. Only a stream's leader is asked, never a replica that
may be behind.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import nats
import nats.errors
from nats.aio.client import Client
from nats.js import JetStreamContext, api
from nats.js.errors import APIError, NotFoundError

from gateway.core.errors import UserError

TRY_SECONDS: Final = 1.0
"""For one question; a healthy cluster answers in milliseconds."""

DEADLINE_SECONDS: Final = 5.0
"""For one step of a request, elections included: past it the browser is asked to come back."""

START_SECONDS: Final = 30.0
WRONG_LAST_SEQUENCE: Final = 10071
NO_ROOM: Final = frozenset({10047, 10077})
"""What JetStream says where a server's store or a stream is full."""

_NO_ROOM_FOR_REPLICAS: Final = frozenset({10005, 10074})
_CLOSING_SECONDS: Final = 5.0
_MAKING_SECONDS: Final = 8.0

Settled = Mapping[str, object]


class Away(OSError):  # noqa: N818 - what happened
    """JetStream did not answer in time."""


@dataclass(frozen=True, slots=True)
class Servers:
    """Where the servers are, as gateway.yaml names them. `login` is `user:password`, a token, or nothing."""

    urls: tuple[str, ...]
    replicas: int = 3
    login: str = ""
    authority: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    where: str = ""

    def context(self) -> ssl.SSLContext | None:
        """What TLS goes by: names and chains are verified. None on loopback, where nothing is encrypted."""
        if not self.urls[0].startswith("tls://"):
            return None
        try:
            context = ssl.create_default_context(cafile=self.authority)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            if self.certificate is not None:
                context.load_cert_chain(self.certificate, self.key)
        except (OSError, ssl.SSLError) as error:
            raise UserError(f"cluster: the certificates can't be used ({type(error).__name__})", self.where) from None
        return context


class Link:
    """One connection for everything. Made and used inside one event loop."""

    def __init__(self, servers: Servers, start: float = START_SECONDS) -> None:
        """`start`: seconds that a start waits for the servers."""
        self.servers = servers
        self._start = start
        self._client = Client()
        self._is_open = False
        self._trouble: Exception | None = None

    async def open(self) -> None:
        """Connects. Raises `UserError` where nobody answers."""
        if self._is_open:
            return
        user, colon, password = self.servers.login.partition(":")
        shown = ", ".join(self.servers.urls)
        try:
            async with asyncio.timeout(self._start):
                await self._client.connect(
                    list(self.servers.urls),
                    name="gateway",
                    tls=self.servers.context(),
                    error_cb=self._note,
                    connect_timeout=2,
                    reconnect_time_wait=0.2,  # type: ignore[arg-type] # it goes to asyncio.sleep
                    max_reconnect_attempts=-1,
                    ping_interval=5,
                    user=user if colon else None,
                    password=password if colon else None,
                    token=None if colon else user or None,
                )
        except (TimeoutError, OSError, nats.errors.Error) as error:
            why = type(self._trouble or error).__name__  # its message may hold the login
            raise UserError(
                f"cluster: no answer from {shown} ({why}): are the servers up, and are ca and login theirs?",
                self.servers.where,
            ) from None
        self._is_open = True

    async def _note(self, trouble: Exception) -> None:
        """Keeps what is wrong with the connection, for a start that fails; later it shows at the questions."""
        self._trouble = trouble

    @asynccontextmanager
    async def opening(self) -> AsyncIterator[None]:
        """The connection, ended again where what follows at the start fails."""
        await self.open()
        try:
            yield
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Ends the connection."""
        if self._is_open:
            self._is_open = False
            with suppress(TimeoutError, OSError, nats.errors.Error):
                async with asyncio.timeout(_CLOSING_SECONDS):
                    await self._client.close()

    @property
    def largest(self) -> int:
        """Bytes of a message that the servers take."""
        return self._client.max_payload

    @property
    def js(self) -> JetStreamContext:
        """JetStream. Its own deadline is above that of `settle`, which holds."""
        return self._client.jetstream(timeout=START_SECONDS)

    async def settle[T](
        self, ask: Callable[[], Awaitable[T]], seconds: float = DEADLINE_SECONDS, each: float = TRY_SECONDS
    ) -> T:
        """Asks until there is an answer. Raises `Away` where there is none in time; what JetStream refuses is an answer."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        pause = 0.02
        while True:
            try:
                async with asyncio.timeout_at(min(until, loop.time() + each)):
                    return await ask()
            except APIError as refused:
                if refused.code != 503 or refused.err_code in NO_ROOM:  # else it has no leader now
                    raise
            except (TimeoutError, OSError, nats.errors.Error):  # NATS's timeouts and lost connections
                pass
            if loop.time() + pause >= until:
                raise Away
            await asyncio.sleep(pause)
            pause = min(2 * pause, 0.5)

    async def ensure(self, *configs: api.StreamConfig) -> None:
        """Makes streams, or gives those that exist their present bounds. Raises `UserError` where that can't be.

        All at once: a new stream's servers elect its leader, which takes seconds.
        """
        making = [asyncio.create_task(self._ensure(config)) for config in configs]
        try:
            await asyncio.gather(*making)
        finally:
            for task in making:
                task.cancel()
            await asyncio.gather(*making, return_exceptions=True)

    async def _ensure(self, config: api.StreamConfig) -> None:
        config.num_replicas = self.servers.replicas

        async def make() -> None:
            try:
                await self.js.stream_info(str(config.name))
            except NotFoundError:
                await self.js.add_stream(config)
            else:
                await self.js.update_stream(config)

        try:
            await self.settle(make, self._start, _MAKING_SECONDS)
        except APIError as error:
            wanted = f"hold {self.servers.replicas} replicas" if error.err_code in _NO_ROOM_FOR_REPLICAS else "be made"
            raise UserError(
                f"cluster: the stream {config.name} can't {wanted} ({error.description}): "
                "it takes three servers with JetStream, each with room for spool.limit, or replicas: 1",
                self.servers.where,
            ) from None
        except Away:
            raise UserError(
                "cluster: the servers answer, JetStream does not: is it on, and are most servers up?",
                self.servers.where,
            ) from None

    async def stored(self, subject: str, data: bytes, name: str, after: int | None = None) -> tuple[int, bool]:
        """Stores a message on most servers' disks; its number, and whether it is new.

        Of two messages of one `name` (two attempts, two gateways) the first one alone is stored, for some minutes.
        `after`: the newest message of the subject must be that one (0: there must be none), else `APIError`.
        """
        headers = {api.Header.MSG_ID.value: name}
        if after is not None:
            headers[api.Header.EXPECTED_LAST_SUBJECT_SEQUENCE.value] = str(after)
        told = await self.settle(lambda: self.js.publish(subject, data, headers=headers))
        return told.seq, not told.duplicate

    async def last(self, stream: str, subject: str) -> tuple[int, bytes] | None:
        """The number and the bytes of the newest message of a subject."""
        try:
            message = await self.settle(lambda: self.js.get_msg(stream, subject=subject))
        except NotFoundError:
            return None
        return message.seq or 0, message.data or b""

    async def next(self, stream: str, subject: str, number: int) -> tuple[int, str, bytes] | None:
        """Number, subject and bytes of the first message at or behind a number."""
        try:
            message = await self.settle(lambda: self.js.get_msg(stream, seq=number, subject=subject, next=True))
        except NotFoundError:
            return None
        return message.seq or 0, message.subject or "", message.data or b""

    async def remove(self, stream: str, number: int) -> None:
        """Takes a message out; one that is gone already, too."""
        with suppress(APIError):
            await self.settle(lambda: self.js.delete_msg(stream, number))

    async def purge(self, stream: str, subject: str) -> None:
        """Takes out all messages of a subject."""
        await self.settle(lambda: self.js.purge_stream(stream, subject=subject))

    async def state(self, stream: str, subjects: str = "") -> Mapping[str, Any]:
        """How full a stream is; with `subjects`, how many messages each of them has."""
        asked = json.dumps({"subjects_filter": subjects} if subjects else {}).encode()

        async def ask() -> Mapping[str, Any]:
            answer = await self._client.request(f"$JS.API.STREAM.INFO.{stream}", asked, timeout=TRY_SECONDS)
            told: Mapping[str, Any] = json.loads(answer.data)
            if "error" in told:
                raise APIError.from_error(told["error"])
            return told["state"]  # type: ignore[no-any-return]  # the server's JSON

        return await self.settle(ask)
