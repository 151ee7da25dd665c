"""Under mitmproxy nothing leaves that the pipeline did not make: not by a mode, a replay, an edit, an option or a saved file."""

from __future__ import annotations

import asyncio
import gzip
import http.client
import json
import os
import pty
import re
import select
import socket
import ssl
import stat
import sys
import termios
import threading
import time
from contextlib import contextmanager

import pytest
import trustme
from click.testing import CliRunner
from mitmproxy.addons.onboarding import Onboarding
from mitmproxy.test import taddons, tflow, tutils

from gateway.cli.app import gateway
from gateway.insight.captures import read_capture
from gateway.inspector.gate import Door, Gate, Serving
from gateway.inspector.memory import Memory
from gateway.proxy.masking import Programs
from gateway.proxy.routes import Plan, Route
from tests.browser.backend import Backend
from tests.browser.processes import free_port
from tests.inspector.process import inspecting, until

EVENT = {
    "api_key": "phc_x",
    "event": "order",
    "distinct_id": "01a20c26-a12f-7f44-bf36-3ca6caff52f9",
    "properties": {"note": "write to jane.roe@example.org", "remark": "none"},
}
BODY = gzip.compress(json.dumps(EVENT).encode())
FIELDS = {"Content-Encoding": "gzip", "Cookie": "sid=quorvandis", "X-Forwarded-For": "203.0.113.7"}
SECRETS = (b"jane.roe", b"quorvandis", b"203.0.113.7", b"3ca6caff52f9", b"typed-by-hand")


def configure(folder, upstream, **more):
    port = free_port()
    settings = {
        "listen": f"127.0.0.1:{port}",
        "tls": {"mode": "off"},
        "masking_key": "file:masking.key",
        "routes": [{"path": "/t/", "tracker": "posthog", "upstream": upstream, **more}],
    }
    (folder / "gateway.yaml").write_text(json.dumps(settings))
    return port


def send(port, path="/t/e/?ip=1", body=BODY, fields=FIELDS, method="POST"):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(method, path, body, fields)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inspect")
    with Backend() as backend:
        port = configure(folder, f"http://127.0.0.1:{backend.port}")
        web = free_port()
        with inspecting(folder, "--web-port", str(web), "--save", str(folder / "saved.jsonl")) as running:
            yield running, backend, port, folder


def sent(stage, *arguments, **more):
    """A request's status, its flow, and what arrived of it."""
    running, backend, port, _ = stage
    before, known = len(backend.requests), {flow["id"] for flow in running.flows()}
    status, _ = send(port, *arguments, **more)
    (flow,) = (one for one in running.flows() if one["id"] not in known)
    return status, flow, backend.requests[before:]


def test_what_leaves_is_masked_and_the_flow_shows_before_after_and_rules(stage):
    status, flow, (arrived,) = sent(stage)
    assert (status, arrived.target) == (200, "/e/?ip=0")
    inner = json.loads(gzip.decompress(arrived.body))
    assert inner["properties"]["note"] == "write to [email]"
    assert flow["comment"].startswith("masked ")
    assert "e-mail addresses" in flow["comment"]
    picture = stage[0].picture(flow)
    assert '-     "note": "write to ⟦jane.roe@example.org⟧"' in picture
    assert '+     "note": "write to ⟦[email]⟧"' in picture
    assert "rule 'e-mail addresses' (detector email) → replace" in picture
    assert "default.yaml:" in picture
    assert "- X-Forwarded-For: ⟦203.0.113.7⟧" in picture


@pytest.mark.parametrize(
    ("path", "body", "fields", "status", "comment"),
    [
        ("/t/e/", b"{", {}, 400, "refused: broken_format · nothing of it left"),
        ("/t/e/", BODY, {**FIELDS, "Sec-GPC": "1"}, 200, "answered: gpc · nothing of it left"),
        ("/t/e/", BODY, {"Origin": "https://shop.example", "Access-Control-Request-Method": "POST"}, 204, "preflight"),
        ("/elsewhere", BODY, {}, 404, "refused: no_route · nothing of it left"),
        ("/t/e/", BODY, {**FIELDS, "Upgrade": "websocket"}, 501, "refused: upgrade"),
    ],
    ids=["unreadable", "objected", "preflight", "no route", "web socket"],
)
def test_what_may_not_leave_does_not(stage, path, body, fields, status, comment):
    method = "OPTIONS" if comment == "preflight" else "POST"
    got, flow, arrived = sent(stage, path, body, fields, method)
    assert (got, arrived) == (status, [])
    assert comment in flow["comment"]
    assert flow["marked"]


