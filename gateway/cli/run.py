"""`gateway run`: configuration → Programs and a plan → the data plane, until it is told to stop.

Nothing serves before everything is checked: a wrong file or a busy address is one line and exit code 2. A reload that
goes wrong keeps what runs. Changing `listen` or `tls.mode` needs a restart, and says so.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import click
import uvloop

from gateway import __version__, config, log
from gateway.config import Configuration, ConsentSettings, RegionSettings, RouteSettings, Settings, SpoolSettings
from gateway.core.errors import UserError
from gateway.core.yaml import one_line
from gateway.log import Event, Name
from gateway.policy.consent import Consent, of_names
from gateway.proxy.counts import Kind
from gateway.proxy.geography import Geography, open_database
from gateway.proxy.masking import Programs
from gateway.proxy.routes import Ingest, Plan, Route
from gateway.proxy.server import Gateway, Listening, serve, show
from gateway.proxy.tls import TlsFiles
from gateway.proxy.trust import Trust
from gateway.proxy.upstream import client_context
from gateway.ruleset.keys import Keys
from gateway.ruleset.program import ANY_TRACKER, Program
from gateway.spool.database import Rescue
from gateway.spool.embedded import EmbeddedStore
from gateway.spool.keys import spool_ring
from gateway.spool.quarantine import Quarantine, quarantine_path
from gateway.spool.seal import QUARANTINE, RECORDS, Sealer
from gateway.trackers.schema import TrackerFile


@click.command("run")
@click.option(
    "--config",
    "config_file",
    type=click.Path(path_type=Path),
    default=config.FILE_NAME,
    show_default=True,
    help="The configuration.",
)
def command(config_file: Path) -> None:
    """Serve: mask what trackers send, forward the rest."""
    for name in ("aiohttp", "asyncio"):  # their messages may hold bytes of requests and addresses
        logger = logging.getLogger(name)
        logger.addHandler(logging.NullHandler())
        logger.propagate = False
    served = Served(config_file)
    gc.set_threshold(200_000, 20, 100)  # a document is many objects that die together: measured, a quarter of the time
    gc.freeze()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(served.run())


class Served:
    """One configuration file, being served."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._configuration = config.load(path)
        self._key = config.masking_key(self._configuration.settings)
        self._programs: dict[str, Program] = {}
        self._sealer: Sealer | None = None
        self._store = make_store(self._configuration.settings)
        self._plan, self._digests = self._make(self._configuration)
        self._next = self._configuration, self._digests

    async def run(self) -> None:
        """Until SIGTERM or SIGINT."""
        settings = self._configuration.settings
        quarantine = make_quarantine(settings)
        gateway = Gateway(listening(settings), self._plan, emit=log.emit, store=self._store, quarantine=quarantine)
        await serve(
            gateway,
            load=self._load,
            watched=self._watched,
            ready=lambda: self._say_ready(gateway),
            reloaded=self._say_reloaded,
            complain=_complain,
            tell=_tell,
        )
        log.emit(Event.STOPPED)

    def _load(self) -> Plan:
        fresh = config.load(self._path)
        before, after = (listening(one.settings) for one in (self._configuration, fresh))
        if before != after or fresh.settings.masking_key != self._configuration.settings.masking_key:
            raise UserError("listen, tls and masking_key change at a start only: start again", str(self._path))
        if where_spooled(fresh.settings) != where_spooled(self._configuration.settings):
            raise UserError("spool.path changes at a start only: start again", str(self._path))
        plan, digests = self._make(fresh)
        self._next = fresh, digests
        self._sealer = sealer_of(fresh.settings.spool) if fresh.settings.spool is not None else None
        return plan

    def _make(self, configuration: Configuration) -> tuple[Plan, tuple[str, ...]]:
        """The plan for a configuration; sessions that are under way go on under it."""
        programs = make_programs(configuration, config.keys_of(configuration, self._key))
        for name, program in programs.items():
            if name in self._programs:
                program.adopt(self._programs[name])
        self._programs = programs
        return make_plan(configuration, programs), tuple(dict.fromkeys(one.digest for one in programs.values()))

    def _watched(self) -> Iterable[Path]:
        settings = self._configuration.settings
        tls = listening(settings).tls
        authorities = (route.upstream_ca for route in settings.routes if route.upstream_ca is not None)
        database = settings.visitors.region.database
        more = [*authorities, *([database] if database is not None else [])]
        return [*self._configuration.files, *(tls.paths if tls else ()), *more]

    def _say_ready(self, gateway: Gateway) -> None:
        settings = self._configuration.settings
        scheme = "https" if settings.tls.mode == "serve" else "http"
        _say(f"listening on {scheme}://{show(gateway.address)}")
        if gateway.redirect_address is not None:
            _say(f"redirecting http://{show(gateway.redirect_address)} to HTTPS")
        for route in settings.routes:
            state = "" if route.record else "  (record: off)"
            _say(f"route {route.host}{route.path} -> {route.upstream}  [{', '.join(route.tracker)}]{state}")
        _say(f"rules {', '.join(digest[:12] for digest in self._digests)}")
        log.emit(
            Event.STARTED,
            version=Name(__version__),
            program=Name(" ".join(self._digests)),
            routes=len(settings.routes),
            rules=_count_rules(self._configuration),
        )
        _say("ready")

    def _say_reloaded(self) -> None:
        self._configuration, self._digests = self._next
        spool = self._configuration.settings.spool
        if self._store is not None and self._sealer is not None and spool is not None:
            self._store.use(self._sealer, limit=spool.limit, keep=spool.keep)
        _say("reloaded")
        log.emit(
            Event.RELOADED,
            program=Name(" ".join(self._digests)),
            routes=len(self._configuration.settings.routes),
            rules=_count_rules(self._configuration),
        )


