"""`gateway keys` and `gateway reveal`, as a user runs them: seal, read again, rotate, destroy, no longer read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.cli.app import gateway
from gateway.config import load_settings, masking_keys
from gateway.keyring import load_ring
from tests.spool.making import filled

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


POSTHOG = {"event": "x", "properties": {"token": "phc_x", "distinct_id": "0192aa10-7c1e-7000-8000-00000000a001"}}


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A gateway whose keys are all in files."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gateway.yaml").write_text(
        "routes: [{path: /t/, tracker: posthog, upstream: 'https://x.example'}]\n"
        "spool: {path: spool.db, key: file:spool-keys.json}\n"
    )
    return lambda *words: CliRunner().invoke(gateway, list(words))


def pseudonym(run):
    Path("body.json").write_text(json.dumps(POSTHOG))
    result = run("mask", "--config", "gateway.yaml", "body.json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)["properties"]["distinct_id"]


def test_the_masking_key_that_the_gateway_made_is_rotated_and_destroyed(site):
    masking_keys(load_settings(Path("gateway.yaml")))
    first = pseudonym(site)
    assert first == pseudonym(site) != POSTHOG["properties"]["distinct_id"]
    told = site("keys", "rotate", "--of", "masking")
    assert (
        told.stdout == "k1 is active; a running gateway takes it up within a second: sessions that begin from then on\n"
    )
    second = pseudonym(site)
    assert second != first
    (oldest, _), (active, _) = (
        line.split("\t") for line in site("keys", "list", "--of", "masking").stdout.splitlines()
    )
    assert active == "k1"
    assert "rotate first" in site("keys", "destroy", "k1", "--of", "masking", "--yes").stderr
    assert site("keys", "destroy", oldest, "--of", "masking", "--yes").exit_code == 0
    assert pseudonym(site) == second
    assert Path("var/masking.key").stat().st_mode & 0o077 == 0


def test_the_spool_s_key_is_destroyed_once_nothing_waits_that_it_opens(site, tmp_path):
    assert site("keys", "create", "--of", "spool").exit_code == 0
    filled(tmp_path, 3, ring=load_ring(Path("spool-keys.json"))).close()
    assert site("keys", "rotate", "--of", "spool").exit_code == 0
    refused = site("keys", "destroy", "k1", "--of", "spool", "--yes")
    assert refused.exit_code == 2
    assert "3 records wait that are sealed with k1: seal them anew with `gateway spool rekey`" in refused.stderr
    assert site("spool", "rekey").exit_code == 0
    assert site("keys", "destroy", "k1", "--of", "spool", "--yes").exit_code == 0
    assert json.loads(site("spool", "--json").stdout)["records"] == 3


@pytest.mark.parametrize(
    ("more", "words", "line"),
    [
        (
            "masking_key: env:K",
            ["rotate", "--of", "masking"],
            "masking_key comes from env:K: change it there; write the new key",
        ),
        ("masking_key: {command: [kms, x]}", ["create", "--of", "masking"], "masking_key comes from command kms"),
        ("", ["rotate", "--of", "masking"], "no such file: make one with `gateway keys create --of masking`"),
        ("", ["rotate", "--of", "spool"], "there is no `spool:` here"),
        ("", ["rotate", "--of", "shop"], "'shop' is not one of"),
    ],
)
def test_a_mistake_says_what_to_do(run, more, words, line):
    Path("gateway.yaml").write_text(f"routes: [{{upstream: 'https://x.example'}}]\n{more}\n")
    result = run("keys", *words)
    assert result.exit_code == 2
    assert line in result.stderr