def test_a_replay_is_made_from_what_came_and_masked_once(stage):
    _, flow, (first,) = sent(stage)
    running, backend, *_ = stage
    count = len(backend.requests)
    assert running.web(f"/flows/{flow['id']}/replay", "POST")[0] == 200
    until(lambda: len(backend.requests) > count, "the replay")
    again = backend.requests[-1]
    assert (again.target, gzip.decompress(again.body)) == (first.target, gzip.decompress(first.body))


def test_what_somebody_wrote_into_a_flow_is_masked_before_it_is_sent(stage):
    _, flow, _ = sent(stage)
    running, backend, *_ = stage
    count = len(backend.requests)
    edited = {"request": {"path": "/e/?email=typed-by-hand%40example.org", "content": json.dumps(EVENT)}}
    assert running.web(f"/flows/{flow['id']}", "PUT", edited)[0] == 200
    assert running.web(f"/flows/{flow['id']}/replay", "POST")[0] == 200
    until(lambda: len(backend.requests) > count, "the replay")
    assert not any(secret in repr(backend.requests[-1]).encode() for secret in SECRETS)


def test_what_is_held_up_and_changed_is_masked_again(stage):
    running, backend, port, _ = stage
    assert running.web("/options", "PUT", {"intercept": "~q & ~comment masked", "intercept_active": True})[0] == 200
    sender = threading.Thread(target=send, args=(port,))
    count = len(backend.requests)
    sender.start()
    try:
        (flow,) = until(lambda: [one for one in running.flows() if one["intercepted"]], "a flow that is held up")
        assert len(backend.requests) == count
        edited = {"request": {"path": "/e/?email=typed-by-hand%40example.org"}}
        assert running.web(f"/flows/{flow['id']}", "PUT", edited)[0] == 200
        running.web("/options", "PUT", {"intercept_active": False})
        assert running.web(f"/flows/{flow['id']}/resume", "POST")[0] == 200
        until(lambda: len(backend.requests) > count, "the request")
    finally:
        running.web("/options", "PUT", {"intercept_active": False})
        sender.join()
    assert not any(secret in repr(backend.requests[-1]).encode() for secret in SECRETS)


def test_what_is_saved_holds_nothing_that_came(stage):
    sent(stage)
    running, _, _, folder = stage
    status, dumped = running.web("/flows/dump")
    assert status == 200
    assert b"phc_x" in dumped or b"/e/" in dumped
    saved = (folder / "saved.jsonl").read_bytes()
    requests = read_capture(saved, None, "saved").requests
    texts = [dumped, saved, *(gzip.decompress(one.body) for one in requests if one.body[:2] == b"\x1f\x8b")]
    assert len(texts) > 2
    assert [secret for text in texts for secret in SECRETS if secret in text] == []
    assert stat.S_IMODE((folder / "saved.jsonl").stat().st_mode) == 0o600


@pytest.mark.parametrize("option", [{"ssl_insecure": True}, {"web_host": "0.0.0.0"}])
def test_what_protects_can_not_be_switched_off(stage, option):
    status, told = stage[0].web("/options", "PUT", option)
    assert status == 400
    assert b"upstream certificates" in told or b"loopback" in told


def test_the_web_interface_asks_for_its_token(stage):
    running, *_ = stage
    running.lines.insert(0, running.line(r"web interface \S+")[0].partition("?")[0] + "?token=" + "0" * 32)
    try:
        assert running.web("/flows")[0] == 403
    finally:
        running.lines.pop(0)


