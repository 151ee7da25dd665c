"""Traces of single fields and of interim answers: what RFC 9110 says of each, byte for byte over sockets."""

from __future__ import annotations

import pytest

from gateway.proxy.hop import HOP_BY_HOP
from tests.wire.test_forwarding import END, GET, fields, status

OF_ONE_CONNECTION = sorted(HOP_BY_HOP - {"connection", "transfer-encoding"})


@pytest.mark.parametrize("name", OF_ONE_CONNECTION)
def test_a_field_of_one_connection_crosses_in_neither_direction(stage, name):
    value = b"h2c" if name == "upgrade" else b"x"
    raw = name.encode() + b": " + value + b"\r\n"
    stage.backend.script = b"HTTP/1.1 200 OK\r\n" + raw + b"Content-Length: 0\r\n\r\n"
    got = stage.start().talk(GET + raw + END)
    assert status(got) == 200
    assert name not in stage.backend.heads[0]
    assert name not in fields(got)


@pytest.mark.parametrize("name", ["Content-MD5", "Digest", "Content-Digest", "Repr-Digest", "X-Amz-Content-Sha256"])
def test_a_digest_of_the_body_stays_here(stage, name):
    stage.start().talk(
        b"POST /t/e HTTP/1.1\r\nHost: x\r\n" + name.encode() + b": x\r\nContent-Length: 1\r\n" + END + b"a"
    )
    assert name.lower() not in stage.backend.heads[0]


FORWARDS = {
    "OPTIONS, the last hop": (b"OPTIONS", b"0", None),
    "OPTIONS, on its way": (b"OPTIONS", b"3", "2"),
    "OPTIONS, no number": (b"OPTIONS", b"x", ""),
    "GET": (b"GET", b"3", "3"),
    "GET, zero": (b"GET", b"0", "0"),
}


@pytest.mark.parametrize(("method", "came", "goes"), FORWARDS.values(), ids=FORWARDS)
def test_max_forwards_is_counted_down_for_options_alone(stage, method, came, goes):
    got = stage.start().talk(method + b" /t/e HTTP/1.1\r\nHost: x\r\nMax-Forwards: " + came + b"\r\n" + END)
    assert status(got) == 200
    if goes is None:
        assert stage.backend.received == []
    else:
        assert stage.backend.heads[0].get("max-forwards", [""]) == [goes]


def test_the_host_field_is_the_upstreams_whatever_came(stage):
    stage.start().talk(b"GET /t/e HTTP/1.1\r\nHost: shop.example:8443\r\n" + END)
    assert stage.backend.heads[0]["host"] == [f"127.0.0.1:{stage.backend.port}"]


def test_a_route_with_a_host_serves_no_other(stage):
    stage.start(routes=(stage.route(host="shop.example"),))
    assert status(stage.talk(b"GET /t/e HTTP/1.1\r\nHost: elsewhere.example\r\n" + END)) == 404
    assert status(stage.talk(b"GET /t/e HTTP/1.1\r\nHost: shop.example:8443\r\n" + END)) == 200
    assert len(stage.backend.received) == 1


def test_a_client_of_http_1_0_is_sent_no_interim_answer(stage):
    raw = b"POST /t/e HTTP/1.0\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\na"
    got = stage.start().talk(raw)
    assert got.count(b"HTTP/1.") == 1
    assert got.startswith(b"HTTP/1.0 200 ")
    assert "expect" not in stage.backend.heads[0]


@pytest.mark.parametrize("interim", [b"100 Continue", b"102 Processing", b"103 Early Hints"])
def test_interim_answers_of_the_backend_are_dropped(stage, interim):
    early = b"HTTP/1.1 " + interim + b"\r\nLink: </a.css>; rel=preload\r\n\r\n"
    stage.backend.script = early + early + b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    got = stage.start().talk(GET + END)
    assert got.count(b"HTTP/1.1 ") == 1
    assert status(got) == 200
    assert got.endswith(b"\r\n\r\nok")
    assert b"preload" not in got


