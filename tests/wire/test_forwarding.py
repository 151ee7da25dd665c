"""Traces of what goes through, what is taken out on the way, and what comes back."""

import socket
import struct
import threading

import pytest

from gateway.core.errors import Reason
from gateway.core.limits import Limits
from gateway.core.masked import seal
from gateway.core.message import Headers, Outbound
from gateway.core.outcome import Answer, Refuse, Response
from gateway.core.report import Report
from gateway.proxy.hop import ADDRESS_FIELDS, tells_address
from gateway.proxy.trust import Trust
from gateway.trackers.schema import OptedOut

VISITOR = "203.0.113.77"
END = b"Connection: close\r\n\r\n"
GET = b"GET /t/e HTTP/1.1\r\nHost: shop.example\r\n"
PAGE = b"Origin: https://shop.example\r\n"


def fields(raw: bytes) -> dict[str, str]:
    lines = raw.partition(b"\r\n\r\n")[0].decode().split("\r\n")[1:]
    return {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}


def status(raw: bytes) -> int:
    return int(raw.split(b" ")[1])


def test_the_raw_path_arrives_byte_for_byte(stage):
    target = b"/a%2Fb/./c%2e%2e/%7e?x=%2B+y&&z=%C3%A9&q=a'b|c"
    stage.start().talk(b"GET /t" + target + b" HTTP/1.1\r\nHost: x\r\n" + END)
    assert stage.backend.received[0].split(b" ")[1] == target


@pytest.mark.parametrize(
    ("came", "goes"),
    [(b"/t", b"/"), (b"/t/", b"/"), (b"/t?a=1", b"/?a=1"), (b"/t/e/", b"/e/"), (b"/t//e", b"//e")],
)
def test_the_prefix_is_taken_off(stage, came, goes):
    stage.start().talk(b"GET " + came + b" HTTP/1.1\r\nHost: x\r\n" + END)
    assert stage.backend.received[0].split(b" ")[1] == goes


def test_fields_arrive_in_order_and_nothing_is_added_but_host_and_via(stage):
    stage.start().talk(GET + b"X-B: 1\r\nX-A: 2\r\nX-B: 3\r\nAccept-Encoding: br\r\n" + END)
    head = stage.backend.heads[0]
    assert head.pop("via")[0].startswith("1.1 gateway-")
    assert head == {
        "host": [f"127.0.0.1:{stage.backend.port}"],
        "x-b": ["1", "3"],
        "x-a": ["2"],
        "accept-encoding": ["br"],
    }


def test_connection_matters_stay_here(stage):
    gone = ["Keep-Alive", "Proxy-Connection", "Proxy-Authorization", "TE", "Trailer", "X-Named"]
    raw = b"".join(name.encode() + b": x\r\n" for name in gone)
    stage.start().talk(GET + raw + b"Content-Type: text/a\r\nConnection: close, X-Named, Host, Content-Type\r\n\r\n")
    head = stage.backend.heads[0]
    assert not {name.lower() for name in gone} & set(head)
    assert head["content-type"] == ["text/a"]


def test_naming_a_privacy_signal_in_connection_does_not_hide_it(stage):
    stage.start().talk(GET + b"Sec-GPC: 1\r\nConnection: close, Sec-GPC\r\n\r\n")
    assert stage.backend.received == []


ADDRESSES = [
    "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port", "X-Forwarded-By", "X-Forwarded",
    "Forwarded", "Forwarded-For", "X-Real-IP", "True-Client-IP", "CF-Connecting-IP", "CF-Connecting-IPv6", "CF-IPCountry",
    "CF-Pseudo-IPv4", "Fastly-Client-IP", "X-Client-IP", "X_Client_IP", "X-ClientIP", "X-Cluster-Client-IP", "Client-IP",
    "X-Original-Forwarded-For", "X-Envoy-External-Address", "X-Azure-ClientIP", "X-Azure-SocketIP", "X-Appengine-User-IP",
    "X-AppEngine-CityLatLong", "Fly-Client-IP", "X-Akamai-Edgescape", "DO-Connecting-IP", "Incap-Client-IP",
    "CloudFront-Viewer-Address", "X-Remote-Addr", "X-Remote-IP", "X-Vercel-Forwarded-For", "X-Originating-IP",
    "X-ProxyUser-Ip", "My-CDN-Client-IP", "WL-Proxy-Client-IP", "X-Peer-Address", "Via",
]  # fmt: skip


@pytest.mark.parametrize("trusted", [(), ("127.0.0.0/8",)], ids=["untrusted", "trusted"])
def test_the_visitors_address_never_arrives(stage, trusted):
    raw = (
        b"".join(f"{name}: {VISITOR}\r\n".encode() for name in ADDRESSES if name != "Via")
        + f"Via: 1.1 {VISITOR}\r\n".encode()
    )
    stage.start(trust=Trust.of(trusted)).talk(GET + raw + END)
    (arrived,) = stage.backend.received
    assert VISITOR.encode() not in arrived
    (seen,) = stage.masker.seen
    assert VISITOR not in repr(list(seen.headers))
    assert seen.client == (VISITOR if trusted else "127.0.0.1")