def test_new_rules_hold_for_the_next_look_at_a_request(stage):
    running, backend, _, folder = stage
    _, flow, _ = sent(stage)
    settings = json.loads((folder / "gateway.yaml").read_text())
    (folder / "rules.yaml").write_text("extends: default\nmask:\n  - {name: our remarks, keys: [remark], with: drop}\n")
    (folder / "gateway.yaml").write_text(json.dumps({**settings, "rules": ["rules.yaml"]}))

    def is_new():
        count = len(backend.requests)
        running.web(f"/flows/{flow['id']}/replay", "POST")
        until(lambda: len(backend.requests) > count, "the replay")
        return b"remark" not in gzip.decompress(backend.requests[-1].body)

    until(is_new, "the new rule")
    assert f"{folder / 'rules.yaml'}:3" in running.picture(flow)


@contextmanager
def tls_backend(names, authority):
    """A backend behind TLS; gives its port and what it was asked."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    asked = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)

        def serve():
            while True:
                try:
                    plain, _ = server.accept()
                except OSError:
                    return
                try:
                    with context.wrap_socket(plain, server_side=True) as stream:
                        stream.settimeout(20)
                        data = b""
                        while b"\r\n\r\n" not in data or len(data.partition(b"\r\n\r\n")[2]) < length(data):
                            piece = stream.recv(65536)
                            if not piece:
                                break
                            data += piece
                        if data:
                            asked.append(data)
                            stream.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
                except (OSError, ssl.SSLError):
                    plain.close()

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1], asked
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


def length(data):
    head = data.partition(b"\r\n\r\n")[0].lower()
    return int(head.partition(b"content-length: ")[2].split(b"\r\n")[0] or 0) if b"content-length" in head else 0


def through(proxy, port, cafile, fields=FIELDS):
    """A request through CONNECT to `localhost`, as an SDK in an app makes it; its answer and who certified the other end."""
    context = ssl.create_default_context(cafile=cafile)
    connection = http.client.HTTPSConnection("127.0.0.1", proxy, timeout=60, context=context)
    connection.set_tunnel("localhost", port)
    try:
        connection.request("POST", "/e/?ip=1", BODY, fields)
        issuer = dict(pair[0] for pair in connection.sock.getpeercert()["issuer"])
        return connection.getresponse().status, issuer
    finally:
        connection.close()


def test_as_a_proxy_it_masks_what_goes_to_a_backend_that_it_verifies_and_lets_others_pass_unseen(tmp_path):
    authority, stranger = trustme.CA(), trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    proxy = free_port()
    with (
        tls_backend(["localhost"], authority) as (port, asked),
        tls_backend(["127.0.0.1"], authority) as (other, heard),
        tls_backend(["localhost"], stranger) as (forged, never),
    ):
        configure(tmp_path, f"https://localhost:{port}", upstream_ca="authority.pem")
        raw = tmp_path / "raw.jsonl"
        options = ["--mode", "regular", "--listen", f"127.0.0.1:{proxy}", "--dump", "--save", str(raw), "--reveal"]
        with inspecting(tmp_path, *options) as running:
            assert any("REQUESTS AS THEY CAME" in line for line in running.lines)
            trusted = tmp_path / ".mitmproxy" / "mitmproxy-ca-cert.pem"
            status, issuer = through(proxy, port, trusted)
            assert (status, issuer["organizationName"]) == (200, "mitmproxy")
            (arrived,) = asked
            assert b"POST /e/?ip=0 HTTP/1.1" in arrived
            assert not any(secret in arrived for secret in SECRETS)
            assert b"[email]" in gzip.decompress(arrived.partition(b"\r\n\r\n")[2])

            context = ssl.create_default_context(cafile=tmp_path / "authority.pem")
            unseen = http.client.HTTPSConnection("127.0.0.1", proxy, timeout=60, context=context)
            unseen.set_tunnel("127.0.0.1", other)
            unseen.request("POST", "/own", b"jane.roe")
            assert unseen.getresponse().status == 200
            unseen.close()
            assert b"jane.roe" in heard[0]
            (request,) = read_capture(raw.read_bytes(), None, "raw").requests
            assert json.loads(gzip.decompress(request.body)) == EVENT

            settings = json.loads((tmp_path / "gateway.yaml").read_text())
            settings["routes"][0]["upstream"] = f"https://localhost:{forged}"
            (tmp_path / "gateway.yaml").write_text(json.dumps(settings))
            until(lambda: through(proxy, forged, trusted)[0] == 502, "a backend with a forged certificate is refused")
            assert never == []


def test_wireguard_starts_and_says_how_a_phone_comes_in(tmp_path):
    configure(tmp_path, "https://eu.i.posthog.com")
    with inspecting(tmp_path, "--mode", f"wireguard@{free_port()}", "--dump") as running:
        text = "\n".join(running.lines)
        assert "[Interface]" in text
        assert "Endpoint = " in text


def test_the_terminal_interface_starts_and_shows_what_left(tmp_path):
    with Backend() as backend:
        port = configure(tmp_path, f"http://127.0.0.1:{backend.port}")
        command = [sys.executable, "-m", "gateway", "inspect", "--terminal", "--config", str(tmp_path / "gateway.yaml")]
        child, screen = pty.fork()
        if child == 0:
            os.environ |= {"HOME": str(tmp_path), "TERM": "xterm", "LC_ALL": "C.UTF-8"}
            os.execv(command[0], command)
        termios.tcsetwinsize(screen, (50, 160))
        shown = b""

        def plain():
            return re.sub(rb"\x1b(?:\[[0-9;?]*[A-Za-z]|\)0)", b"", shown)

        def read(wanted):
            nonlocal shown
            end = time.monotonic() + 45
            while wanted not in plain() and time.monotonic() < end:
                if select.select([screen], [], [], 0.2)[0]:
                    try:
                        shown += os.read(screen, 65536)
                    except OSError:
                        break  # it ended
            assert wanted in plain(), plain()[-2000:]

        try:
            read(b"Flows")
            assert send(port)[0] == 200
            read(b"/e/?ip=0")
            os.write(screen, b"\r")
            read("⟦jane.roe@example.org⟧".encode())
        finally:
            os.kill(child, 9)
            os.waitpid(child, 0)
            os.close(screen)


MISTAKES = [
    (("--mode", "regulr"), "--mode regulr: unknown mode"),
    (("--mode", "reverse:https://x.example"), "the configured routes"),
    (("--listen", "8443"), "write HOST:PORT"),
    (("--reveal",), "give --save FILE"),
    (("--reveal", "--save", "raw.jsonl", "--listen", "0.0.0.0:8443"), "loopback addresses alone"),
    (("--reveal", "--save", "raw.jsonl", "--mode", "wireguard"), "loopback addresses alone"),
    (("--save", "gateway.yaml"), "is there already"),
    (("--terminal",), "needs a terminal"),
    (("--config", "nowhere.yaml"), "nowhere.yaml"),
]


@pytest.mark.parametrize(("options", "message"), MISTAKES)
def test_a_mistake_is_one_line(options, message, tmp_path, monkeypatch):
    configure(tmp_path, "https://eu.i.posthog.com")
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(gateway, ["inspect", *options])
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "raw.jsonl").exists()


def test_an_address_in_use_is_one_line(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        configure(tmp_path, "https://eu.i.posthog.com")
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        result = CliRunner().invoke(
            gateway, ["inspect", "--config", str(tmp_path / "gateway.yaml"), "--listen", listen]
        )
    assert result.exit_code == 2
    assert f"address {listen} is in use" in result.stderr


def test_a_defect_of_ours_leaves_a_refusal_in_the_flow_and_nothing_that_came():
    """mitmproxy logs what an add-on raises, and goes on with the flow as it then is."""

    async def story():
        plan = Plan(Programs({}), (Route("shop", "http://127.0.0.1:9", path="/t/"),))
        gate = Gate(Serving(plan, {}, {}), Memory(), Door())
        request = tutils.treq(
            method=b"POST",
            path=b"/t/e/?mail=jane.roe",
            content=BODY,
            headers=((b"Host", b"shop.example"), (b"Cookie", b"sid=quorvandis")),
        )
        flow = tflow.tflow(req=request)
        flow.live = True
        with taddons.context(Onboarding()):
            gate.requestheaders(flow)
            assert not any(secret in repr(flow.get_state()["request"]["headers"]).encode() for secret in SECRETS)
            flow.request.data.content = BODY
            with pytest.raises(KeyError):  # no Program for the route
                await gate.request(flow)
        assert flow.response.status_code == 400
        assert flow.request.path == "/t/"
        assert not any(secret in repr(flow.get_state()).encode() for secret in SECRETS)
        assert BODY not in (flow.request.raw_content, flow.response.raw_content)

    asyncio.run(story())
