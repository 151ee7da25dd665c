"""The monitor: chooses the sample, has it read again, and keeps what was found, for metrics, `/ready`, the log and the page.

Every masked request is told to `saw`, which counts and returns; what is sampled waits in a bounded queue for the reader's
process, and is dropped where that is behind. Invariant: nothing that it keeps longer than a sample holds a value.
"""

from __future__ import annotations

import asyncio
import math
import secrets
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from gateway.core.category import Category
from gateway.core.outcome import Send
from gateway.log import Event, Name
from gateway.monitor import wire
from gateway.monitor.drift import Client, Fields, NewField, Rules, Stopped
from gateway.monitor.link import Link, Overran
from gateway.monitor.place import replacements_of, untouched_by, words_of
from gateway.ruleset.schema import RuleFile
from gateway.status import Reason, Sample, Trouble
from gateway.trackers.schema import TrackerFile

WAITING: Final = 64  # samples
WAITING_BYTES: Final = 16 << 20
LARGEST: Final = 4 << 20  # bytes of a body that is sampled
AT_LEAST: Final = 10.0  # seconds after which a client's next request is sampled whatever the share
MOST_RESIDUES: Final = 500
TOLD_FOR: Final = 3600.0  # seconds since it was last seen for which a residue is a trouble
PAUSE: Final = 5.0  # after the reader ended
LOOK: Final = 1.0  # seconds between looks at the rules


class Result(StrEnum):
    """What became of a sample."""

    READ = "read"
    DROPPED = "dropped"  # the reader was behind
    LARGE = "large"
    UNREAD = "unread"
    OVERRAN = "overran"


class Where(NamedTuple):
    """What a residue is counted by."""

    client: Client
    place: str
    detector: str


@dataclass(slots=True)
class Residue:
    """Something personal that left, by a second reading: how often, and when."""

    count: int
    samples: int
    first: float
    last: float


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What the site owner's files and the packaged ones say, as far as the monitor needs it."""

    setup: wire.Setup
    routes: frozenset[str]
    rules: frozenset[str]
    programs: frozenset[str]  # digests of what masks now

    @classmethod
    def of(
        cls,
        rules: Iterable[RuleFile],
        trackers: Mapping[str, TrackerFile],
        routes: Iterable[str],
        programs: Iterable[str] = (),
    ) -> Knowledge:
        """From files as read, and the digests of the Programs that they were compiled to."""
        files = tuple(rules)
        kept = {name: untouched_by(tracker) for name, tracker in trackers.items()}
        setup = wire.Setup(
            sorted(words_of(trackers.values(), files)),
            replacements_of(files),
            {name: project for name, (project, _) in kept.items()},
            {name: structure for name, (_, structure) in kept.items()},
        )
        names = {rule.name for file in files for rule in file.mask}
        names |= {category.value for category in Category}
        return cls(setup, frozenset(routes), frozenset(names), frozenset(programs))


@dataclass(frozen=True, slots=True)
class Findings:
    """All of it, for the page: plain data. Times are Unix times."""

    share: float
    sampled: Mapping[Result, int]
    residues: tuple[tuple[Where, Residue], ...]
    fields: tuple[NewField, ...]
    stopped: tuple[Stopped, ...]