def test_the_table_of_address_fields_covers_every_listed_name():
    assert [name for name in [*ADDRESSES, *ADDRESS_FIELDS] if name != "Via" and not tells_address(name)] == []
    assert [
        name for name in ("User-Agent", "X-Client-Url", "X-Zip", "Cookie", "Sec-CH-UA-Platform") if tells_address(name)
    ] == []


def test_a_preflight_is_answered_here(stage):
    asked = b"Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: content-type, x-a, b@d\r\n"
    got = stage.start().talk(b"OPTIONS /t/e HTTP/1.1\r\nHost: x\r\n" + PAGE + asked + END)
    head = fields(got)
    assert status(got) == 204
    assert head["access-control-allow-origin"] == "https://shop.example"
    assert head["access-control-allow-credentials"] == "true"
    assert head["access-control-allow-methods"] == "POST"
    assert head["access-control-allow-headers"] == "content-type, x-a"
    assert head["access-control-max-age"] == "600"
    assert head["vary"] == "Origin"
    assert "content-length" not in head
    assert stage.backend.received == []


@pytest.mark.parametrize("signal", [b"Sec-GPC: 1", b"DNT: 1", b'Cookie: a=b;gateway_opt_out="1"'])
def test_who_opted_out_is_answered_and_not_forwarded(stage, signal):
    raw = b"POST /t/e HTTP/1.1\r\nHost: x\r\n" + PAGE + signal + b"\r\nContent-Length: 6\r\n" + END + b"secret"
    got = stage.start().talk(raw)
    assert status(got) == 200
    assert got.endswith(b"{}")
    assert fields(got)["access-control-allow-origin"] == "https://shop.example"
    assert stage.backend.received == []
    assert stage.masker.seen == []


def test_an_opted_out_connection_serves_on(stage):
    opted_out = b"POST /t/e HTTP/1.1\r\nHost: x\r\nDNT: 1\r\nContent-Length: 6\r\n\r\nsecret"
    got = stage.start().talk(opted_out + GET + END)
    assert got.count(b"HTTP/1.1 200 OK") == 2
    assert len(stage.backend.received) == 1


def test_a_route_that_records_nothing_answers_by_the_tracker_file(stage):
    canned = OptedOut(path="/e*", status=201, headers={"X-A": "b"}, body="off")
    got = stage.start(routes=(stage.route(record=False, opted_out=(canned,)),)).talk(GET + END)
    assert status(got) == 201
    assert fields(got)["x-a"] == "b"
    assert got.endswith(b"\r\n\r\noff")
    assert stage.backend.received == []


class Fixed:
    def __init__(self, outcome):
        self.outcome = outcome

    def mask(self, inbound):
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


MASKED = seal(Outbound("GET", "/", Headers()), "0" * 64)
NOT_SENT = {
    "answer": (Answer(Response(299), "mobile"), 299),
    "refuse": (Refuse(Reason.OPAQUE, Response(415)), 415),
    "a defect": (ZeroDivisionError("203.0.113.77"), 400),
}


@pytest.mark.parametrize(("outcome", "code"), NOT_SENT.values(), ids=NOT_SENT)
@pytest.mark.parametrize("size", [1, 100_000], ids=["inline", "in a thread"])
def test_only_send_reaches_the_backend(stage, outcome, code, size):
    stage.start(masker=Fixed(outcome))
    got = stage.talk(b"POST /t/e HTTP/1.1\r\nHost: x\r\n" + PAGE + b"Content-Length: %d\r\n" % size + END + b"a" * size)
    assert status(got) == code
    assert stage.backend.received == []
    assert VISITOR not in repr(stage.events)


@pytest.mark.parametrize("bad", [Headers([("X-A", "b\r\nX-C: d")]), Headers([("X A", "b")]), Headers([("X-A", "ü")])])
def test_a_masked_request_that_is_no_http_is_dropped(stage, bad):
    stage.start(masker=type("Bad", (), {"mask": lambda self, inbound: _send(Outbound("GET", "/", bad))})())
    assert status(stage.talk(GET + END)) == 502
    assert stage.backend.received == []


def _send(outbound):
    from gateway.core.outcome import Send

    return Send(seal(outbound, "0" * 64), Report())


