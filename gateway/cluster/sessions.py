"""The state of sessions in a replicated key-value bucket (`maskers.shared.SharedState`): lent, changed, given back.

    key     a keyed fingerprint of the session's name
    value   version · key id · time · nonce · AES-256-GCM of the state; version, key id, fingerprint and time authenticated

A state is given back against the revision that was lent: where another gateway was first, the request is masked again on
what that one left. Where the servers don't answer in time nothing is lent and nothing stored, and the browser is asked to
come back: a change that is masked but not remembered would leave later texts of that element unmasked. What does not
open (another version, an unknown key, flipped bits) is unknown, and masked.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from hashlib import blake2b
from typing import Final

import msgspec
from nats.js import api
from nats.js.errors import APIError

from gateway.cluster.link import WRONG_LAST_SEQUENCE, Link
from gateway.core.errors import UserError
from gateway.spool.seal import Damaged, Label, Sealed, Sealer, UnknownKey

BUCKET: Final = "gateway_sessions"
STREAM: Final = f"KV_{BUCKET}"
STATES: Final = "session state"
"""What a sealer's keys are for."""

ABOUT: Final = "gateway_about"
"""Holds one message, by which gateways tell that they have the same keys."""

VERSION: Final = 1
IDLE_SECONDS: Final = 3600.0
"""After which a session that sent nothing is forgotten, as in one process."""

_FRESHEN: Final = 4  # parts of that time after which a state that did not change is stored anew
_OVERHEAD: Final = 4096  # bytes of a message beside its state
_ABOUT: Final = "gateway.about"
_PREFIX: Final = f"$KV.{BUCKET}."