class Monitor:
    """One gateway's. `share`: of requests, 0 to 1; `learn`: seconds; `emit`: `gateway.log.emit`."""

    def __init__(
        self,
        share: float,
        learn: float,
        knowledge: Knowledge,
        emit: Callable[..., None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.share = share
        self.sampled: Counter[Result] = Counter()
        self._clock = clock
        self._emit = emit
        self._knowledge = knowledge
        self._link = Link(knowledge.setup)
        self._fields = Fields(frozenset(knowledge.setup.words), learn)
        self._rules = Rules(learn)
        self._waiting: asyncio.Queue[tuple[Client, Send]] = asyncio.Queue(WAITING)
        self._bytes = 0
        self._last: dict[Client, float] = {}
        self._totals: Counter[Where] = Counter()
        self._found: OrderedDict[Where, Residue] = OrderedDict()
        self._appeared: Counter[Client] = Counter()
        self._stopped: tuple[Stopped, ...] = ()

    @property
    def pid(self) -> int:
        """The reader's process; 0 while there is none."""
        return self._link.pid

    def saw(self, route: str, send: Send) -> None:
        """Is told of each masked request, once. Quick, and never fails it."""
        now = self._clock()
        client = Client(route, send.report.tracker)
        self._rules.see(client, {finding.rule for finding in send.report.findings if finding.rule}, now)
        if secrets.randbelow(1_000_000) >= self.share * 1_000_000 and now - self._last.get(client, 0.0) < AT_LEAST:
            return
        size = len(send.masked.request.body)
        if size > LARGEST:
            self.sampled[Result.LARGE] += 1
        elif self._waiting.full() or self._bytes + size > WAITING_BYTES:
            self.sampled[Result.DROPPED] += 1
        else:
            self._last[client] = now
            self._bytes += size
            self._waiting.put_nowait((client, send))

    async def run(self) -> None:
        """Reads samples until cancelled."""
        looking = asyncio.create_task(self._look())
        try:
            while True:
                client, send = await self._waiting.get()
                try:
                    told = await self._link.ask(sample_of(send))
                except Overran:
                    self.sampled[Result.OVERRAN] += 1
                    await asyncio.sleep(PAUSE)
                else:
                    self._note(client, send, told)
                finally:
                    self._bytes -= len(send.masked.request.body)
                    del send
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)
            await self._link.close()

    def use(self, share: float, learn: float, knowledge: Knowledge) -> None:
        """After a reload. What was found under other rules is found again, or gone."""
        self.share = share
        self._rules.quiet = self._fields.learn = learn
        if knowledge != self._knowledge:
            self._knowledge = knowledge
            self._found.clear()
            self._rules.keep(knowledge.rules, knowledge.routes)
            self._fields.keep(frozenset(knowledge.setup.words), knowledge.routes)
            self._link.use(knowledge.setup)

    def findings(self) -> Findings:
        """Everything that was found, newest first."""
        now = self._clock()
        return Findings(
            self.share,
            dict(self.sampled),
            tuple(reversed(self._found.items())),
            tuple(sorted(self._fields.new(now), key=lambda one: -one.first)),
            tuple(sorted(self._stopped, key=lambda one: -one.last)),
        )

    def troubles(self) -> Iterator[Trouble]:
        """What wants somebody's attention: none of it keeps the gateway from serving."""
        now = self._clock()
        recent = {where.client.route for where, residue in self._found.items() if now - residue.last < TOLD_FOR}
        for route in sorted(recent):
            yield Trouble(Reason.RESIDUE_FOUND, Name(route))
        for route in sorted({one.client.route for one in self._fields.new(now)}):
            yield Trouble(Reason.FIELD_APPEARED, Name(route))
        for rule in sorted({one.rule for one in self._stopped}):
            yield Trouble(Reason.RULE_STOPPED, Name(rule))

    def samples(self) -> Iterator[Sample]:
        """Counts of samples, of residues and of drift."""
        for result in Result:
            yield Sample("gateway_monitor_samples_total", self.sampled[result], (result,))
        for (client, place, detector), count in self._totals.items():
            labels = (Name(client.route), Name(client.tracker), Name(place), Name(detector))
            yield Sample("gateway_monitor_residue_total", count, labels)
        for client, count in self._appeared.items():
            yield Sample("gateway_drift_fields_total", count, (Name(client.route), Name(client.tracker)))
        for one in self._stopped:
            whose = (Name(one.client.route), Name(one.client.tracker), Name(one.rule))
            yield Sample("gateway_drift_stopped_rules", 1, whose)

    def _note(self, client: Client, send: Send, told: wire.Answer) -> None:
        if isinstance(told, wire.Unread):
            self.sampled[Result.UNREAD] += 1
            return
        self.sampled[Result.READ] += 1
        now = self._clock()
        for place, detector, count in told.residue:
            self._found_residue(Where(client, place, detector), count, now, send.masked.program_digest)
        for one in self._fields.see(client, [tuple(steps) for steps in told.places], send.session, now):
            self._appeared[client] += 1
            self._emit(
                Event.FIELD_APPEARED, route=Name(client.route), tracker=Name(client.tracker), place=Name(one.place)
            )

    def _found_residue(self, where: Where, count: int, now: float, program: str) -> None:
        if where not in self._totals and len(self._totals) >= MOST_RESIDUES:
            where = Where(where.client, "elsewhere", where.detector)
        self._totals[where] += count
        if program not in self._knowledge.programs:
            return  # the rules that let it out are no longer in force
        residue = self._found.get(where)
        if residue is None:
            residue = self._found[where] = Residue(0, 0, now, -math.inf)
        if now - residue.last >= TOLD_FOR:
            self._emit(
                Event.RESIDUE_FOUND,
                route=Name(where.client.route),
                tracker=Name(where.client.tracker),
                place=Name(where.place),
                detector=Name(where.detector),
                count=count,
            )
        residue.count += count
        residue.samples += 1
        residue.last = now
        self._found.move_to_end(where)

    async def _look(self) -> None:
        """Sees which rules stopped, and says it once of each."""
        while True:
            await asyncio.sleep(LOOK)
            now = self._clock()
            self._stopped = tuple(self._rules.stopped(now))
            for one in self._rules.fresh(now):
                self._emit(
                    Event.RULE_STOPPED,
                    route=Name(one.client.route),
                    tracker=Name(one.client.tracker),
                    rule=Name(one.rule),
                )


def sample_of(send: Send) -> wire.Sample:
    """What the reader is asked about."""
    request = send.masked.request
    written = [(one.place, one.operator, one.detector) for one in send.report.findings]
    return wire.Sample(send.report.tracker, request.target, list(request.headers), request.body, written)
