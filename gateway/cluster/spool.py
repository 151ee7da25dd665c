"""The spool on a replicated JetStream stream: `Store`, shared by all gateways of a cluster.

    subject   gateway.spool.<fingerprint of the route>.<lane>
    message   key id · position · time · program's digest · nonce · AES-256-GCM of the record, as in the embedded spool

A record is accepted once most servers have it on disk. One gateway at a time delivers a route (`lease`), so a lane is in
order whichever gateways took its records; when that one ends, another takes over and begins at the oldest record (at
least once). A record's position is a random number that is sealed with it, since the stream numbers messages itself.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import blake2b
from typing import Any, Final

import msgspec
from nats.js import api
from nats.js.errors import APIError

from gateway.cluster.lease import Leases
from gateway.cluster.link import NO_ROOM, Away, Link
from gateway.core.errors import UserError
from gateway.spool.seal import Damaged, Label, Sealed, Sealer, UnknownKey, read, write
from gateway.spool.store import Claimed, Dropped, Entry, NotKept, Numbers, State

STREAM: Final = "gateway_spool"
PREFIX: Final = "gateway.spool"
AHEAD: Final = 2_000
"""Records of lanes that are held, which are looked past for others that are not."""

_NEARLY_FULL: Final = 0.9
_MOST_LANES: Final = 10_000  # that are counted by route
_RECORD_OVERHEAD: Final = 64 * 1024  # head, seal and headers of a record
_EXPIRED_AT_ONCE: Final = 200


class _Record(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    key: str
    position: int
    at: int
    program: str
    nonce: bytes
    data: bytes


@dataclass(slots=True)
class _Route:
    """What this gateway knows of a route that it delivers."""

    name: str
    seen: int = 0  # the last message that was looked at
    lanes: dict[str, deque[int]] = field(default_factory=dict)  # subject → its messages, oldest first
    held: set[str] = field(default_factory=set)

    @property
    def ahead(self) -> int:
        return sum(map(len, self.lanes.values()))


class ClusterStore:
    """`Store` on the servers. `dropped` counts what this gateway dropped since it started."""

    def __init__(self, link: Link, sealer: Sealer, *, limit: int, keep: float, largest: int = 0) -> None:
        """`limit` is in bytes as sealed on each server, `keep` in seconds, `largest` in bytes of a body."""
        self._link = link
        self._leases = Leases(link)
        self._sealer = sealer
        self._limit, self._keep, self._largest = limit, keep, largest
        self._routes: dict[str, _Route] = {}
        self._claimed: dict[int, tuple[_Route, str]] = {}
        self._dropped: Counter[Dropped] = Counter()
        self._names: dict[str, str] = {}  # fingerprint → route
        self._removing: set[asyncio.Task[None]] = set()
        self._claiming = asyncio.Lock()
        self._numbers = Numbers(State.FAILING, 0, 0, limit, None, {}, {})  # until it is open

    def streams(self) -> tuple[api.StreamConfig, ...]:
        """What it keeps on the servers."""
        records = api.StreamConfig(
            name=STREAM,
            subjects=[f"{PREFIX}.>"],
            max_bytes=self._limit,
            max_age=self._keep + 3600.0,
            discard=api.DiscardPolicy.NEW,
            storage=api.StorageType.FILE,
            duplicate_window=120.0,
        )
        return records, self._leases.stream()

    async def open(self) -> None:
        """See `Store.open`."""
        async with self._link.opening():
            if self._largest + _RECORD_OVERHEAD > self._link.largest:
                raise UserError(
                    f"cluster: the servers take messages of {self._link.largest} bytes, and limits.body allows "
                    f"{self._largest}: set max_payload: {(self._largest + _RECORD_OVERHEAD) // 1024 + 1}KB in "
                    "nats-server's configuration",
                    self._link.servers.where,
                )
            await self._link.ensure(*self.streams())
        await self.tidy()

    async def close(self) -> None:
        """See `Store.close`."""
        if self._removing:
            await asyncio.wait(self._removing, timeout=2.0)
        for task in self._removing:
            task.cancel()
        await self._leases.free()
        await self._link.close()

    def use(self, sealer: Sealer, *, limit: int, keep: float) -> None:
        """Takes up other keys and bounds (a reload). The servers hear of the bounds at the next start."""
        self._sealer, self._limit, self._keep = sealer, limit, keep

    async def append(self, entry: Entry, *, only_behind: bool = False) -> bool:
        """See `Store.append`."""
        subject = f"{PREFIX}.{self._token(entry.route)}.{entry.lane.hex() or '-'}"
        try:
            if only_behind and await self._link.last(STREAM, subject) is None:
                return False
            # a second attempt after an answer that was lost is told by this id, and stored once
            await self._link.stored(subject, self._seal(entry), os.urandom(12).hex())
        except APIError as refused:
            if refused.err_code in NO_ROOM:
                raise self._not_kept(State.FULL) from None
            raise self._not_kept(State.FAILING) from None
        except Away:
            raise self._not_kept(State.FAILING) from None
        waiting = dict(self._numbers.waiting)
        waiting[entry.route] = waiting.get(entry.route, 0) + 1
        self._tell(state=State.OK, records=self._numbers.records + 1, waiting=waiting)
        return True

    async def claim(self, route: str, most: int) -> list[Claimed]:
        """See `Store.claim`. Empty where another gateway delivers the route."""
        async with self._claiming:
            token = self._token(route)
            if not await self._leases.hold(token):
                self._routes.pop(token, None)
                return []
            known = self._routes.setdefault(token, _Route(route))
            claimed: list[Claimed] = []
            with suppress(Away, APIError):
                while len(claimed) < most and self._leases.holds(token):
                    if (one := await self._next(known)) is None:
                        break
                    claimed.append(one)
            return claimed

    async def done(self, claimed: Claimed) -> None:
        """See `Store.done`."""
        self._remove(claimed.position)

    async def drop(self, claimed: Claimed, reason: Dropped) -> None:
        """See `Store.drop`."""
        self._count(reason)
        self._remove(claimed.position)

    async def release(self, claimed: Claimed) -> None:
        """See `Store.release`."""
        if claimed.position not in self._claimed:
            return  # it was claimed again, after this gateway had lost the route for a while
        route, subject = self._claimed.pop(claimed.position)
        route.lanes.setdefault(subject, deque()).appendleft(claimed.position)
        route.held.discard(subject)

    async def forget(self, lanes: Mapping[str, Collection[bytes]]) -> int:
        """See `Store.forget`."""
        wanted = {
            f"{PREFIX}.{self._token(route)}.{lane.hex()}" for route, mine in lanes.items() for lane in mine if lane
        }
        try:
            waiting = (await self._link.state(STREAM, f"{PREFIX}.>")).get("subjects") or {}
            gone = {subject: count for subject, count in waiting.items() if subject in wanted}
            for subject in gone:
                await self._link.purge(STREAM, subject)
        except (Away, APIError):
            raise self._not_kept(State.FAILING) from None
        self._dropped[Dropped.FORGOTTEN] += sum(gone.values())
        self._tell(dropped=dict(self._dropped))
        return sum(gone.values())

    async def records(self, routes: Collection[str]) -> AsyncIterator[tuple[int, Label, int, Entry | None]]:
        """Everything that waits on these routes, oldest first: number, label, size, and the entry where it opens."""
        names = {self._token(route): route for route in routes}
        number = 0
        while (found := await self._link.next(STREAM, f"{PREFIX}.>", number + 1)) is not None:
            number, subject, data = found
            route, lane = names.get(subject.split(".")[2]), subject.rpartition(".")[2].strip("-")
            if route is None:
                continue
            entry, at = None, 0.0
            with suppress(Damaged, UnknownKey):
                entry, at = self._open(route, subject, data)
            program = entry.masked.program_digest if entry is not None else ""
            yield number, Label(number, route, bytes.fromhex(lane), round(at * 1000), program), len(data), entry

    async def tidy(self) -> None:
        """See `Store.tidy`."""
        try:
            for token in list(self._routes):  # claims go on meanwhile
                if await self._leases.hold(token):
                    await self._expire(token)
            told = await self._link.state(STREAM)
            waiting: Mapping[str, int] = {}
            if told.get("num_subjects", 0) <= _MOST_LANES:
                waiting = self._by_route((await self._link.state(STREAM, f"{PREFIX}.>")).get("subjects") or {})
        except (Away, APIError):
            self._tell(state=State.FAILING)
            return
        size = told["bytes"]
        state = State.NEARLY_FULL if size > _NEARLY_FULL * self._limit else State.OK
        if self._numbers.state is State.FULL and state is not State.OK:
            state = State.FULL
        oldest = time.time() - _seconds(told["first_ts"]) if told["messages"] else None
        self._numbers = Numbers(
            state, told["messages"], size, self._limit, oldest and max(0.0, oldest), waiting, dict(self._dropped)
        )

    @property
    def numbers(self) -> Numbers:
        """See `Store.numbers`."""
        return self._numbers

    # records

    def _seal(self, entry: Entry) -> bytes:
        position, at = int.from_bytes(os.urandom(7)), round(time.time() * 1000)
        label = Label(position, entry.route, entry.lane, at, entry.masked.program_digest)
        sealed = self._sealer.seal(label, write(entry))
        return msgspec.msgpack.encode(_Record(sealed.key, position, at, label.program, sealed.nonce, sealed.data))

    def _open(self, route: str, subject: str, data: bytes) -> tuple[Entry, float]:
        """Raises `Damaged` or `UnknownKey`."""
        try:
            record = msgspec.msgpack.decode(data, type=_Record)
            lane = subject.rpartition(".")[2]
            label = Label(record.position, route, bytes.fromhex(lane.strip("-")), record.at, record.program)
        except (msgspec.MsgspecError, ValueError):
            raise Damaged from None
        plain = self._sealer.open(label, Sealed(record.key, record.nonce, record.data))
        return read(label, plain), record.at / 1000

    async def _next(self, route: _Route) -> Claimed | None:
        """The oldest head of a lane that nobody holds, held from now on."""
        for subject in [one for one in route.lanes if one not in route.held]:
            if (claimed := await self._head(route, subject)) is not None:
                return claimed
        while route.ahead < AHEAD:
            found = await self._link.next(STREAM, f"{PREFIX}.{self._token(route.name)}.>", route.seen + 1)
            if found is None:
                return None
            route.seen, subject, data = found
            if subject in route.held or subject in route.lanes:
                route.lanes.setdefault(subject, deque()).append(route.seen)
            elif (claimed := self._hold(route, subject, route.seen, data)) is not None:
                return claimed
        return None

    async def _head(self, route: _Route, subject: str) -> Claimed | None:
        """The first record of a lane that is still there and opens."""
        numbers = route.lanes[subject]
        claimed = None
        while numbers and claimed is None and subject not in route.held:
            found = await self._link.next(STREAM, subject, numbers[0])
            number = numbers.popleft()
            if found is not None and found[0] == number:  # else it expired, or another gateway delivered it
                claimed = self._hold(route, subject, number, found[2])
        if not numbers:
            del route.lanes[subject]
        return claimed

    def _hold(self, route: _Route, subject: str, number: int, data: bytes) -> Claimed | None:
        """A record, or None where it does not open: that one is dropped and counted, or waits for its key."""
        try:
            entry, at = self._open(route.name, subject, data)
        except Damaged:
            self._count(Dropped.DAMAGED)
            self._removing_of(number)
            return None
        except UnknownKey:
            route.held.add(subject)  # its lane waits until a gateway has the key
            return None
        route.held.add(subject)
        self._claimed[number] = route, subject
        return Claimed(number, entry, at)

    def _remove(self, number: int) -> None:
        """Takes a record out; its lane goes on once that is done."""
        task = self._removing_of(number)
        if number in self._claimed:  # else it was claimed again, after this gateway had lost the route for a while
            route, subject = self._claimed.pop(number)
            task.add_done_callback(lambda _: route.held.discard(subject))

    def _removing_of(self, number: int) -> asyncio.Task[None]:
        async def remove() -> None:
            while True:
                try:
                    await self._link.remove(STREAM, number)
                except Away:
                    continue  # until the servers answer
                return

        task = asyncio.get_running_loop().create_task(remove())
        self._removing.add(task)
        task.add_done_callback(self._removing.discard)
        return task

    async def _expire(self, token: str) -> None:
        """Drops what is older than `keep`. The servers forget it by themselves, a little later, where nobody does."""
        for _ in range(_EXPIRED_AT_ONCE):
            found = await self._link.next(STREAM, f"{PREFIX}.{token}.>", 1)
            if found is None or found[0] in self._claimed:
                return
            try:
                at = msgspec.msgpack.decode(found[2], type=_Record).at / 1000
            except msgspec.MsgspecError:
                at = 0.0
            if time.time() - at <= self._keep:
                return
            self._count(Dropped.EXPIRED)
            await self._link.remove(STREAM, found[0])

    # numbers

    def _token(self, route: str) -> str:
        token = blake2b(route.encode(), digest_size=8).hexdigest()
        self._names[token] = route
        return token

    def _by_route(self, subjects: Mapping[str, int]) -> Mapping[str, int]:
        waiting: Counter[str] = Counter()
        for subject, count in subjects.items():
            token = subject.split(".")[2]
            if token in self._names:  # another gateway's routes are its own matter
                waiting[self._names[token]] += count
        return waiting

    def _count(self, reason: Dropped) -> None:
        self._dropped[reason] += 1
        self._tell(dropped=dict(self._dropped))

    def _not_kept(self, state: State) -> NotKept:
        self._tell(state=state)
        return NotKept(state)

    def _tell(self, **changed: Any) -> None:
        self._numbers = replace(self._numbers, **changed)


def _seconds(stamp: str) -> float:
    """Seconds since 1970 of a time as the servers write it, with nanoseconds."""
    return datetime.fromisoformat(stamp[:19] + "+00:00").timestamp()
