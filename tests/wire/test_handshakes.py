"""TLS as scanners and attackers see it: `gateway run` with docker/openssl.cnf, and what it must not agree to.

Every refused handshake is followed by one that succeeds: the gateway lives, and the backend got that one alone.
"""

from __future__ import annotations

import contextlib
import socket
import warnings
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sslyze import (
    RobotScanResultEnum,
    ScanCommandAttemptStatusEnum,
    Scanner,
    ServerNetworkLocation,
    ServerScanRequest,
)
from sslyze.mozilla_tls_profile.tls_config_checker import (
    MozillaTlsConfiguration,
    ServerNotCompliantWithTlsConfiguration,
    TlsConfigurationEnum,
    check_server_against_tls_configuration,
)
from tlslite.api import HandshakeSettings, TLSConnection
from tlslite.errors import BaseTLSException

from tests.cli.test_running import Backend, Running

OPENSSL_CONF = Path(__file__).parents[2] / "docker" / "openssl.cnf"
SECONDS = 10.0


@pytest.fixture(scope="module", params=["TLSv1.2", "TLSv1.3"])
def running(request, tmp_path_factory):
    backend = Backend()
    made = Running(tmp_path_factory.mktemp("running"), backend)
    now = datetime.now(UTC)
    made.certify(not_before=now - timedelta(days=1), not_after=now + timedelta(days=60))
    path = made.home / "gateway.yaml"
    path.write_text(path.read_text().replace("key: gateway.key", f"key: gateway.key, minimum: {request.param}"))
    made.minimum = request.param
    made.start(OPENSSL_CONF=str(OPENSSL_CONF))
    yield made
    made.stop()
    backend.close()


# Mozilla's profiles, version 5.7; of a private authority's certificate everything holds but that the world trusts it
PROFILES = {"TLSv1.2": TlsConfigurationEnum.MOZILLA_INTERMEDIATE, "TLSv1.3": TlsConfigurationEnum.MOZILLA_MODERN}


