"""Traces over TLS: versions, certificates towards both sides, reload, and what plain HTTP may do."""

import ssl
from dataclasses import replace

import pytest
import trustme

from gateway.core.errors import UserError
from gateway.proxy.trust import Trust

GET = b"GET /t/e HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


def test_tls_serves_with_hsts_and_http_1_1(stage, certified):
    context = certified.client()
    context.set_alpn_protocols(["h2", "http/1.1"])
    stage.start(tls=certified.files)
    with stage.connect(context) as client:
        assert client.selected_alpn_protocol() == "http/1.1"
        assert client.cipher()[0].endswith(("GCM_SHA384", "GCM_SHA256", "POLY1305_SHA256", "POLY1305"))
    got = stage.talk(GET, tls=context)
    assert got.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"\r\nStrict-Transport-Security: max-age=31536000\r\n" in got


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated:DeprecationWarning")
def test_tls_1_1_is_refused(stage, certified):
    context = certified.client(minimum_version=ssl.TLSVersion.TLSv1_1, maximum_version=ssl.TLSVersion.TLSv1_1)
    context.set_ciphers("ALL:@SECLEVEL=0")
    stage.start(tls=certified.files)
    with pytest.raises(ssl.SSLError):
        stage.talk(GET, tls=context)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_tls_1_2_and_1_3_are_spoken(stage, certified, version):
    context = certified.client(minimum_version=version, maximum_version=version)
    assert stage.start(tls=certified.files).talk(GET, tls=context).startswith(b"HTTP/1.1 200 OK\r\n")


def test_plain_http_on_a_tls_port_gets_nothing(stage, certified):
    assert stage.start(tls=certified.files).talk(GET) == b""
    assert stage.backend.received == []


def test_with_a_client_ca_only_certified_clients_are_served(stage, certified, tmp_path):
    clients = trustme.CA()
    clients.cert_pem.write_to_path(tmp_path / "clients.pem")
    stage.start(tls=replace(certified.files, client_ca=tmp_path / "clients.pem"))
    known = certified.client()
    clients.issue_cert("browser@shop.example").configure_cert(known)
    assert stage.talk(GET, tls=known).startswith(b"HTTP/1.1 200 OK\r\n")
    assert stage.talk(GET, tls=certified.client()) == b""
    assert len(stage.backend.received) == 1


def test_a_new_client_ca_holds_for_who_comes_again_too(stage, certified, tmp_path):
    """No session is resumed where clients are certified: resuming one would spare the check."""
    former, latter = trustme.CA(), trustme.CA()
    former.cert_pem.write_to_path(tmp_path / "clients.pem")
    stage.start(tls=replace(certified.files, client_ca=tmp_path / "clients.pem"))
    contexts = []
    for authority in (former, latter):
        context = certified.client()
        authority.issue_cert("browser@shop.example").configure_cert(context)
        contexts.append(context)
    old, new = contexts
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        old.maximum_version = version
        with stage.connect(old) as client:
            client.sendall(GET)
            assert client.recv(65536).startswith(b"HTTP/1.1 200")
            assert not client.session.has_ticket
    assert stage.talk(GET, tls=new) == b""
    latter.cert_pem.write_to_path(tmp_path / "clients.pem")
    stage.on_loop(stage.gateway.reload_certificates)
    assert stage.talk(GET, tls=old) == b""
    assert stage.talk(GET, tls=new).startswith(b"HTTP/1.1 200")


def _names(client: ssl.SSLSocket) -> set[str]:
    return {value for kind, value in client.getpeercert()["subjectAltName"] if kind == "DNS"}


def test_a_new_certificate_is_served_without_dropping_a_connection(stage, certified):
    stage.start(tls=certified.files)
    keep = GET.replace(b"Connection: close\r\n", b"")
    with stage.connect(certified.client()) as old, old.makefile("rb") as answers:
        old.sendall(keep)
        assert stage.read(answers).startswith(b"HTTP/1.1 200")
        certified.renew("renewed.example")
        stage.on_loop(stage.gateway.reload_certificates)
        with stage.connect(certified.client()) as new:
            assert "renewed.example" in _names(new)
        old.sendall(GET)
        assert stage.read(answers).startswith(b"HTTP/1.1 200")
    assert len(stage.backend.received) == 2


