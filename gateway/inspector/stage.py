"""mitmproxy with the gate in front of its add-ons and the seal behind them, in one of its three interfaces.

Only options that stand here are set; mitmproxy's own configuration file is not read, since it may switch off what holds
here. Its folder is used for the authority that phones and browsers trust.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory

from mitmproxy import contentviews
from mitmproxy.addons.errorcheck import ErrorCheck
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.master import Master
from mitmproxy.options import Options
from mitmproxy.proxy.mode_servers import WireGuardServerInstance
from mitmproxy.tools.console.master import ConsoleMaster
from mitmproxy.tools.dump import DumpMaster
from mitmproxy.tools.web.master import WebMaster

from gateway.core.errors import UserError
from gateway.inspector.gate import Gate, Seal, Serving
from gateway.inspector.view import BeforeAndAfter
from gateway.proxy.reload import Watcher


class Interface(StrEnum):
    """How flows are looked at."""

    WEB = "web"
    TERMINAL = "terminal"
    DUMP = "dump"


COLUMNS = ("icon", "path", "method", "status", "size", "comment", "time")


@dataclass(frozen=True, slots=True)
class Show:
    """What is asked of mitmproxy. `options` are its own, by name."""

    interface: Interface
    modes: Sequence[str]
    options: Mapping[str, object] = field(default_factory=dict)
    certificate: bytes = b""  # what clients are shown, with its key, as PEM; none: one by mitmproxy's own authority
    web_port: int = 8081


@dataclass(frozen=True, slots=True)
class Reload:
    """What to read again when these files change, and who is told of a mistake in them."""

    paths: Callable[[], Iterable[Path]]
    load: Callable[[], Serving]
    complain: Callable[[UserError], None]


type Ready = Callable[[str, list[str]], None]


def run(show: Show, gate: Gate, reload: Reload, ready: Ready) -> None:
    """Until it is ended. `ready` is told the address of the web interface, or nothing, and how phones come in."""
    asyncio.run(_run(show, gate, reload, ready))


async def _run(show: Show, gate: Gate, reload: Reload, ready: Ready) -> None:
    logging.getLogger().setLevel(logging.INFO)
    for name in ("tornado", "asyncio", "hpack", "quic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    master = _master(show.interface)
    tell = _Ready(lambda: ready(_address(master), list(_configurations(master))))
    master.addons.add(gate, Seal(gate), tell)  # type: ignore[no-untyped-call]  # mitmproxy's
    master.addons.chain.remove(gate)
    master.addons.chain.insert(0, gate)
    contentviews.add(BeforeAndAfter(gate.memory))
    told: dict[str, object] = {"mode": list(show.modes), **_FIXED, **show.options}
    if show.interface is not Interface.TERMINAL:
        told["termlog_verbosity"] = "warn"
    if show.interface is Interface.WEB:
        told |= {
            "web_port": show.web_port,
            "web_host": "127.0.0.1",
            "web_open_browser": False,
            "web_columns": list(COLUMNS),
        }
    _set(master, told, show.certificate)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, master.shutdown)

    def take(fresh: Serving) -> None:
        for name, program in fresh.programs.items():
            if name in gate.serving.programs:
                program.adopt(gate.serving.programs[name])
        gate.serving = fresh

    check = master.addons.get("errorcheck")  # type: ignore[no-untyped-call]  # mitmproxy's
    watcher = Watcher(reload.paths, reload.load, take, reload.complain)
    watching = loop.create_task(watcher.run())
    try:
        await master.run()
    except SystemExit:
        errors = check.logger.has_errored if isinstance(check, ErrorCheck) else []
        raise UserError("; ".join(error.getMessage() for error in errors) or "mitmproxy can't start") from None
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching


def _address(master: Master) -> str:
    return master.web_url if isinstance(master, WebMaster) else ""


def _configurations(master: Master) -> Iterator[str]:
    """What WireGuard's app on a phone is given, where that is a mode."""
    server = master.addons.get("proxyserver")  # type: ignore[no-untyped-call]  # mitmproxy's
    for instance in server.servers if isinstance(server, Proxyserver) else ():
        if isinstance(instance, WireGuardServerInstance) and (told := instance.client_conf()):
            yield told


def _set(master: Master, told: dict[str, object], certificate: bytes) -> None:
    """Sets options. mitmproxy takes certificates from a file, which it reads at once."""
    with TemporaryDirectory(prefix="gateway-") as folder:
        if certificate:
            path = Path(folder, "certificate.pem")
            path.touch(0o600)
            path.write_bytes(certificate)
            told["certs"] = [f"*={path}"]
        master.options.update(**told)  # type: ignore[no-untyped-call]  # mitmproxy's


class _Ready:
    """Says when all listen."""

    def __init__(self, tell: Callable[[], None]) -> None:
        self._tell = tell

    def running(self) -> None:
        self._tell()


_FIXED: Mapping[str, object] = {
    "keep_host_header": True,  # routes are found by it
    "connection_strategy": "lazy",  # where a request goes is known once it is read
    "rawtcp": False,  # what is no HTTP does not pass
    "websocket": False,
    "ssl_insecure": False,
    "http2": True,
    "content_view_lines_cutoff": 5_000,
}


def _master(interface: Interface) -> Master:
    options = Options()
    match interface:
        case Interface.WEB:
            return WebMaster(options)
        case Interface.TERMINAL:
            return ConsoleMaster(options)
        case Interface.DUMP:
            return DumpMaster(options)
