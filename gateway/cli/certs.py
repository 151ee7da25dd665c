"""`gateway certs`: an authority and a server certificate for development, on this machine only.

The authority's key signs one certificate and is kept, readable by its owner alone, so that the certificate can be
renewed without trusting a new authority. Nothing is overwritten unless told so; nothing leaves the machine.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import click
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from gateway.core.errors import UserError

HOSTS: Final = ("localhost", "127.0.0.1", "::1")
AUTHORITY_DAYS: Final = 365
SERVER_DAYS: Final = 90
_NAME: Final = "Masking gateway development CA"
# clocks differ by minutes between a laptop and its containers
_EARLIER: Final = timedelta(minutes=10)

AUTHORITY: Final = ("ca.pem", "ca.key")
SERVER: Final = ("gateway.pem", "gateway.key")


@click.command("certs")
@click.option(
    "--directory",
    type=click.Path(path_type=Path),
    default="certs",
    show_default=True,
    help="Where the files go.",
)
@click.option("--host", "hosts", multiple=True, help="A further name or address of the gateway; may be repeated.")
@click.option("--force", is_flag=True, help="Overwrite the server certificate. The authority is kept and used again.")
def command(directory: Path, hosts: tuple[str, ...], *, force: bool) -> None:
    """Make certificates for development: an authority and a server certificate for localhost."""
    for path in make(directory, [*HOSTS, *hosts], force=force):
        click.echo(f"wrote {path}")
    click.echo(f"in gateway.yaml:  tls: {{certificate: {directory / SERVER[0]}, key: {directory / SERVER[1]}}}")
    click.echo(f"trust it:         curl --cacert {directory / AUTHORITY[0]} https://localhost:8443/")
    click.echo(f"in a browser:     import {directory / AUTHORITY[0]} as an authority, for as long as you develop")


def make(directory: Path, hosts: Sequence[str], *, force: bool = False) -> list[Path]:
    """Writes what is missing, and the server's files again where `force` says so; returns what was written.

    Raises `UserError` where a file is in the way or can't be written.
    """
    names = list(dict.fromkeys(_subject(host) for host in hosts))
    authority, server = ([directory / name for name in pair] for pair in (AUTHORITY, SERVER))
    existing = [path for path in server if path.exists()]
    if existing and not force:
        raise UserError("is there already: give --force to overwrite it, or another --directory", str(existing[0]))
    try:
        directory.mkdir(parents=True, exist_ok=True)
        written: list[Path] = []
        if all(path.exists() for path in authority):
            issuer, issuer_key = _read_authority(*authority)
        else:
            there = [path for path in authority if path.exists()]
            if there:
                raise UserError("is there without its other half: remove it, or put the other one back", str(there[0]))
            issuer, issuer_key = _make_authority()
            written += [_write(authority[0], _pem(issuer)), _write(authority[1], _pem_key(issuer_key), private=True)]
        leaf, leaf_key = _make_server(names, issuer, issuer_key)
        written += [
            _write(server[0], _pem(leaf) + _pem(issuer)),
            _write(server[1], _pem_key(leaf_key), private=True),
        ]
    except OSError as error:
        reason = (error.strerror or "failed").lower()
        raise UserError(f"can't be written: {reason}", str(error.filename or directory)) from None
    return written


def _subject(host: str) -> x509.DNSName | x509.IPAddress:
    try:
        return x509.IPAddress(ipaddress.ip_address(host.strip("[]")))
    except ValueError:
        pass
    try:
        return x509.DNSName(host.encode("idna").decode() if not host.isascii() else host)
    except (UnicodeError, ValueError):
        raise UserError(f"--host {host!r} is no host name or address") from None


def _make_authority() -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, _NAME)])
    certificate = (
        _builder(name, name, key.public_key(), AUTHORITY_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return certificate, key


def _make_server(
    names: Sequence[x509.DNSName | x509.IPAddress], issuer: x509.Certificate, issuer_key: ec.EllipticCurvePrivateKey
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "masking gateway")])
    certificate = (
        _builder(subject, issuer.subject, key.public_key(), SERVER_DAYS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
        .sign(issuer_key, hashes.SHA256())
    )
    return certificate, key


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, days: int
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _EARLIER)
        .not_valid_after(now + timedelta(days=days))
    )


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _read_authority(certificate: Path, key: Path) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    try:
        issuer = x509.load_pem_x509_certificate(certificate.read_bytes())
        private = serialization.load_pem_private_key(key.read_bytes(), password=None)
    except (ValueError, TypeError):
        raise UserError("is no usable authority: remove ca.pem and ca.key to renew it", str(certificate)) from None
    if not isinstance(private, ec.EllipticCurvePrivateKey) or private.public_key() != issuer.public_key():
        raise UserError("is no key of that authority: remove ca.pem and ca.key to make a new one", str(key))
    if issuer.not_valid_after_utc < datetime.now(UTC):
        raise UserError("has expired: remove ca.pem and ca.key to make a new one", str(certificate))
    return issuer, private


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _pem_key(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, content: bytes, *, private: bool = False) -> Path:
    """Beside the file first, then over it: a gateway that watches it never reads half a file."""
    beside = path.with_name(f".{path.name}.new")
    beside.unlink(missing_ok=True)
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if private else 0o644)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    beside.replace(path)
    return path
