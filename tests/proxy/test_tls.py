"""Certificate files that are wrong: one line that names the file and what to do."""

from datetime import UTC, datetime, timedelta

import pytest
import trustme
from cryptography.hazmat.primitives import serialization

from gateway.core.errors import UserError
from gateway.proxy.tls import TlsFiles, server_context
from gateway.proxy.upstream import client_context


def write(path, authority, **more):
    leaf = authority.issue_cert("localhost", **more)
    leaf.private_key_pem.write_to_path(path / "key")
    leaf.cert_chain_pems[0].write_to_path(path / "certificate")
    return TlsFiles(path / "certificate", path / "key")


@pytest.fixture
def authority():
    return trustme.CA()


@pytest.fixture
def files(tmp_path, authority):
    return write(tmp_path, authority)


def _encrypt(files):
    key = serialization.load_pem_private_key(files.key.read_bytes(), None)
    secret = serialization.BestAvailableEncryption(b"secret")
    files.key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, secret)
    )


WRONG = {
    "no certificate": (lambda files, _: files.certificate.unlink(), "certificate", "does not exist"),
    "no key": (lambda files, _: files.key.unlink(), "key", "does not exist"),
    "a directory": (lambda files, _: (files.key.unlink(), files.key.mkdir()), "key", "can't be read"),
    "no PEM": (lambda files, _: files.certificate.write_text("x"), "certificate", "no certificate in PEM form"),
    "empty": (lambda files, _: files.certificate.write_text(""), "certificate", "no certificate in PEM form"),
    "a key that is none": (lambda files, _: files.key.write_text("x"), "key", "not a private key"),
    "an encrypted key": (lambda files, _: _encrypt(files), "key", "encrypted"),
    "someone else's key": (
        lambda files, authority: authority.issue_cert("x").private_key_pem.write_to_path(files.key),
        "key",
        "does not belong to",
    ),
}


@pytest.mark.parametrize(("spoil", "name", "line"), WRONG.values(), ids=WRONG)
def test_a_wrong_file_is_named(files, authority, spoil, name, line):
    spoil(files, authority)
    with pytest.raises(UserError, match=line) as raised:
        server_context(files)
    assert raised.value.where.endswith(f"/{name}")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("dates", "line"),
    [
        ({"not_after": datetime.now(UTC) - timedelta(days=1)}, "expired on"),
        ({"not_before": datetime.now(UTC) + timedelta(days=1)}, "not valid before"),
    ],
    ids=["expired", "not yet valid"],
)
def test_a_certificate_out_of_its_time_is_refused(tmp_path, authority, dates, line):
    with pytest.raises(UserError, match=line):
        server_context(write(tmp_path, authority, **dates))


@pytest.mark.parametrize("content", [None, "x"])
def test_a_wrong_authority_file_is_named(tmp_path, files, content):
    path = tmp_path / "authority"
    if content is not None:
        path.write_text(content)
    with pytest.raises(UserError, match="authority"):
        client_context(path)
    with pytest.raises(UserError, match="authority"):
        server_context(TlsFiles(files.certificate, files.key, client_ca=path))
