"""The connection: TLS with names and chains verified, logins, and starts that say what is wrong."""

from __future__ import annotations

import pytest
import trustme

from gateway.cluster.link import Link, Servers
from gateway.core.errors import UserError
from tests.cluster.nats_cluster import NatsCluster


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """One server with TLS for `localhost` and a login; its port, and the authority's file."""
    folder = tmp_path_factory.mktemp("guarded")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(folder / "server.pem"))
    extra = (
        f'tls {{ cert_file: "{folder}/server.pem", key_file: "{folder}/server.pem" }}\n'
        "authorization { user: gateway, password: s3cret }\n"
    )
    server = NatsCluster(folder, 1, extra)
    try:
        server.start()
        yield server.clients[0], folder / "ca.pem"
    finally:
        server.stop()


async def connect(urls, **more):
    link = Link(Servers(urls, replicas=1, **more), start=1.5)
    try:
        await link.open()
    finally:
        await link.close()


def test_a_server_with_tls_and_a_login(guarded, run):
    port, authority = guarded
    run(connect((f"tls://localhost:{port}",), login="gateway:s3cret", authority=authority))


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ("authority", "SSLCertVerificationError"),
        ("name", "SSLCertVerificationError"),
        ("password", "Error"),
        ("no login", "Error"),
        ("nobody", "ConnectionRefusedError"),
    ],
)
def test_who_can_not_be_trusted_or_does_not_answer(guarded, run, wrong, why):
    port, authority = guarded
    host = "127.0.0.1" if wrong == "name" else "localhost"
    port = 1 if wrong == "nobody" else port
    login = {"password": "gateway:guess", "no login": ""}.get(wrong, "gateway:s3cret")
    with pytest.raises(UserError, match="no answer from tls://") as error:
        run(
            connect(
                (f"tls://{host}:{port}",),
                login=login,
                authority=None if wrong == "authority" else authority,
                where="gateway.yaml:3",
            )
        )
    assert "\n" not in str(error.value)
    assert "s3cret" not in str(error.value)
    assert why in str(error.value)


def test_certificates_that_are_none(run, tmp_path):
    with pytest.raises(UserError, match="the certificates can't be used"):
        run(connect(("tls://localhost:1",), authority=tmp_path / "missing.pem"))
