"""A secret's text is had from where it is, in time and in bounds; what goes wrong is one line without any of it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from gateway import secret
from gateway.config import load_settings
from gateway.core.errors import UserError
from gateway.secret import Secret, named, read

HEX = "ab" * 32
ROUTE = "routes: [{upstream: 'https://x.example'}]\n"


def python(code: str) -> Secret:
    return Secret(command=(sys.executable, "-c", code))


def test_a_command_says_it():
    assert read(python(f"print('{HEX}')"), "masking_key") == f"{HEX}\n"


def test_no_shell_reads_its_words(tmp_path):
    mark = tmp_path / "made"
    told = read(Secret(command=("echo", f"$(touch {mark}); `touch {mark}`", "|", "cat")), "masking_key")
    assert told == f"$(touch {mark}); `touch {mark}` | cat\n"
    assert not mark.exists()


HUNTER = "import sys; sys.stderr.write('hunter2'); print('hunter2', flush=True); "


@pytest.mark.parametrize(
    ("told", "message"),
    [
        (python(HUNTER + "sys.exit(3)"), f"backup.key: the command {sys.executable} ended with 3: run it by hand"),
        (python(HUNTER + "sys.stdout.write('x' * 10**6)"), "says more than 64 KiB: that is no key"),
        (python(HUNTER + "import time; time.sleep(60)"), "said nothing within 0 seconds"),
        (python("import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(60)'])"),
         "said nothing within 0 seconds"),
        (python("import sys; sys.stdout.buffer.write(b'\\xff\\x00')"), "is no text"),
        (Secret(command=("/nowhere/kms",)), "the command /nowhere/kms can't be run: no such file or directory"),
        (Secret(variable="NOTHING"), "the environment variable NOTHING is not set"),
    ],
)  # fmt: skip
def test_what_goes_wrong_is_one_line_without_the_secret(told, message, monkeypatch):
    monkeypatch.setattr(secret, "SECONDS", 0.4 if "within" in message else 60.0)
    with pytest.raises(UserError) as caught:
        read(told, "backup.key", {}, "gateway.yaml:3")
    assert message in str(caught.value)
    assert str(caught.value).startswith("gateway.yaml:3: ")
    assert "\n" not in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("mode", "forbidden", "is_refused"),
    [(0o600, secret.OTHERS_READ, False), (0o640, secret.OTHERS_READ, True), (0o640, secret.OTHERS_WRITE, False),
     (0o622, secret.OTHERS_WRITE, True), (0o666, 0, False)],
)  # fmt: skip
def test_a_file_that_is_open_to_others_is_refused(tmp_path, mode, forbidden, is_refused):
    path = tmp_path / "key"
    path.write_text(HEX)
    path.chmod(mode)
    if not is_refused:
        assert read(Secret(file=path), "spool.key", forbidden=forbidden) == HEX
        return
    with pytest.raises(UserError, match="chmod 600"):
        read(Secret(file=path), "spool.key", forbidden=forbidden)


def test_a_file_that_is_missing_or_large_is_said(tmp_path):
    with pytest.raises(UserError, match="no such file: make it"):
        read(Secret(file=tmp_path / "none"), "spool.key", hint=": make it")
    (tmp_path / "large").write_bytes(b"a" * (secret.SIZE + 1))
    with pytest.raises(UserError, match="is no text of at most 64 KiB"):
        read(Secret(file=tmp_path / "large"), "spool.key")


@pytest.mark.parametrize("text", ["hunter2", "env:", "env:1X", "file:", "file: ", "command:x", "env:A B"])
def test_what_names_no_place_is_none(text):
    assert named(text, Path()) is None


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("{command: []}", "a command is a list of words"),
        ("{command: vault read}", "a command is a list of words"),
        ("{command: [a], shell: true}", "a command is a list of words"),
        ("{command: [a, 1]}", "each word of a command is a text"),
        ("{command: ['']}", "each word of a command is a text"),
    ],
)
def test_a_command_in_the_configuration_is_a_list_of_words(tmp_path, value, message):
    (tmp_path / "gateway.yaml").write_text(f"{ROUTE}masking_key: {value}\n")
    with pytest.raises(UserError, match=message):
        load_settings(tmp_path / "gateway.yaml")
    (tmp_path / "gateway.yaml").write_text(
        ROUTE + "masking_key: {command: [vault, read, -field=key, secret/gateway]}\n"
    )
    told = load_settings(tmp_path / "gateway.yaml").masking_key
    assert told == Secret(command=("vault", "read", "-field=key", "secret/gateway"))
    assert str(told) == "command vault"
