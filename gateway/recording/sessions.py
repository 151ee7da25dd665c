"""The pages of all sessions between their requests: bounded in number, in size and in idle time.

Those that were used last are at hand; the others are packed, which takes a tenth of the memory or less and changes nothing
of what is known. Structure only, as everything that a mirror holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from threading import Lock
from typing import Final, NamedTuple

from gateway.recording.dom import Mirror
from gateway.recording.state import pack, unpack

LIVE: Final = 0.1
"""The part of `nodes` that is at hand."""
NODE_BYTES: Final = 400
"""What one node takes in memory (measured), and so how many bytes of a packed page count as one."""
_AT_ONCE: Final = 8  # pages that one request may pack


class _Packed(NamedTuple):
    data: bytes
    used: float


class Sessions:
    """The mirrors of all sessions, bounded in number, in nodes and in idle time; the least recently used goes first.

    A session that was dropped starts unknown: masked until its next full snapshot. Beyond `LIVE` of the nodes, pages are packed:
    they count by their bytes, and are themselves again when they are asked for.
    """

    def __init__(self, most: int = 10_000, nodes: int = 5_000_000, idle: float = 3600.0) -> None:
        self.most = most
        self.nodes = nodes
        self.idle = idle
        self.is_reduced = False  # whether pages came from outside, with what one vocabulary of selectors asks for
        self._mirrors: dict[str, Mirror] = {}
        self._packed: dict[str, _Packed] = {}  # all used before any of the mirrors, the oldest first
        self._sizes: dict[str, int] = {}
        self._live = 0
        self._lock = Lock()
        self._held = 0

    def __len__(self) -> int:
        return len(self._mirrors) + len(self._packed)

    @property
    def held(self) -> int:
        """How many nodes there are; a packed page counts as those that would take its bytes."""
        return self._held

    @property
    def packed(self) -> int:
        """How many pages are packed."""
        return len(self._packed)

    @contextmanager
    def hold(self, keys: Iterable[str], now: float) -> Iterator[dict[str, Mirror]]:
        """The mirrors of these sessions and windows, each for this request alone; made where there is none.

        `now` is in seconds of any monotonic clock. Where the request fails, its sessions are dropped: a state that is
        half changed is unknown, and unknown state masks.
        """
        wanted = sorted(set(keys))
        with ExitStack() as locks:
            with self._lock:
                mirrors = {key: self._open(key, now) for key in wanted}
            for key in wanted:  # in one order for all requests, so that two never wait for each other
                locks.enter_context(mirrors[key].lock)
            try:
                yield mirrors
            except BaseException:
                for mirror in mirrors.values():
                    mirror.end()  # another request may be waiting for it already
                    mirror.memory = None
                with self._lock:
                    for key in wanted:
                        self._drop(key)
                raise
            for mirror in mirrors.values():
                mirror.clear_up()
            with self._lock:
                self._settle(wanted, now)

    def known(self, key: str) -> Mirror | None:
        """The mirror of a session and window, where there is one."""
        with self._lock:
            return self._unpacked(key)

    def touch(self, key: str, now: float) -> bool:
        """Whether there is a mirror; it is in use then."""
        with self._lock:
            mirror = self._unpacked(key)
            if mirror is not None:
                mirror.used = now
                self._mirrors[key] = self._mirrors.pop(key)  # the one that was used last stands last
        return mirror is not None

    def replace(self, key: str, mirror: Mirror | None, now: float) -> None:
        """Puts a mirror in the place of what was known; None: nothing is known any more."""
        with self._lock:
            self._drop(key)
            if mirror is not None:
                mirror.used = now
                self._mirrors[key] = mirror
                self._settle([key], now)

    def _open(self, key: str, now: float) -> Mirror:
        mirror = self._unpacked(key)
        if mirror is None or now - mirror.used > self.idle:
            self._drop(key)
            mirror = Mirror()
        self._mirrors.pop(key, None)  # the one that was used last stands last
        mirror.used = now
        self._mirrors[key] = mirror
        return mirror

    def _settle(self, keys: Iterable[str], now: float) -> None:
        for key in keys:
            if key in self._mirrors:
                self._count(key, len(self._mirrors[key]))
        if self._live > self.nodes * LIVE:
            self._pack(now)
        while self._packed or self._mirrors:
            key, used = next(((key, one.used) for row in (self._packed, self._mirrors) for key, one in row.items()))
            if len(self) <= self.most and self._held <= self.nodes and now - used <= self.idle:
                return
            self._drop(key)

    def _count(self, key: str, size: int) -> None:
        before = self._sizes.get(key, 0)
        self._held += size - before
        self._sizes[key] = size
        if key in self._mirrors:
            self._live += size - before

    def _pack(self, now: float) -> None:
        """Packs pages, the oldest first and never the last, until those that are left are few enough."""
        for key in list(self._mirrors)[: min(_AT_ONCE, len(self._mirrors) - 1)]:
            mirror = self._mirrors[key]
            if self._live <= self.nodes * LIVE or self.is_reduced:
                return
            if now - mirror.used > self.idle or not mirror.lock.acquire(blocking=False):
                continue  # it goes anyway, or its request is under way
            data = pack(mirror)
            if data:
                del self._mirrors[key]
                self._live -= self._sizes[key]
                self._packed[key] = _Packed(data, mirror.used)
                self._count(key, len(data) // NODE_BYTES + 1)
                mirror.end()
            mirror.lock.release()

    def _unpacked(self, key: str) -> Mirror | None:
        packed = self._packed.pop(key, None)
        if packed is not None:
            mirror = unpack(packed.data)
            self._held -= self._sizes.pop(key, 0)
            if mirror is not None:
                mirror.used = packed.used
                self._mirrors[key] = mirror
                self._count(key, len(mirror))
        return self._mirrors.get(key)

    def _drop(self, key: str) -> None:
        mirror = self._mirrors.pop(key, None)
        size = self._sizes.pop(key, 0)
        self._held -= size
        self._packed.pop(key, None)
        if mirror is None:
            return
        self._live -= size
        if mirror.lock.acquire(blocking=False):  # else its request is under way, and still reads it
            mirror.end()
            mirror.lock.release()
