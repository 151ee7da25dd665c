"""`gateway run`: configuration → Programs and a plan → the data plane, until it is told to stop.

Nothing serves before everything is checked: a wrong file or a busy address is one line and exit code 2. A reload that
goes wrong keeps what runs. Changing `listen` or `tls.mode` needs a restart, and says so.
"""

from __future__ import annotations

import asyncio
import gc
import logging
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import click
import uvloop

from gateway import __version__, backup, config, log
from gateway.cli.backup import back_up
from gateway.cli.options import config_option
from gateway.cluster.setup import Cluster, make_cluster
from gateway.config import (
    ClusterSettings,
    Configuration,
    ConsentSettings,
    ConsoleSettings,
    EgressSettings,
    RegionSettings,
    RouteSettings,
    Settings,
    SpoolSettings,
)
from gateway.console.call import Desk, open_desk
from gateway.console.context import Context, context_of
from gateway.console.database import stopped_routes
from gateway.console.server import Console
from gateway.core.errors import UserError
from gateway.core.message import Inbound
from gateway.core.outcome import Outcome
from gateway.core.yaml import one_line
from gateway.log import Event, Name
from gateway.maskers.pool import Edition, Maskers
from gateway.maskers.setup import blueprint_of
from gateway.maskers.shadow import Shadow
from gateway.monitor.monitor import Monitor
from gateway.monitor.setup import knowledge_of, make_monitor
from gateway.policy.consent import Consent, of_names
from gateway.proxy import process
from gateway.proxy.counts import Counts
from gateway.proxy.geography import Geography, open_database
from gateway.proxy.reload import Watcher
from gateway.proxy.routes import Egress, Ingest, Masker, Plan, Route
from gateway.proxy.server import Gateway, Listening, bind, serve, show
from gateway.proxy.tls import Certificates, TlsFiles
from gateway.proxy.trust import Trust
from gateway.proxy.upstream import client_context
from gateway.ruleset.program import ANY_TRACKER, Program
from gateway.spool.database import Rescue
from gateway.spool.embedded import EmbeddedStore
from gateway.spool.keys import named_ring, spool_ring
from gateway.spool.quarantine import Quarantine, quarantine_path
from gateway.spool.seal import QUARANTINE, RECORDS, Sealer
from gateway.status import Reason, Sample, Source, Trouble
from gateway.tracing import make_tracing
from gateway.trackers.schema import TrackerFile
from gateway.trackers.shape import Shapes
from gateway.traffic import Traffic

BACKUP_SECONDS = 600.0
FORMER = 8  # editions of rules by which the console explains what passed

DEBUG_MODE = (
    "DEBUG MODE: requests are kept in memory as visitors sent them, unmasked, and the console shows them to editors. "
    "Not for real visitors longer than you look: console.debug: false ends it"
)


@click.command("run")
@config_option
def command(config_file: Path) -> None:
    """Serve: mask what trackers send, forward the rest."""
    process.forbid_dumps()
    process.allow_descriptors()
    for name in (
        "aiohttp",
        "asyncio",
        "opentelemetry",
        "urllib3",
    ):  # their messages may hold bytes of requests and addresses
        logger = logging.getLogger(name)
        logger.addHandler(logging.NullHandler())
        logger.propagate = False
    served = Served(config_file)
    # a document is many objects that die together, and by themselves (tests/ruleset/test_release.py): looking often is lost
    # time, measured a quarter of it. What is old is looked at seldom enough by the collector's own rule
    gc.set_threshold(200_000, 10, 10)
    gc.freeze()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(served.run())


