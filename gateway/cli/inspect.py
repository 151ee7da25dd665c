"""`gateway inspect`: the configured routes and rules under mitmproxy; each request before and after.

Serves on the configured address in `gateway run`'s place, for those who look: on their own machine. What leaves has been
masked by the same rules; what is saved, too, unless `--reveal` is said.
"""

from __future__ import annotations

import json
import os
import re
import socket
import sys
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import click
from mitmproxy.proxy.mode_specs import ProxyMode

from gateway import config
from gateway.cli.captures import read_file
from gateway.cli.options import config_option
from gateway.cli.run import make_plan
from gateway.config import Address, Settings
from gateway.core.errors import UserError
from gateway.core.message import Inbound, Outbound
from gateway.core.yaml import one_line
from gateway.insight.captures import written
from gateway.insight.reasons import origins
from gateway.inspector.gate import Door, Gate, Save, Serving
from gateway.inspector.memory import Memory
from gateway.inspector.stage import Interface, Reload, Show, run
from gateway.maskers.setup import blueprint_of
from gateway.proxy.masking import Programs
from gateway.proxy.server import bind

WEB_PORT = 8081
_PROXY_PORT = 8080
_REVEALED = """\
********************************************************************************
 --reveal: {file} will hold REQUESTS AS THEY CAME: names, addresses, what was typed.
 It belongs on this machine alone. Delete it when you have looked.
********************************************************************************"""


@click.command("inspect")
@config_option
@click.option("--terminal", "interface", flag_value=Interface.TERMINAL, help="mitmproxy's terminal interface.")
@click.option("--dump", "interface", flag_value=Interface.DUMP, help="One line a request, to standard output.")
@click.option("--listen", help="HOST:PORT to serve on, instead of the configured one.")
@click.option(
    "--mode",
    "modes",
    multiple=True,
    metavar="MODE",
    help="Instead of the configured routes' address one of mitmproxy's modes: regular, local, wireguard, upstream:URL …",
)
@click.option(
    "--web-port", type=click.IntRange(1, 65535), default=WEB_PORT, show_default=True, help="Of the web interface."
)
@click.option("--save", type=click.Path(path_type=Path), help="Write requests, masked, to this file as they leave.")
@click.option("--reveal", is_flag=True, help="With --save: as they came. On loopback addresses only.")
def command(
    config_file: Path,
    interface: Interface | None,
    listen: str | None,
    modes: tuple[str, ...],
    web_port: int,
    save: Path | None,
    reveal: bool,
) -> None:
    """Look at each request before and after, by the configured routes and rules, under mitmproxy.

    Opens mitmproxy's web interface, for this machine alone; its address is printed with a token.
    """
    interface = Interface(interface or Interface.WEB)
    is_terminal = interface is Interface.TERMINAL
    if is_terminal and not sys.stdout.isatty():
        raise UserError("--terminal needs a terminal: take --dump, or the web interface")
    if reveal and save is None:
        raise UserError("--reveal says how --save writes: give --save FILE")
    inspected = Inspected(config_file)
    settings = inspected.configuration.settings
    places = _places(settings, modes, listen)
    is_loopback = all(place.is_loopback for place in places)
    if reveal and not is_loopback:
        raise UserError("--reveal is for loopback addresses alone: serve with --listen 127.0.0.1:PORT")
    for place in places:
        _is_free(place, "--listen")
    if interface is Interface.WEB:
        _is_free(Place("web", Address("127.0.0.1", web_port)), "--web-port")
    certificate = _certificate(settings, is_loopback=is_loopback) if not modes else b""
    with ExitStack() as stack:
        file = stack.enter_context(_open(save)) if save is not None else None
        door = Door(is_reverse=not modes, needs_tls=not modes and settings.tls.mode == "serve" and not is_loopback)
        gate = Gate(inspected.load(), Memory(), door, save=_saving(file) if file else None, saves_raw=reveal)
        options: dict[str, object] = {"body_size_limit": str(settings.limits.body), **_trusted(settings)}
        if modes:
            options["allow_hosts"] = list(_hosts(settings))
        show = Show(interface, [place.spec for place in places], options, certificate, web_port)
        if reveal:
            click.echo(click.style(_REVEALED.format(file=save), fg="red", bold=True), err=True)
        run(
            show,
            gate,
            Reload(inspected.paths, inspected.load, _complain),
            lambda url, phones: None if is_terminal else _say_ready(settings, places, url, phones),
        )


