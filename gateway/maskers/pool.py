"""All maskers of a gateway: which one a request goes to, what becomes of it where that one ends, and new ones in its place.

A session's requests go to one masker by hash of its key, which only a masker learns, by reading. So the front guesses: who
had the last request of this visitor on this route. One that reads a request of another's says whose it is, having changed
nothing, and the front asks there. A request of no session may be masked anywhere.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from gateway.core.errors import Reason, UserError
from gateway.core.limits import Budget
from gateway.core.message import Inbound
from gateway.core.outcome import Outcome, Refuse
from gateway.log import Name
from gateway.maskers import wire
from gateway.maskers.blueprint import Blueprint
from gateway.maskers.bounds import resident, time_for
from gateway.maskers.link import End, Ended, Interrupted, Link
from gateway.maskers.shared import SharedState
from gateway.ruleset.program import Program
from gateway.ruleset.replies import ReplyPlan
from gateway.status import Histogram, Sample, Trouble
from gateway.status import Reason as StatusReason

AT_ONCE: Final = 2  # questions that a masker has before it, so that it need not wait for the next one
READING_AT_ONCE: Final = 16  # requests that wait in one masker for the state of their sessions
WAITING: Final = 1000  # requests that wait for one masker; past that, they are asked to come back
PATIENCE: Final = 30.0  # seconds that a request waits for a masker that is starting again
START_SECONDS: Final = 60.0
STUCK_SECONDS: Final = 60.0  # without an end and without the CPU time that ends a masker by itself
HINTS: Final = 65_536
CONFLICTS: Final = 8  # times that a request is masked anew because another gateway had its session meanwhile
MOST_DEATHS: Final = 3  # of one masker, within `DEATH_SECONDS`: more, and the gateway says that it is not well
DEATH_SECONDS: Final = 60.0
SHORTEST_PAUSE: Final = 0.05  # before a masker starts again; twice as long with each one that ended lately
LONGEST_PAUSE: Final = 5.0


class Busy(Exception):  # noqa: N818 - what it is
    """No masker can take the request now: it is to come back later."""


@dataclass(frozen=True, slots=True)
class Edition:
    """The rules of one plan, as all maskers have them. What is masked by it is masked by these rules."""

    number: int
    blueprint: bytes = field(repr=False)
    programs: Mapping[str, Program] = field(repr=False)  # the front's own: for answers where no masker gives one
    maskers: Maskers = field(repr=False)

    @property
    def digests(self) -> tuple[str, ...]:
        """The digests of its Programs, each once."""
        return tuple(dict.fromkeys(program.digest for program in self.programs.values()))

    async def mask(self, inbound: Inbound) -> Outcome:
        """What may become of a request."""
        return await self.maskers.mask(inbound, self)

    def refusal(self, inbound: Inbound, reason: Reason) -> Refuse:
        """The verdict where a masker ended over a request."""
        program = self.programs[inbound.route]
        tracker = program.guess(inbound)
        work = program.begin(inbound, Budget(program.limits, program.clock))
        return Refuse(reason, work.refusal(reason), tracker.tracker if tracker is not None else "")


@dataclass(frozen=True, slots=True)
class RemoteReply:
    """A `ReplyPlan` that a masker carries out (`core.outcome.ReplyEditor`)."""

    maskers: Maskers
    reply: wire.Reply = field(repr=False)

    @staticmethod
    def reads(content_type: str) -> bool:
        """Whether a reply of this type is one to edit."""
        return ReplyPlan.reads(content_type)

    async def edit(
        self, body: bytes, content_type: str, encodings: Sequence[str], hosts: Mapping[str, str]
    ) -> bytes | None:
        """The reply as edited, or None where it stays as it came."""
        question = wire.Edit(self.reply, body, content_type, list(encodings), dict(hosts))
        return await self.maskers.edit(question)


class Slot:
    """A masker's place: whoever is in it has the sessions of its number."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.link: Link | None = None
        self.load = 0  # requests before its masker
        self.deaths: deque[float] = deque(maxlen=10)
        self._empty_since = 0.0
        self._ready = asyncio.Event()
        self._turns = asyncio.Semaphore(AT_ONCE)

    def fill(self, link: Link) -> None:
        """A masker is ready."""
        self.link = link
        self._ready.set()

    def empty(self, now: float) -> None:
        """Its masker ended."""
        self.link = None
        self._ready.clear()
        self.deaths.append(now)
        self._empty_since = now

    def recent_deaths(self, now: float) -> int:
        """How often a masker ended here lately."""
        return sum(now - died <= DEATH_SECONDS for died in self.deaths)

    def is_well(self, now: float) -> bool:
        """Whether there is a masker, or soon will be, and it does not end again and again."""
        return self.recent_deaths(now) <= MOST_DEATHS and (self.link is not None or now - self._empty_since <= PATIENCE)

    async def ask(self, question: wire.Mask | wire.Edit) -> tuple[Link, wire.Reading]:
        """The answer, and who gave it. Waits for its turn, and for a masker that starts again."""
        if self.load >= WAITING:
            raise Busy
        self.load += 1
        try:
            async with self._turns:
                try:
                    async with asyncio.timeout(PATIENCE):
                        await self._ready.wait()
                except TimeoutError:
                    raise Busy from None
                if self.link is None:
                    raise Interrupted
                return self.link, await self.link.ask(question)
        finally:
            self.load -= 1