class Served:
    """One configuration file, being served."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._configuration = config.load(path)
        self._keys = config.masking_keys(self._configuration.settings)
        self._sealer: Sealer | None = None
        self._cluster = cluster_of(self._configuration.settings, self._keys.oldest)
        self._store = self._cluster.store if self._cluster is not None else make_store(self._configuration.settings)
        self._backup_failed: Name | None = None
        self._backup_made: datetime | None = None  # the newest
        settings = self._configuration.settings
        self._traffic = Traffic(keep=bool(settings.console or settings.tracing), debug=is_debug(settings))
        self._tracing = make_tracing(settings.tracing, self._traffic)
        self._sources: list[Source] = []  # whoever has something to say, once it is there
        self._desk = self._make_desk()
        console = self._configuration.settings.console
        self._console_tls = (
            Certificates(TlsFiles(console.tls.certificate, console.tls.key)) if console and console.tls else None
        )
        self._stopped = stopped_of(self._configuration.settings)
        self._monitor: Monitor | None = None

    async def run(self) -> None:
        """Until SIGTERM or SIGINT."""
        self._loop = asyncio.get_running_loop()
        settings = self._configuration.settings
        at = settings.console.listen if settings.console is not None else None
        bound = bind((at.host, at.port), key="console.listen") if at is not None else None
        quarantine = make_quarantine(settings)
        if self._cluster is not None:
            await self._cluster.open()
        self._maskers = Maskers(
            settings.workers,
            told=lambda why: log.emit(Event.MASKER_ENDED, why=why),
            shared=self._cluster.sessions if self._cluster is not None else None,
        )
        self._edition = await self._maskers.start(blueprint_of(self._configuration, self._keys))
        self._former = deque([self._edition], maxlen=FORMER)
        self._monitor = make_monitor(self._configuration, self._edition.digests)
        try:
            self._next = self._configuration, self._edition
            gateway = self._gateway = Gateway(
                listening(settings),
                self._held(make_plan(self._configuration, self._edition, self._edition.programs)),
                emit=log.emit,
                store=self._store,
                quarantine=quarantine,
                traffic=self._traffic,
                saw=self._monitor.saw if self._monitor is not None else None,
            )
            watching = [self._monitor] if self._monitor is not None else []
            self._sources += (gateway, self._maskers, self, *watching)
            console = self._console = Console(
                self._sources, self._desk, settings.console.hosts if settings.console else ()
            )
            if bound is not None:
                await console.start(bound, self._console_tls.context if self._console_tls else None)
            running = [self._keep_backups(), *(one.run() for one in watching)]
            if self._tracing is not None:
                running.append(self._tracing.run())
            beside = [self._loop.create_task(one) for one in running]
            try:
                await serve(
                    gateway,
                    load=self._load,
                    watched=self._watched,
                    ready=lambda: self._say_ready(gateway, console),
                    reloaded=self._say_reloaded,
                    complain=_complain,
                    tell=_tell,
                    began=self._take_watcher,
                )
            finally:
                for task in beside:
                    task.cancel()
                await asyncio.gather(*beside, return_exceptions=True)
                await console.close()
        finally:
            await self._maskers.stop()
        log.emit(Event.STOPPED)

    async def _keep_backups(self) -> None:
        """A backup a day, where they are configured: looked at each ten minutes, so that a failed one is tried again."""
        while True:
            await asyncio.to_thread(self.back_up, datetime.now(UTC))
            await asyncio.sleep(BACKUP_SECONDS)

    def back_up(self, now: datetime) -> None:
        """Makes a backup where one is due; what goes wrong is said and keeps nobody from serving."""
        settings = self._configuration.settings.backup
        if settings is not None:
            self._backup_made = backup.newest(settings.folder)
        if settings is None or not settings.daily or not backup.is_due(settings.folder, now):
            return
        try:
            path, written = back_up(self._configuration, settings, self._path.parent, now)
        except UserError as error:
            _say(f"gateway: no backup: {error}")
            log.emit(Event.BACKUP_FAILED, where=Name(error.where))
            self._backup_failed = Name(error.where)
        else:
            log.emit(Event.BACKED_UP, where=Name(path), count=len(written))
            self._backup_failed = None
            self._backup_made = now

    def troubles(self) -> Iterator[Trouble]:
        """Whether the last backup failed."""
        if self._backup_failed is not None:
            yield Trouble(Reason.BACKUP_FAILED, self._backup_failed)

    def samples(self) -> Iterator[Sample]:
        """What runs, and what is kept of sessions."""
        yield Sample("gateway_build_info", 1, (Name(__version__),))
        if self._backup_made is not None:
            yield Sample("gateway_backup_timestamp_seconds", self._backup_made.timestamp())

    @property
    def configuration(self) -> Configuration:
        """What is live, for the console."""
        return self._configuration

    @property
    def digests(self) -> Sequence[str]:
        """Of the programs that are live."""
        return self._edition.digests

    def blueprint(self, digest: str = "") -> bytes:
        """What the Programs of this digest were made of, where they ran lately; else those that are live."""
        known = (edition for edition in self._former if digest in edition.digests)
        return next(known, self._edition).blueprint

    @property
    def context(self) -> Context:
        """What the console tries candidates beside."""
        configuration = self._configuration
        return context_of(configuration, self.blueprint(), self._path.parent)

    async def reload(self) -> None:
        """Takes the files as they are now, or raises `UserError` and keeps what runs."""
        await self._watcher.look_now()

    async def mask(self, inbound: Inbound) -> Outcome:
        """By the rules that are live, for the console."""
        return await self._edition.mask(inbound)

    def shadow(self, shadow: Shadow | None) -> None:
        """Rules that the console tries."""
        self._gateway.offer_to(shadow)

    def hold(self, routes: Mapping[str, float]) -> None:
        """Which routes the console's emergency stop holds from now on."""
        self._stopped = dict(routes)
        self._gateway.plan = self._held(self._gateway.plan)

    def _held(self, plan: Plan) -> Plan:
        written = {route.label: route.record for route in self._configuration.settings.routes}
        routes = tuple(
            replace(route, record=written.get(route.name, route.record) and route.name not in self._stopped)
            for route in plan.routes
        )
        return replace(plan, routes=routes)

    def _take_watcher(self, watcher: Watcher[Plan]) -> None:
        self._watcher = watcher

    def _make_desk(self) -> Desk | None:
        settings = self._configuration.settings.console
        if settings is None or settings.key is None:
            return None
        return open_desk(
            settings, named_ring(settings.key, "console.key", settings.where), self._sources, self._traffic, self
        )

    def _load(self) -> Plan:
        gc.collect()  # what a former configuration was made into are cycles, which the thresholds above leave for long
        fresh = config.load(self._path)
        before, after = (
            (listening(one), lasting(one.console), one.masking_key, one.workers)
            for one in (self._configuration.settings, fresh.settings)
        )
        if before != after:
            line = "listen, tls, console, masking_key and workers change at a start only: start again"
            raise UserError(line, str(self._path))
        if where_spooled(fresh.settings) != where_spooled(self._configuration.settings):
            raise UserError("spool.path and cluster change at a start only: start again", str(self._path))
        if fresh.settings.tracing != self._configuration.settings.tracing:
            raise UserError("tracing changes at a start only: start again", str(self._path))
        if (fresh.settings.monitor is None) is not (self._monitor is None):
            raise UserError("monitor is turned on and off at a start only: start again", str(self._path))
        keys = config.masking_keys(fresh.settings)
        if self._cluster is not None and keys.oldest != self._keys.oldest:
            line = "the oldest masking key of a cluster goes at a start only: stop all gateways, then start them"
            raise UserError(line, str(self._path))
        prepared = self._maskers.prepare(blueprint_of(fresh, keys))
        edition = asyncio.run_coroutine_threadsafe(prepared, self._loop).result()
        self._next = fresh, edition
        self._sealer = sealer_of(fresh.settings.spool) if fresh.settings.spool is not None else None
        if self._console_tls is not None:
            self._console_tls.reload()
        return make_plan(fresh, edition, edition.programs)

    def _watched(self) -> Iterable[Path]:
        settings = self._configuration.settings
        tls = listening(settings).tls
        authorities = (route.upstream_ca for route in settings.routes if route.upstream_ca is not None)
        database = settings.visitors.region.database
        masking_keys = settings.masking_key.file
        more = [*authorities, *(one for one in (database, masking_keys) if one is not None)]
        shown = settings.console.tls if settings.console is not None else None
        more += [shown.certificate, shown.key] if shown is not None else []
        return [*self._configuration.files, *(tls.paths if tls else ()), *more]

    def _say_ready(self, gateway: Gateway, console: Console) -> None:
        settings = self._configuration.settings
        scheme = "https" if settings.tls.mode == "serve" else "http"
        _say(f"listening on {scheme}://{show(gateway.address)}")
        if gateway.redirect_address is not None:
            _say(f"redirecting http://{show(gateway.redirect_address)} to HTTPS")
        if console.address is not None:
            _say(f"console {'https' if console.is_secure else 'http'}://{show(console.address)}")
        for route in settings.routes:
            state = "" if route.record else "  (record: off)"
            state = "  (stopped on the console)" if route.label in self._stopped else state
            _say(f"route {route.host}{route.path} -> {_origin(route.upstream)}  [{', '.join(route.tracker)}]{state}")
        _say(f"rules {', '.join(digest[:12] for digest in self._edition.digests)}")
        if self._traffic.debug:
            self._say_debug()
        log.emit(
            Event.STARTED,
            version=Name(__version__),
            program=Name(" ".join(self._edition.digests)),
            routes=len(settings.routes),
            rules=_count_rules(self._configuration),
        )
        _say("ready")

    def _say_debug(self) -> None:
        on = self._traffic.debug
        line = DEBUG_MODE if on else "debug mode is off: what was kept unmasked is gone"
        click.echo(click.style(line, fg="white", bg="red", bold=True) if on else line, err=True)
        log.emit(Event.DEBUG_ON if on else Event.DEBUG_OFF)

    def _say_reloaded(self) -> None:
        self._configuration, self._edition = self._next
        self._former.append(self._edition)
        if is_debug(self._configuration.settings) is not self._traffic.debug:
            self._traffic.debug = not self._traffic.debug
            self._say_debug()
        self._gateway.plan = self._held(self._gateway.plan)  # what was stopped while this was read, too
        self._maskers.take(self._edition)
        watch = self._configuration.settings.monitor
        if self._monitor is not None and watch is not None:
            self._monitor.use(watch.sample, watch.learn, knowledge_of(self._configuration, self._edition.digests))
        self._console.took()
        spool = self._configuration.settings.spool
        if self._cluster is not None and spool is not None:
            self._cluster.use(spool_ring(spool), limit=spool.limit, keep=spool.keep)
        elif isinstance(self._store, EmbeddedStore) and self._sealer is not None and spool is not None:
            self._store.use(self._sealer, limit=spool.limit, keep=spool.keep)
        _say("reloaded")
        log.emit(
            Event.RELOADED,
            program=Name(" ".join(self._edition.digests)),
            routes=len(self._configuration.settings.routes),
            rules=_count_rules(self._configuration),
        )


