"""The page view over sockets: recorded pages by the API and in a frame, at a moment, with a selector and a rule to try."""

from __future__ import annotations

import asyncio
import html
import json
import re
import time

from gateway.console.role import Role
from gateway.core.message import Headers, Inbound
from gateway.core.outcome import Send
from gateway.core.pipeline import mask
from gateway.insight.markup import HEADERS
from gateway.maskers.blueprint import Blueprint
from gateway.traffic import Exchange, Verdict
from tests.console.serving import served
from tests.recording import page as rrweb

SECRET = "Zorblax Quibble"
EVENTS = [
    rrweb.snapshot(
        rrweb.element(4, "p", rrweb.text(5, "Balance 812"), id="balance"),
        rrweb.element(6, "input", id="q", type="text"),
        rrweb.element(7, "p", rrweb.text(8, "write to jane.roe@example.org")),
    ),
    rrweb.typed(6, SECRET),
    rrweb.texts(5, "Balance 811"),
]


def posthog(events, session, window="w-1"):
    data = {"$snapshot_data": events, "$session_id": session, "$window_id": window}
    body = json.dumps({"event": "$snapshot", "properties": data}).encode()
    return Inbound("POST", "/s/", Headers([("Content-Type", "application/json")]), body, route="shop")


def fill(console, *requests):
    """Has requests pass, as the handler would."""
    program = Blueprint.unpacked(console.running.blueprint()).programs()["shop"]
    for one in requests:
        outcome = mask(one, program, time.monotonic)
        assert isinstance(outcome, Send)
        console.desk.traffic.add(
            Exchange(
                number=console.desk.traffic.coming, at=time.time(), verdict=Verdict.FORWARDED, reason="200", route="shop",
                tracker=outcome.report.tracker, sent=outcome.masked, session=outcome.session.hex(),
                program=outcome.masked.program_digest,
            )
        )  # fmt: skip


def run(story, tmp_path, monkeypatch):
    async def whole():
        async with served(tmp_path, monkeypatch) as console:
            for at, event in enumerate(EVENTS):
                event["timestamp"] = rrweb.TIME + at
            fill(
                console,
                posthog(EVENTS[:1], "session-1"),
                posthog(EVENTS[1:], "session-1"),
                posthog(EVENTS[:1], "session-2"),
            )
            await story(console, await console.token(Role.VIEWER, "vic"))

    asyncio.run(whole())


async def sessions(console, token):
    _, told, _ = await console.api("GET", "/recordings", token)
    return told["recordings"]


def test_a_session_s_page_is_told_at_each_of_its_moments(tmp_path, monkeypatch):
    async def story(console, token):
        rows = await sessions(console, token)
        assert [(one["requests"], one["route"], one["tracker"]) for one in rows] == [
            (1, "shop", "posthog"),
            (2, "shop", "posthog"),
        ]
        status, told, _ = await console.api("GET", f"/recordings/{rows[1]['id']}", token)
        assert status == 200
        assert [one["came"] for one in told["moments"]] == ["page", "input", "change"]
        assert [one["request"] for one in told["moments"]] == [1, 2, 2]
        assert "Balance 811" in told["html"]
        _, first, _ = await console.api("GET", f"/recordings/{rows[1]['id']}?moment=0", token)
        assert "Balance 812" in first["html"]
        assert first["moment"] == 0
        assert "***" not in first["html"]
        for text in (json.dumps(told), json.dumps(first)):
            assert SECRET not in text
            assert "jane.roe" not in text
        assert {one["selector"]: [(mask["part"], mask["rule"]) for mask in one["masked"]] for one in told["elements"]} == {
            "#balance": [], "#q": [("value", "form_inputs")], "body > p:nth-of-type(2)": [("text", "e-mail addresses")],
        }  # fmt: skip

    run(story, tmp_path, monkeypatch)


