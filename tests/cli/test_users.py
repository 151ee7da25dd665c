"""`gateway users` as a process: passwords come from standard input, mistakes are one line."""

import json
import os
import subprocess
import sys

import pytest

PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("users")
    (folder / "gateway.yaml").write_text(
        "routes: [{path: /t/, tracker: posthog, upstream: 'http://127.0.0.1:9'}]\n"
        "console: {listen: 127.0.0.1:9090, key: env:CONSOLE_KEY, path: console.db}\n"
    )
    (folder / "without.yaml").write_text("routes: [{path: /t/, tracker: posthog, upstream: 'http://127.0.0.1:9'}]\n")
    return folder


def users(home, *arguments, said="", **environment):
    ran = subprocess.run(
        [sys.executable, "-m", "gateway", "users", *arguments], cwd=home, input=said, capture_output=True, text=True,
        check=False, env={**os.environ, "CONSOLE_KEY": "c" * 64, **environment},
    )  # fmt: skip
    return ran.returncode, ran.stdout, ran.stderr


def test_accounts_and_tokens_are_kept(home):
    assert users(home, "add", "ann", "--role", "admin", said=f"{PASSWORD}\n") == (0, "ann\tadmin\n", "")
    code, listed, _ = users(home, "list", "--json")
    assert (code, [(one["name"], one["role"]) for one in json.loads(listed)]) == (0, [("ann", "admin")])
    code, token, _ = users(home, "tokens", "add", "ann", "for scripts", "--role", "editor")
    assert code == 0
    assert token.startswith("gateway_")
    _, listed, _ = users(home, "tokens")
    assert listed.split("\t")[1:3] == ["ann", "editor"]
    assert token.strip() not in listed
    assert users(home, "tokens", "revoke", listed.split("\t")[0])[0] == 0
    assert users(home, "tokens") == (0, "", "")
    code, _, told = users(home, "remove", "ann")
    assert (code, told) == (2, 'gateway: "ann" is the only admin: make another one first\n')


@pytest.mark.parametrize(
    ("arguments", "said", "line"),
    [
        (("add", "bob"), "short\n", "a password has at least 12 characters"),
        (("add", "bob"), "", "write the password to standard input"),
        (("password", "nobody"), f"{PASSWORD}\n", 'no account is named "nobody"'),
        (("list", "--config", "without.yaml"), "", "the console has no key: add"),
    ],
)
def test_a_mistake_is_one_line(home, arguments, said, line):
    code, out, told = users(home, *arguments, said=said)
    assert (code, out, told.count("\n")) == (2, "", 1)
    assert line in told


def test_a_password_is_no_argument(home):
    code, _, told = users(home, "add", "bob", PASSWORD)
    assert code == 2
    assert "unexpected extra argument" in told.lower()
