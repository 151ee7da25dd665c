"""TLS towards browsers: at least 1.2, forward-secret AEAD suites, HTTP/1.1 by ALPN, certificates that can be swapped.

Every handshake takes the newest good certificate, by the SNI callback, so that a reload drops no connection and a wrong
file changes nothing. Curves can't be set from Python: docker/openssl.cnf does that.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509

from gateway.core.errors import UserError
from gateway.log import Name
from gateway.status import Reason, Sample, Trouble

EXPIRY_DAYS = 14
"""How long before a certificate's last day `/ready` begins to say so."""

VERSIONS = {"TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}
SUITES = "ECDHE+AESGCM:ECDHE+CHACHA20"


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """The `tls:` of gateway.yaml in mode `serve`."""

    certificate: Path
    key: Path
    minimum: str = "TLSv1.2"
    client_ca: Path | None = None

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files to watch."""
        return (self.certificate, self.key, *([self.client_ca] if self.client_ca else []))


class Certificates:
    """The context that listeners use, and the newest good one behind it. Raises `UserError` for files that aren't."""

    def __init__(self, files: TlsFiles) -> None:
        self._files = files
        self.expires = expiry(files.certificate)
        self._newest = server_context(files)
        self.context = server_context(files)
        self.context.sni_callback = self._choose

    def reload(self) -> None:
        """Takes the files as they are now; raises `UserError`, and keeps the old ones, when they aren't good."""
        expires = expiry(self._files.certificate)
        self._newest = server_context(self._files)
        self.expires = expires

    def troubles(self) -> Iterator[Trouble]:
        """Whether the served certificate is about to expire, or has."""
        left = self.expires - datetime.now(UTC)
        if left < timedelta(days=EXPIRY_DAYS):
            reason = Reason.CERTIFICATE_EXPIRED if left < timedelta(0) else Reason.CERTIFICATE_EXPIRING
            yield Trouble(reason, Name(self._files.certificate))

    def samples(self) -> Iterator[Sample]:
        """When it expires."""
        yield Sample("gateway_certificate_expiry_timestamp_seconds", self.expires.timestamp())

    def _choose(self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        connection.context = self._newest


def server_context(files: TlsFiles) -> ssl.SSLContext:
    """A context with these files, or a `UserError` that names the file and what to do."""
    expiry(files.certificate)
    _read(files.key, "key")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = VERSIONS[files.minimum]
    context.set_ciphers(SUITES)
    context.set_alpn_protocols(["http/1.1"])
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION | ssl.OP_CIPHER_SERVER_PREFERENCE
    encrypted = UserError("the key is encrypted: write it without a passphrase, for the gateway only", str(files.key))

    def refuse_passphrase() -> str:
        raise encrypted

    try:
        context.load_cert_chain(files.certificate, files.key, password=refuse_passphrase)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise UserError(f"the key does not belong to the certificate {files.certificate}", str(files.key)) from None
        raise UserError("this is not a private key in PEM form that TLS can use", str(files.key)) from None
    if files.client_ca is not None:
        _read(files.client_ca, "client_ca")
        try:
            context.load_verify_locations(cafile=files.client_ca)
        except ssl.SSLError:
            raise UserError("client_ca holds no certificate in PEM form", str(files.client_ca)) from None
        context.verify_mode = ssl.CERT_REQUIRED
        # who resumes a session is not asked for a certificate again: not even after the authority was replaced
        context.options |= ssl.OP_NO_TICKET
        context.num_tickets = 0
    return context


def _read(path: Path, what: str) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise UserError(f"tls.{what} does not exist: `gateway certs` makes one for development", str(path)) from None
    except OSError as error:
        raise UserError(f"tls.{what} can't be read: {error.strerror}", str(path)) from None


def expiry(path: Path) -> datetime:
    """When the first of a file's certificates expires; a `UserError` where the served one is none, or out of its time."""
    try:
        chain = x509.load_pem_x509_certificates(_read(path, "certificate"))
        first = chain[0]
    except (ValueError, IndexError):
        raise UserError("this is no certificate in PEM form", str(path)) from None
    now = datetime.now(UTC)
    if now > first.not_valid_after_utc:
        raise UserError(f"the certificate expired on {first.not_valid_after_utc:%Y-%m-%d}: renew it", str(path))
    if now < first.not_valid_before_utc:
        raise UserError(f"the certificate is not valid before {first.not_valid_before_utc:%Y-%m-%d %H:%M}", str(path))
    return min(one.not_valid_after_utc for one in chain)