def listening(settings: Settings) -> Listening:
    """Where to serve, and with which certificate."""
    address = (settings.listen.host, settings.listen.port)
    tls = settings.tls
    if tls.mode != "serve":
        return Listening(address)
    redirect = (tls.redirect_http.host, tls.redirect_http.port) if tls.redirect_http else None
    return Listening(address, TlsFiles(tls.certificate, tls.key, tls.minimum, tls.client_ca), redirect)


def where_spooled(settings: Settings) -> Path | None:
    """The file of the spool, where there is one."""
    return settings.spool.path if settings.spool is not None else None


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


def make_programs(configuration: Configuration, keys: Keys) -> dict[str, Program]:
    """The Program of each route, by the route's name."""
    today = datetime.now(UTC).date()
    return {
        route.label: Program(
            configuration.rules,
            configuration.trackers,
            names=() if route.is_auto else route.tracker,
            key=keys,
            today=today,
            clock=time.monotonic,
            limits=configuration.settings.limits.as_limits(),
            unrecognised=route.unrecognised,
        )
        for route in configuration.settings.routes
    }


def make_plan(configuration: Configuration, programs: Mapping[str, Program]) -> Plan:
    """What requests are served by."""
    settings = configuration.settings
    return Plan(
        masker=Programs(programs),
        routes=tuple(
            _route(route, configuration, record_mobile=programs[route.label].mobile_devices != "drop")
            for route in settings.routes
        ),
        opt_out=configuration.choice.opt_out,
        choice=configuration.choice,
        consent=_consent(settings.visitors.consent),
        asks_for_country=any(program.asks_for_country for program in programs.values()),
        geography=_geography(settings.visitors.region),
        trust=Trust(settings.trusted_proxies),
        limits=settings.limits.as_limits(),
        must_say_https=settings.tls.mode == "behind_proxy",
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
        quarantines=route.unreadable == "quarantine",
    )


def _trackers_of(route: RouteSettings, configuration: Configuration) -> list[TrackerFile]:
    if route.is_auto:
        return [tracker for name, tracker in configuration.trackers.items() if name != ANY_TRACKER]
    return [configuration.trackers[name] for name in route.tracker]


def _count_rules(configuration: Configuration) -> int:
    return sum(len(file.mask) for file in configuration.rules)


def _say_rescued(rescue: Rescue) -> None:
    copied = "" if rescue.records is None else f"; {rescue.records} records of it go on"
    _say(f"gateway: the spool was damaged ({rescue.why}); as it was, it is kept as {rescue.aside}{copied}")


def _say(line: str) -> None:
    click.echo(one_line(line), err=True)


def _complain(error: UserError) -> None:
    _say(f"gateway: not reloaded: {error}")
    log.emit(Event.RELOAD_FAILED, where=Name(error.where), why=Name("configuration"))


def _tell(rows: list[tuple[Kind, int]]) -> None:
    for (tracker, verdict, reason), count in rows:
        log.emit(Event.COUNTED, tracker=Name(tracker), verdict=verdict, reason=Name(reason), count=count)
