"""Where the proxy and the spool meet: which requests may wait, what their browsers are told, and how they go out.

Only what is masked waits, only for paths that the tracker file calls ingest, and it is answered as accepted only once it
is on disk. A session whose events wait keeps its order: its next ones queue behind them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from fnmatch import fnmatchcase
from typing import Final

from gateway.core.errors import Reason as Refusal
from gateway.core.message import Headers, Inbound
from gateway.core.outcome import Refuse, Response, Send
from gateway.log import Name
from gateway.policy.answers import accepted_answer, line, with_cors
from gateway.proxy.connection import Failure
from gateway.proxy.counts import Counts
from gateway.proxy.hop import known_gateways
from gateway.proxy.passage import Passage
from gateway.proxy.routes import Plan, Route
from gateway.proxy.upstream import INVALID, BackendAnswer, Unreachable, Upstream
from gateway.spool.drain import Attempt, Drain, Fate
from gateway.spool.quarantine import Quarantine
from gateway.spool.store import RETRY_SECONDS, Claimed, Dropped, Entry, NotKept, Numbers, State, Store
from gateway.status import Reason, Sample, Trouble
from gateway.traffic import Verdict

AWAY: Final = frozenset({429, 502, 503, 504})
"""Answers that say "not now" for all events: 500 may be this event's own fault, so it is passed on."""

LATER: Final = frozenset({408, 425})
"""Of the 4xx, those that ask to send the same again (RFC 9110 section 15.5.9, RFC 8470 section 5.2)."""

TROUBLES: Final = {
    State.NEARLY_FULL: Reason.SPOOL_FILLING,
    State.FULL: Reason.SPOOL_FULL,
    State.FAILING: Reason.SPOOL_BROKEN,
}

CONNECT_SECONDS: Final = 2.0
"""To a backend that was away; with the drain's pauses, it is found again within two seconds."""

ATTEMPT_SECONDS: Final = 120.0
WIPE_SECONDS: Final = 30.0
_ANSWER_SIZE: Final = 64 * 1024