def test_a_wrong_certificate_file_keeps_the_old_one(stage, certified):
    stage.start(tls=certified.files)
    certified.files.certificate.write_text("no certificate")
    with pytest.raises(UserError, match="no certificate in PEM form"):
        stage.on_loop(stage.gateway.reload_certificates)
    assert stage.talk(GET, tls=certified.client()).startswith(b"HTTP/1.1 200 OK\r\n")


def test_the_redirect_listener_redirects_reads_and_refuses_bodies(stage, certified):
    stage.start(tls=certified.files, redirect=True)
    port = stage.gateway.redirect_address[1]
    got = stage.talk(b"GET /t/e?a=1 HTTP/1.1\r\nHost: shop.example\r\n\r\n", port=port)
    assert got.startswith(b"HTTP/1.1 308 ")
    assert b"\r\nLocation: https://shop.example/t/e?a=1\r\n" in got
    local = stage.talk(f"HEAD / HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n".encode(), port=port)
    assert f"\r\nLocation: https://localhost:{stage.port}/\r\n".encode() in local
    for raw in (
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\na",
        b"OPTIONS / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\na",
    ):
        assert stage.talk(raw, port=port).startswith(b"HTTP/1.1 403 ")
    assert stage.backend.received == []


BEHIND = {
    "no word from the proxy": ("127.0.0.0/8", b"", 308, 403),
    "the proxy says http": ("127.0.0.0/8", b"X-Forwarded-Proto: http\r\n", 308, 403),
    "the proxy contradicts itself": ("127.0.0.0/8", b"X-Forwarded-Proto: https, http\r\n", 308, 403),
    "someone else says https": ("10.0.0.0/8", b"X-Forwarded-Proto: https\r\n", 308, 403),
    "the proxy says https": ("127.0.0.0/8", b"X-Forwarded-Proto: https\r\n", 200, 200),
    "the proxy says https by RFC 7239": ("127.0.0.0/8", b'Forwarded: for="[2001:db8::7]:5";proto=https\r\n', 200, 200),
}


@pytest.mark.parametrize(("trusted", "said", "reading", "writing"), BEHIND.values(), ids=BEHIND)
def test_behind_a_proxy_only_what_came_by_https_is_served(stage, trusted, said, reading, writing):
    stage.start(trust=Trust.of([trusted]), must_say_https=True)
    end = said + b"Connection: close\r\n"
    assert stage.talk(b"GET /t/e HTTP/1.1\r\nHost: x\r\n" + end + b"\r\n").startswith(b"HTTP/1.1 %d " % reading)
    written = stage.talk(b"POST /t/e HTTP/1.1\r\nHost: x\r\n" + end + b"Content-Length: 1\r\n\r\na")
    assert written.startswith(b"HTTP/1.1 %d " % writing)
    assert len(stage.backend.received) == (2 if reading == 200 else 0)


def _secure_backend(backend_class, leaf):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    leaf.configure_cert(context)
    return backend_class(context)


@pytest.mark.parametrize(
    ("issued_to", "known", "code"),
    [("127.0.0.1", True, 200), ("other.example", True, 502), ("127.0.0.1", False, 502)],
    ids=["chain and name hold", "wrong name", "unknown authority"],
)
def test_the_backend_is_verified_by_chain_and_name(stage, upstream_authority, issued_to, known, code):
    authority, context = upstream_authority
    secure = _secure_backend(type(stage.backend), authority.issue_cert(issued_to))
    try:
        stage.start(routes=(stage.route(upstream=secure.url, tls=context if known else None),))
        assert stage.talk(GET).startswith(b"HTTP/1.1 %d " % code)
        assert len(secure.received) == (1 if code == 200 else 0)
    finally:
        secure.close()
