"""`gateway demo`: its verdict is computed and can fail, its page holds before and after and asks for nothing elsewhere."""

import asyncio
import gzip
import hashlib
import html
import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
import zlib
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway import config
from gateway.cli import demo
from gateway.cli.app import gateway
from gateway.demo import evidence, page, rebuild, show, stage
from gateway.demo.recorded import TRACKERS, load_persona, load_traffic, read_file
from gateway.monitor import decoder
from gateway.proxy.server import bind
from tests.subject import program

FACTS = load_persona()
TYPED = [fact for fact in FACTS if fact.is_typed]
KEEP_ALL = "record: {form_inputs: keep, user_traits: keep, urls: keep, page_text: keep, data_logs: keep}"


def exchanges(name, change=lambda request: request):
    """A visit as it would be, were `change` all that the gateway does."""
    return [stage.Exchange(one, change(one), stage.Note(), 200) for one in load_traffic(name)]


def judged(name, change=lambda request: request):
    return evidence.judge(name, TRACKERS[name], exchanges(name, change), FACTS)


async def visited(programs=None):
    async with stage.Stage(programs) as up:
        return await show.run(up)


@pytest.fixture(scope="module")
def shown():
    return asyncio.run(visited())


def run(*arguments, **more):
    return subprocess.run(
        [sys.executable, "-m", "gateway", "demo", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONIOENCODING": "utf-8"},
        check=False,
        **more,
    )


# the command


def test_piped_it_ends_with_its_verdict_and_shows_nobody_in_what_was_got():
    done = run()
    assert (done.returncode, done.stderr) == (0, "")
    *_, facts, known, verdict = done.stdout.rstrip().split("\n")
    assert verdict.strip().startswith(f"0 of {len(TYPED)} typed values reached the backend")
    assert known.strip().startswith(f"0 of {len(FACTS) - len(TYPED)} things")
    assert facts.strip().startswith("22 of 22 requests")
    rows = [line.split("│") for line in done.stdout.split("\n") if line.count("│") == 4]
    sent, got = (" ".join(row[column].strip() for row in rows) for column in (2, 3))
    for fact in FACTS:
        assert not any(tell in got for tell in (fact.value, *fact.tells))
    assert "Mara Lindqvist" in sent
    assert all(title in done.stdout for title in TRACKERS.values())


def test_a_busy_port_is_one_line():
    with bind((stage.LOOPBACK, 0)) as taken:
        done = run("--serve", "--port", str(taken.getsockname()[1]))
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(r"gateway: address 127\.0\.0\.1:\d+ is in use: .*`--port`\n", done.stderr)


def test_the_page_can_be_saved(tmp_path):
    def saved(path):
        return CliRunner().invoke(gateway, ["demo", "--once", "--save", str(path)])

    assert saved(tmp_path / "demo.html").exit_code == 0
    assert "Mara Lindqvist" in (tmp_path / "demo.html").read_text(encoding="utf-8")
    done = saved(tmp_path / "nowhere" / "demo.html")
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)


def test_what_is_not_masked_fails_it(monkeypatch):
    lenient = dict.fromkeys(TRACKERS, program(KEEP_ALL))
    verdict = asyncio.run(visited(lenient)).verdict
    assert verdict.typed_arrived == len(TYPED)
    monkeypatch.setattr(demo, "Stage", lambda: stage.Stage(lenient))
    done = CliRunner().invoke(demo.command, ["--once"])
    assert done.exit_code == 1
    assert f"{len(TYPED)} of {len(TYPED)} typed values reached the backend" in done.output