class Delivery:
    """What is done with masked requests that can't go out now. Made inside the running loop."""

    def __init__(
        self,
        store: Store,
        plan: Callable[[], Plan],
        counts: Counts,
        pseudonym: str,
        quarantine: Quarantine | None = None,
    ) -> None:
        self._store = store
        self._quarantine = quarantine
        self._plan = plan
        self._counts = counts
        self._pseudonym = pseudonym
        self._upstream: Upstream | None = None
        self._drain = Drain(store, self._deliver, self._routes, revoked=lambda: plan().revoked)
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Opens the store, or raises `UserError`; then delivers what waits from earlier."""
        await self._store.open()
        self._upstream = Upstream(connect=CONNECT_SECONDS, breaks=False)
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._drain.run()), loop.create_task(self._wipe())]

    async def stop(self) -> None:
        """Ends; what waits goes out after the next start."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._upstream is not None:
            await self._upstream.close()
        if self._quarantine is not None:
            await self._quarantine.close()
        await self._store.close()

    @property
    def numbers(self) -> Numbers:
        """How full the spool is."""
        return self._store.numbers

    def troubles(self) -> Iterator[Trouble]:
        """Whether there is still room."""
        reason = TROUBLES.get(self.numbers.state)
        if reason is not None:
            yield Trouble(reason)

    def samples(self) -> Iterator[Sample]:
        """What waits, and what was given up."""
        numbers = self.numbers
        for route in self._routes():
            yield Sample("gateway_spool_records", numbers.waiting.get(route, 0), (Name(route),))
        yield Sample("gateway_spool_bytes", numbers.bytes)
        yield Sample("gateway_spool_limit_bytes", numbers.limit)
        yield Sample("gateway_spool_oldest_seconds", numbers.oldest or 0.0)
        for why, count in numbers.dropped.items():
            yield Sample("gateway_spool_dropped_total", count, (why,))
        if self._quarantine is not None:
            records, size = self._quarantine.held
            yield Sample("gateway_quarantine_records", records)
            yield Sample("gateway_quarantine_bytes", size)

    async def first(self, passage: Passage, route: Route, inbound: Inbound, send: Send) -> Response | None:
        """The answer to what is kept before its backend is asked: on a queued route, while the backend is away, or

        behind its session's earlier events. None: try the backend.
        """
        if not self._may_wait(route, inbound, send):
            return None
        if route.is_queued:
            return await self._keep(passage, route, inbound, send, "queued")
        if self._drain.is_away(route.name):
            return await self._keep(passage, route, inbound, send, "away")
        return await self._keep(passage, route, inbound, send, "behind", only_behind=True)

    async def instead(
        self, passage: Passage, route: Route, inbound: Inbound, send: Send, why: str, after: float | None = None
    ) -> Response | None:
        """The answer to what is kept because the backend did not take it. None: it can't wait, pass the failure on."""
        if not self._may_wait(route, inbound, send):
            return None
        self._drain.away(route.name, after)
        return await self._keep(passage, route, inbound, send, why)

    async def quarantine(self, passage: Passage, route: Route, inbound: Inbound, refuse: Refuse) -> Response | None:
        """The answer to what can't be read and is kept, sealed, for rules that can. None: it is refused."""
        ingest = route.ingest.get(refuse.tracker)
        if (
            self._quarantine is None
            or refuse.reason is Refusal.UNRECOGNISED  # it was read; the route says what becomes of it
            or inbound.method not in {"POST", "PUT", "PATCH"}
            or (ingest is not None and not any(fnmatchcase(inbound.path, glob) for glob in ingest.paths))
            or not await self._quarantine.add(inbound, refuse.reason)
        ):
            return None
        passage.end(Verdict.HELD, "quarantine")
        return accepted_answer(inbound, ingest.accepted if ingest is not None else ())

    async def forget(self, ids: Collection[str]) -> None:
        """Drops what waits of sessions with these ids, on all routes. What can't be dropped now is told in the counts."""
        plan = self._plan()
        if plan.keys is None or not ids or not self.numbers.records:
            return
        lanes = {
            route.name: {plan.keys.session(route.name, tracker, one) for tracker in route.ingest for one in ids}
            for route in plan.routes
        }
        try:
            for _ in range(await self._store.forget(lanes)):
                self._counts.add(Verdict.DROPPED, Dropped.FORGOTTEN.value)
        except NotKept as failure:
            self._counts.add(Verdict.FAILED, f"spool_{failure.state}")

    async def _wipe(self) -> None:
        while self._quarantine is not None:
            await self._quarantine.tidy()
            await asyncio.sleep(WIPE_SECONDS)

    def _may_wait(self, route: Route, inbound: Inbound, send: Send) -> bool:
        ingest = route.ingest.get(send.report.tracker)
        return (
            ingest is not None
            and inbound.method in {"POST", "PUT", "PATCH", "GET"}
            and any(fnmatchcase(inbound.path, glob) for glob in ingest.paths)
        )

    async def _keep(
        self, passage: Passage, route: Route, inbound: Inbound, send: Send, why: str, *, only_behind: bool = False
    ) -> Response | None:
        tracker = send.report.tracker
        entry = Entry(send.masked, route.name, send.session, tracker, _of_the_way(inbound.headers))
        try:
            if not await self._store.append(entry, only_behind=only_behind):
                return None
        except NotKept as failure:
            passage.end(Verdict.FAILED, f"spool_{failure.state}")
            told = line(503, "The gateway can't keep this now: try again.", ("Retry-After", str(RETRY_SECONDS)))
            return with_cors(told, inbound)
        self._drain.wake(route.name)
        passage.end(Verdict.HELD, why)
        return accepted_answer(inbound, route.ingest[tracker].accepted)

    def _routes(self) -> list[str]:
        return [route.name for route in self._plan().routes]

    async def _deliver(self, claimed: Claimed) -> Attempt:
        entry = claimed.entry
        route = next((one for one in self._plan().routes if one.name == entry.route), None)
        if route is None or self._upstream is None:
            return Attempt(Fate.AWAY)
        try:
            async with asyncio.timeout(ATTEMPT_SECONDS):
                answer = await self._upstream.send(route, entry.masked, entry.came, self._pseudonym)
                async with answer:
                    attempt = attempt_of(answer.status, answer.headers.get("Retry-After", ""))
                    await _read_off(answer)
        except Unreachable as failure:
            is_invalid = failure.reason == INVALID
            attempt = Attempt(Fate.NEVER, reason=Dropped.INVALID) if is_invalid else Attempt(Fate.AWAY)
        except TimeoutError:
            attempt = Attempt(Fate.AWAY)
        if attempt.fate is Fate.TAKEN:
            self._counts.add(Verdict.DELIVERED, str(answer.status), entry.tracker)
        elif attempt.fate is Fate.NEVER:
            why = str(answer.status) if attempt.reason is Dropped.ANSWER else attempt.reason.value
            self._counts.add(Verdict.DROPPED, why, entry.tracker)
        return attempt


async def _read_off(answer: BackendAnswer) -> None:
    """Reads an answer that nobody wants, so that the connection can be used again; not if it is long."""
    size = 0
    with suppress(Failure):
        async for piece in answer.pieces():
            size += len(piece)
            if size > _ANSWER_SIZE:
                return


def attempt_of(status: int, retry_after: str = "") -> Attempt:
    """What a backend's answer to a waiting event means."""
    after = seconds_of(retry_after)
    if 200 <= status < 300:
        return Attempt(Fate.TAKEN)
    if status in AWAY:
        return Attempt(Fate.AWAY, after)
    if 400 <= status < 500 and status not in LATER:
        return Attempt(Fate.NEVER)
    return Attempt(Fate.LATER, after)


def seconds_of(retry_after: str) -> float | None:
    """`Retry-After` in seconds from now (RFC 9110 section 10.2.3); None where there is none that can be read."""
    if retry_after.isascii() and retry_after.isdecimal() and len(retry_after) < 10:
        return float(retry_after)
    try:
        at = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    return max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


def _of_the_way(headers: Headers) -> Headers:
    """Of the fields as received, what later hops must know."""
    via = known_gateways(headers)
    forwards = headers.get("Max-Forwards")
    pairs = [("Via", ", ".join(f"1.1 {name}" for name in via))] if via else []
    return Headers([*pairs, *([("Max-Forwards", forwards)] if forwards.isdecimal() and len(forwards) < 6 else [])])
