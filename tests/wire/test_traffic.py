"""Every end of a request is told once to whoever watches the traffic, and what came is kept in debug mode alone."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from gateway import config
from gateway.spool.embedded import EmbeddedStore
from gateway.spool.quarantine import Quarantine
from gateway.spool.seal import QUARANTINE, RECORDS, Sealer
from gateway.traffic import Traffic, Verdict
from tests.plans import plan_of
from tests.spool.making import RING
from tests.wire.test_forwarding import END

SECRET = "jane.doe@example.org"
GOOD = json.dumps({"event": "seen", "properties": {"note": f"write to {SECRET}"}}).encode()
JSON = b"Content-Type: application/json"


@pytest.fixture
def serve(stage, tmp_path):
    """The shipped rules for PostHog in front of the backend."""

    def start(traffic: Traffic, *, changes: dict[str, object] | None = None, **more: object):
        file = tmp_path / "gateway.yaml"
        file.write_text(
            "listen: 127.0.0.1:0\ntls: {mode: off}\nmasking_key: file:masking.key\n"
            f"routes:\n  - {{path: /t/, tracker: posthog, upstream: {stage.backend.url!r}}}\n"
        )
        made = plan_of(config.load(file))
        routes = tuple(replace(route, **(changes or {})) for route in made.routes)
        return stage.start(
            masker=made.masker, routes=routes, limits=made.limits, opt_out=made.opt_out, traffic=traffic, **more
        )

    return start


def post(body: bytes = GOOD, *fields: bytes, path: bytes = b"/t/e/", host: bytes = b"shop.example") -> bytes:
    head = b"POST %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n%s\r\n" % (path, host, len(body), JSON)
    return head + b"".join(one + b"\r\n" for one in fields) + END + body


def only(traffic):
    (exchange,) = traffic
    return exchange


def test_what_is_forwarded_is_told_with_all_that_is_known_of_it(serve):
    traffic = Traffic(keep=True)
    stage = serve(traffic)
    stage.talk(post())
    told = only(traffic)
    assert (told.number, told.verdict, told.reason, told.tracker, told.path) == (
        1,
        "forwarded",
        "200",
        "posthog",
        "/e/",
    )
    assert (told.route, told.method, told.size_in) == (stage.gateway.plan.routes[0].name, "POST", len(GOOD))
    assert told.size_out == len(told.sent.request.body)
    assert told.sent.request.body in stage.backend.received[0]
    assert told.program == told.sent.program_digest
    assert {finding.detector for finding in told.findings} == {"email"}
    assert told.masking > 0
    assert told.upstream > 0
    assert told.before is None
    assert SECRET not in repr(told)
    metrics = {(one.metric, *one.labels): one.value for one in stage.gateway.samples()}
    assert sum(told.findings.values()) == sum(
        value for (metric, *_), value in metrics.items() if metric == "gateway_rule_values_total"
    )
    assert metrics["gateway_route_in_bytes_total", told.route] == len(GOOD)
    assert metrics["gateway_route_out_bytes_total", told.route] == told.size_out


def test_in_debug_mode_what_came_is_kept_as_it_came(serve):
    traffic = Traffic(keep=True, debug=True)
    stage = serve(traffic)
    stage.talk(post())
    assert only(traffic).before.body == GOOD
    stage.on_loop(lambda: setattr(traffic, "debug", False))
    assert only(traffic).before is None


@pytest.mark.parametrize(
    ("request_", "verdict", "reason", "is_kept"),
    [
        (post(GOOD, b"Sec-GPC: 1"), Verdict.ANSWERED, "gpc", False),
        (post(bytes(range(256)) * 4, b"Content-Encoding: gzip"), Verdict.REFUSED, "broken_coding", True),
        (post(path=b"/nowhere"), Verdict.REJECTED, "no_route", False),
        (b"OPTIONS /t/e/ HTTP/1.1\r\nHost: x\r\nOrigin: https://a.example\r\nAccess-Control-Request-Method: POST\r\n"
         + END, Verdict.ANSWERED, "preflight", False),
    ],
)  # fmt: skip
def test_what_is_not_forwarded_is_told_too(serve, request_, verdict, reason, is_kept):
    traffic = Traffic(keep=True, debug=True)
    serve(traffic).talk(request_)
    told = only(traffic)
    assert (told.verdict, told.reason) == (verdict, reason)
    assert (told.sent, told.before is not None) == (None, is_kept)


def test_a_backend_that_is_gone_is_told(serve, stage):
    traffic = Traffic(keep=True)
    serve(traffic, changes={"upstream": "http://127.0.0.1:1"}).talk(post())
    assert (only(traffic).verdict, only(traffic).reason) == (Verdict.FAILED, "upstream_down")


def test_what_waits_and_what_can_not_be_read_is_told(serve, tmp_path):
    traffic = Traffic(keep=True)
    store = EmbeddedStore(tmp_path / "spool.db", Sealer(RING, RECORDS), limit=1 << 20, keep=3600)
    quarantine = Quarantine(tmp_path / "quarantine.db", Sealer(RING, QUARANTINE), limit=1 << 20, keep=3600)
    changes = {"is_queued": True, "quarantines": True}
    stage = serve(traffic, changes=changes, store=store, quarantine=quarantine)
    stage.talk(post())
    stage.talk(post(b"\x00\xff" * 500, b"Content-Encoding: gzip"))
    unread, queued = traffic
    assert (queued.verdict, queued.reason, queued.sent is not None) == (Verdict.HELD, "queued", True)
    assert (unread.verdict, unread.reason, unread.sent) == (Verdict.HELD, "quarantine", None)


def test_nothing_is_kept_where_nobody_can_look(serve):
    traffic = Traffic()
    serve(traffic).talk(post())
    assert list(traffic) == []
    assert traffic.masked
