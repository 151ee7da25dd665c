from __future__ import annotations

import pytest

from gateway.core.plugin import Context
from gateway.detectors import BY_NAME, find

POSITIVES = [
    ("/home/lena/src/app.py", "lena"),
    ("at f (/Users/lena.k/shop/x.js:1:2)", "lena.k"),
    ("C:\\Users\\Lena\\AppData\\x.log", "Lena"),
    ("file:///home/lena/notes.txt", "lena"),
    ("C:\\\\Users\\\\Lena\\\\x", "Lena"),
    ("C:/Users/lena/x", "lena"),
    ("c:\\Documents and Settings\\Lena K\\x", "Lena K"),
    ("/Users/lena", "lena"),
    ("C:\\Users\\xbaker/x.js", "\\xbaker"),
    ("C:\\Users\\\\u006c\\u0065na\\x.js", "\\\\u006c\\u0065na"),
]
LOOK_ALIKES = [
    "/home/garden/tools",
    "https://shop.example/home/garden/tools.html",
    "/users/123/orders",
    "C:\\Users\\Public\\x",
    "/Users/Shared/x",
    "/home/runner/work/x.js",
    "https://x.example/Users/list",
    "/home/",
    "home/lena",
    "/homepage/lena/src/",
]
ATTACKS = [
    "/home/" * 10922,
    "/Users/" * 9362,
    "C:\\Users\\" * 5957,
    "/home/a" + "/" * 65536,
    "/home/a" * 9362,
    "/home/a" + "/b" * 32768,
]


@pytest.mark.parametrize(("text", "hit"), POSITIVES)
def test_finds_exactly_the_hit(text, hit):
    spans = find(text, [BY_NAME["file_user"]], Context())
    assert [text[span.start : span.end] for span in spans][:1] == [hit]


@pytest.mark.parametrize("text", LOOK_ALIKES)
def test_leaves_what_only_looks_alike(text):
    assert find(text, [BY_NAME["file_user"]], Context()) == []