def test_it_serves_until_it_is_told_to_stop():
    process = subprocess.Popen(
        [sys.executable, "-m", "gateway", "demo", "--serve", "--port", "0", "--no-browser"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONIOENCODING": "utf-8"},
    )
    try:
        line = next(line for line in process.stdout if line.startswith("The page:"))
        url = re.search(r"http://127\.0\.0\.1:\d+/", line)[0]
        with urllib.request.urlopen(url, timeout=30) as answer:
            document, policy = answer.read().decode(), answer.headers["Content-Security-Policy"]
        assert "Mara Lindqvist" in document
        assert policy.startswith("default-src 'none'")
        assert tried(url, url) == {
            "typed": {"text": "***", "rules": "form inputs"},
            "console": {"text": "ask [email]", "rules": "e-mail addresses"},
            "address": {"text": "https://almas-bakery.example/search?q=***", "rules": "url query"},
        }
        assert tried(url, "https://elsewhere.example/") == 404
        assert tried(url, url, body=b"[]") == 400
        assert tried(url, url, Host="elsewhere.example") == 421
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def tried(url, origin, *, body=b'{"text": "ask ann@example.com"}', **headers):
    headers |= {"Content-Type": "application/json", "Origin": origin.rstrip("/")}
    try:
        with urllib.request.urlopen(urllib.request.Request(f"{url}try", body, headers), timeout=30) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


# the stage


def test_every_request_goes_through_the_gateway_and_arrives(shown):
    for result in shown.results:
        for exchange in result.exchanges:
            assert exchange.status == 200
            assert exchange.note.tracker == result.name
            assert exchange.got.headers.get("Via").startswith("1.1 gateway-")
            assert exchange.got.target.startswith(f"/{result.name}/")
            assert exchange.note.changes


def test_the_recording_keeps_its_nodes_and_its_events(shown):
    for result in shown.results:
        before, after = (rebuild.play(events) for events in result.events)
        assert list(before) == list(after)
        assert len(before) > 100
        assert [event["timestamp"] for event in result.events[0]] == [event["timestamp"] for event in result.events[1]]
        assert result.kept / result.values > 0.85


# the verdict


@pytest.mark.parametrize("name", TRACKERS)
def test_without_masking_everything_is_found(name):
    result = judged(name)
    verdict = evidence.weigh([result])
    assert verdict.typed_arrived == len(TYPED)
    assert not verdict.holds
    for trail in result.trails:
        assert bool(trail.got) == bool(trail.sent or trail.beginnings)
        assert all(sighting.after == sighting.before for sighting in trail.sightings)


def test_every_fact_is_in_what_some_tracker_sent(shown):
    assert all(
        any(trail.sent for trail in trails) for trails in zip(*(result.trails for result in shown.results), strict=True)
    )


def test_a_request_that_does_not_arrive_fails_the_verdict():
    result = judged("rrweb", lambda request: None)
    verdict = evidence.weigh([result])
    assert (verdict.typed_arrived, verdict.known_arrived, verdict.refused) == (0, 0, len(result.exchanges))
    assert not verdict.holds


def packed(text):
    return zlib.compress(text.encode()).decode("latin-1")


CARD = "4012 8888 8888 1881"
LEAKS = {
    "as it is": {"x": CARD},
    "without spaces": {"x": "4012888888881881"},
    "with dashes": {"x": "paid by 4012-8888-8888-1881"},
    "as a number": {"x": 4012888888881881},
    "in JSON in JSON": {"x": json.dumps({"y": json.dumps({"z": CARD})})},
    "percent-encoded": {"x": "https://a.example/?c=4012%208888%208888%201881"},
    "percent-encoded twice": {"x": "https://a.example/?u=%3Fc%3D4012%25208888%25208888%25201881"},
    "as a key": {CARD: 1},
    "packed": {"x": packed(json.dumps({"y": CARD}))},
    "key by key": {"x": "4012 8"},
    "as an unsalted hash": {"x": hashlib.sha256(CARD.encode()).hexdigest()},
    "as the hash of its digits": {"x": hashlib.md5(b"4012888888881881").hexdigest()},
}
HARMLESS = [{"x": "4012"}, {"x": 1795509500000}, {"x": "**** **** **** 1881"}, {"x": "[card]"}, {"x": "Cardamom bun"}]


def replay(recording):
    payload = b'{"segment_id":0}\n' + recording
    return b'{"event_id":"1"}\n{"type":"replay_recording","length":%d}\n%s' % (len(payload), payload)


def arrived(body, *, target="/rrweb/events", headers=()):
    (request, *_) = load_traffic("rrweb")
    got = replace(request, target=target, headers=type(request.headers)(headers), body=body)
    result = evidence.judge("rrweb", "rrweb", [stage.Exchange(request, got, stage.Note(), 200)], FACTS)
    return [trail.fact.name for trail in result.trails if trail.got]


@pytest.mark.parametrize("leak", LEAKS)
def test_a_card_that_arrives_is_found(leak):
    body = json.dumps(LEAKS[leak]).encode()
    assert arrived(body) == ["card"]
    assert arrived(gzip.compress(body)) == ["card"]
    assert arrived(replay(zlib.compress(body))) == ["card"]


@pytest.mark.parametrize("body", HARMLESS, ids=str)
def test_what_tells_of_nobody_is_not_found(body):
    assert arrived(json.dumps(body).encode()) == []


def test_a_fact_outside_the_body_is_found():
    assert arrived(b"{}", target="/rrweb/events?who=mara.lindqvist%40example.org") == ["name", "email"]
    assert arrived(b"{}", headers=[("X-Forwarded-For", "203.0.113.77")]) == ["address"]
    assert arrived(b"{}", headers=[("Cookie", "bakery_login=b7Qe-saffron-41c7d9")]) == ["login"]


def test_what_cannot_be_read_fails_the_verdict():
    result = judged("sentry", lambda request: replace(request, body=replay(zlib.compress(b"{}")[:-4])))
    verdict = evidence.weigh([result])
    assert verdict.unread == len(result.exchanges)
    assert not verdict.holds


def test_hostile_bodies_are_read_as_they_stand():
    for body in (
        b"{" * 5000,
        b'{"a":' * 500 + b"1" + b"}" * 500,
        b"\x1f\x8b\x08garbage",
        b"\n" * 50,
        b'{"a":1}\n{"b":2}',
    ):
        assert arrived(body) == []


def test_the_decoder_names_the_layers_of_the_deepest_value(shown):
    assert {result.name: result.chain for result in shown.results} == {
        "posthog": ("gzip", "json", "latin1", "gzip", "json"),
        "sentry": ("envelope", "zlib", "json"),
        "rrweb": ("json",),
    }


def test_the_decoder_is_none_of_the_gateways():
    source = (Path(decoder.__file__)).read_text(encoding="utf-8")
    assert re.findall(r"^(?:from|import) gateway", source, re.MULTILINE) == []


# the page


def test_the_page_holds_what_was_sent_and_what_was_got(shown):
    marks = {kind: re.findall(rf'<div class="{kind}"[^>]*>(.*?)</div>', shown.page) for kind in ("sent", "got")}
    assert len(marks["sent"]) == len(marks["got"]) > 60
    sent, got = (html.unescape(re.sub("<[^>]*>", "", " ".join(marks[kind]))) for kind in ("sent", "got"))
    for fact in FACTS:
        assert fact.value in sent
        assert fact.value not in got
    assert f"<em>0 of {len(TYPED)}</em>" in shown.page
    assert "@{" not in shown.page


def test_the_page_asks_for_nothing_elsewhere_and_runs_one_script(shown):
    own = re.sub(r'srcdoc="[^"]*"', "", shown.page)
    assert re.findall(r"<(?:link|img|object|embed|audio|video|base)\b", own) == []
    assert re.findall(r"\b(?:src|href|action|on\w+)=", own) == []
    assert re.findall(r"<script[^>]*>", own) == [f'<script nonce="{shown.nonce}">']
    assert f"'nonce-{shown.nonce}'" in page.POLICY.format(nonce=shown.nonce)


def test_a_leak_is_shown_as_one():
    results = [judged(name) for name in TRACKERS]
    document = page.make_page(results, evidence.weigh(results), "n")
    assert "<h1 class=leaks>" in document
    assert 'class="leak"' in document


def test_the_pictures_show_the_page_before_and_after(shown):
    frames = [html.unescape(frame) for frame in re.findall(r'srcdoc="([^"]*)"', shown.page)]
    assert len(frames) == 2 * len(TRACKERS)
    for before, after in zip(frames[::2], frames[1::2], strict=True):
        assert 'value="Mara Lindqvist"' in before
        assert "€ 1,284.50" in before
        assert "The card was declined." in before  # added after the snapshot
        assert "Cardamom bun" in after
        assert "First and last name" in after
        assert not any(needle in after.casefold() for fact in FACTS for needle in evidence.needles_of(fact))


def test_a_picture_runs_and_asks_for_nothing():
    text, image, script = (
        {"type": 3, "id": 4, "textContent": "<img src=x onerror=y>"},
        {
            "type": 2,
            "id": 5,
            "tagName": "img",
            "attributes": {"src": "https://a.example/p", "onerror": "x()", "alt": '">'},
        },
        {
            "type": 2,
            "id": 6,
            "tagName": "script",
            "attributes": {},
            "childNodes": [{"type": 3, "id": 7, "textContent": "x()"}],
        },
    )
    odd = {"type": 2, "id": 8, "tagName": 'p onclick="x"', "attributes": {"class": '"><script>', "onclick": "x()"}}
    style = {"type": 2, "id": 9, "tagName": "style", "attributes": {"_cssText": "p{}</style><script>x()</script>"}}
    link = {"type": 2, "id": 10, "tagName": "a", "attributes": {"href": "javascript:x()"}, "childNodes": []}
    root = {"type": 0, "id": 1, "childNodes": [text, image, script, odd, style, link]}
    nodes = rebuild.play([{"type": 2, "data": {"node": root}, "timestamp": 1}])
    picture = rebuild.show(nodes, nodes, "sent")
    assert "<script" not in picture
    assert "javascript:" not in picture
    assert "a.example" not in picture
    assert re.findall(r"<[^>]*\bon\w+=", picture) == []
    assert "&lt;img src=x onerror=y&gt;" in picture


def test_what_the_recording_says_last_is_what_is_shown():
    def element(number, tag, **attributes):
        return {"type": 2, "id": number, "tagName": tag, "attributes": attributes, "childNodes": []}

    def increment(**data):
        return {"type": 3, "data": data, "timestamp": 2}

    box = element(2, "p")
    box["childNodes"] = [{"type": 3, "id": 3, "textContent": "first"}, element(4, "input", value="a")]
    added = [
        {"parentId": 2, "nextId": 4, "node": element(5, "b")},
        {"parentId": 5, "nextId": None, "node": {"type": 3, "id": 6, "textContent": "bold"}},
        {"parentId": 99, "nextId": None, "node": element(7, "i")},
    ]
    nodes = rebuild.play(
        [
            {"type": 2, "data": {"node": {"type": 0, "id": 1, "childNodes": [box]}}, "timestamp": 1},
            increment(source=5, id=4, text="typed", isChecked=False),
            increment(source=5, id=404, text="nowhere", isChecked=False),
            increment(source=0, adds=added, texts=[{"id": 3, "value": "second"}], attributes=[], removes=[]),
            increment(source=0, adds=[], texts=[], attributes=[{"id": 2, "attributes": {"class": "late"}}], removes=[]),
        ]
    )
    assert '<p class="late">second<b>bold</b><input value="typed" tabindex="-1"></p>' in rebuild.show(
        nodes, nodes, "got"
    )


# what is told


def test_the_rules_on_the_page_pass_their_own_tests():
    done = subprocess.run(
        [sys.executable, "-m", "gateway", "test", str(Path(stage.__file__).with_name(stage.RULES))],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_configuration_on_the_page_is_a_valid_one(tmp_path):
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "bakery.yaml").write_text(read_file(stage.RULES), encoding="utf-8")
    (tmp_path / "gateway.yaml").write_text(page.configuration(), encoding="utf-8")
    loaded = config.load(tmp_path / "gateway.yaml")
    assert [route.path for route in loaded.settings.routes] == [f"/{name}/" for name in TRACKERS]


def test_nobody_real_is_in_the_recordings():
    hosts = {host.lower() for name in TRACKERS for one in load_traffic(name) for host in one.headers.all("host")}
    assert hosts == {"almas-bakery.example"}
    for name in TRACKERS:
        for one in load_traffic(name):
            for text in decoder.read(one.target, one.headers, one.body).leaves.values():
                for address in re.findall(r"[\w.+-]+@[\w-]+\.[a-z]+", text):
                    assert "mara.lindqvist@example.org".startswith(address)  # or what of it was typed so far
