from __future__ import annotations

import pytest

from gateway.core.plugin import Context
from gateway.detectors import BY_NAME, find

POSITIVES = [
    ("password=hunter2", "hunter2"),
    ("login failed, password: hunter2, user 4", "hunter2"),
    ('{"password":"correct horse","x":', "correct horse"),
    ('{\\"token\\":\\"zebra-77\\",\\"a\\":1', "zebra-77"),
    ('{"user":"x","api_key":"qwertz-9', "qwertz-9"),
    ("api key: qwertz99", "qwertz99"),
    ("authToken=zebra-77;", "zebra-77"),
    ("Authorization: Token zebra-77", "zebra-77"),
    ("X-Auth: zebra-77", "zebra-77"),
    ("client_secret=zebra77&x=1", "zebra77"),
    ("DB_PASSWORD=p4ss!word", "p4ss!word"),
    ("passwd='two words'", "two words"),
    ('pwd => "qwertz"', "qwertz"),
    ("Passwort: geheim9", "geheim9"),
    ("csrf-token: zebra77", "zebra77"),
    ("newPassword=hunter2", "hunter2"),
    ("password: swordfish", "swordfish"),
    ("пароль: zebra-77", "zebra-77"),
    ('secret_key = "zebra 77"', "zebra 77"),
]
LOOK_ALIKES = [
    "token: abcdefgh1234[0]",
    "token=abcdefgh12345678(x)",
    "password=getSecret(1)",
    'password="[removed]"',
    'password="{{password}}"',
    "author: lena",
    "authority=example",
    "token_type=bearer",
    "password-strength: strong",
    "Password: must be at least eight characters",
    "token: null",
    "secret=true",
    "auth: none",
    "--token-color: #fff",
    ".token:hover{color:red}",
    "input[type=password]:focus",
    "tokenCount: 25",
    "password: [redacted]",
    "password=***",
    "tokenize: words99",
    "passwordless=enabled",
    "token: {{csrf}}",
    "keyboard: qwertz",
    "Error: token expired",
    "bypass=12345678",
    "compass: north-77",
    "monkey=banana77",
    "auth::Guard",
]
ATTACKS = [
    "password" * 8192,
    "password:" * 7281,
    'token="' * 9362,
    "token: " * 9362,
    "auth_" * 13107,
    "password=" + "\\" * 65536,
    "a" * 65536,
    'password="' + '\\"' * 32768,
]


@pytest.mark.parametrize(("text", "hit"), POSITIVES)
def test_finds_exactly_the_hit(text, hit):
    spans = find(text, [BY_NAME["secret"]], Context())
    assert [text[span.start : span.end] for span in spans][:1] == [hit]


@pytest.mark.parametrize("text", LOOK_ALIKES)
def test_leaves_what_only_looks_alike(text):
    assert find(text, [BY_NAME["secret"]], Context()) == []
