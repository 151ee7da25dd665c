"""An opt-out stops what is on its way here and what waits: the visitor's events are dropped, everybody else's arrive."""

from __future__ import annotations

import http.client
import json
import socket
import time

from tests.wire.conftest import Backend
from tests.wire.process import running

ANNA, BERT, CARA = (f"0192aa10-7c1e-7000-8000-0000000000{one}" for one in ("a1", "b2", "c3"))
ROUTE = "  - {{path: /t/, tracker: posthog, upstream: 'http://127.0.0.1:{port}'}}\n"
SPOOL = "spool: {path: spool.db, key: file:spool.key}\nconsole: {listen: 127.0.0.1:0}\n"
SECONDS = 20.0


def ask(port, method, path, body=b"", **headers):
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    client.request(method, path, body, {"Host": "shop.example", **headers})
    answer = client.getresponse()
    answer.read()
    client.close()
    return answer.status


def send(port, session, **headers):
    told = {"event": "x", "properties": {"token": "phc_x", "distinct_id": f"visitor-{session}", "$session_id": session}}
    return ask(port, "POST", "/t/e/", json.dumps(told).encode(), **headers)


def cookie_of(session):
    return f"ph_phc_x_posthog=%7B%22%24sesid%22%3A%5B1732%2C%22{session}%22%2C1732%5D%7D"


def test_what_waits_of_a_visitor_is_dropped_with_the_choice(tmp_path):
    (tmp_path / "spool.key").write_text("ab" * 32)
    (tmp_path / "spool.key").chmod(0o600)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with running(tmp_path, ROUTE.format(port=port), more=SPOOL) as served:
        for session in (ANNA, BERT, CARA, ANNA):
            assert send(served.port, session) == 200  # accepted, and kept: the backend is away
        own = {"Origin": "http://shop.example", "Cookie": cookie_of(ANNA)}
        # another site can't choose, and nothing of it is dropped
        assert (
            ask(served.port, "POST", "/t/opt-out", b"record=no", Origin="http://other.example", Cookie=cookie_of(BERT))
            == 403
        )
        assert ask(served.port, "POST", "/t/opt-out", b"record=no", **own) == 303
        # a page of the site's own knows the session that no cookie tells
        body = json.dumps({"record": False, "sessions": [CARA]}).encode()
        assert ask(served.port, "POST", "/t/opt-out.json", body, Origin="http://shop.example") == 204
        assert send(served.port, ANNA, Cookie=f"gateway_opt_out=1; {cookie_of(ANNA)}") == 200
        backend = Backend(address=("127.0.0.1", port))
        try:
            end = time.monotonic() + SECONDS
            while not backend.received and time.monotonic() < end:
                time.sleep(0.05)
            assert send(served.port, BERT) == 200
            while len(backend.received) < 2 and time.monotonic() < end:
                time.sleep(0.05)
        finally:
            backend.close()
    told = b"".join(backend.received)
    assert len(backend.received) == 2
    assert told.count(BERT.encode()) == 2
    assert ANNA.encode() not in told
    assert CARA.encode() not in told
    counted = {(one["verdict"], one["reason"]): one["count"] for one in served.events("counted")}
    assert counted["dropped", "forgotten"] == 3
    assert counted["delivered", "200"] == 1
