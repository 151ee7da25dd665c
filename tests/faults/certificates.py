"""The certificates of a backend on a good day and on bad ones; what trusts the first kind refuses all others."""

from __future__ import annotations

import ssl
import warnings
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NAMES = ("127.0.0.1", "localhost", "backend.test")
DAY = timedelta(days=1)


class Certificates:
    """One authority, which the gateway is told of, and server contexts by it and by others."""

    def __init__(self, folder: Path) -> None:
        self._authority = trustme.CA()
        self._folder = folder
        self.file = folder / "backend-ca.pem"
        self._authority.cert_pem.write_to_path(str(self.file))

    def good(self) -> ssl.SSLContext:
        """Valid for decades, so that a clock that jumps does not end it. Each call issues another one."""
        issued = self._authority.issue_cert(
            *NAMES, not_before=datetime(2001, 1, 1, tzinfo=UTC), not_after=datetime(2037, 12, 1, tzinfo=UTC)
        )
        return _server(issued)

    def expired(self) -> ssl.SSLContext:
        now = datetime.now(UTC)
        return _server(self._authority.issue_cert(*NAMES, not_before=now - 30 * DAY, not_after=now - DAY))

    def not_yet_valid(self) -> ssl.SSLContext:
        now = datetime.now(UTC)
        return _server(self._authority.issue_cert(*NAMES, not_before=now + DAY, not_after=now + 30 * DAY))

    def of_another_host(self) -> ssl.SSLContext:
        return _server(self._authority.issue_cert("elsewhere.test"))

    def of_another_authority(self) -> ssl.SSLContext:
        return _server(trustme.CA().issue_cert(*NAMES))

    def self_signed(self) -> ssl.SSLContext:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "backend.test")])
        now = datetime.now(UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - DAY)
            .not_valid_after(now + DAY)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(one) for one in NAMES[1:]]), critical=False)
            .sign(key, hashes.SHA256())
        )
        file = self._folder / "self-signed.pem"
        file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            + made.public_bytes(serialization.Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    def of_tls_1_1(self) -> ssl.SSLContext:
        """A good certificate, and no protocol newer than TLS 1.1."""
        context = self.good()
        _make_old(context)
        return context


def _server(issued: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    issued.configure_cert(context)
    return context


def tls_1_1_is_built_in() -> bool:
    """Whether this OpenSSL can still speak it, be it with everything allowed."""
    client, server = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("old.test").configure_cert(server)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    for context in (client, server):
        _make_old(context)
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = (client.wrap_bio(back, there), server.wrap_bio(there, back, server_side=True))
    for _ in range(4):
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLError:
                return False
    return ends[0].version() == "TLSv1.1"


def _make_old(context: ssl.SSLContext) -> None:
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.options &= ~(ssl.OP_NO_TLSv1 | ssl.OP_NO_TLSv1_1)
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        context.minimum_version = ssl.TLSVersion.TLSv1_1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
