"""The line of gateway.yaml that makes several gateways one."""

from __future__ import annotations

import pytest

from gateway.cli.run import where_spooled
from gateway.cluster.setup import servers_of
from gateway.config import load
from gateway.core.errors import UserError

BASE = "routes: [{upstream: 'https://u.example'}]\nspool: {key: env:GATEWAY_KEY}\n"


def settings(tmp_path, text, base=BASE):
    file = tmp_path / "gateway.yaml"
    file.write_text(base + text)
    return load(file).settings


def test_one_line(tmp_path):
    told = settings(tmp_path, "cluster: tls://10.0.0.1:4222, 10.0.0.2, nats.example:4333\n").cluster
    assert told.servers == ("tls://10.0.0.1:4222", "tls://10.0.0.2:4222", "tls://nats.example:4333")
    assert told.replicas == 3
    assert settings(tmp_path, "cluster: nats://127.0.0.1:1,[::1]:2\n").cluster.servers == (
        "nats://127.0.0.1:1",
        "nats://[::1]:2",
    )
    assert settings(tmp_path, "").cluster is None


def test_a_login_is_read_from_where_it_is(tmp_path):
    text = "cluster: {servers: 'nats://localhost', replicas: 1, login: env:NATS_LOGIN}\n"
    told = settings(tmp_path, text).cluster
    assert servers_of(told, {"NATS_LOGIN": "gateway:s3cret"}).login == "gateway:s3cret"
    with pytest.raises(UserError, match=r"cluster\.login: the environment variable NATS_LOGIN is not set"):
        servers_of(told, {})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("cluster: nats://10.0.0.1:4222", "would send in the clear to 10.0.0.1: use tls://"),
        ("cluster: 10.0.0.1:4222", "addresses of NATS servers are wanted here, as in tls://10.0.0.1:4222"),
        ("cluster: http://10.0.0.1", "addresses of NATS servers are wanted here"),
        ("cluster: tls://gateway:secret@10.0.0.1", "must not hold credentials: write login: env:NATS_LOGIN"),
        ("cluster: tls://10.0.0.1:99999", "is no host with a port"),
        ("cluster: {servers: 'tls://10.0.0.1', login: secret}", "name where the secret is"),
        ("cluster: {servers: 'tls://10.0.0.1', certificate: a.pem}", "certificate and key belong together"),
        ("cluster: {servers: 'tls://10.0.0.1', replicas: 9}", "from 1 to 5"),
        ("cluster: {servers: 'tls://10.0.0.1', server: x}", '"server"'),
    ],
)
def test_a_mistake_is_one_line_with_its_place(tmp_path, text, told):
    with pytest.raises(UserError) as error:
        settings(tmp_path, f"{text}\n")
    assert told in str(error.value)
    assert "gateway.yaml:3" in str(error.value)


def test_it_needs_the_key_of_the_spool(tmp_path):
    with pytest.raises(UserError, match="add `spool"):
        settings(tmp_path, "cluster: tls://10.0.0.1\n", "routes: [{upstream: 'https://u.example'}]\n")


def test_a_reload_may_move_the_line_and_not_change_what_it_says(tmp_path):
    before = where_spooled(settings(tmp_path, "cluster: tls://10.0.0.1\n"))
    assert where_spooled(settings(tmp_path, "# ours\n\ncluster: tls://10.0.0.1\n")) == before
    assert where_spooled(settings(tmp_path, "cluster: tls://10.0.0.2\n")) != before
    assert where_spooled(settings(tmp_path, "")) != before