def is_debug(settings: Settings) -> bool:
    """Whether requests are kept as they came."""
    return settings.console is not None and settings.console.debug


def lasting(console: ConsoleSettings | None) -> ConsoleSettings | None:
    """Of the console's settings those that a reload does not change."""
    return console.model_copy(update={"debug": False, "where": ""}) if console is not None else None


def stopped_of(settings: Settings) -> dict[str, float]:
    """The routes that the console's emergency stop holds, and since when."""
    return stopped_routes(settings.console.path) if settings.console is not None else {}


def listening(settings: Settings) -> Listening:
    """Where to serve, and with which certificate."""
    address = (settings.listen.host, settings.listen.port)
    tls = settings.tls
    if tls.mode != "serve":
        return Listening(address)
    redirect = (tls.redirect_http.host, tls.redirect_http.port) if tls.redirect_http else None
    return Listening(address, TlsFiles(tls.certificate, tls.key, tls.minimum, tls.client_ca), redirect)


def where_spooled(settings: Settings) -> tuple[Path | None, ClusterSettings | None]:
    """The file of the spool, and the cluster, where there are any; not on which line they stand."""
    cluster = settings.cluster.model_copy(update={"where": ""}) if settings.cluster is not None else None
    return settings.spool.path if settings.spool is not None else None, cluster