def test_an_element_comes_with_a_rule_that_can_be_tried_at_once(tmp_path, monkeypatch):
    async def story(console, token):
        name = (await sessions(console, token))[1]["id"]
        _, told, _ = await console.api("GET", f"/recordings/{name}?node=4", token)
        assert [one["tag"] for one in told["chosen"]] == ["html", "body", "p"]
        rule = told["suggestion"]
        assert rule == 'mask:\n  - name: "element balance"\n    select: "#balance"\n    with: mask\n'
        query = {"rule": rule, "node": "4", "moment": "2"}
        async with console.client.get(
            f"{console.url}/api/v1/recordings/{name}", params=query, headers={"Authorization": f"Bearer {token}"}
        ) as answer:
            tried = await answer.json()
        assert "Balance" not in tried["html"]
        assert [mask["rule"] for mask in tried["chosen"][-1]["masked"]] == ["element balance"]
        _, still, _ = await console.api("GET", f"/recordings/{name}", token)
        assert "Balance 811" in still["html"]

    run(story, tmp_path, monkeypatch)


WRONG = {
    "rule=mask:%20[": "the rule that you try:2",
    "rule=mask:%20[{name:%20a,%20select:%20'..',%20with:%20mask}]": "is no CSS selector",
    "moment=-1": "this is not what the document describes",
    "moment=x": "this is not what the document describes",
    "other=1": "this is not what the document describes",
}


def test_what_is_asked_wrongly_is_told_and_shows_nothing(tmp_path, monkeypatch):
    async def story(console, token):
        name = (await sessions(console, token))[0]["id"]
        for query, told in WRONG.items():
            status, problem, _ = await console.api("GET", f"/recordings/{name}?{query}", token)
            assert status == (422 if "rule" in query else 400)
            assert told in json.dumps(problem)
        fields = {"Authorization": f"Bearer {token}"}
        for gone in ("x", "request-1", "request-99", "0" * 32):
            status, problem, _ = await console.api("GET", f"/recordings/{gone}", token)
            assert (status, problem["detail"]) == (404, "this session is not in memory, or not any more")
            for path in (gone, f"{gone}/frame"):
                async with console.client.get(f"{console.url}/recordings/{path}", headers=fields) as page:
                    assert page.status == 404

    run(story, tmp_path, monkeypatch)


def test_the_frame_is_served_with_its_own_policy_and_the_page_around_it_without_scripts_inside(tmp_path, monkeypatch):
    async def story(console, token):
        name = (await sessions(console, token))[1]["id"]
        fields = {"Authorization": f"Bearer {token}"}
        async with console.client.get(f"{console.url}/recordings/{name}/frame?moment=1", headers=fields) as answer:
            assert answer.status == 200
            assert {key: answer.headers[key] for key in HEADERS} == HEADERS
            assert answer.headers["X-Frame-Options"] == "SAMEORIGIN"
            assert 'value="***"' in await answer.text()
        async with console.client.get(
            f"{console.url}/recordings/{name}?node=4&rule=mask:%20[", headers=fields
        ) as answer:
            text = await answer.text()
            assert answer.status == 200
            assert 'sandbox="allow-same-origin"' in text
            assert "The rule that you try:2" in text
            assert "as it would leave" not in text
            frame = html.unescape(re.search(r'src="(/recordings/[^"]*)"', text)[1])
            assert ">mask: [</textarea>" in text
            assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
        async with console.client.get(f"{console.url}{frame}", headers=fields) as answer:
            assert answer.status == 200
        async with console.client.get(f"{console.url}/recordings", headers=fields) as answer:
            assert name in await answer.text()

    run(story, tmp_path, monkeypatch)


def test_who_looks_at_a_page_is_written_down_once(tmp_path, monkeypatch):
    async def story(console, token):
        name = (await sessions(console, token))[1]["id"]
        for query in ("", "?moment=0", "?node=4", "?moment=1&node=4"):
            await console.api("GET", f"/recordings/{name}{query}", token)
        _, told, _ = await console.api("GET", "/audit", await console.token())
        assert [(one["who"], one["act"], one["about"]) for one in told["lines"]] == [("vic", "page seen", "2")]

    run(story, tmp_path, monkeypatch)
