"""The request as a whole: path, query, headers, cookies and the client's address."""

from __future__ import annotations

import base64

import pytest

from gateway.core.errors import Reason
from gateway.core.outcome import Send
from gateway.core.pipeline import mask
from gateway.ruleset.program import Program
from gateway.ruleset.request import STATUS, is_project_key
from tests.subject import TODAY, default_rules, program, refused, request, sent, trackers

ANY = program()

PATHS = {
    "/api/4501234567890123/envelope/": ("sentry", None),
    "/api/4111111111111111/envelope/": ("sentry", None),
    "/v1/projects/aB3defGHIjklMNOpqrSTUvwxYZ12345/settings": ("segment", None),
    "/array/phc_aB3defGHIjklMNOpqrSTUvwxYZ12345/config.js": ("posthog", None),
    "/array/jane@example.org/config.js": ("posthog", "/array/[email]/config.js"),
    "/config/jane%40example.org": ("amplitude", "/config/[email]"),
    "/u/jane@example.org/x": ("", "/u/[email]/x"),
    "/u/jane%40example.org/x": ("", "/u/[email]/x"),
    "/orders/4111111111111111": ("", "/orders/***"),
    "/collect/203.0.113.77": ("faro", "/collect/[ip]"),
    "/": ("", None),
    "/a/b.js": ("", None),
}


@pytest.mark.parametrize(("path", "row"), PATHS.items(), ids=PATHS)
def test_a_path_keeps_what_names_the_project_and_loses_what_names_a_person(path, row):
    name, leaves = row
    subject = program("", name) if name else ANY
    assert sent(subject, request(b"", method="GET", path=path)).target == (leaves or path)


HEADERS = {
    "accept": ("*/*", "*/*"),
    "content-type": ("text/plain; charset=utf-8", "text/plain; charset=utf-8"),
    "origin": ("https://shop.example", "https://shop.example"),
    "referer": ("https://shop.example/a?token=abc&lang=de#x", "https://shop.example/a?token=***&lang=de#***"),
    "x-client-url": ("https://shop.example/?token=abc", "https://shop.example/?token=***"),
    "x-note": ("call jane@example.org", "call [email]"),
    "x-session": ("plain words", "plain words"),
    "authorization": ("Bearer abc.def.ghi", None),
    "x-api-key": ("abc", None),
    "x-auth-token": ("abc", None),
    "x-csrf-token": ("abc", None),
    "sec-ch-ua-model": ('"Pixel 9 Pro"', '""'),
    "sec-ch-ua-bitness": ('"64"', None),
    "device-memory": ("8", None),
    "dpr": ("2", None),
    "sec-ch-ua-platform": ('"Linux"', '"Linux"'),
    "cookie": ("sid=abc; theme=dark", None),
    "x-user-email": ("nobody special", "***"),
    "x-client-ip": ("203.0.113.77", None),
    "etag-like": ("W/abc", "W/abc"),
}


@pytest.mark.parametrize(("name", "row"), HEADERS.items(), ids=HEADERS)
def test_a_header_leaves_by_its_row(name, row):
    value, leaves = row
    out = sent(ANY, request({"n": 1}, headers=[(name.title(), value), ("X-Last", "1")]))
    assert out.headers.all(name) == ([] if leaves is None else [leaves])
    assert list(out.headers)[-1] == ("X-Last", "1")


def test_a_user_agent_keeps_its_family_version_and_platform_in_headers_and_bodies():
    agent = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.7921.33 Safari/537.36"
    out = sent(ANY, request({"user_agent": agent}, headers=[("User-Agent", agent)]))
    told = out.headers.get("user-agent")
    assert "7921" not in told
    assert "Chrome/156" in told
    assert "Linux" in told
    assert out.body.decode() == '{"user_agent":"' + told + '"}'


KEYS = {
    "Basic " + base64.b64encode(b"writekey:").decode(): True,
    "Basic " + base64.b64encode(b"jane:password").decode(): False,
    "Basic " + base64.b64encode(b"jane@example.org:").decode(): False,
    "Basic " + base64.b64encode(b":pw").decode(): False,
    "Basic !!!": False,
    "Basic \xff": False,
    "Bearer 0123456789abcdef": True,
    "Bearer eyJh.eyJz.c2ln": False,
    "Bearer ": False,
    "Bearer " + "a" * 65: False,
    "Digest x": False,
    "": False,
}


@pytest.mark.parametrize(("value", "is_key"), KEYS.items(), ids=[repr(key)[:40] for key in KEYS])
def test_only_a_key_without_a_password_is_a_project_key(value, is_key):
    assert is_project_key(value) is is_key
    out = sent(program("", "segment"), request({"event": "x"}, path="/v1/t", headers=[("Authorization", value)]))
    assert ("authorization" in out.headers) is is_key


RULES = """
mask:
  - {name: d, headers: [x-gone], with: drop}
  - {name: k, headers: ["x-kept-*"], with: keep}
  - {name: m, headers: [x-kept-no], with: mask}
  - {name: t, headers: [x-read], with: detect}
  - {name: c, cookies: [theme], with: keep}
  - {name: h, cookies: ["id_*"], with: hash}
  - {name: s, headers: [x-other], trackers: [sentry], with: drop}
"""


