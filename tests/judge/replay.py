"""Sends recorded runs through a gateway over real sockets, one request at a time, and pairs each with what the backend got.

Adds what a site's own traffic would carry: the visitor's address in every forwarding header, the site's cookies and, where the
tracker has none of its own, the site's `Authorization`. Everything else is as recorded, but for what belongs to the connection.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tests.judge.relay import send_once

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.judge.recorded import Request
    from tests.judge.sink import Sink

VISITOR = "203.0.113.77"
# the address that the connection itself comes from; must not arrive either
PEER = "127.0.0.77" if sys.platform == "linux" else "127.0.0.1"
OWN_TO_CONNECTION = frozenset({"host", "connection", "content-length", "transfer-encoding"})

FORWARDING: tuple[tuple[str, str], ...] = (
    ("X-Forwarded-For", f"{VISITOR}, 10.1.2.3"),
    ("X-Forwarded-For", VISITOR),
    ("Forwarded", f'for={VISITOR};proto=https;by=10.1.2.3, for="[::ffff:{VISITOR}]:4711"'),
    ("X-Forwarded-Proto", "https"),
    *(
        (name, VISITOR)
        for name in (
            "X-Real-IP",
            "True-Client-IP",
            "CF-Connecting-IP",
            "CF-Connecting-IPv6",
            "CF-Pseudo-IPv4",
            "Client-IP",
            "X-Client-IP",
            "X-Cluster-Client-IP",
            "X-Original-Forwarded-For",
            "X-Forwarded",
            "Forwarded-For",
            "X-Originating-IP",
            "X-Remote-IP",
            "X-Remote-Addr",
            "Remote-Addr",
            "X-Host-IP",
            "X-ProxyUser-Ip",
            "Proxy-Client-IP",
            "WL-Proxy-Client-IP",
            "Fastly-Client-IP",
            "Fly-Client-IP",
            "DO-Connecting-IP",
            "X-Appengine-User-IP",
            "X-Azure-ClientIP",
            "X-Azure-SocketIP",
            "X-Nf-Client-Connection-Ip",
            "X-Vercel-Forwarded-For",
            "X-Envoy-External-Address",
            "X-Tracking-Client-Address",
        )
    ),
    ("X-Forwarded-Server", f"edge-{VISITOR.replace('.', '-')}.cdn.example"),
    ("Via", f"1.1 edge ({VISITOR})"),
)

SITE_COOKIES = "shopcookie=zyxcanarycookie; shop_session=zyxshopsession8431; theme=zyxcanarytheme"
SITE_AUTHORIZATION = "Basic enl4c2hvcDp6eXhzaG9wc2VjcmV0"  # zyxshop:zyxshopsecret
SITE_SECRETS = ("zyxshopsession8431", "zyxcanarytheme", "zyxshopsecret", "enl4c2hvcDp6eXhzaG9wc2VjcmV0")


@dataclass(frozen=True, slots=True)
class Exchange:
    """One recorded request, as sent; the gateway's answer to it; what arrived meanwhile, and the bytes of its heads."""

    sent: Request
    status: int
    answer: bytes
    arrived: tuple[Request, ...]
    heads: tuple[bytes, ...]


def dress(run: tuple[Request, ...]) -> tuple[Request, ...]:
    """The run as a gateway on the site's own origin would see it."""
    authorises = any(request.header("authorization") for request in run)
    return tuple(_dress(request, authorises=authorises) for request in run)


def _dress(request: Request, *, authorises: bool) -> Request:
    headers: list[tuple[str, str]] = []
    cookies = [SITE_COOKIES]
    for name, value in request.headers:
        if name.lower() == "cookie":
            cookies.insert(0, value)
        elif name.lower() not in OWN_TO_CONNECTION:
            headers.append((name, value))
    headers.append(("Cookie", "; ".join(cookies)))
    if not authorises:
        headers.append(("Authorization", SITE_AUTHORIZATION))
    return replace(request, headers=(*headers, *FORWARDING))


def replay(run: tuple[Request, ...], port: int, sink: Sink) -> list[Exchange]:
    """Sends a run, in order, and waits for each answer."""
    return send(dress(run), port, sink)


def send(requests: tuple[Request, ...], port: int, sink: Sink) -> list[Exchange]:
    """Sends requests that are dressed already."""
    exchanges = []
    for request in requests:
        before = len(sink.arrived)
        try:
            status, answer = send_once("127.0.0.1", port, request, PEER)
        except OSError as error:
            status, answer = 0, repr(error).encode()
        exchanges.append(Exchange(request, status, answer, tuple(sink.arrived[before:]), tuple(sink.heads[before:])))
    return exchanges


GATEWAY_YAML = """\
listen: 127.0.0.1:{port}
tls: {{mode: off}}
{trust}routes:
  - path: /
    tracker: auto
    upstream: http://127.0.0.1:{backend}
rules: [{rules}]
masking_key: file:masking.key
"""
RULES = "default, private.yaml"
MASKING_KEY = "5a" * 32  # the same for each gateway, so that what two of them send may be compared
PRIVATE_YAML = """\
mask:
  - name: private elements
    select: ".private"
    with: mask
"""
TRUST = "trusted_proxies: [127.0.0.0/8]\n"

Peer = str
PEERS: tuple[Peer, ...] = ("trusted", "untrusted")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def gateway_command() -> list[str]:
    """The command under trial; GATEWAY_COMMAND names another one, such as an installed wheel's."""
    named = os.environ.get("GATEWAY_COMMAND")
    return shlex.split(named) if named else [sys.executable, "-m", "gateway"]


@contextlib.contextmanager
def running_gateway(
    backend: int, peer: Peer, log: Callable[[str], object] = lambda _: None, *, rules: str = RULES
) -> Iterator[int]:
    """A real `gateway run` in front of the backend; its port. Raises RuntimeError with its output if it doesn't come up."""
    with tempfile.TemporaryDirectory() as folder:
        home, port = Path(folder), free_port()
        config = home / "gateway.yaml"
        trust = TRUST if peer == "trusted" else ""
        config.write_text(GATEWAY_YAML.format(port=port, backend=backend, trust=trust, rules=rules))
        (home / "masking.key").write_text(MASKING_KEY)
        (home / "masking.key").chmod(0o600)
        (home / "private.yaml").write_text(PRIVATE_YAML)
        output = home / "output.txt"
        with output.open("wb") as stream:
            command = [*gateway_command(), "run", "--config", str(config)]
            # a shell's proxy settings must not send loopback elsewhere
            process = subprocess.Popen(command, stdout=stream, stderr=subprocess.STDOUT, cwd=Path.cwd())
        try:
            _wait(process, port, output)
            yield port
        finally:
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(5)
            log(output.read_text(errors="replace"))


def _wait(process: subprocess.Popen[bytes], port: int, output: Path) -> None:
    for _ in range(600):
        if process.poll() is not None:
            raise RuntimeError(
                f"gateway stopped with {process.returncode}: {output.read_text(errors='replace')[-4000:]}"
            )
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
            return
        time.sleep(0.1)
    raise RuntimeError(f"gateway does not listen: {output.read_text(errors='replace')[-4000:]}")
