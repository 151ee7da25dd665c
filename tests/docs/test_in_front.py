"""docs/in-front.md by its word: nginx and Caddy run what it shows, in front of a gateway that runs what it shows.

What must hold behind any front is asked of each: the prefix, the address, the body, the choice, and the way back.
"""

from __future__ import annotations

import http.client
import os
import re
import socket
import ssl
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import trustme

from tests.browser.processes import free_port, listening, program, wait_until

PAGE = (Path(__file__).parents[2] / "docs" / "in-front.md").read_text(encoding="utf-8")
HOST = "shop.example"
BODY = b'{"event":"x","api_key":"k","distinct_id":"d","properties":{"note":"jane@shop.example was here"}}'
BIG = BODY.replace(b"was here", b"was here " * 20_000)


def shown(section: str, language: str) -> list[str]:
    """The blocks of one language under a heading."""
    text = re.search(rf"^## {section}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)[1]
    return re.findall(rf"^ *```{language}\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL)


class Backend(BaseHTTPRequestHandler):
    received: list[tuple[str, str, bytes]]

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.received.append((self.path, str(self.headers), body))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def backend():
    """A backend's address, and what arrived there."""
    kind = type("OneBackend", (Backend,), {"received": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), kind) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}", kind.received
        server.shutdown()
        thread.join(10)


@pytest.fixture(scope="module")
def inner(tmp_path_factory, backend):
    """Runs the gateway.yaml of the page, whose backend and port are the test's; gives the port."""
    home, port = tmp_path_factory.mktemp("gateway"), free_port()
    (settings,) = shown("nginx", "yaml")
    settings = settings.replace("https://eu.i.posthog.com", backend[0])
    (home / "gateway.yaml").write_text(settings.replace("127.0.0.1:8443", f"127.0.0.1:{port}"))
    with listening([sys.executable, "-m", "gateway", "run"], port, home, "gateway.log"):
        yield port


@pytest.fixture
def home(tmp_path):
    """A folder with the certificate of the site; `authority.pem` is who signed it."""
    authority = trustme.CA()
    leaf = authority.issue_cert(HOST)
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    leaf.private_key_pem.write_to_path(tmp_path / "site.key")
    for piece in leaf.cert_chain_pems:
        piece.write_to_path(tmp_path / "site.pem", append=True)
    (tmp_path / "index.html").write_text("the shop")
    return tmp_path


def nginx(home: Path, port: int, within: str) -> list[str]:
    user = "user root;" if os.geteuid() == 0 else ""  # its worker could not read our folder otherwise
    folders = "".join(
        f"{kind}_temp_path {home}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (home / "nginx.conf").write_text(
        f"{user} daemon off; pid {home}/nginx.pid; error_log stderr; events {{}}\n"
        f"http {{ access_log {home}/access.log; {folders} server {{ listen 127.0.0.1:{port} ssl; server_name {HOST};\n"
        f"ssl_certificate {home}/site.pem; ssl_certificate_key {home}/site.key; root {home};\n{within}\n}} }}\n"
    )
    return [program("nginx", "/usr/sbin"), "-p", str(home), "-c", str(home / "nginx.conf")]


def behind_nginx(home: Path, port: int, inner: int) -> list[str]:
    (location,) = shown("nginx", "nginx")
    return nginx(home, port, location.replace("127.0.0.1:8443", f"127.0.0.1:{inner}"))


def behind_caddy(home: Path, port: int, inner: int) -> list[str]:
    (site,) = shown("Caddy", "caddyfile")
    site = site.replace("127.0.0.1:8443", f"127.0.0.1:{inner}").replace("/srv/shop", str(home))
    site = site.replace(f"{HOST} {{", f"https://{HOST}:{port} {{\n\ttls {home}/site.pem {home}/site.key", 1)
    (home / "Caddyfile").write_text(
        f"{{\n\tadmin off\n\tauto_https off\n\tstorage file_system {home}/caddy\n}}\n{site}"
    )
    return [
        "env",
        f"HOME={home}",
        program("caddy"),
        "run",
        "--config",
        str(home / "Caddyfile"),
        "--adapter",
        "caddyfile",
    ]


def ask(home: Path, port: int, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None):
    """One request by HTTPS, as a browser on the site sends it: the status and the answer."""
    context = ssl.create_default_context(cafile=home / "authority.pem")
    raw = socket.create_connection(("127.0.0.1", port), timeout=15)
    with context.wrap_socket(raw, server_hostname=HOST) as link:
        connection = http.client.HTTPConnection(HOST, port)
        connection.sock = link
        origin = {"Origin": f"https://{HOST}:{port}", "Host": f"{HOST}:{port}", "Content-Type": "application/json"}
        connection.request(method, path, body, {**origin, **(headers or {})})
        answer = connection.getresponse()
        return answer.status, answer.read()


@pytest.mark.parametrize("behind", [behind_nginx, behind_caddy])
def test_what_is_shown_of_a_front_works(behind, home, inner, backend):
    port, received = free_port(), backend[1]
    received.clear()
    with listening(behind(home, port, inner), port, home, "front.log"):
        assert ask(home, port, "GET", "/")[1] == b"the shop"
        claimed = {"X-Forwarded-For": "203.0.113.77", "X-Forwarded-Proto": "http", "Cookie": "session=its-own"}
        assert ask(home, port, "POST", "/t/e/?x=1", BODY, claimed)[0] == 200
        assert ask(home, port, "POST", "/t/e/", BIG)[0] == 200
        status, state = ask(home, port, "GET", "/t/opt-out.json")
        assert (status, b'"recorded":true' in state.replace(b" ", b"")) == (200, True)
        assert ask(home, port, "POST", "/t/e/", BODY, {"Cookie": "gateway_opt_out=1"})[0] == 200
        assert ask(home, port, "POST", "/t/e/", bytes(1 << 16), {"Content-Length": str(21 << 20)})[0] == 413
    (path, fields, body), (_, _, big) = received
    assert path.startswith("/e/?x=")
    assert (b"jane" in body, b"[email]" in body, b"jane" in big) == (False, True, False)
    assert big.count(b"was here") == 20_000
    for secret in ("203.0.113.77", "its-own", "Forwarded"):
        assert secret not in fields
    assert [file for file in home.rglob("*") if file.is_file() and b"jane" in file.read_bytes()] == []
    log = home / "access.log"
    assert not log.exists() or "/t/" not in log.read_text()


def test_the_way_back_is_one_step(home, inner, backend):
    """A plain proxy, masked by a link and a reload, and plain again: what the page says of each."""
    port, (upstream, received) = free_port(), backend
    plain, include = shown("Moving from a plain nginx proxy", "nginx")
    (masked,) = shown("nginx", "nginx")
    snippets = home / "snippets"
    snippets.mkdir()
    plain = plain.replace("/ingest/", "/t/").replace("https://eu.i.posthog.com/", f"{upstream}/")
    (snippets / "tracker-direct.conf").write_text(plain)
    (snippets / "tracker-masked.conf").write_text(masked.replace("127.0.0.1:8443", f"127.0.0.1:{inner}"))
    (snippets / "tracker.conf").symlink_to("tracker-direct.conf")
    command = nginx(home, port, include)

    def is_masked() -> bool:
        assert ask(home, port, "POST", "/t/e/", BODY)[0] == 200
        return b"jane" not in received[-1][2]

    with listening(command, port, home, "front.log"):
        assert not is_masked()
        for target, wanted in (("tracker-masked.conf", True), ("tracker-direct.conf", False)):
            subprocess.run(["ln", "-sfn", target, snippets / "tracker.conf"], check=True)
            subprocess.run([*command, "-s", "reload"], check=True)
            wait_until(lambda wanted=wanted: is_masked() is wanted, f"{target} did not take effect")
