"""`gateway certs`: what it makes works, is private, and overwrites nothing unasked."""

import ssl
import stat

import pytest
from click.testing import CliRunner
from cryptography import x509

from gateway.cli.certs import command, make
from gateway.core.errors import UserError
from gateway.proxy.tls import TlsFiles, server_context


def san(path):
    names = x509.load_pem_x509_certificate(path.read_bytes()).extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    return [str(name.value) for name in names.value]


def test_what_it_makes_serves_and_verifies(tmp_path):
    make(tmp_path, ["localhost"])
    server = server_context(TlsFiles(tmp_path / "gateway.pem", tmp_path / "gateway.key"))
    client = ssl.create_default_context(cafile=tmp_path / "ca.pem")
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    here = client.wrap_bio(to_client, to_server, server_hostname="localhost")
    there = server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        for side in (here, there):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    assert here.version() == "TLSv1.3"
    assert here.getpeercert()["subjectAltName"] == (("DNS", "localhost"),)


def test_the_command_says_what_it_wrote_and_how_to_trust_it(tmp_path):
    result = CliRunner().invoke(command, ["--directory", str(tmp_path), "--host", "shop.test", "--host", "10.1.2.3"])
    assert result.exit_code == 0
    assert [
        f"wrote {tmp_path / name}" in result.output for name in ("ca.pem", "ca.key", "gateway.pem", "gateway.key")
    ] == [True] * 4
    assert f"--cacert {tmp_path / 'ca.pem'}" in result.output
    assert san(tmp_path / "gateway.pem") == ["localhost", "127.0.0.1", "::1", "shop.test", "10.1.2.3"]


def test_keys_are_readable_by_their_owner_alone(tmp_path):
    make(tmp_path / "new", ["localhost"])
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "new").iterdir()}
    assert modes == {"ca.pem": 0o644, "ca.key": 0o600, "gateway.pem": 0o644, "gateway.key": 0o600}


def test_nothing_is_overwritten_unasked_and_the_authority_never(tmp_path):
    make(tmp_path, ["localhost"])
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(UserError, match="--force"):
        make(tmp_path, ["localhost"])
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    written = make(tmp_path, ["localhost"], force=True)
    assert [path.name for path in written] == ["gateway.pem", "gateway.key"]
    assert (tmp_path / "ca.key").read_bytes() == before["ca.key"]
    assert (tmp_path / "gateway.key").read_bytes() != before["gateway.key"]


@pytest.mark.parametrize("name", ["ca.pem", "ca.key"])
def test_half_an_authority_is_an_error(tmp_path, name):
    (tmp_path / name).write_text("x")
    with pytest.raises(UserError, match="other half"):
        make(tmp_path, ["localhost"])


def test_an_authority_that_is_none_is_an_error(tmp_path):
    (tmp_path / "ca.pem").write_text("x")
    (tmp_path / "ca.key").write_text("x")
    with pytest.raises(UserError, match="no usable authority"):
        make(tmp_path, ["localhost"])


def test_a_place_that_cannot_be_written_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="can't be written"):
        make(tmp_path / "file", ["localhost"])


def test_a_name_in_another_script_is_written_as_it_is_looked_up(tmp_path):
    make(tmp_path, ["bücher.test"])
    assert san(tmp_path / "gateway.pem") == ["xn--bcher-kva.test"]