class Maskers:
    """The maskers of one gateway. `told` is called with each one's end."""

    def __init__(self, count: int, *, told: Callable[[End], None], shared: SharedState | None = None) -> None:
        self._slots = [Slot(number) for number in range(count)]
        self._told = told
        self._shared = shared
        self._counts: dict[int, Mapping[str, tuple[int, int, int]]] = {}
        self._hints: OrderedDict[int, int] = OrderedDict()
        self._spent = Histogram()
        self._editions = 0
        self._current: Edition | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._ends: Counter[End] = Counter()
        self._reading = asyncio.Semaphore(READING_AT_ONCE * count)

    # life

    async def start(self, blueprint: Blueprint) -> Edition:
        """Starts all of them, with the first rules. Raises `UserError` where one does not come up."""
        self._current = edition = self._edition(blueprint)
        starting = [asyncio.create_task(self._started(slot)) for slot in self._slots]
        try:
            links = await asyncio.gather(*starting)
        except (Ended, Interrupted, TimeoutError, OSError) as error:
            await self._stop_starting(starting)
            raise UserError(f"a masker does not start ({type(error).__name__}): is there memory enough?") from None
        for slot, link in zip(self._slots, links, strict=True):
            slot.fill(link)
        self._tasks = [asyncio.create_task(self._keep(slot)) for slot in self._slots]
        self._tasks.append(asyncio.create_task(self._watch()))
        return edition

    async def stop(self) -> None:
        """Ends all of them."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        links = [slot.link for slot in self._slots if slot.link is not None]
        for link in links:
            link.close()
        await asyncio.gather(*(link.ended.wait() for link in links))

    async def prepare(self, blueprint: Blueprint) -> Edition:
        """Has all of them compile new rules, while they go on by the old ones. Raises `UserError` where one can't."""
        edition = self._edition(blueprint)
        links = [slot.link for slot in self._slots if slot.link is not None]
        try:
            await asyncio.gather(*(link.prepare(edition.number, edition.blueprint) for link in links))
        except (Ended, Interrupted):
            raise UserError("a masker ended while it took the new rules: the old ones stay in force") from None
        return edition

    def take(self, edition: Edition) -> None:
        """From here on, maskers that start get these rules, and one that started meanwhile."""
        self._current = edition
        for slot in self._slots:
            if slot.link is not None and edition.number not in slot.link.editions:
                slot.link.prepare(edition.number, edition.blueprint)

    @property
    def is_well(self) -> bool:
        """Whether every session has its masker, and none ends again and again."""
        now = asyncio.get_running_loop().time()
        return all(slot.is_well(now) for slot in self._slots)

    @property
    def pids(self) -> list[int]:
        """The processes, by number; those that are up."""
        return [slot.link.pid for slot in self._slots if slot.link is not None]

    def troubles(self) -> Iterator[Trouble]:
        """Whether maskers are missing (`status.Source`)."""
        if not self.is_well:
            yield Trouble(StatusReason.WORKERS_DOWN)

    def samples(self) -> Iterator[Sample]:
        """The processes, what is kept of sessions as it was counted last, and the CPU time of masking."""
        pids = self.pids
        yield Sample("gateway_maskers", len(pids))
        yield Sample("gateway_masker_memory_bytes", sum(map(resident, pids)))
        for why in End:
            yield Sample("gateway_masker_ends_total", self._ends[why], (why,))
        yield Sample("gateway_masking_cpu_seconds", self._spent)
        if self._current is not None:
            limits = max((program.limits.time for program in self._current.programs.values()), default=0.0)
            yield Sample("gateway_masking_cpu_limit_seconds", limits)
        for number, name in enumerate(("gateway_sessions", "gateway_session_nodes", "gateway_session_secrets")):
            for route in self._current.programs if self._current is not None else ():
                kept = sum(counts[route][number] for counts in self._counts.values() if route in counts)
                yield Sample(name, kept, (Name(route),))

    def _edition(self, blueprint: Blueprint) -> Edition:
        self._editions += 1
        return Edition(self._editions, blueprint.packed(), blueprint.programs(), self)

    async def _started(self, slot: Slot) -> Link:
        link = Link(slot.number, len(self._slots))
        await link.start()
        try:
            async with asyncio.timeout(START_SECONDS):
                while (edition := self._current) is not None and edition.number not in link.editions:
                    await link.prepare(edition.number, edition.blueprint)
        except BaseException:
            link.kill()
            await link.ended.wait()
            raise
        return link

    @staticmethod
    async def _stop_starting(starting: Sequence[asyncio.Task[Link]]) -> None:
        for task in starting:
            task.cancel()
        for ended in await asyncio.gather(*starting, return_exceptions=True):
            if isinstance(ended, Link):
                ended.kill()
                await ended.ended.wait()

    async def _keep(self, slot: Slot) -> None:
        """Sees to it that there is a masker in a place."""
        loop = asyncio.get_running_loop()
        while True:
            if slot.link is not None:
                await slot.link.ended.wait()
                self._ends[slot.link.why] += 1
                self._told(slot.link.why)
                slot.empty(loop.time())
            pause = SHORTEST_PAUSE * 2 ** max(0, slot.recent_deaths(loop.time()) - 1)
            await asyncio.sleep(min(pause, LONGEST_PAUSE))
            try:
                slot.fill(await self._started(slot))
            except (Ended, Interrupted, TimeoutError, OSError):
                slot.deaths.append(loop.time())

    async def _watch(self) -> None:
        """Ends a masker that is stuck without using CPU time, which ends it by itself; counts what the others keep."""
        while True:
            await asyncio.sleep(1.0)
            for slot in self._slots:
                if slot.link is None:
                    continue
                if slot.link.seconds_at_one > STUCK_SECONDS:
                    slot.link.kill(End.STUCK)
                elif slot.link.seconds_at_one == 0:  # at nothing: a good time to ask
                    slot.link.send(wire.Count()).add_done_callback(partial(self._counted, slot.number))

    def _counted(self, number: int, answer: asyncio.Future[wire.Reading]) -> None:
        if not answer.cancelled() and answer.exception() is None and isinstance(told := answer.result(), wire.Counted):
            self._counts[number] = told.kept

    # requests

    async def mask(self, inbound: Inbound, edition: Edition) -> Outcome:
        """What may become of a request. One that a masker ended over is refused; one that was beside it is asked anew."""
        try:
            for _ in range(2):
                with suppress(Interrupted):
                    return await self._mask(inbound, edition)
        except Ended as ended:
            if ended.why is End.OVERRAN:
                self._spent.observe(time_for(edition.programs[inbound.route].limits))
            return edition.refusal(inbound, Reason.FAULT if ended.why is End.DIED else Reason.TOO_SLOW)
        return edition.refusal(inbound, Reason.FAULT)

    async def edit(self, question: wire.Edit) -> bytes | None:
        """A reply as edited, or None where it stays as it came."""
        slot = min(self._slots, key=lambda one: one.load)
        try:
            _, answer = await slot.ask(question)
        except (Ended, Interrupted, Busy):
            return None
        return answer.body if isinstance(answer, wire.Edited) else None

    async def _mask(self, inbound: Inbound, edition: Edition) -> Outcome:
        if self._shared is None:
            _, answer = await self._read(inbound, edition)
            return self._outcome(answer)
        async with self._reading:
            for _ in range(CONFLICTS):
                link, answer = await self._read(inbound, edition)
                if isinstance(answer, wire.Wants):
                    verdict = await self._lend(self._shared, link, answer)
                    if verdict is None:
                        continue
                    answer = verdict
                return self._outcome(answer)
        return edition.refusal(inbound, Reason.FAULT)

    async def _read(self, inbound: Inbound, edition: Edition) -> tuple[Link, wire.Reading]:
        """What the masker says that has the request's session."""
        visitor = hash((inbound.route, inbound.client, inbound.headers.get("user-agent")))
        slot = self._guess(visitor)
        link, answer = await slot.ask(self._question(inbound, edition))
        if isinstance(answer, wire.Elsewhere):
            self._remember(visitor, answer.owner)
            return await self._slots[answer.owner].ask(self._question(inbound, edition, settled=True))
        return link, answer

    async def _lend(self, shared: SharedState, link: Link, wants: wire.Wants) -> wire.Reading | None:
        """The verdict with the state of the request's sessions; None where another gateway changed it meanwhile."""
        is_asked = False
        try:
            async with shared.borrow(wants.keys) as loan:
                is_asked = True
                answer = await link.ask(wire.State(wants.number, dict(loan.state)))
                is_stored = not isinstance(answer, wire.Verdict) or await loan.give_back(answer.state)
                return answer if is_stored else None
        except OSError:
            raise Busy from None
        finally:
            if not is_asked:
                link.tell(wire.Drop(wants.number))

    def _outcome(self, answer: wire.Reading) -> Outcome:
        if not isinstance(answer, wire.Verdict):
            raise Interrupted  # the masker that read the request is another one by now
        self._spent.observe(answer.spent)
        told = answer.outcome
        reply = told.reply if isinstance(told, wire.Sent) else None
        return wire.unpack(told, RemoteReply(self, reply) if reply is not None else None)

    def _question(self, inbound: Inbound, edition: Edition, *, settled: bool = False) -> wire.Mask:
        return wire.Mask(edition.number, inbound, settled or len(self._slots) == 1, self._shared is not None)

    def _guess(self, visitor: int) -> Slot:
        number = self._hints.get(visitor)
        if number is None:
            return min(self._slots, key=lambda one: one.load)
        self._hints.move_to_end(visitor)
        return self._slots[number]

    def _remember(self, visitor: int, number: int) -> None:
        self._hints[visitor] = number
        self._hints.move_to_end(visitor)
        if len(self._hints) > HINTS:
            self._hints.popitem(last=False)
