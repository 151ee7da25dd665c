"""Traces of broken or ambiguous framing: a raw client, the real data plane, a backend that must not hear of it."""

import pytest

HEAD = b"POST /t/e HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"

REFUSED = {
    "both lengths": (HEAD + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "both lengths, the other way": (HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n", 400),
    "two lengths": (HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400),
    "the same length twice": (HEAD + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\na", 400),
    "a list of lengths": (HEAD + b"Content-Length: 1, 1\r\n\r\na", 400),
    "a signed length": (HEAD + b"Content-Length: +1\r\n\r\na", 400),
    "a coding before chunked": (HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
    "identity before chunked": (HEAD + b"Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n", 501),
    "two transfer fields": (HEAD + b"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "something like chunked": (HEAD + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 400),
    "something after chunked": (HEAD + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", 400),
    "chunked in HTTP/1.0": (b"POST /t/e HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "a space before the colon": (HEAD + b"Content-Length : 1\r\n\r\na", 400),
    "a folded line": (HEAD + b"X-A: a\r\n b\r\nContent-Length: 0\r\n\r\n", 400),
    "a bare line feed": (b"POST /t/e HTTP/1.1\nHost: x\n\n", 400),
    "a NUL": (HEAD + b"X-A: a\x00b\r\nContent-Length: 0\r\n\r\n", 400),
    "a bare carriage return": (HEAD + b"X-A: a\rb\r\nContent-Length: 0\r\n\r\n", 400),
    "bytes that are not ASCII": (HEAD + b"X-A: \xe9\xff\r\nContent-Length: 0\r\n\r\n", 400),
    "a hexadecimal prefix in a chunk": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n0\r\n\r\n", 400),
    "a negative chunk": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n-1\r\na\r\n0\r\n\r\n", 400),
    "a chunk longer than it says": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n", 400),
    "no host": (b"GET /t/e HTTP/1.1\r\n\r\n", 400),
    "no host in HTTP/1.0": (b"GET /t/e HTTP/1.0\r\n\r\n", 400),
    "two hosts": (b"GET /t/e HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400),
    "a user in the host": (b"GET /t/e HTTP/1.1\r\nHost: a@b\r\n\r\n", 400),
    "an authority of someone else": (b"GET http://169.254.169.254/t/e HTTP/1.1\r\nHost: x\r\n\r\n", 421),
    "TRACE": (b"TRACE /t/e HTTP/1.1\r\nHost: x\r\n\r\n", 405),
    "CONNECT": (b"CONNECT x:443 HTTP/1.1\r\nHost: x:443\r\n\r\n", 405),
    "a newer version": (b"GET /t/e HTTP/1.9\r\nHost: x\r\n\r\n", 400),
    "an HTTP/2 preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "TLS on a plain port": (b"\x16\x03\x01\x00\xf4\x01\x00\x00\xf0\x03\x03", 400),
    "too many fields": (b"GET /t/e HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 140 + b"\r\n", 400),
    "a field that is too long": (b"GET /t/e HTTP/1.1\r\nHost: x\r\nA: " + b"b" * 20000 + b"\r\n\r\n", 431),
    "a line that is too long": (b"GET /t/" + b"b" * 20000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
    "fields too large together": (
        b"GET /t/e HTTP/1.1\r\nHost: x\r\n" + b"".join(b"A%d: %s\r\n" % (n, b"b" * 4000) for n in range(9)) + b"\r\n",
        431,
    ),
    "a WebSocket": (
        b"GET /t/e HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\r\n",
        501,
    ),
    "a way up": (b"GET /t/../admin HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "a hidden way up": (b"GET /t/a/%2e%2E/admin HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "a way up behind an encoded slash": (b"GET /t/a%2f..%5Cadmin HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "a fragment": (b"GET /t/a#b HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "a WebSocket beside another upgrade": (
        b"GET /t/e HTTP/1.1\r\nHost: x\r\nUpgrade: h2c, WebSocket\r\nConnection: Upgrade\r\n\r\n",
        501,
    ),
    "a WebSocket to someone else": (
        b"GET ws://y/t/e HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        400,
    ),
    "HTTP/0.9": (b"GET /t/e\r\n\r\n", 505),
    "HTTP/0.9 with fields": (b"POST /t/e\r\nHost: x\r\nContent-Length: 1\r\n\r\na", 505),
    "HTTP/2.0 in plain words": (b"GET /t/e HTTP/2.0\r\nHost: x\r\n\r\n", 505),
    "a length without digits": (HEAD + b"Content-Length:\r\n\r\n", 400),
    "a length past all numbers": (HEAD + b"Content-Length: 99999999999999999999\r\n\r\n", 400),
    "a chunk size past all numbers": (HEAD + b"Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\na", 400),
    "a signed chunk": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n+1\r\na\r\n0\r\n\r\n", 400),
    "a bare line feed in a chunk extension": (
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n1;a\nb\r\na\r\n0\r\n\r\n",
        400,
    ),
    "trailers without end": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n" + b"A: b\r\n" * 140 + b"\r\n", 400),
    "a trailer that is too long": (
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\nA: " + b"b" * 20000 + b"\r\n\r\n",
        431,
    ),
    "an unknown method": (b"BREW /t/e HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "a method in lower case": (b"get /t/e HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "port 0": (b"GET /t/e HTTP/1.1\r\nHost: x:0\r\n\r\n", 400),
    "a port past all ports": (b"GET /t/e HTTP/1.1\r\nHost: x:65536\r\n\r\n", 400),
    "a percent-encoded host": (b"GET /t/e HTTP/1.1\r\nHost: 127%2e0.0.1\r\n\r\n", 400),
    "an IPv4 address mapped into IPv6": (b"GET http://[::ffff:169.254.169.254]/t/e HTTP/1.1\r\nHost: x\r\n\r\n", 421),
    "the asterisk": (b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "two content types": (HEAD + b"Content-Type: a/b\r\nContent-Type: c/d\r\nContent-Length: 1\r\n\r\na", 400),
    "a part of a body": (HEAD + b"Content-Range: bytes 0-0/2\r\nContent-Length: 1\r\n\r\na", 400),
    "another expectation": (HEAD + b"Expect: tea\r\nContent-Length: 0\r\n\r\n", 417),
    "no route": (b"GET /tx HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 404),
}


@pytest.mark.parametrize(("raw", "status"), REFUSED.values(), ids=REFUSED)
def test_refused_framing_is_answered_closed_and_never_forwarded(stage, raw, status):
    got = stage.start().talk(raw)
    head, _, body = got.partition(b"\r\n\r\n")
    assert head.split(b"\r\n")[0].split(b" ")[:2] in ([b"HTTP/1.1", b"%d" % status], [b"HTTP/1.0", b"%d" % status])
    assert head.count(b"HTTP/1.") == 1
    assert body.count(b"\n") == 1
    assert b"aiohttp" not in got.lower()
    assert b"server:" not in got.lower()
    assert stage.backend.received == []
    assert sum(stage.gateway.counts.total.values()) == 1


def test_a_version_that_has_no_status_line_is_answered_with_one(stage):
    assert stage.start().talk(b"GET /t/e\r\nHost: x\r\n\r\n").startswith(b"HTTP/1.1 505 ")


def test_a_request_is_judged_by_its_bytes_not_by_what_underscores_look_like(stage):
    """`Content_Length` is no framing to us, and might be to a backend that turns names into variables."""
    raw = (
        HEAD
        + b"Content_Length: 5\r\nTransfer_Encoding: chunked\r\nX_Forwarded_For: 203.0.113.7\r\nContent-Length: 1\r\n\r\na"
    )
    stage.start().talk(raw)
    (head,) = stage.backend.heads
    assert set(head) == {"host", "content-length", "via"}


def test_a_parser_error_is_answered_as_http_1_1(stage):
    got = stage.start().talk(b"GET /t/e HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n")
    assert got.startswith(b"HTTP/1.1 400 ")
    assert b"\r\nConnection: close\r\n" in got


def test_pipelined_requests_are_answered_in_order(stage):
    request = b"POST /t/%d HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n%d"
    last = b"GET /t/3 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    got = stage.start().talk(request % (1, 1) + request % (2, 2) + last)
    assert got.count(b"HTTP/1.1 200 OK") == 3
    assert [raw.split(b" ")[1] for raw in stage.backend.received] == [b"/1", b"/2", b"/3"]
    assert [raw[-1:] for raw in stage.backend.received[:2]] == [b"1", b"2"]


def test_a_chunked_body_arrives_whole_with_a_length_of_ours(stage):
    stage.start().talk(HEAD + b"Transfer-Encoding: chunked\r\n\r\n3;ext=1\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
    (raw,) = stage.backend.received
    assert raw.endswith(b"\r\n\r\nabcde")
    assert stage.backend.heads[0]["content-length"] == ["5"]
    assert "transfer-encoding" not in stage.backend.heads[0]


def test_trailers_are_dropped_and_never_become_fields_of_the_next_request(stage):
    first = b"POST /t/1 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-Late: secret\r\n\r\n"
    got = stage.start().talk(first + b"GET /t/2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert got.count(b"HTTP/1.1 200 OK") == 1  # the connection ends with the chunked request
    assert b"\r\nConnection: close\r\n" in got
    assert b"x-late" not in b"".join(stage.backend.received).lower()
    assert all("X-Late" not in inbound.headers for inbound in stage.masker.seen)


def test_half_a_body_is_never_masked_or_forwarded(stage):
    stage.start()
    with stage.connect() as client:
        client.sendall(HEAD + b"Content-Length: 10\r\n\r\nhalf")
    stage.talk(b"GET /t/after HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert [inbound.target for inbound in stage.masker.seen] == ["/after"]


def test_an_absolute_target_of_the_same_authority_is_accepted(stage):
    stage.start().talk(b"GET http://x/t/e?a=1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert stage.backend.received[0].startswith(b"GET /e?a=1 HTTP/1.1\r\n")


def test_a_client_that_expects_100_gets_it_once_and_then_the_answer(stage):
    got = stage.start().talk(HEAD + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n", b"ab")
    assert got.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")
    assert "expect" not in stage.backend.heads[0]


def test_h2c_is_ignored(stage):
    raw = b"GET /t/e HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n\r\n"
    got = stage.start().talk(raw)  # the connection closes: what stands behind such a request is not read
    assert got.startswith(b"HTTP/1.1 200 ")
    assert not {"upgrade", "http2-settings"} & set(stage.backend.heads[0])


def test_a_head_that_never_ends_is_cut_off(stage, monkeypatch):
    monkeypatch.setattr("gateway.proxy.listener.Connection.head_seconds", 0.05)
    assert stage.start().talk(b"GET /t/e HTTP/1.1\r\nHost: x\r\nX-A:") == b""
    assert stage.backend.received == []
