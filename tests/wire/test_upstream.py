"""Traces on the way to the backend: whom the gateway trusts, follows and goes through, and what it sends to nobody else."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta

import pytest
import trustme
from aiohttp.abc import AbstractResolver

from gateway.proxy.circuit import FAILURES
from gateway.proxy.counts import Kind
from gateway.proxy.routes import Egress
from gateway.traffic import Verdict
from tests.wire.conftest import Backend

GET = b"GET /t/e HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
SECRET = b"jane.doe@example.com"
POST = b"POST /t/e HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (
    len(SECRET),
    SECRET,
)
NOW = datetime.now(UTC)
DAY = timedelta(days=1)


def status(answer):
    return int(answer.split()[1])


def served_with(*blobs):
    """A server's context with the key and chain that these hold."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    for one in blobs:
        one.configure_cert(context)
    return context


def expired(authority):
    return authority.issue_cert("127.0.0.1", not_before=NOW - 9 * DAY, not_after=NOW - DAY)


def early(authority):
    return authority.issue_cert("127.0.0.1", not_before=NOW + DAY, not_after=NOW + 9 * DAY)


UNTRUSTED = {
    "expired": expired,
    "not yet valid": early,
    "of another host": lambda authority: authority.issue_cert("other.example"),
    "of another address": lambda authority: authority.issue_cert("127.0.0.2"),
    "named in the common name alone": lambda authority: authority.issue_cert("other.example", common_name="127.0.0.1"),
    "of an unknown authority": lambda _: trustme.CA().issue_cert("127.0.0.1"),
    "self-signed": lambda _: _self_signed(),
}


def _self_signed():
    """A leaf that no authority stands behind: its own issuer."""
    authority = trustme.CA()

    class Leaf:
        def configure_cert(self, context):
            with authority.private_key_pem.tempfile() as key, authority.cert_pem.tempfile() as chain:
                context.load_cert_chain(chain, key)

    return Leaf()


@pytest.mark.parametrize("make", UNTRUSTED.values(), ids=UNTRUSTED)
def test_an_untrusted_backend_gets_nothing(stage, upstream_authority, make):
    authority, trusted = upstream_authority
    secure = Backend(served_with(make(authority)))
    try:
        stage.start(routes=(stage.route(upstream=secure.url, tls=trusted),))
        assert status(stage.talk(POST)) == 502
        assert stage.gateway.counts.total == {Kind("rrweb", Verdict.FAILED, "upstream_tls"): 1}
        assert secure.received == []
    finally:
        secure.close()


def test_a_backend_that_speaks_plain_http_where_tls_is_meant_gets_nothing(stage, upstream_authority):
    with socket.create_server(("127.0.0.1", 0)) as plain:
        heard = []

        def serve():
            with plain.accept()[0] as client:
                heard.append(client.recv(65536))
                client.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")

        server = threading.Thread(target=serve)
        server.start()
        url = f"https://127.0.0.1:{plain.getsockname()[1]}"
        stage.start(routes=(stage.route(upstream=url, tls=upstream_authority[1]),))
        assert status(stage.talk(POST)) == 502
        server.join(10)
    assert heard[0][:1] == b"\x16"
    assert SECRET not in heard[0]


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated:DeprecationWarning")
def test_a_backend_of_old_tls_gets_nothing(stage, upstream_authority):
    authority, trusted = upstream_authority
    context = served_with(authority.issue_cert("127.0.0.1"))
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    secure = Backend(context)
    try:
        stage.start(routes=(stage.route(upstream=secure.url, tls=trusted),))
        assert status(stage.talk(POST)) == 502
        assert secure.received == []
    finally:
        secure.close()


def test_a_rotated_certificate_is_judged_anew(stage, upstream_authority):
    """The same authority's next certificate is taken, a stranger's is not, whatever was trusted a moment ago."""
    authority, trusted = upstream_authority
    context = served_with(authority.issue_cert("127.0.0.1"))
    secure = Backend(context)
    secure.closes = True
    try:
        stage.start(routes=(stage.route(upstream=secure.url, tls=trusted),))
        assert status(stage.talk(GET)) == 200
        authority.issue_cert("127.0.0.1").configure_cert(context)
        assert status(stage.talk(GET)) == 200
        trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
        assert status(stage.talk(POST)) == 502
        authority.issue_cert("127.0.0.1").configure_cert(context)
        assert status(stage.talk(GET)) == 200
        assert len(secure.received) == 3
    finally:
        secure.close()