@pytest.fixture(scope="module")
def scan(running):
    asked = ServerScanRequest(server_location=ServerNetworkLocation("localhost", running.port, "127.0.0.1"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the authorities that the scanner brings along, not of ours
        scanner = Scanner()
        scanner.queue_scans([asked])
        (found,) = scanner.get_results()
    return found


def test_mozillas_profile_holds(running, scan):
    issues = {}
    try:
        check_server_against_tls_configuration(scan, MozillaTlsConfiguration.get(PROFILES[running.minimum]))
    except ServerNotCompliantWithTlsConfiguration as found:
        issues = found.issues
    assert set(issues) == {"certificate_path_validation"}


def test_no_known_weakness_is_found(scan):
    found = scan.scan_result
    attempts = [getattr(found, name) for name in vars(found)]
    assert all(one.status is ScanCommandAttemptStatusEnum.COMPLETED for one in attempts)
    assert not found.heartbleed.result.is_vulnerable_to_heartbleed
    assert not found.openssl_ccs_injection.result.is_vulnerable_to_ccs_injection
    assert not found.tls_compression.result.supports_compression
    assert not found.session_renegotiation.result.is_vulnerable_to_client_renegotiation_dos
    assert found.session_renegotiation.result.supports_secure_renegotiation
    assert not found.tls_1_3_early_data.result.supports_early_data
    assert found.robot.result.robot_result is RobotScanResultEnum.NOT_VULNERABLE_RSA_NOT_SUPPORTED
    assert found.http_headers.result.strict_transport_security_header.max_age == 31536000


def settings(**more):
    made = HandshakeSettings()
    made.minKeySize = 512
    for name, value in more.items():
        setattr(made, name, value)
    return made


OLD = {"cipherNames": ["aes128", "aes256", "3des", "rc4"], "macNames": ["sha", "sha256"]}
HANDSHAKES = {
    "SSL 3.0": settings(minVersion=(3, 0), maxVersion=(3, 0), **OLD),
    "TLS 1.0": settings(minVersion=(3, 1), maxVersion=(3, 1), **OLD),
    "TLS 1.1": settings(minVersion=(3, 2), maxVersion=(3, 2), **OLD),
    "RC4 alone": settings(minVersion=(3, 3), maxVersion=(3, 3), cipherNames=["rc4"], macNames=["sha", "md5"]),
    "3DES alone": settings(minVersion=(3, 3), maxVersion=(3, 3), cipherNames=["3des"], macNames=["sha"]),
    "CBC alone": settings(minVersion=(3, 3), maxVersion=(3, 3), cipherNames=["aes128", "aes256"], macNames=["sha", "sha256"]),
    "no encryption": settings(minVersion=(3, 3), maxVersion=(3, 3), cipherNames=["null"], macNames=["sha"]),
    "RSA key exchange": settings(minVersion=(3, 3), maxVersion=(3, 3), keyExchangeNames=["rsa"]),
    "finite fields": settings(minVersion=(3, 3), maxVersion=(3, 3), keyExchangeNames=["dhe_rsa"]),
    "anonymous": settings(minVersion=(3, 3), maxVersion=(3, 3), keyExchangeNames=["ecdh_anon", "dh_anon"]),
    "no common group, TLS 1.2": settings(minVersion=(3, 3), maxVersion=(3, 3), eccCurves=["secp521r1"], keyShares=[]),
    "no common group, TLS 1.3": settings(
        minVersion=(3, 4), maxVersion=(3, 4), eccCurves=["secp521r1"], dhGroups=[], keyShares=["secp521r1"]
    ),
}  # fmt: skip


def shake(running, wanted):
    """Whether the handshake succeeds."""
    with socket.create_connection(("127.0.0.1", running.port), SECONDS) as plain:
        connection = TLSConnection(plain)
        try:
            if set(wanted.keyExchangeNames) <= {"ecdh_anon", "dh_anon"}:
                connection.handshakeClientAnonymous(settings=wanted)
            else:
                connection.handshakeClientCert(settings=wanted, serverName="localhost")
        except (BaseTLSException, OSError):
            return False
        connection.close()
        return True


def lives(running):
    before = len(running.backend.received)
    assert running.post({"note": "x"}) == 200
    assert len(running.backend.received) == before + 1


@pytest.mark.parametrize("wanted", HANDSHAKES.values(), ids=HANDSHAKES)
def test_a_weak_handshake_is_refused(running, wanted):
    assert not shake(running, wanted)
    lives(running)


def test_the_same_client_is_served_where_it_offers_what_is_good(running):
    good = settings(minVersion=(3, 3), maxVersion=(3, 4), cipherNames=["aes128gcm", "chacha20-poly1305"])
    assert shake(running, good)
    tls_1_2 = settings(minVersion=(3, 3), maxVersion=(3, 3), cipherNames=["aes256gcm"])
    assert shake(running, tls_1_2) is (running.minimum == "TLSv1.2")


HELLO = bytes.fromhex("0303") + bytes(32) + b"\0" + bytes.fromhex("0002c02b0100")
RAW = {
    "SSL 2.0's hello": bytes.fromhex("802e0100020015000000100100800200800300800400800500800600400700c0") + bytes(16),
    "plain HTTP": b"POST /t/e HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}",
    "an HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a proxy's CONNECT": b"CONNECT localhost:443 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "garbage": bytes(range(256)) * 16,
    "zeroes": bytes(4096),
    "nothing": b"",
    "half a record": bytes.fromhex("1603010200010001fc0303") + bytes(40),
    "a record of no length": bytes.fromhex("1603010000"),
    "a record too long": bytes.fromhex("160301ffff") + bytes(65535),
    "a hello that lies about its length": bytes.fromhex("160301002f01ffffff") + HELLO,
    "a hello without extensions": b"\x16\x03\x01" + (4 + len(HELLO)).to_bytes(2) + b"\x01" + len(HELLO).to_bytes(3) + HELLO,
    "data before a hello": bytes.fromhex("1703030004") + b"data",
    "a change of ciphers before a hello": bytes.fromhex("140303000101"),
    "a heartbeat before a hello": bytes.fromhex("1803020003014000"),
    "an alert before a hello": bytes.fromhex("15030100020228"),
    "a server's hello": bytes.fromhex("16030300260200002203 03".replace(" ", "")) + bytes(32),
    "a version of the future": bytes.fromhex("16090902000100") + bytes(506),
}  # fmt: skip


@pytest.mark.parametrize("raw", RAW.values(), ids=RAW)
def test_what_is_no_handshake_gets_no_answer_but_an_alert(running, raw):
    got = b""
    with socket.create_connection(("127.0.0.1", running.port), SECONDS) as client:
        with contextlib.suppress(OSError):
            client.sendall(raw)
            client.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionError):
            while piece := client.recv(65536):
                got += piece
    assert got == b"" or got[0] == 0x15  # RFC 8446 section 5.1: alert
    lives(running)