def test_rules_on_headers_and_cookies_hold():
    out = sent(
        program(RULES),
        request(
            {"n": 1},
            headers=[
                ("X-Gone", "a"),
                ("X-Kept-It", "jane@example.org"),
                ("X-Kept-No", "abc"),
                ("X-Read", "https://x.example/?a=b jane@example.org"),
                ("X-Other", "stays"),
                ("Cookie", 'sid=abc; theme=dark; id_x=12345; broken; ="'),
                ("Cookie", "theme=light; x=y"),
                ("Cookie", "x=y"),
            ],
        ),
    )
    assert [name for name, _ in out.headers] == ["X-Kept-It", "X-Kept-No", "X-Read", "X-Other", "Cookie", "Cookie"]
    assert out.headers.get("x-kept-it") == "jane@example.org"
    assert out.headers.get("x-kept-no") == "***"
    assert "jane" not in out.headers.get("x-read")
    first, second = out.headers.all("cookie")
    assert first.startswith("theme=dark; id_x=")
    assert "12345" not in first
    assert "sid" not in first
    assert second == "theme=light"


def test_what_a_rule_writes_into_a_header_or_a_path_fits_there():
    rules = 'mask: [{name: r, pattern: "KD-1", with: {replace: "é→\\r\\nX: y"}}]'
    out = sent(program(rules), request({"n": "KD-1"}, path="/KD-1", headers=[("X-Note", "about KD-1")]))
    value = out.headers.get("x-note")
    value.encode("latin-1")
    assert "\n" not in value
    assert "\r" not in value
    assert out.target.isascii()
    assert out.target.isprintable()


def test_the_clients_address_leaves_truncated_where_the_country_needs_it_and_nowhere_else():
    for name, tracker in trackers().items():
        if name.startswith("_") or tracker.unsupported:
            continue
        out = sent(program("", name), request({"n": 1}, client="203.0.113.77", peer="203.0.113.77"))
        wanted = ["203.0.113.0"] if tracker.country == "truncated_address" else []
        assert out.headers.all("x-forwarded-for") == wanted, name


def test_an_untouched_request_leaves_as_it_came():
    headers = [("Accept", "*/*"), ("accept", "text/html"), ("Content-Type", "application/json")]
    body = b'{ "a" : [1e3, -0.0, "\\u00e9\\ud800", {"b":null, "b" : true}] }\r\n'
    out = sent(ANY, request(body, path="/x/y%20z?lang=de&utm_source=%41", headers=headers))
    assert (out.target, out.body, list(out.headers)) == ("/x/y%20z?lang=de&utm_source=%41", body, headers)


BROKEN = {
    "gzip cut off": ("broken_coding", b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03abc"),
    "no text": ("opaque", b"\x00\x01\x02\xfe\xff\x00garbage"),
    "JSON cut off": ("broken_format", b'{"a":'),
    "too deep": ("too_deep", b"[" * 300 + b"]" * 300),
}


@pytest.mark.parametrize(("reason", "body"), BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("name", ["posthog", "sentry", "rrweb", ""])
def test_what_cannot_be_read_is_refused_in_the_way_of_its_tracker(reason, body, name):
    from gateway.core.pipeline import mask

    subject = program("", name) if name else ANY
    inbound = request(body, path="/nowhere")
    assert refused(subject, inbound) == reason
    answer = mask(inbound, subject, subject.clock).response
    assert 400 <= answer.status < 500
    if name and Reason(reason) not in STATUS:
        assert answer.status == trackers()[name].answers.unreadable.status


def test_a_coding_that_nobody_owns_is_refused():
    assert refused(ANY, request({"n": 1}, headers=[("Content-Encoding", "lzma")])) == "unknown_coding"


def session_of(body, subject=None, **more):
    outcome = mask(request(body, path="/e/", **more), subject or program("", "posthog"), lambda: 0.0)
    assert isinstance(outcome, Send)
    return outcome.session


def told(session, **properties):
    names = {"$session_id": session} if session else {}
    return {"event": "x", "properties": {**names, **properties}}


def test_a_session_is_told_by_a_fingerprint_that_only_the_key_makes():
    first = session_of(told("01900000-0000-7000-8000-000000000001"))
    assert len(first) == 16
    assert first == session_of([told("01900000-0000-7000-8000-000000000001", **{"$window_id": "w"})])
    assert first != session_of(told("01900000-0000-7000-8000-000000000002"))
    assert first != session_of(
        told("01900000-0000-7000-8000-000000000001"),
        Program(default_rules(), trackers(), names=("posthog",), key=b"x" * 32, today=TODAY, clock=lambda: 0.0),
    )
    assert session_of(told("")) == b""


def test_every_tracker_says_which_paths_take_events_and_what_they_answer():
    for name, tracker in trackers().items():
        if not name.startswith("_"):
            assert tracker.ingest, name
            assert tracker.answers.accepted, name
