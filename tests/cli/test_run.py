"""`gateway run` as a process: it says where it serves, forwards what is masked, reloads, and stops with exit code 0."""

import json
import os
import signal
import ssl
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from gateway import config
from gateway.cli.certs import make
from gateway.cli.run import listening
from gateway.keyring import KeyRing
from gateway.maskers.setup import blueprint_of
from gateway.proxy.server import Listening
from gateway.proxy.tls import TlsFiles
from tests.plans import plan_of

ROOT = Path(__file__).parents[2]


class Backend(BaseHTTPRequestHandler):
    received: list[bytes]

    def do_POST(self):
        type(self).received.append(self.path.encode() + b" " + self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_):
        pass


@pytest.fixture
def backend():
    kind = type("OneBackend", (Backend,), {"received": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), kind) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server
        server.shutdown()
        thread.join(10)


@pytest.fixture
def written(tmp_path, backend):
    make(tmp_path / "certs", ["localhost", "127.0.0.1"])
    path = tmp_path / "gateway.yaml"
    path.write_text(
        "listen: 127.0.0.1:0\n"
        "tls: {mode: serve, redirect_http: 127.0.0.1:0}\n"
        "routes:\n"
        f"  - {{path: /t/, upstream: 'http://127.0.0.1:{backend.server_address[1]}'}}\n"
    )
    return path


@pytest.fixture
def run():
    processes = []

    def start(path: Path) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "gateway", "run", "--config", str(path)],
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.wait(10)
        process.stderr.close()


def lines_until(process: subprocess.Popen[str], last: str) -> list[str]:
    lines = []
    while line := process.stderr.readline():
        lines.append(line.rstrip("\n"))
        if lines[-1].startswith(last):
            return lines
    raise AssertionError(lines)


def post(url: str, authority: Path, body: object, **headers: str) -> int:
    asked = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json", **headers})
    context = ssl.create_default_context(cafile=authority)
    try:
        with urllib.request.urlopen(asked, timeout=10, context=context) as answer:
            answer.read()
            return answer.status
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_it_serves_reloads_and_stops(run, written, backend):
    process = run(written)
    said = lines_until(process, "ready")
    (url,) = [line.removeprefix("listening on ") for line in said if line.startswith("listening on ")]
    assert url.startswith("https://127.0.0.1:")
    assert any(line.startswith("redirecting http://127.0.0.1:") for line in said)
    assert any(line.startswith("route /t/ -> http://127.0.0.1:") for line in said)
    assert any(line.startswith("rules ") for line in said)
    assert said[-1] == "ready"

    authority, received = written.parent / "certs" / "ca.pem", backend.RequestHandlerClass.received
    body = {"event": "x", "properties": {"note": "write to jane.doe@example.com"}}
    assert post(f"{url}/t/e/", authority, body, DNT="1") == 200
    assert received == []
    assert post(f"{url}/t/e/", authority, body) == 200
    assert received[0].startswith(b"/e/ {")
    assert b"jane.doe" not in received[0]

    right = written.read_text()
    written.write_text(right + "rulez: []\n")
    assert "rulez" in lines_until(process, "gateway: not reloaded: ")[-1]
    assert post(f"{url}/t/e/", authority, body) == 200
    written.write_text(right.replace("path: /t/", "path: /new/"))
    lines_until(process, "reloaded")
    assert post(f"{url}/t/e/", authority, body) == 404
    assert post(f"{url}/new/e/", authority, body) == 200

    process.send_signal(signal.SIGTERM)
    rest = process.stderr.read()
    assert process.wait(20) == 0
    assert '"verdict":"forwarded"' in rest
    assert "jane.doe" not in "".join([*said, rest])


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (("path: /t/", "pathh: /t/"), "pathh"),
        (("mode: serve", "mode: serve, key: certs/ca.key"), "does not belong to"),
        (("mode: serve", "mode: serve, certificate: certs/none.pem"), "does not exist"),
        (("tls:", "spool: {key: env:GATEWAY_NO_KEY}\ntls:"), "the environment variable GATEWAY_NO_KEY is not set"),
    ],
)
def test_what_is_wrong_is_one_line_and_exit_code_2(run, written, change, line):
    written.write_text(written.read_text().replace(*change))
    process = run(written)
    said = process.stderr.read()
    assert process.wait(30) == 2
    assert line in said
    assert said.count("\n") == 1


def read(tmp_path: Path, text: str) -> config.Configuration:
    path = tmp_path / "gateway.yaml"
    path.write_text(text)
    return config.load(path, {})


ROUTE = "routes: [{upstream: 'https://backend.example/in', host: rec.example, path: /t/, record: off}]\n"


def test_the_listener_is_the_one_of_the_file(tmp_path):
    plain = read(tmp_path, "listen: 127.0.0.1:80\ntls: {mode: 'off'}\n" + ROUTE)
    assert listening(plain.settings) == Listening(("127.0.0.1", 80))
    full = read(
        tmp_path, "listen: '[::1]:1'\ntls: {minimum: TLSv1.3, client_ca: c, redirect_http: 127.0.0.1:2}\n" + ROUTE
    )
    files = TlsFiles(tmp_path / "certs/gateway.pem", tmp_path / "certs/gateway.key", "TLSv1.3", tmp_path / "c")
    assert listening(full.settings) == Listening(("::1", 1), files, ("127.0.0.1", 2))


def test_the_plan_holds_what_the_file_says(tmp_path):
    text = (
        "tls: {mode: behind_proxy}\ntrusted_proxies: [10.0.0.0/8]\nlimits: {body: 1KiB}\n"
        "visitors: {opt_out: {cookies: [leave], gpc: false}}\n"
    )
    configuration = read(tmp_path, text + ROUTE)
    plan = plan_of(configuration)
    (route,) = plan.routes
    assert (route.host, route.path, route.upstream) == ("rec.example", "/t/", "https://backend.example/in")
    assert (route.record, route.record_mobile) == (False, True)
    assert plan.must_say_https
    assert plan.limits.body == 1024
    assert (plan.opt_out.cookies, plan.opt_out.gpc, plan.opt_out.dnt) == (("leave",), False, True)
    assert [str(network) for network in plan.trust.networks] == ["10.0.0.0/8"]


def test_what_is_kept_of_sessions_is_what_the_file_says_after_a_reload_too(tmp_path):
    first = read(tmp_path, "sessions: {most: 7, nodes: 8, secrets: 9, idle: 1h}\n" + ROUTE)
    (program,) = blueprint_of(first, KeyRing("k1", {"k1": b"k" * 32})).programs().values()
    assert (program.sessions.most, program.sessions.nodes, program.sessions.idle) == (7, 8, 3600.0)
    second = read(tmp_path, "sessions: {most: 3, secrets: 4, idle: 5m}\n" + ROUTE)
    (fresh,) = blueprint_of(second, KeyRing("k1", {"k1": b"k" * 32})).programs().values()
    fresh.adopt(program)
    assert (fresh.sessions, fresh.memories) == (program.sessions, program.memories)
    assert (fresh.sessions.most, fresh.memories.most, fresh.memories.prints, fresh.memories.idle) == (3, 3, 4, 300.0)


def test_a_rule_that_drops_mobile_devices_reaches_the_decision(tmp_path):
    (tmp_path / "shop.yaml").write_text("extends: default\nrecord: {mobile_devices: drop}\n")
    configuration = read(tmp_path, "rules: [default, shop.yaml]\n" + ROUTE)
    plan = plan_of(configuration)
    assert not plan.routes[0].record_mobile