def test_a_204_with_a_length_and_a_body_has_neither_when_it_leaves(stage):
    stage.backend.script = b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nHTTP/"
    stage.backend.closes = True
    got = stage.start().talk(GET + END)
    assert status(got) in {204, 502}
    assert b"HTTP/" not in got[5:]
    if status(got) == 204:
        assert "content-length" not in fields(got)
        assert got.endswith(b"\r\n\r\n")


def test_bytes_behind_an_answer_are_no_answer_to_the_next_request(stage):
    """A backend that sends two answers to one request: the second must not be taken for another visitor's."""
    stage.backend.script = (
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged"
    )
    stage.start()
    assert stage.talk(GET + END).endswith(b"\r\n\r\nok")
    stage.backend.script = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nreal"
    assert stage.talk(GET + END).endswith(b"\r\n\r\nreal")


@pytest.mark.parametrize("method", [b"PURGE", b"REPORT", b"PROPFIND", b"PATCH", b"DELETE"])
def test_a_method_that_is_known_to_the_parser_goes_on(stage, method):
    assert status(stage.start().talk(method + b" /t/e HTTP/1.1\r\nHost: x\r\n" + END)) == 200
    assert stage.backend.received[0].startswith(method + b" /e ")


UNALTERED = (
    b'Cache-Control: max-age=60, no-transform, x="a,b"',
    b"Expires: Tue, 01 Sep 2037 00:00:00 GMT",
    b"Age: 7",
    b"Vary: Accept-Encoding, Origin",
    b"Last-Modified: Tue, 01 Sep 2026 00:00:00 GMT",
    b"Retry-After: 120",
    b'Set-Cookie: ph_a="1"; Domain=.shop.example; Path=/x; Secure; HttpOnly; SameSite=None; Partitioned; Unknown=Y',
    b"Set-Cookie: ph_b=2,3; Expires=Tue, 01 Sep 2037 00:00:00 GMT",
    b"Set-Cookie: ph_a=again",
)  # fmt: skip


@pytest.mark.parametrize("code", [b"200 OK", b"429 Slow Down", b"503 Later", b"500 Theirs"])
def test_what_the_backend_says_of_its_answer_leaves_as_it_came(stage, code):
    stage.backend.script = (
        b"HTTP/1.1 " + code + b"\r\n" + b"".join(one + b"\r\n" for one in UNALTERED) + b"Content-Length: 0\r\n\r\n"
    )
    got = stage.start(routes=(stage.route(set_cookies=("ph_*",)),)).talk(GET + END)
    lines = got.split(b"\r\n")
    assert lines[0].split(b" ")[1] == code[:3]
    assert [line for line in lines if line in UNALTERED] == list(UNALTERED)


def test_a_date_is_added_where_there_is_none_and_no_brand(stage):
    stage.backend.script = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nServer: backend/1.0\r\nVia: 1.1 inner\r\n\r\n"
    head = fields(stage.start().talk(GET + END))
    assert head["date"].endswith(" GMT")
    assert "server" not in head
    assert head["via"].startswith("1.1 gateway-")
    assert "inner" not in head["via"]


def test_cookies_reach_the_pipeline_byte_for_byte(stage):
    cookie = b'a="b c"; =x; y; ;z=1==; __Secure-q=%00,d; a=2'
    stage.start().talk(GET + b"Cookie: " + cookie + b"\r\n" + END)
    assert stage.backend.heads[0]["cookie"] == [cookie.decode()]


def test_no_proxy_of_the_environment_is_asked(stage, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert status(stage.start().talk(GET + END)) == 200
    assert stage.backend.received[0].startswith(b"GET /e ")


def test_a_redirect_is_told_and_never_followed(stage):
    stage.backend.script = b"HTTP/1.1 302 Go\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n"
    assert status(stage.start().talk(GET + END)) == 302
    assert len(stage.backend.received) == 1
