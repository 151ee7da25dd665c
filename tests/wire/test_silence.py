"""Nothing that the process writes holds a value: not of a request, an answer, a certificate or the environment.

A real `gateway run` is led through success, refusals, faults of backends, broken framing and TLS, failed reloads and its
end. Every value that went in is unique; afterwards everything that came out is searched: both streams, each file that
it made, the console, and the answers it gave in a backend's place. Not searched: an answer's Access-Control-Allow-Origin, which
names the page's own origin, and the redirect to HTTPS, which repeats its target.
"""

from __future__ import annotations

import base64
import contextlib
import gzip
import json
import os
import secrets
import signal
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path

import pytest
import trustme

from tests.wire.conftest import SECONDS, Backend

ROOT = Path(__file__).parents[2]
ECHOED = (b"access-control-allow-origin:", b"access-control-allow-headers:", b"access-control-allow-method")


class Plants:
    """Values that stand nowhere else, by the place where they went in."""

    def __init__(self) -> None:
        self.by_place: dict[str, str] = {}

    def __call__(self, place: str) -> str:
        """A new value for a place: letters and digits, so that it looks the same in every notation but base64."""
        number = sum(one.startswith(place) for one in self.by_place)
        value = self.by_place[f"{place} {number}"] = f"Zq{secrets.token_hex(9)}"
        return value

    def found_in(self, written: bytes) -> list[str]:
        """The places whose value, or whose half, stands in what was written, as it is or in base64."""
        lower = written.lower()
        return [
            place
            for place, value in self.by_place.items()
            if any(one in written or one.lower() in lower for one in forms(value))
        ]


def forms(value: str) -> set[bytes]:
    plain = value.encode()
    packed = {base64.b64encode(b"x" * shift + plain)[4 if shift else 0 : -4] for shift in range(3)}
    return {plain[:12], plain[-12:], plain.hex().encode(), *packed}


def test_a_planted_value_is_found_in_each_notation():
    plant = Plants()
    value = plant("somewhere")
    packed = [base64.b64encode(b"-" * shift + value.encode()) for shift in range(3)]
    for written in (value, value.upper(), value[:13], value[-12:], value.encode().hex(), *packed):
        assert plant.found_in(b"<" + (written if isinstance(written, bytes) else written.encode()) + b">") == [
            "somewhere 0"
        ]
    assert plant.found_in(b"nothing") == []


