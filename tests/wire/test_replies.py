"""Set-up answers are edited on their way back; all others, and large ones, pass as they come."""

from __future__ import annotations

import pytest

from gateway.core.masked import seal
from gateway.core.message import Outbound
from gateway.core.outcome import Send
from gateway.core.report import Report
from gateway.proxy.handler import EDITED_SIZE

GET = b"GET /t/config HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n"


class Editor:
    """Turns "on" into "off" in JSON, and the backend's address into the browser's."""

    def reads(self, content_type):
        return content_type == "application/json"

    def edit(self, body, content_type, encodings, hosts):
        assert content_type == "application/json"
        text = body.decode().replace('"on"', '"off"')
        for before, after in hosts.items():
            text = text.replace(before, after)
        return text.encode() if text.encode() != body else None


class Masker:
    def mask(self, inbound):
        request = Outbound(inbound.method, inbound.target, inbound.headers, inbound.body)
        return Send(seal(request, "0" * 64), Report(), Editor())


def answer(body, *more, status=b"200 OK", kind=b"application/json"):
    head = b"HTTP/1.1 " + status + b"\r\nContent-Type: " + kind + b"\r\nContent-Length: %d\r\n" % len(body)
    return head + b"".join(one + b"\r\n" for one in more) + b"\r\n" + body


@pytest.fixture
def serve(stage):
    def ask(script, request=GET):
        stage.backend.script = script
        if stage._thread is None:
            stage.start(masker=Masker())
        head, _, body = stage.talk(request).partition(b"\r\n\r\n")
        return head, body

    return ask


def test_an_edited_answer_has_its_new_length_and_nothing_that_vouches_for_the_old_bytes(serve):
    head, body = serve(answer(b'{"record":"on"}', b'ETag: "a"', b"Digest: sha-256=x", b"Cache-Control: no-store"))
    assert body == b'{"record":"off"}'
    assert b"Content-Length: 16" in head
    assert b"Cache-Control: no-store" in head
    assert b"ETag" not in head
    assert b"Digest" not in head


def test_the_backends_address_leads_back_here(stage, serve):
    _, body = serve(answer(b'{"api":"' + stage.backend.url.encode() + b'/e/"}'))
    assert body == b'{"api":"http://shop.example/t/e/"}'


@pytest.mark.parametrize(
    ("script", "body"),
    [
        (answer(b'{"record":"on"}', b'ETag: "a"', kind=b"image/gif"), b'{"record":"on"}'),
        (answer(b'{"record":"on"}', b'ETag: "a"', status=b"404 Not Found"), b'{"record":"on"}'),
    ],
    ids=["another type", "an error"],
)
def test_any_other_answer_passes_as_it_came(serve, script, body):
    head, came = serve(script)
    assert came == body
    assert b'ETag: "a"' in head


@pytest.mark.parametrize("framing", ["with a length", "in chunks"])
def test_a_large_answer_passes_as_it_came(serve, framing):
    large = b'"on"' * (EDITED_SIZE // 4 + 1000)
    if framing == "with a length":
        script = answer(large)
    else:
        chunk = b"%x\r\n" % len(large) + large + b"\r\n0\r\n\r\n"
        script = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk
    _, body = serve(script)
    assert large[:64] in body
    assert b'"off"' not in body
    assert body.count(b'"on"') >= len(large) // 4 - 10


def test_half_an_answer_that_would_be_edited_never_ends_cleanly(stage, serve):
    stage.backend.script = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
    stage.start(masker=Masker(), read=0.3)
    assert b"200 OK" not in stage.talk(GET)
