"""A path and query in one text, as proxies are told what to ask for."""

from __future__ import annotations

from urllib.parse import quote, unquote

import pytest

from gateway.core.document import Leaf, Map
from gateway.core.limits import Budget, Limits
from gateway.formats.target import TARGET
from tests.subject import program, request, sent

BUDGET = Budget(Limits(), lambda: 0.0)
TEXTS = ("/api/v2/rum?a=b&c=d", "https://intake.example/api?a", "?a=b", "/a?", "?", "/a?b?c", "é?ü=%20")


@pytest.mark.parametrize("text", TEXTS)
def test_a_target_without_edits_is_what_it_was(text):
    layer = TARGET.parse(text, BUDGET)
    assert layer is not None
    assert layer.close() is text
    assert isinstance(layer.root, Map)
    path, query = (node for _, node in layer.root.items)
    assert isinstance(path, Leaf)
    assert isinstance(query, Leaf)
    assert f"{path.value}?{query.value}" == text


@pytest.mark.parametrize("text", ["", "/api/v2/rum", b"/a?b"])
def test_what_has_no_query_is_no_target(text):
    assert TARGET.parse(text, BUDGET) is None


def test_an_edited_path_does_not_become_a_query():
    layer = TARGET.parse("/a?b=c", BUDGET)
    assert layer is not None
    assert isinstance(layer.root, Map)
    layer.replace(layer.root.items[0][1], "/x?y")
    layer.replace(layer.root.items[1][1], "b=***")
    assert layer.close() == "/x%3Fy?b=***"


FORWARDED = (
    ("/api/v2/rum?ddsource=browser&dd-api-key=pub1&_dd.api=fetch&batch_time=1795500385315", None),
    ("/api/v2/rum?ddtags=sdk_version:7.16.2,service:shop&dd-evp-encoding=deflate", None),
    ("/api/v2/rum?dd-api-key=pub1&email=jo%40shop.example", "/api/v2/rum?dd-api-key=pub1&email=***"),
    (
        "https://intake.example/api/v2/rum?dd-api-key=pub1&u=https://a.example/?token=s3cret",
        "https://intake.example/api/v2/rum?dd-api-key=pub1&u=https://a.example/?token=***",
    ),
)


@pytest.mark.parametrize(("target", "expected"), FORWARDED)
def test_what_a_proxy_is_told_to_ask_for_keeps_its_keys_and_loses_what_is_personal(target, expected):
    before = "/p?ddforward=" + quote(target, safe="")
    out = sent(program(), request({"type": "view"}, path=before)).target
    if expected is None:
        assert out == before
    else:
        assert unquote(unquote(out)).removeprefix("/p?ddforward=") == unquote(expected)
