from __future__ import annotations

import pytest

from gateway.core.plugin import Context
from gateway.detectors import BY_NAME, find

POSITIVES = [
    ("write to canary.text@zyx-example.test today", "canary.text@zyx-example.test"),
    ("canary.text@zyx-example.test", "canary.text@zyx-example.test"),
    ("mailto:anna+shop@mail.example.org?subject=x", "anna+shop@mail.example.org"),
    ("jörg@müller.example", "jörg@müller.example"),
    ("<o'hara@xn--mller-kva.example>", "o'hara@xn--mller-kva.example"),
    ("user:lena@web.example;", "lena@web.example"),
    ('{"mail":"max@a.b.example.co.uk"}', "max@a.b.example.co.uk"),
    ("?email=kim@163.example&x=1", "kim@163.example"),
]
LOOK_ALIKES = [
    "...@example.com",
    "write @example.com",
    "image@2x.png",
    "logo@1.5x.webp",
    "react-dom@18.2.0",
    "@babel/core@7.23.0",
    "root@localhost",
    "user@host",
    "@media screen",
    "lib@4.17.21-beta.rc",
    "a @ b.com",
    "x@.com",
    "bundle@abc123.js",
    "@example.com",
    "foo@bar.c",
    "17@3.50 each",
]
ATTACKS = [
    "a" * 65536,
    "@" * 65536,
    "a@" * 32768,
    "a@b." * 16384,
    "." * 32768 + "@" + "a-" * 16384,
]


@pytest.mark.parametrize(("text", "hit"), POSITIVES)
def test_finds_exactly_the_hit(text, hit):
    spans = find(text, [BY_NAME["email"]], Context())
    assert [text[span.start : span.end] for span in spans][:1] == [hit]


@pytest.mark.parametrize("text", LOOK_ALIKES)
def test_leaves_what_only_looks_alike(text):
    assert find(text, [BY_NAME["email"]], Context()) == []
