"""`gateway run` under load and signals, as a process: nothing fails while it reloads, and it ends what it began."""

import contextlib
import http.client
import json
import os
import resource
import signal
import socket
import ssl
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import trustme
from prometheus_client.parser import text_string_to_metric_families

from tests.recording.page import batch, element, snapshot, text, texts

ROOT = Path(__file__).parents[2]
RELOADS = 20


class Backend(ThreadingHTTPServer):
    """Keeps what it got; waits before it answers while `held` is not set."""

    def __init__(self):
        self.received: list[bytes] = []
        self.arrived = threading.Event()
        self.held = threading.Event()
        self.held.set()
        backend = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                backend.received.append(self.path.encode() + b" " + body)
                backend.arrived.set()
                backend.held.wait(30)
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_):
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.serve_forever, args=(0.05,))
        self.thread.start()

    def close(self):
        self.held.set()
        self.shutdown()
        self.thread.join(10)
        self.server_close()


class Running:
    """One process, its files, and whoever asks it."""

    def __init__(self, home, backend):
        self.home = home
        self.backend = backend
        self.authority = trustme.CA()
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.authority.configure_trust(self.context)
        self.certify()
        self.rules(0)
        (home / "gateway.yaml").write_text(
            "listen: 127.0.0.1:0\n"
            "tls: {certificate: gateway.pem, key: gateway.key}\n"
            "console: {listen: 127.0.0.1:0}\n"
            f"routes: [{{path: /t/, tracker: rrweb, upstream: 'http://127.0.0.1:{backend.server_address[1]}'}}]\n"
            "rules: [default, own.yaml]\n"
        )

    def certify(self, **more):
        leaf = self.authority.issue_cert("localhost", "127.0.0.1", **more)
        leaf.private_key_pem.write_to_path(self.home / "gateway.key")
        (self.home / "gateway.pem").write_bytes(b"".join(one.bytes() for one in leaf.cert_chain_pems))
        return leaf

    def rules(self, number):
        (self.home / "own.yaml").write_text(
            f"mask:\n  - {{name: ours {number}, fields: ['**.note'], with: {{replace: 'number {number}'}}}}\n"
        )

    def start(self, **environment):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "gateway", "run", "--config", str(self.home / "gateway.yaml")],
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        )
        self.said = said = self.until("ready")
        self.port = int(next(line for line in said if line.startswith("listening")).rpartition(":")[2])
        self.console = int(next(line for line in said if line.startswith("console")).rpartition(":")[2])
        return self

    def until(self, last):
        lines = []
        while line := self.process.stderr.readline().rstrip("\n"):
            lines.append(line)
            if line.startswith(last):
                return lines
        raise AssertionError(lines)

    def connect(self):
        return http.client.HTTPSConnection("localhost", self.port, timeout=30, context=self.context)

    def post(self, body, connection=None):
        asked = connection or self.connect()
        asked.request("POST", "/t/e", json.dumps(body), {"Content-Type": "application/json"})
        answer = asked.getresponse()
        answer.read()
        if connection is None:
            asked.close()
        return answer.status

    def page(self, path):
        asked = http.client.HTTPConnection("127.0.0.1", self.console, timeout=30)
        asked.request("GET", path)
        answer = asked.getresponse()
        body = answer.read().decode()
        asked.close()
        return answer.status, body

    def metrics(self):
        families = text_string_to_metric_families(self.page("/metrics")[1])
        return {(one.name, *sorted(one.labels.values())): one.value for family in families for one in family.samples}

    def stop(self):
        self.process.kill()
        self.process.wait(10)
        self.process.stderr.close()


@pytest.fixture
def backend():
    made = Backend()
    yield made
    made.close()


@pytest.fixture
def running(tmp_path, backend):
    made = Running(tmp_path, backend)
    yield made
    if hasattr(made, "process"):
        made.stop()


def test_no_request_fails_while_it_reloads(running, backend):
    """Rules and certificate change twenty times under requests that never pause, on old connections and on new ones."""
    running.start()
    running.post(batch(snapshot(element(4, "p", text(5, "Welcome to our shop")))))
    done = threading.Event()

    def keep_asking(number):
        statuses, connection = [], running.connect()
        while not done.is_set():
            statuses.append(running.post({"note": "x", "number": number}, connection))
        connection.close()
        return statuses

    def keep_coming(number):
        statuses = []
        while not done.is_set():
            statuses.append(running.post({"note": "x", "number": number}))
        return statuses

    with ThreadPoolExecutor(4) as pool:
        asking = [pool.submit(one, number) for number, one in enumerate((keep_asking, keep_asking, keep_coming))]
        try:
            for number in range(1, RELOADS + 1):
                running.rules(number)
                last = running.certify()
                running.process.send_signal(signal.SIGHUP)
                running.until("reloaded")
                assert running.post({"note": "x", "reload": number}) == 200
                (mine,) = [one for one in backend.received if f'"reload": {number}}}'.encode() in one]
                assert f'"number {number}"'.encode() in mine
        finally:
            done.set()
        statuses = [status for one in asking for status in one.result(30)]
    assert set(statuses) == {200}
    assert len(statuses) > RELOADS
    assert running.metrics()["gateway_reloads_total", "taken"] >= RELOADS
    with (
        socket.create_connection(("127.0.0.1", running.port), 10) as plain,
        running.context.wrap_socket(plain, server_hostname="localhost") as seen,
    ):
        served = ssl.DER_cert_to_PEM_cert(seen.getpeercert(binary_form=True))
    assert served.encode() == last.cert_chain_pems[0].bytes()
    # what the first program knew of the page, the last one knows: a known paragraph's new text is read, not masked whole
    assert running.post(batch(texts(5, "Free shipping today"))) == 200
    assert b"Free shipping today" in backend.received[-1]


