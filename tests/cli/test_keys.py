"""`gateway keys` and `gateway reveal`, as a user runs them: seal, read again, rotate, destroy, no longer read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.cli.app import gateway

CONFIGURATION = """
listen: 127.0.0.1:8443
tls: {mode: "off"}
routes: [{path: /, tracker: auto, upstream: "http://127.0.0.1:9"}]
rules: [seal.yaml]
masking_key: env:GATEWAY_TEST_KEY
encryption_keys: ring.json
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GATEWAY_TEST_KEY", "00" * 32)
    (tmp_path / "gateway.yaml").write_text(CONFIGURATION)
    (tmp_path / "seal.yaml").write_text("extends: default\nmask: [{name: mails, keys: [email], with: encrypt}]\n")
    (tmp_path / "body.json").write_text('{"props": {"email": "jane@example.org"}}')
    return lambda *words: CliRunner().invoke(gateway, list(words))


def sealed_by(run):
    result = run("mask", "--config", "gateway.yaml", "body.json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)["props"]["email"]


def test_a_sealed_value_is_read_again_until_its_key_is_destroyed(run):
    assert run("keys", "create", "--ring", "ring.json").exit_code == 0
    sealed = sealed_by(run)
    assert sealed.startswith("enc1.k1.")
    read = ("reveal", sealed, "--place", "props.email", "--ring", "ring.json")
    assert run(*read).stdout == "jane@example.org\n"
    assert run("keys", "rotate", "--ring", "ring.json").exit_code == 0
    assert sealed_by(run).startswith("enc1.k2.")
    assert run(*read).stdout == "jane@example.org\n"
    assert run("keys", "destroy", "k1", "--yes", "--ring", "ring.json").exit_code == 0
    result = run(*read)
    assert result.exit_code == 2
    assert "was destroyed" in result.stderr
    assert run("keys", "list", "--ring", "ring.json").stdout == "k2\tactive\nk1\tdestroyed\n"


def test_a_rule_that_seals_without_a_key_ring_does_not_start(run):
    result = run("mask", "--config", "gateway.yaml", "body.json")
    assert result.exit_code == 2
    assert "gateway keys create" in result.stderr


def test_another_place_is_one_line(run):
    run("keys", "create", "--ring", "ring.json")
    result = run("reveal", sealed_by(run), "--place", "props.phone", "--ring", "ring.json")
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert "does not open" in result.stderr


def test_no_key_is_ever_printed(run):
    told = run("keys", "create", "--ring", "ring.json").output + run("keys", "list", "--ring", "ring.json").output
    assert json.loads(Path("ring.json").read_text())["keys"]["k1"] not in told