class Process:
    """`gateway run` in a folder of its own, with a certificate and mutual TLS."""

    def __init__(self, folder: Path, plant: Plants, upstreams: dict[str, str]) -> None:
        self.folder = folder
        self.plant = plant
        self.authority, self.clients = trustme.CA(), trustme.CA()
        self.environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT) if "GATEWAY_TEST_WHEEL" not in os.environ else "",
            "HOME": str(folder), "TMPDIR": str(folder), "XDG_CACHE_HOME": str(folder / "cache"),
            "MASKING_KEY": secrets.token_hex(32),
            "SECRET_PATH": plant("environment"),
            "SECRET_WORD": plant("environment"),
            "SECRET_LONG": plant("environment") * 4,
        }  # fmt: skip
        plant.by_place["masking key"] = self.environment["MASKING_KEY"]
        (folder / "certs").mkdir(parents=True)
        self.clients.cert_pem.write_to_path(folder / "certs" / "clients.pem")
        self.certify()
        routes = "".join(
            f"  - {{path: /{name}/, tracker: auto, upstream: '{url}'}}\n" for name, url in upstreams.items()
        )
        self.configuration = (
            "listen: 127.0.0.1:0\nmasking_key: env:MASKING_KEY\nconsole: {listen: 127.0.0.1:0}\n"
            "tls: {mode: serve, client_ca: certs/clients.pem, redirect_http: 127.0.0.1:0}\n"
            f"limits: {{body: 64KiB, depth: 40}}\nroutes:\n{routes}"
        )
        self.write(self.configuration)
        with (folder / "stdout").open("wb") as out, (folder / "stderr").open("wb") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "gateway", "run", "--config", "gateway.yaml"],
                cwd=folder, env=self.environment, stdout=out, stderr=err,
            )  # fmt: skip
        self.own = {path for path in folder.rglob("*") if path.name not in {"stdout", "stderr"}}
        self.wait_for("\nready\n")
        told = self.said()
        self.port = int(told.partition("listening on https://127.0.0.1:")[2].partition("\n")[0])
        self.redirect = int(told.partition("redirecting http://127.0.0.1:")[2].partition(" ")[0])
        self.console = int(told.partition("console http://127.0.0.1:")[2].partition("\n")[0])
        self.answers: list[bytes] = []

    def certify(self) -> None:
        leaf = self.authority.issue_cert("localhost", "127.0.0.1")
        leaf.private_key_pem.write_to_path(self.folder / "certs" / "gateway.key")
        (self.folder / "certs" / "gateway.pem").write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))

    def write(self, configuration: str) -> None:
        (self.folder / "gateway.yaml").write_text(configuration)

    def said(self) -> str:
        return (self.folder / "stderr").read_text()

    def wait_for(self, words: str, times: int = 1) -> None:
        """Until the process has said something so many times."""
        until = time.monotonic() + 6 * SECONDS
        while self.said().count(words) < times:
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < until, self.said()
            time.sleep(0.02)

    def connect(self, client: trustme.CA | None, name: str = "localhost") -> ssl.SSLSocket:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = name == "localhost"
        self.authority.configure_trust(context)
        context.set_alpn_protocols(["http/1.1", self.plant("ALPN")])
        if client is not None:
            client.issue_cert(f"{self.plant('client certificate')}@visitor.example").configure_cert(context)
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=SECONDS)
        try:
            return context.wrap_socket(plain, server_hostname=name)
        except OSError:
            plain.close()
            raise

    def talk(self, data: bytes, *, ends: bool = False) -> bytes:
        """Everything that the gateway answers; kept for the search unless a backend's answer passed through."""
        with self.connect(self.clients) as client:
            with contextlib.suppress(OSError):
                client.sendall(data)
            got = b""
            with contextlib.suppress(OSError):
                if ends:
                    client.unwrap()
                while piece := client.recv(65536):
                    got += piece
        self.answers.append(got)
        return got

    def post(self, path: str, body: bytes, *fields: str) -> bytes:
        """One request whose every part is planted."""
        plant = self.plant
        head = [
            f"POST {path}/{plant('path')}?{plant('parameter')}={plant('query')} HTTP/1.1", "Host: localhost", "Connection: close",
            f"Content-Length: {len(body)}", f"X-{plant('field name')}: {plant('field')}",
            f"Cookie: {plant('cookie name')}={plant('cookie')}", f"Authorization: Bearer {plant('credentials')}",
            f"Origin: https://{plant('origin')}.example", f"Referer: https://shop.example/{plant('referrer')}",
            f"User-Agent: {plant('agent')}", f"X-Forwarded-For: {plant('forwarded')}", *fields,
        ]  # fmt: skip
        return self.talk("\r\n".join(head).encode() + b"\r\n\r\n" + body)

    def document(self, depth: int = 1) -> bytes:
        plant, told = self.plant, {"event": self.plant("event")}
        for _ in range(depth):
            told = (
                {plant("key"): plant("value"), "password": plant("password"), "in": [told]}
                if depth < 9
                else {"x": told}
            )
        return json.dumps(told).encode()


def fails(process: Process, words: str, change) -> None:
    """A reload that goes wrong, and one that goes well again."""
    before = process.said().count("not reloaded"), process.said().count("\nreloaded\n")
    change()
    process.process.send_signal(signal.SIGHUP)
    process.wait_for("not reloaded", before[0] + 1)
    assert words in process.said().rpartition("not reloaded")[2]
    process.write(process.configuration)
    process.certify()
    process.process.send_signal(signal.SIGHUP)
    process.wait_for("\nreloaded\n", before[1] + 1)


@pytest.fixture
def ends():
    """What has to be stopped."""
    with contextlib.ExitStack() as stack:
        yield stack


def scripted(ends, plant: Plants, answer: bytes, **options: object) -> Backend:
    """A backend that answers so, and speaks of a visitor while it does."""
    backend = Backend(**options)
    ends.callback(backend.close)
    backend.script = answer.replace(b"PLANT", plant("answer").encode())
    backend.closes = True
    return backend


