"""`gateway init`: what it writes is taken by `check` and `test` for every tracker, runs behind nginx as printed, and

overwrites nothing unasked.
"""

import os
import re
import socket
import subprocess
import sys
import textwrap
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway import config
from gateway.cli.app import gateway
from gateway.trackers.loading import load_trackers

ROOT = Path(__file__).parents[2]
TRACKERS = {
    name: file
    for name, file in load_trackers(config.tracker_paths(), config.read_text).items()
    if not name.startswith("_")
}


def init(*words):
    return CliRunner().invoke(gateway, ["init", *words])


@pytest.mark.parametrize("name", ["auto", *TRACKERS])
def test_what_is_written_for_a_tracker_is_taken(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    setup = TRACKERS[name].setup if name in TRACKERS else None
    own = [] if setup is not None and setup.upstream else ["--upstream", "https://backend.shop.example"]
    told = init(name, "--path", "/plain/", *own)
    assert told.exit_code == 0, told.output
    assert "{path}" not in told.output
    if setup is not None:
        assert setup.site.replace("{path}", "/plain") in told.output
    for command in ("check", "test"):
        done = CliRunner().invoke(gateway, [command])
        assert (done.exit_code, done.stderr) == (0, ""), command
        assert "warning\t" not in done.stdout
    routes = config.load(tmp_path / "gateway.yaml").settings.routes
    assert {route.tracker for route in routes} == {(name,)}
    assert all(route.path.startswith("/plain/") for route in routes)


def test_a_second_backend_of_an_sdk_gets_a_route_of_its_own(tmp_path):
    init("smartlook", "--directory", str(tmp_path))
    routes = {route.path: route.upstream for route in config.load(tmp_path / "gateway.yaml").settings.routes}
    assert routes["/t/"] == "https://web-sdk.smartlook.com"
    assert routes["/t/web-writer/"] == "https://web-writer.eu.smartlook.cloud"


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["posthgo"], 'unknown tracker "posthgo"; did you mean "posthog"?'),
        (["sentry"], "give --upstream https://…: the host of your DSN"),
        ([], "give --upstream https://…: where your SDK sends its events now"),
        (["posthog", "--path", "t"], '"t" is no path prefix: it begins and ends with /; did you mean "/t/"?'),
        (["posthog", "--path", "/a: b/"], "is no path prefix"),
        (["posthog", "--upstream", "http://backend.example"], "would send in the clear"),
        (["posthog", "--upstream", "https://x.example # y"], "a URL without spaces"),
    ],
)
def test_a_mistake_is_one_line_and_writes_nothing(words, line, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    told = init(*words)
    assert told.exit_code == 2
    assert line in told.stderr
    assert told.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["gateway.yaml", "rules/my-site.yaml", "certs/gateway.key"])
def test_nothing_is_overwritten_unless_told(name, tmp_path):
    mine = tmp_path / name
    mine.parent.mkdir(exist_ok=True)
    mine.write_text("mine")
    told = init("posthog", "--directory", str(tmp_path))
    assert told.exit_code == 2
    assert f"{mine}: is there already: give --force" in told.stderr
    assert mine.read_text() == "mine"
    assert init("posthog", "--directory", str(tmp_path), "--force").exit_code == 0
    assert mine.read_text() != "mine"


class Backend(BaseHTTPRequestHandler):
    received: list[bytes]

    def do_POST(self):
        type(self).received.append(bytes(self.headers) + self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        return one.getsockname()[1]


def test_it_runs_as_written_behind_nginx_as_printed(tmp_path):
    kind = type("OneBackend", (Backend,), {"received": []})
    processes = []
    with ThreadingHTTPServer(("127.0.0.1", 0), kind) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            upstream = f"http://127.0.0.1:{server.server_address[1]}"
            told = init("posthog", "--upstream", upstream, "--directory", str(tmp_path))
            assert told.exit_code == 0, told.output
            inner, outer = str(free_port()), free_port()
            file = tmp_path / "gateway.yaml"
            file.write_text(file.read_text().replace("127.0.0.1:8443", f"127.0.0.1:{inner}"))
            location = textwrap.dedent(re.search(r"^   location .*?^   }\n", told.output, re.MULTILINE | re.DOTALL)[0])
            location = location.replace("127.0.0.1:8443", f"127.0.0.1:{inner}")
            (tmp_path / "nginx.conf").write_text(
                "daemon off; pid nginx.pid; error_log stderr; events {}\n"
                f"http {{ access_log off; server {{ listen 127.0.0.1:{outer};\n{location} }} }}\n"
            )
            environ = {**os.environ, "PYTHONPATH": str(ROOT)}
            gateway_words = [sys.executable, "-m", "gateway", "run", "--config", str(file)]
            for words in (gateway_words, ["nginx", "-p", str(tmp_path), "-c", "nginx.conf"]):
                processes.append(subprocess.Popen(words, env=environ, stderr=subprocess.DEVNULL))  # noqa: PERF401
            body = b'{"event":"x","api_key":"k","distinct_id":"d","properties":{"note":"jane@shop.example about KD-123456"}}'
            assert post(f"http://127.0.0.1:{outer}/t/e/", body) == 200
            (arrived,) = kind.received
            assert b"[customer]" in arrived
            assert b"jane" not in arrived
            assert b"127.0.0.1" not in arrived.replace(upstream.removeprefix("http://").encode(), b"")
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait(15)
            server.shutdown()
            thread.join(10)


def post(url: str, body: bytes) -> int:
    """The status, once both servers are up: until then nothing answers, or nginx says 502."""
    for _ in range(200):
        request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status
        except OSError:
            time.sleep(0.1)
    raise AssertionError("nothing answered")