class _Value(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    version: int
    key: str
    at: int
    nonce: bytes
    data: bytes


class _Held(msgspec.Struct):
    """What was loaded of one key."""

    revision: int = 0
    state: bytes = b""
    at: float = 0.0


class Borrowed:
    """One request's loan."""

    def __init__(self, sessions: ClusterSessions, held: Mapping[str, _Held]) -> None:
        self._sessions = sessions
        self._held = held

    @property
    def state(self) -> Mapping[str, bytes]:
        """See `Loan.state`."""
        return {key: held.state for key, held in self._held.items() if held.state}

    async def give_back(self, state: Mapping[str, bytes]) -> bool:
        """See `Loan.give_back`. Raises `OSError` where the servers don't answer: then nothing may leave."""
        stored = await asyncio.gather(
            *(self._sessions.store(key, held, state.get(key, b"")) for key, held in self._held.items()),
            return_exceptions=True,
        )
        for one in stored:
            if isinstance(one, BaseException):
                raise one
        return all(stored)


class ClusterSessions:
    """Lends states. `key` makes fingerprints of names: every gateway of a cluster has the same, and the same sealing keys."""

    def __init__(self, link: Link, sealer: Sealer, key: bytes, idle: float = IDLE_SECONDS) -> None:
        self._link = link
        self._sealer = sealer
        self._key = blake2b(b"session keys", key=key[:64], digest_size=32).digest()
        self._idle = idle
        self._locks: dict[str, tuple[asyncio.Lock, int]] = {}

    def streams(self) -> tuple[api.StreamConfig, ...]:
        """What it keeps on the servers."""
        bucket = api.StreamConfig(
            name=STREAM,
            subjects=[f"{_PREFIX}>"],
            max_msgs_per_subject=1,
            max_age=self._idle,
            discard=api.DiscardPolicy.NEW,
            storage=api.StorageType.FILE,
            allow_rollup_hdrs=True,
            duplicate_window=min(120.0, self._idle),
        )
        about = api.StreamConfig(name=ABOUT, subjects=[_ABOUT], max_msgs_per_subject=1, storage=api.StorageType.FILE)
        return bucket, about

    async def open(self) -> None:
        """Makes the bucket where it is missing. Raises `UserError`."""
        async with self._link.opening():
            await self._link.ensure(*self.streams())
            await self._agree()

    async def _agree(self) -> None:
        """Raises `UserError` where the gateways that started before have other keys: they would not know each other's."""
        with suppress(APIError):
            await self._link.stored(_ABOUT, self._seal(_ABOUT.encode(), self._key), os.urandom(12).hex(), 0)
        found = await self._link.last(ABOUT, _ABOUT)
        if found is None or self._open(_ABOUT.encode(), found[1])[0] == self._key:
            return
        raise UserError(
            "cluster: the gateways that share these servers have another masking_key or spool.key: give all the same "
            f"(where both were changed on purpose: nats stream rm {ABOUT})",
            self._link.servers.where,
        )

    def use(self, sealer: Sealer) -> None:
        """Takes up other keys (a reload)."""
        self._sealer = sealer

    @asynccontextmanager
    async def borrow(self, keys: Sequence[str]) -> AsyncIterator[Borrowed]:
        """See `SharedState.borrow`."""
        async with AsyncExitStack() as turns:
            for key in sorted(set(keys)):  # in one order for all requests, so that two never wait for each other
                await turns.enter_async_context(self._turn(key))
            held = await asyncio.gather(*(self._load(key) for key in keys))
            yield Borrowed(self, dict(zip(keys, held, strict=True)))

    @asynccontextmanager
    async def _turn(self, key: str) -> AsyncIterator[None]:
        lock, waiting = self._locks.get(key, (asyncio.Lock(), 0))
        self._locks[key] = lock, waiting + 1
        try:
            async with lock:
                yield
        finally:
            lock, waiting = self._locks.pop(key)
            if waiting > 1:
                self._locks[key] = lock, waiting - 1

    async def states(self) -> AsyncIterator[tuple[int, bytes, float, int]]:
        """All states, by number: the state (empty where it does not open), when it was stored, and its size."""
        number = 0
        while (found := await self._link.next(STREAM, f"{_PREFIX}>", number + 1)) is not None:
            number, subject, data = found
            with suppress(ValueError):
                state, at = self._open(bytes.fromhex(subject.removeprefix(_PREFIX)), data)
                yield number, state, at, len(data)

    def _fingerprint(self, key: str) -> bytes:
        return blake2b(key.encode("utf-8", "surrogatepass"), key=self._key, digest_size=20).digest()

    async def _load(self, key: str) -> _Held:
        lane = self._fingerprint(key)
        found = await self._link.last(STREAM, _PREFIX + lane.hex())
        if found is None:
            return _Held()
        revision, data = found
        return _Held(revision, *self._open(lane, data))

    def _open(self, lane: bytes, data: bytes) -> tuple[bytes, float]:
        """The state and when it was stored; empty where it does not open."""
        try:
            value = msgspec.msgpack.decode(data, type=_Value)
            state = self._sealer.open(_label(value.version, lane, value.at), Sealed(value.key, value.nonce, value.data))
        except (msgspec.MsgspecError, ValueError, Damaged, UnknownKey):
            return b"", 0.0
        return (state, value.at / 1000) if value.version == VERSION else (b"", 0.0)

    def _seal(self, lane: bytes, state: bytes) -> bytes:
        at = round(time.time() * 1000)
        sealed = self._sealer.seal(_label(VERSION, lane, at), state)
        return msgspec.msgpack.encode(_Value(VERSION, sealed.key, at, sealed.nonce, sealed.data))

    async def store(self, key: str, held: _Held, state: bytes) -> bool:
        """Stores one state against the revision that was lent; False where another gateway was first."""
        if len(state) + _OVERHEAD > self._link.largest:
            state = b""  # a page beyond what the servers take is not known to the others: what comes is masked
        if not state and not held.revision:
            return True
        if state == held.state and abs(time.time() - held.at) < self._idle / _FRESHEN:
            return True
        lane = self._fingerprint(key)
        subject, data = _PREFIX + lane.hex(), self._seal(lane, state)
        try:
            # The name makes the step atomic: servers before 2.10 look at `after` before they agree on an order, so that
            # two at once may pass (seen with 2.9.10), while of two messages of one name they store the first alone.
            _, is_new = await self._link.stored(subject, data, f"{lane.hex()}.{held.revision}", held.revision)
        except APIError as refused:
            if refused.err_code != WRONG_LAST_SEQUENCE:
                raise OSError("the servers refused a state") from None
            is_new = False
        if is_new:
            return True
        found = await self._link.last(STREAM, subject)  # it may be ours, by an attempt whose answer was lost
        return found is not None and found[1] == data


def _label(version: int, lane: bytes, at: int) -> Label:
    return Label(version, BUCKET, lane, at, "")