def test_nothing_that_the_process_writes_holds_a_value(tmp_path, ends):
    plant = Plants()
    unknown = trustme.CA(organization_name=plant("authority"), organization_unit_name=plant("authority"))
    forged = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    unknown.issue_cert(
        f"{plant('upstream certificate')}.example", "127.0.0.1", common_name=plant("upstream certificate")
    ).configure_cert(forged)
    good = scripted(ends, plant, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    backends = {
        "good": good,
        "forged": scripted(ends, plant, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", tls=forged),
        "garbage": scripted(ends, plant, b"PLANT PLANT\r\n\r\n"),
        "fields": scripted(ends, plant, b"HTTP/1.1 200 OK\r\nPLANT\r\n\r\n"),
        "away": scripted(
            ends, plant, b"HTTP/1.1 307 PLANT\r\nLocation: https://PLANT.example/PLANT\r\nContent-Length: 0\r\n\r\n"
        ),
        "both": scripted(
            ends, plant, b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\nPLANT"
        ),
        "long": scripted(ends, plant, b"HTTP/1.1 200 OK\r\nX: " + b"PLANT" * 9000 + b"\r\n\r\n"),
        "cut": scripted(ends, plant, b"HTTP/1.1 "),
    }
    upstreams = {name: f"{one.url}/${{SECRET_PATH}}" for name, one in backends.items()}
    with socket.create_server(("127.0.0.1", 0)) as closed:
        upstreams["refused"] = f"http://127.0.0.1:{closed.getsockname()[1]}"
    process = Process(tmp_path / "run", plant, upstreams)
    ends.callback(process.process.wait)
    ends.callback(process.process.kill)
    limits = (Path("/proc") / str(process.process.pid) / "limits").read_text()
    assert "Max core file size        0                    0 " in limits

    # success, opt-out, preflight
    json_type = "Content-Type: application/json"
    assert process.post("/good", process.document(), json_type).startswith(b"HTTP/1.1 200 ")
    assert process.post("/good", gzip.compress(process.document()), json_type, "Content-Encoding: gzip").startswith(
        b"HTTP/1.1 200 "
    )
    assert len(good.received) == 2
    process.post("/good", process.document(), json_type, "Sec-GPC: 1")
    process.post("/good", process.document(), "Access-Control-Request-Method: POST")

    # refusals
    broken = gzip.compress(process.document() * 20)
    for body, *fields in (
        (process.document()[:-3], json_type),
        (broken[:-9], json_type, "Content-Encoding: gzip"),
        (broken, json_type, f"Content-Encoding: {plant('coding')}"),
        (process.document(), f"Content-Type: text/plain; charset={plant('charset')}"),
        (b"\x00\x01\xff" + plant("opaque").encode() + b"\xfe", "Content-Type: application/octet-stream"),
        (process.document(60), json_type),
        (plant("large").encode() * 9000, json_type),
        (b"--x\r\n" + plant("part").encode(), f"Content-Type: multipart/form-data; boundary={plant('boundary')}"),
        (process.document(), json_type, f"Expect: {plant('expectation')}"),
        (process.document(), json_type, "Transfer-Encoding: gzip, chunked"),
    ):
        assert process.post("/good", body, *fields)[9:10] == b"4" or fields[-1].startswith("Transfer"), fields
    assert b" 404 " in process.post("/nowhere", process.document())

    # faults of backends
    for name in (*list(backends)[1:], "refused"):
        assert process.post(f"/{name}", process.document(), json_type)[9:12] in {b"502", b""}, name

    # broken framing
    for line in (
        f"{plant('method')} / HTTP/1.1", f"GET /{plant('target')} HTTP/{plant('version')}", f"GET http://{plant('authority')}.example/ HTTP/1.1",
        f"TRACE /{plant('target')} HTTP/1.1", f"{plant('line')}", f"GET /{plant('target')} HTTP/1.1\r\n{plant('field')}",
        f"GET /{plant('target')} HTTP/1.1\r\nX : {plant('field')}", f"GET / HTTP/1.1\r\nX: a\r\n {plant('folded')}",
        f"GET / HTTP/1.1\r\nX: {plant('nul')}\0", f"GET / HTTP/1.1\r\nX: é{plant('not ASCII')}", f"GET / HTTP/1.1\r\nHost: {plant('host')}",
        f"GET / HTTP/1.1\r\nX: {plant('long field') * 2000}", f"POST / HTTP/1.1\r\nContent-Length: {plant('length')}",
        f"POST /good/ HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n{plant('chunk')}",
        f"POST /good/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n{plant('chunk')}",
        f"POST /good/ HTTP/1.1\r\nContent-Length: 5000\r\n\r\n{plant('cut body')}",
        f"GET /good/{plant('path')} HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: {plant('socket')}",
        "PRI * HTTP/2.0\r\n\r\nSM", f"GET /../{plant('dots')} HTTP/1.1",
    ):  # fmt: skip
        first, _, rest = line.partition("\r\n")
        process.talk(f"{first}\r\nHost: localhost\r\n{rest}\r\n\r\n".encode(), ends=True)

    # TLS that fails, and plain HTTP
    for raw in (plant("plain").encode() + b"\r\n\r\n", b"\x16\x03\x01\x00\x40\x01" + plant("hello").encode() * 4):
        with (
            socket.create_connection(("127.0.0.1", process.port), timeout=SECONDS) as plain,
            contextlib.suppress(OSError),
        ):
            plain.sendall(raw)
            plain.shutdown(socket.SHUT_WR)
            process.answers.append(plain.recv(65536))
    for client, name in ((unknown, "localhost"), (None, "localhost"), (process.clients, f"{plant('SNI')}.example")):
        with contextlib.suppress(OSError), process.connect(client, name) as connection:
            connection.sendall(
                f"GET /{plant('path')} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
            )
            process.answers.append(connection.recv(65536))
    for method in ("GET", "POST"):
        with socket.create_connection(("127.0.0.1", process.redirect), timeout=SECONDS) as plain:
            plain.sendall(
                f"{method} /{plant('redirected')} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n".encode()
            )
            got = plain.recv(65536)
        assert got[9:12] == (b"308" if method == "GET" else b"403")
        process.answers += [got] if method == "POST" else []

    # reloads that fail: what the environment fills in is told by its name
    for wrong, words in (
        ("limits: {body: '${SECRET_WORD}'}\nroutes: [{upstream: 'https://x.example'}]\n", "a size"),
        ("routes: [{upstream: '${SECRET_LONG}'}]\n", "no https:// URL"),
        ("routes: [{upstream: 'https://x.example', tracker: '${SECRET_LONG}'}]\n", "unknown tracker"),
        ("routes: [{upstream: 'https://x.example'}]\nrules: ['${SECRET_PATH}.yaml']\n", "${SECRET_PATH}"),
        ("routes: [{upstream: 'https://x.example', path: '${SECRET_WORD} x'}]\n", "path prefix"),
        ("routes: [{upstream: 'https://x.example'}]\nmasking_key: '${MASKING_KEY}'\n", "masking_key"),
    ):
        fails(process, words, lambda wrong=wrong: process.write(wrong))
    certificate, key = tmp_path / "run" / "certs" / "gateway.pem", tmp_path / "run" / "certs" / "gateway.key"
    fails(
        process, "gateway.pem", lambda: certificate.write_text(f"-----BEGIN CERTIFICATE-----\n{plant('certificate')}\n")
    )
    fails(process, "gateway.key", lambda: key.write_text(f"-----BEGIN PRIVATE KEY-----\n{plant('key file')}\n"))

    # what the console says of all that
    for path in ("live", "ready", "metrics", plant("console path")):
        with socket.create_connection(("127.0.0.1", process.console), timeout=SECONDS) as plain:
            plain.sendall(f"GET /{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            with plain.makefile("rb") as reader:
                process.answers.append(reader.read())
    assert b"refused" in process.answers[-2]

    # its end, with a request under way
    with process.connect(process.clients) as under_way:
        under_way.sendall(
            f"POST /good/{plant('under way')} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 900\r\n\r\n".encode()
        )
        process.process.send_signal(signal.SIGTERM)
        under_way.sendall(plant("under way").encode())
        under_way.shutdown(socket.SHUT_RDWR)
    assert process.process.wait(60) == 0

    written = {
        path.name: path.read_bytes() for path in process.folder.rglob("*") if path.is_file() and path not in process.own
    }
    assert set(written) >= {"stdout", "stderr"}
    assert b'"event":"stopped"' in written["stderr"]
    assert {name: plant.found_in(data) for name, data in written.items() if plant.found_in(data)} == {}
    for answer in process.answers:
        told = b"\r\n".join(line for line in answer.split(b"\r\n") if not line.lower().startswith(ECHOED))
        assert plant.found_in(told) == [], told
    assert len(plant.by_place) > 400