def test_sigterm_ends_what_is_under_way_and_says_so(running, backend):
    running.start()
    backend.held.clear()
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(running.post, {"note": "x"})
        assert backend.arrived.wait(10)
        assert running.page("/ready")[0] == 200
        running.process.send_signal(signal.SIGTERM)
        while True:
            with contextlib.suppress(ConnectionResetError):  # was in the queue as it closed
                try:
                    socket.create_connection(("127.0.0.1", running.port), timeout=10).close()
                except ConnectionRefusedError:
                    break
        status, body = running.page("/ready")
        assert (status, json.loads(body)) == (503, {"ready": False, "reasons": [{"reason": "draining"}]})
        assert running.page("/live")[0] == 200
        backend.held.set()
        assert late.result(30) == 200
    assert running.process.wait(20) == 0


def test_a_reload_that_fails_and_a_certificate_near_its_end_are_told(running):
    ends = datetime.now(UTC) + timedelta(days=13)
    running.certify(not_after=ends)
    running.start()
    assert json.loads(running.page("/ready")[1]) == {
        "ready": True,
        "reasons": [{"reason": "certificate_expiring", "about": str(running.home / "gateway.pem")}],
    }
    assert running.metrics()["gateway_certificate_expiry_timestamp_seconds",] == int(ends.timestamp())
    (running.home / "own.yaml").write_text("mask: 7\n")
    running.until("gateway: not reloaded")
    reasons = json.loads(running.page("/ready")[1])["reasons"]
    assert {"reason": "reload_failed", "about": f"{running.home / 'own.yaml'}:1"} in reasons
    assert running.metrics()["gateway_reloads_total", "failed"] == 1
    running.certify(not_after=datetime.now(UTC) + timedelta(days=15))
    running.rules(1)
    running.until("reloaded")
    assert json.loads(running.page("/ready")[1]) == {"ready": True, "reasons": []}


SECRET = "zyxcanary"


def test_nothing_that_a_visitor_sent_is_in_metrics_or_readiness(running, backend):
    running.start()
    value = f"{SECRET}.doe@example.com"
    asked = running.connect()
    for method, path, headers in (
        ("POST", f"/t/{SECRET}?a={SECRET}", {"Content-Type": SECRET, SECRET: SECRET, "Cookie": f"{SECRET}={SECRET}"}),
        ("POST", f"/{SECRET}/", {"Host": f"{SECRET}.example"}),
        (SECRET.upper(), "/t/e", {}),
        ("GET", "/t/e", {"Transfer-Encoding": SECRET}),
        ("POST", "/t/e", {"Content-Encoding": SECRET}),
    ):
        with contextlib.suppress(http.client.HTTPException, OSError):
            asked.request(method, path, json.dumps({"event": value, SECRET: value}), headers)
            asked.getresponse().read()
        asked.close()
    for path in (f"/{SECRET}", "/ready", "/metrics"):
        assert SECRET not in running.page(path)[1].lower()
    found = running.metrics()
    assert sum(value for name, value in found.items() if name[0] == "gateway_requests_total") >= 5
    assert found["gateway_request_seconds_count",] >= 5


def test_it_takes_the_descriptors_that_it_may_have(running):
    running.start()
    limits = Path(f"/proc/{running.process.pid}/limits").read_text()
    ((soft, hard),) = [line.split()[3:5] for line in limits.splitlines() if line.startswith("Max open files")]
    assert hard == str(resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    assert int(soft) == min(int(hard), 65536)


def test_no_memory_of_it_goes_to_disk(running):
    running.start()
    limits = Path(f"/proc/{running.process.pid}/limits").read_text()
    assert [line.split()[4:6] for line in limits.splitlines() if line.startswith("Max core file size")] == [["0", "0"]]
    program = (
        "import ctypes; from gateway.proxy import process; get = lambda: ctypes.CDLL(None).prctl(3, 0, 0, 0, 0);"
        "before = get(); process.forbid_dumps(); print(before, get())"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT).stdout
    assert told == "1 0\n"


def test_a_console_for_others_is_refused_and_a_busy_one_is_one_line(running, backend):
    path = running.home / "gateway.yaml"
    right = path.read_text()
    for address, line in (
        ("0.0.0.0:0", "console would speak in the clear"),
        (f"127.0.0.1:{backend.server_address[1]}", "is in use: stop what uses it, or change `console.listen`"),
    ):
        path.write_text(right.replace("console: {listen: 127.0.0.1:0}", f"console: {{listen: '{address}'}}"))
        ran = subprocess.run(
            [sys.executable, "-m", "gateway", "run", "--config", str(path)],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        assert (ran.returncode, ran.stderr.count("\n")) == (2, 1)
        assert line in ran.stderr