def cluster_of(settings: Settings, masking_key: bytes) -> Cluster | None:
    """What several gateways share, where the configuration says so; not opened yet."""
    return make_cluster(settings, spool_ring(settings.spool), masking_key) if settings.spool is not None else None


def sealer_of(spool: SpoolSettings) -> Sealer:
    """What the spool's records are sealed with."""
    return Sealer(spool_ring(spool), RECORDS)


def make_store(settings: Settings) -> EmbeddedStore | None:
    """Where accepted events wait, as the configuration says; not opened yet."""
    spool = settings.spool
    if spool is None:
        return None
    return EmbeddedStore(spool.path, sealer_of(spool), limit=spool.limit, keep=spool.keep, told=_say_rescued)


def make_quarantine(settings: Settings) -> Quarantine | None:
    """Where what can't be read is kept, where a route asks for it."""
    spool = settings.spool
    if spool is None:
        return None
    sealer, path = Sealer(spool_ring(spool), QUARANTINE), quarantine_path(spool.path)
    return Quarantine(path, sealer, limit=spool.quarantine.limit, keep=spool.quarantine.keep)


def make_plan(configuration: Configuration, masker: Masker | Edition, programs: Mapping[str, Program]) -> Plan:
    """What requests are served by: `masker` masks by `programs`, a route's each."""
    settings = configuration.settings
    return Plan(
        masker=masker,
        routes=tuple(
            _route(route, configuration, record_mobile=programs[route.label].mobile_devices != "drop")
            for route in settings.routes
        ),
        opt_out=configuration.choice.opt_out,
        choice=configuration.choice,
        consent=_consent(settings.visitors.consent),
        asks_for_country=any(program.asks_for_country for program in programs.values()),
        records_unasked=any(program.records_unasked for program in programs.values()),
        geography=_geography(settings.visitors.region),
        trust=Trust(settings.trusted_proxies),
        limits=settings.limits.as_limits(),
        connections=settings.limits.connections,
        must_say_https=settings.tls.mode == "behind_proxy",
        keys=next(iter(programs.values())).keys,
        revoked=settings.spool.revoked if settings.spool is not None else (),
    )