# the circuit


def test_a_backend_that_is_gone_is_left_alone_and_found_again(stage):
    port = stage.backend.port
    stage.backend.close()
    stage.start()
    assert [status(stage.talk(GET)) for _ in range(FAILURES)] == [502] * FAILURES
    answer = stage.talk(GET)
    assert status(answer) == 503
    assert b"\r\nRetry-After: 1\r\n" in answer
    assert stage.gateway.counts.total[Kind("rrweb", Verdict.FAILED, "circuit_open")] == 1
    (trouble,) = stage.gateway.troubles()
    assert (trouble.reason, trouble.about) == ("circuit_open", f"http://127.0.0.1:{port}")
    stage.backend = Backend(address=("127.0.0.1", port))
    try:
        while (code := status(stage.talk(GET))) != 200:
            assert code == 503
        assert list(stage.gateway.troubles()) == []
        assert status(stage.talk(GET)) == 200
    finally:
        stage.backend.close()


def test_errors_of_the_backends_own_keep_it_closed(stage):
    stage.backend.script = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"
    stage.start()
    assert [status(stage.talk(GET)) for _ in range(2 * FAILURES)] == [500] * 2 * FAILURES
    stage.backend.script = b"nonsense\r\n\r\n"
    assert [status(stage.talk(POST)) for _ in range(2 * FAILURES)] == [502] * 2 * FAILURES
    assert list(stage.gateway.troubles()) == []


# names


class Names(AbstractResolver):
    """Stands for the DNS: one name, whose address may change."""

    def __init__(self, address):
        self.address = address
        self.asked = 0

    async def resolve(self, host, port=0, family=socket.AF_INET):
        self.asked += 1
        assert host == "backend.example"
        return [
            {
                "hostname": host,
                "host": self.address,
                "port": port,
                "family": socket.AF_INET,
                "proto": 0,
                "flags": socket.AI_NUMERICHOST,
            }
        ]

    async def close(self):
        pass


@pytest.fixture
def moved(stage):
    """A second backend, at another address, on the same port."""
    other = Backend(address=("127.0.0.2", stage.backend.port))
    yield other
    other.close()


def named(stage):
    return stage.route(upstream=f"http://backend.example:{stage.backend.port}")


def test_a_backend_that_moves_is_followed_while_its_old_address_still_answers(stage, moved):
    names = Names("127.0.0.1")
    stage.start(routes=(named(stage),), upstream={"resolver": names, "renew": 0.05})
    assert status(stage.talk(GET)) == 200
    names.address = "127.0.0.2"
    while not moved.received:
        assert status(stage.talk(GET)) == 200
    before = len(stage.backend.received)
    assert status(stage.talk(GET)) == 200
    assert len(stage.backend.received) == before


def test_a_backend_that_moves_and_leaves_nothing_behind_is_asked_for_anew_at_once(stage, moved):
    names = Names("127.0.0.1")
    stage.start(routes=(named(stage),), upstream={"resolver": names, "renew": 1000.0})
    stage.backend.closes = True
    assert [status(stage.talk(GET)) for _ in range(3)] == [200] * 3
    assert names.asked == 1
    names.address = "127.0.0.2"
    stage.backend.close()
    assert [status(stage.talk(GET)) for _ in range(2)] == [502, 200]
    assert len(moved.received) == 1


# proxies


class Proxy:
    """An HTTP proxy for CONNECT: notes what it is told, and tunnels, or answers with what it was given."""

    def __init__(self, answer=b"", tls=None):
        self._tls = tls
        self.told: list[bytes] = []
        self.passed = b""
        self._answer = answer
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self._listener.getsockname()[1]}"
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._open.append(client)
                self._threads.append(threading.Thread(target=self._serve, args=(client,)))
                self._threads[-1].start()

    def _serve(self, client):
        if self._tls is not None:
            client = self._tls.wrap_socket(client, server_side=True)
            self._open.append(client)
        with client, contextlib.suppress(OSError):
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += client.recv(1)
            self.told.append(head)
            if self._answer:
                client.sendall(self._answer)
                return
            host, _, port = head.split()[1].decode().partition(":")
            with socket.create_connection((host, int(port)), 10) as backend:
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                back = threading.Thread(target=self._pass, args=(backend, client))
                back.start()
                self._pass(client, backend)
                back.join(10)

    def _pass(self, one, other):
        with contextlib.suppress(OSError):
            while piece := one.recv(65536):
                self.passed += piece
                other.sendall(piece)
            other.shutdown(socket.SHUT_WR)

    def close(self):
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for one in self._open:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)