@pytest.mark.parametrize(
    "framing", [b"Content-Length: 2000000\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n7a1200\r\n"]
)
def test_a_body_over_the_limit_is_refused_without_being_read_to_its_end(stage, framing):
    stage.start(limits=Limits(body=1000))
    got = stage.talk(b"POST /t/e HTTP/1.1\r\nHost: x\r\n" + PAGE + framing + b"a" * 2000)
    assert status(got) == 413
    assert fields(got)["connection"] == "close"
    assert fields(got)["access-control-allow-origin"] == "https://shop.example"
    assert stage.backend.received == []


def test_a_large_body_arrives_whole(stage):
    body = bytes(range(256)) * 16_384
    stage.start().talk(b"POST /t/e HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n" % len(body) + END + body)
    assert stage.backend.received[0].endswith(b"\r\n\r\n" + body)


def test_the_answer_comes_back_as_it_was(stage):
    stage.backend.script = (
        b"HTTP/1.1 202 Fine\r\nContent-Length: 3\r\nContent-Encoding: gzip\r\nDate: Tue, 01 Sep 2026 00:00:00 GMT\r\n"
        b'Access-Control-Allow-Origin: https://shop.example\r\nX-A: \xc3\xbc\r\nVary: A\r\nVary: B\r\nETag: "e"\r\n\r\n\x1f\x8b\x00'
    )
    got = stage.start().talk(GET + END)
    assert status(got) == 202
    assert got.endswith(b"\r\n\r\n\x1f\x8b\x00")
    for line in (
        b"Content-Encoding: gzip",
        b"Date: Tue, 01 Sep 2026 00:00:00 GMT",
        b"X-A: \xc3\xbc",
        b"Vary: A",
        b"Vary: B",
        b'ETag: "e"',
    ):
        assert b"\r\n" + line + b"\r\n" in got
    assert b"\r\nVia: 1.1 gateway-" in got
    assert b"content-type" not in got.lower()


def test_answer_fields_for_the_backends_own_origin_stay_here(stage):
    gone = [
        "Server",
        "NEL",
        "Report-To",
        "Reporting-Endpoints",
        "Alt-Svc",
        "Clear-Site-Data",
        "Strict-Transport-Security",
        "Keep-Alive",
        "X-Named",
    ]
    raw = "".join(f"{name}: x\r\n" for name in gone).encode()
    stage.backend.script = b"HTTP/1.1 200 OK\r\nConnection: X-Named\r\nContent-Length: 0\r\n" + raw + b"\r\n"
    head = fields(stage.start().talk(GET + END))
    assert not {name.lower() for name in gone} & set(head)


def test_the_backend_sets_listed_cookies_only(stage):
    stage.backend.script = (
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nSet-Cookie: ph_a=1; Partitioned\r\nSet-Cookie: id=2\r\n\r\n"
    )
    got = stage.start(routes=(stage.route(set_cookies=("ph_*",)),)).talk(GET + END)
    assert b"\r\nSet-Cookie: ph_a=1; Partitioned\r\n" in got
    assert b"id=2" not in got


LOCATIONS = {
    "/next?a=1": "/t/next?a=1",
    "next": "/t/next",
    "{url}/deep#f": "/t/deep#f",
    "https://elsewhere.example/x": None,
    "//elsewhere.example/x": None,
    "/\\elsewhere.example": None,
    "http://[": None,
}


@pytest.mark.parametrize(("location", "seen"), LOCATIONS.items(), ids=LOCATIONS)
def test_a_redirect_stays_under_the_gateway_or_fails(stage, location, seen):
    location = location.replace("{url}", stage.backend.url)
    stage.backend.script = f"HTTP/1.1 307 Go\r\nContent-Length: 0\r\nLocation: {location}\r\n\r\n".encode()
    got = stage.start().talk(GET + END)
    assert (status(got), fields(got).get("location")) == ((307, seen) if seen else (502, None))
    assert len(stage.backend.received) == 1


BODILESS = {
    "HEAD": (b"HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", 200, "5"),
    "204": (b"GET", b"HTTP/1.1 204 No\r\n\r\n", 204, None),
    "304": (b"GET", b'HTTP/1.1 304 Same\r\nETag: "e"\r\n\r\n', 304, None),
}


@pytest.mark.parametrize(("method", "script", "code", "length"), BODILESS.values(), ids=BODILESS)
def test_an_answer_without_a_body_has_none(stage, method, script, code, length):
    stage.backend.script = script
    got = stage.start().talk(method + b" /t/e HTTP/1.1\r\nHost: x\r\n" + END)
    assert status(got) == code
    assert got.endswith(b"\r\n\r\n")
    assert fields(got).get("content-length") == length
    assert "transfer-encoding" not in fields(got)