class Inspected:
    """A configuration file, read again when it changes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.configuration = config.load(path)
        self._key = config.masking_keys(self.configuration.settings)

    def load(self) -> Serving:
        """What requests are judged by from here on. Raises UserError."""
        configuration = self.configuration = config.load(self._path)
        programs = blueprint_of(configuration, self._key).programs()
        plan = make_plan(configuration, Programs(programs), programs)
        shipped = f"{config.rules_directory()}/"
        where = origins(configuration.rules, config.read_text)
        return Serving(plan, programs, {rule: place.removeprefix(shipped) for rule, place in where.items()})

    def paths(self) -> Iterable[Path]:
        """The files to watch."""
        return self.configuration.files


@dataclass(frozen=True, slots=True)
class Place:
    """A mode of mitmproxy, and where it listens; none for what has no address of its own."""

    mode: str
    address: Address | None
    is_udp: bool = False

    @property
    def spec(self) -> str:
        """As mitmproxy writes it."""
        return f"{self.mode}@{self.address.host}:{self.address.port}" if self.address is not None else self.mode

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return self.address is None or self.address.is_loopback


def _places(settings: Settings, modes: Sequence[str], listen: str | None) -> list[Place]:
    told = _address(listen) if listen is not None else None
    if not modes:
        route = settings.routes[0]
        url = "/".join(route.upstream.split("/", 3)[:3])
        return [Place(f"reverse:{url}", told or Address(settings.listen.host, settings.listen.port))]
    found = []
    for mode in modes:
        try:
            parsed = ProxyMode.parse(mode)
        except ValueError as error:
            raise UserError(
                f"--mode {mode}: {one_line(str(error))}; take regular, local, wireguard, upstream:URL …"
            ) from None
        if parsed.type_name == "reverse":
            raise UserError("--mode reverse is what the configured routes are: leave it out, and name them there")
        port = parsed.listen_port()
        is_udp = parsed.type_name == "wireguard"
        head = mode.rpartition("@")[0] or mode
        if port is None or parsed.type_name == "local":
            found.append(Place(mode, None))
            continue
        host = parsed.custom_listen_host or ("0.0.0.0" if is_udp else "127.0.0.1")  # noqa: S104 - a phone calls it
        address = told or Address(host, port)
        found.append(Place(head, address, is_udp))
    if told is not None and len(found) > 1:
        raise UserError("--listen is for one mode: write MODE@HOST:PORT for each")
    return found


def _address(text: str) -> Address:
    match = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+)\]|([^:\s]+)):(\d{1,5})", text)
    if match is None or not 0 < int(match[3]) < 65536:
        raise UserError(f"--listen {text}: write HOST:PORT, as in 127.0.0.1:8443")
    return Address(match[1] or match[2], int(match[3]))


def _is_free(place: Place, option: str) -> None:
    """Raises UserError where nobody can listen there."""
    if place.address is None:
        return
    if not place.is_udp:
        bind((place.address.host, place.address.port), key=option).close()
        return
    with socket.socket(socket.AF_INET6 if ":" in place.address.host else socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((place.address.host, place.address.port))
        except OSError as error:
            reason = (error.strerror or "taken").lower()
            raise UserError(f"UDP address {place.address} can't be used ({reason}): change `{option}`") from None


def _certificate(settings: Settings, *, is_loopback: bool) -> bytes:
    """What to show browsers, with its key; nothing where the front of the gateway does that, or nobody."""
    tls = settings.tls
    if tls.mode != "serve":
        return b""
    if tls.client_ca is not None and not is_loopback:
        raise UserError(
            "clients' certificates (tls.client_ca) are not checked here: serve with --listen 127.0.0.1:PORT"
        )
    return b"\n".join(read_file(path) for path in (tls.key, tls.certificate))


def _trusted(settings: Settings) -> dict[str, object]:
    """The authority of upstreams, where routes name one."""
    named = {route.upstream_ca for route in settings.routes if route.upstream.startswith("https:")}
    if len(named) > 1:
        raise UserError("inspect takes one upstream_ca for all routes: inspect them one by one")
    authority = next(iter(named), None)
    return {"ssl_verify_upstream_trusted_ca": str(authority)} if authority is not None else {}


def _hosts(settings: Settings) -> Iterable[str]:
    """Whose connections are opened in a proxy's modes; all others pass unseen."""
    for route in settings.routes:
        url = route.upstream.partition("://")[2].partition("/")[0].rpartition("@")[2]
        for host in {url.partition(":")[0] if not url.startswith("[") else url, route.host.partition(":")[0]} - {""}:
            yield rf"^{re.escape(host)}(?::\d+)?$"


def _open(path: Path) -> IO[str]:
    try:
        return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8")
    except FileExistsError:
        raise UserError("is there already: give --save a new file", str(path)) from None
    except OSError as error:
        raise UserError(f"can't be written: {(error.strerror or 'not possible').lower()}", str(path)) from None


def _saving(file: IO[str]) -> Save:
    def save(request: Inbound | Outbound) -> None:
        file.write(json.dumps(written(request)) + "\n")
        file.flush()

    return save


def _say_ready(settings: Settings, places: Sequence[Place], url: str, phones: list[str]) -> None:
    scheme = "https" if settings.tls.mode == "serve" else "http"
    for place in places:
        kind = place.mode.partition(":")[0]
        where = place.address or ""
        _say(f"listening on {scheme}://{where}" if kind == "reverse" else f"{kind} {where}".rstrip())
    for route in settings.routes:
        _say(
            f"route {route.host}{route.path} -> {'/'.join(route.upstream.split('/', 3)[:3])}  [{', '.join(route.tracker)}]"
        )
    for configuration in phones:
        click.echo(configuration, err=True)
    if url:
        _say(f"web interface {url}")
    _say("ready")


def _say(line: str) -> None:
    click.echo(one_line(line), err=True)


def _complain(error: UserError) -> None:
    _say(f"gateway: not reloaded: {error}")