def test_an_egress_proxy_gets_a_name_and_ciphertext(stage, upstream_authority):
    authority, trusted = upstream_authority
    secure, proxy = Backend(served_with(authority.issue_cert("127.0.0.1"))), Proxy()
    try:
        egress = Egress(proxy.url, "user:secret")
        stage.start(routes=(stage.route(upstream=secure.url, tls=trusted, egress=egress),))
        assert [status(stage.talk(POST)) for _ in range(2)] == [200, 200]
        assert len(secure.received) == 2
        assert not any("proxy-authorization" in head for head in secure.heads)
        assert len(proxy.told) == 1
        assert proxy.told[0].startswith(b"CONNECT 127.0.0.1:%d HTTP/1.1\r\n" % secure.port)
        assert b"\r\nProxy-Authorization: Basic dXNlcjpzZWNyZXQ=\r\n" in proxy.told[0]
        assert SECRET not in proxy.told[0]
        assert len(proxy.passed) > 1000
        assert SECRET not in proxy.passed
    finally:
        secure.close()
        proxy.close()


def test_an_egress_proxy_may_be_spoken_to_by_https(stage, upstream_authority):
    authority, trusted = upstream_authority
    context = served_with(authority.issue_cert("127.0.0.1"))
    secure, proxy = Backend(context), Proxy(tls=context)
    try:
        stage.start(routes=(stage.route(upstream=secure.url, tls=trusted, egress=Egress(proxy.url, "user:secret")),))
        assert status(stage.talk(POST)) == 200
        assert len(secure.received) == len(proxy.told) == 1
        assert SECRET not in proxy.passed
    finally:
        secure.close()
        proxy.close()


REFUSALS = {
    "it wants credentials": b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n",
    "it forbids": b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
    "it redirects": b"HTTP/1.1 302 Found\r\nLocation: http://evil.example/\r\nContent-Length: 0\r\n\r\n",
}


@pytest.mark.parametrize("answer", REFUSALS.values(), ids=REFUSALS)
def test_a_proxy_that_refuses_is_told_and_not_gone_round(stage, upstream_authority, answer):
    authority, trusted = upstream_authority
    secure, proxy = Backend(served_with(authority.issue_cert("127.0.0.1"))), Proxy(answer)
    try:
        stage.start(routes=(stage.route(upstream=secure.url, tls=trusted, egress=Egress(proxy.url)),))
        assert status(stage.talk(POST)) == 502
        assert stage.gateway.counts.total == {Kind("rrweb", Verdict.FAILED, "egress_proxy"): 1}
        assert secure.received == []
        assert SECRET not in b"".join(proxy.told)
    finally:
        secure.close()
        proxy.close()


def test_a_proxy_that_is_gone_is_not_gone_round(stage, upstream_authority):
    authority, trusted = upstream_authority
    secure, proxy = Backend(served_with(authority.issue_cert("127.0.0.1"))), Proxy()
    proxy.close()
    try:
        stage.start(routes=(stage.route(upstream=secure.url, tls=trusted, egress=Egress(proxy.url)),))
        assert status(stage.talk(POST)) == 502
        assert secure.received == []
    finally:
        secure.close()


def test_proxies_of_the_environment_are_nobodys_business(stage, monkeypatch, tmp_path):
    trap = Backend()
    try:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, trap.url)
            monkeypatch.setenv(name.lower(), trap.url)
        (tmp_path / "netrc").write_text("default login somebody password secret\n")
        monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        stage.start()
        assert status(stage.talk(POST)) == 200
        assert trap.received == []
        assert "authorization" not in stage.backend.heads[0]
    finally:
        trap.close()


def test_the_credentials_of_a_proxy_are_not_shown():
    assert "secret" not in repr(Egress("http://proxy.example", "user:secret"))