def _consent(settings: ConsentSettings | None) -> Consent | None:
    if settings is None:
        return None
    return Consent(settings.required_in, of_names(settings.cookies), frozenset(settings.tcf_purposes))


def _geography(settings: RegionSettings) -> Geography:
    return Geography(
        settings.header,
        settings.state_header,
        open_database(settings.database) if settings.database is not None else None,
        "" if settings.unknown == "strictest" else settings.unknown,
    )


def _route(route: RouteSettings, configuration: Configuration, *, record_mobile: bool) -> Route:
    trackers = _trackers_of(route, configuration)
    return Route(
        name=route.label,
        upstream=route.upstream,
        host=route.host,
        path=route.path,
        record=route.record,
        record_mobile=record_mobile,
        tls=client_context(route.upstream_ca) if route.upstream_ca else None,
        egress=_egress(route, configuration.settings),
        set_cookies=tuple(name for tracker in trackers for name in tracker.set_cookies.keep),
        opted_out=tuple(
            answer
            for tracker in trackers
            for answer in tracker.answers.opted_out
            # on a route for any tracker, what one says of all paths says nothing of another's
            if len(trackers) == 1 or "*" not in answer.path
        ),
        ingest={one.tracker: Ingest(one.ingest, one.answers.accepted) for one in trackers if one.ingest},
        is_queued=route.delivery == "queued",
        shapes=Shapes(trackers),
        quarantines=route.unreadable == "quarantine",
    )


def _egress(route: RouteSettings, settings: Settings) -> Egress | None:
    """The proxy of a route: its own word, else the one for all. What is on this machine needs none."""
    told: EgressSettings | None = (
        route.egress_proxy if "egress_proxy" in route.model_fields_set else settings.egress_proxy
    )
    if told is None or route.is_local:
        return None
    return Egress(told.url, config.proxy_credentials(told))


def _trackers_of(route: RouteSettings, configuration: Configuration) -> list[TrackerFile]:
    if route.is_auto:
        return [tracker for name, tracker in configuration.trackers.items() if name != ANY_TRACKER]
    return [configuration.trackers[name] for name in route.tracker]


def _count_rules(configuration: Configuration) -> int:
    return sum(len(file.mask) for file in configuration.rules)


def _origin(url: str) -> str:
    """A URL without its path, which may hold what the environment filled in."""
    return "/".join(url.split("/", 3)[:3])


def _say_rescued(rescue: Rescue) -> None:
    copied = "" if rescue.records is None else f"; {rescue.records} records of it go on"
    _say(f"gateway: the spool was damaged ({rescue.why}); as it was, it is kept as {rescue.aside}{copied}")


def _say(line: str) -> None:
    click.echo(one_line(line), err=True)


def _complain(error: UserError) -> None:
    _say(f"gateway: not reloaded: {error}")
    log.emit(Event.RELOAD_FAILED, where=Name(error.where), why=Name("configuration"))


def _tell(counts: Counts) -> None:
    for (tracker, verdict, reason), count in counts.flush():
        log.emit(Event.COUNTED, tracker=Name(tracker), verdict=verdict, reason=Name(reason), count=count)
    for (route, recording, signal, region), count in counts.flush_decided():
        log.emit(
            Event.DECIDED, route=Name(route), verdict=recording, signal=Name(signal), region=Name(region), count=count
        )