def test_a_large_answer_is_streamed_and_arrives_whole(stage):
    piece = b"x" * 65536
    asked_on = threading.Event()

    def script(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (len(piece) * 64) + piece)
        assert asked_on.wait(10)  # the client has the first piece before the rest exists
        for _ in range(63):
            connection.sendall(piece)

    stage.backend.script = script
    with stage.start().connect() as client:
        client.sendall(GET + END)
        got = client.recv(65536)
        assert got.startswith(b"HTTP/1.1 200 OK")
        asked_on.set()
        while more := client.recv(1 << 20):
            got += more
    assert got.partition(b"\r\n\r\n")[2] == piece * 64


def _reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


BROKEN = {
    "resets": _reset,
    "speaks nonsense": b"220 smtp.example\r\n\r\n",
    "sends both lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "sends two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "switches protocols": b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
}


@pytest.mark.parametrize("script", BROKEN.values(), ids=BROKEN)
def test_a_backend_that_breaks_the_protocol_is_a_502_that_the_page_can_read(stage, script):
    stage.backend.script = script
    stage.backend.closes = True
    got = stage.start().talk(b"POST /t/e HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n" + PAGE + END)
    assert status(got) == 502
    assert fields(got)["access-control-allow-origin"] == "https://shop.example"
    assert got.partition(b"\r\n\r\n")[2].count(b"\n") == 1


def test_a_backend_that_is_down_is_a_502(stage):
    stage.backend.close()
    got = stage.start().talk(GET + PAGE + END)
    assert status(got) == 502
    assert fields(got)["access-control-allow-origin"] == "https://shop.example"


def test_a_backend_that_never_answers_is_a_504(stage):
    release = threading.Event()
    stage.backend.script = lambda _: release.wait(10) and None
    got = stage.start(read=0.05).talk(GET + PAGE + END)
    release.set()
    assert status(got) == 504
    assert fields(got)["access-control-allow-origin"] == "https://shop.example"


CUT = {
    "by length": b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
    "by chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
}


@pytest.mark.parametrize("script", CUT.values(), ids=CUT)
def test_half_an_answer_never_ends_cleanly(stage, script):
    stage.backend.script = script
    stage.backend.closes = True
    got = stage.start().talk(GET + END)
    assert not got.endswith(b"0\r\n\r\n")
    assert len(got.partition(b"\r\n\r\n")[2]) < 10


def test_a_request_that_was_here_before_is_a_loop(stage):
    stage.backend.script = lambda connection: connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    via = fields(stage.start().talk(GET + END))["via"]
    got = stage.talk(GET + f"Via: 1.0 fred, {via}\r\n".encode() + END)
    assert status(got) == 508
    assert len(stage.backend.received) == 1


def test_a_browser_that_leaves_does_not_stop_delivery(stage):
    arrived = threading.Event()
    stage.backend.script = lambda connection: (
        arrived.set(),
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
    )
    with stage.start().connect() as client:
        client.sendall(b"POST /t/e HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nlast")
    assert arrived.wait(10)
    assert stage.backend.received[0].endswith(b"last")


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nX-Late: 1\r\n\r\n"


def test_an_answer_without_a_length_is_framed_by_us(stage):
    stage.backend.script = CHUNKED
    got = stage.start().talk(GET + END)
    assert fields(got)["transfer-encoding"] == "chunked"
    assert got.endswith(b"\r\n0\r\n\r\n")
    assert b"abc" in got
    assert b"X-Late" not in got


def test_an_http_1_0_client_gets_no_chunks(stage):
    stage.backend.script = CHUNKED
    got = stage.start().talk(b"GET /t/e HTTP/1.0\r\nHost: x\r\n\r\n")
    assert "transfer-encoding" not in fields(got)
    assert got.endswith(b"\r\n\r\nabcde")


def test_a_body_that_is_too_large_is_refused_before_100_continue(stage):
    raw = b"POST /t/e HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2000\r\n\r\n"
    assert stage.start(limits=Limits(body=1000)).talk(raw).startswith(b"HTTP/1.1 413 ")


def test_bodies_that_do_not_fit_into_memory_are_asked_to_come_back(stage):
    stage.start()
    stage.on_loop(lambda: setattr(stage.gateway._handler, "_held_at_most", 10))
    request = b"POST /t/e HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
    for _ in range(2):  # what was taken is given back
        assert stage.talk(request % 10 + b"a" * 10).startswith(b"HTTP/1.1 200 ")
        got = stage.talk(request % 11 + b"a" * 11)
        assert got.startswith(b"HTTP/1.1 503 ")
        assert fields(got)["retry-after"] == "2"
    assert len(stage.backend.received) == 2


def test_the_next_request_is_served_by_the_new_plan(stage):
    stage.start()
    with stage.connect() as client, client.makefile("rb") as answers:
        client.sendall(GET + b"\r\n")
        assert status(stage.read(answers)) == 200
        stage.on_loop(lambda: setattr(stage.gateway, "plan", type(stage.plan)(masker=stage.masker, routes=())))
        client.sendall(GET + b"\r\n")
        assert status(stage.read(answers)) == 404
