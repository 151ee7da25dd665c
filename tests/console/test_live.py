"""The requests that passed, to be seen: what left by all, what came by editors in debug mode, each look in the audit log."""

import asyncio
import gzip
import json
import time

import pytest

from gateway.console.role import Role
from gateway.core.message import Headers, Inbound
from gateway.core.outcome import Send
from gateway.core.pipeline import mask
from gateway.log import Method
from gateway.maskers.blueprint import Blueprint
from gateway.traffic import Exchange, Verdict
from tests.console.serving import served

MAIL = "jane.doe@example.org"
BODY = {
    "event": "seen",
    "properties": {"note": f"write to {MAIL}", "order": {"note": "by the door"}, "session_id": "s-1"},
}
HOSTILE = "<script>document.title='ran'</script><img src=x onerror=alert(1)>\u202egnp.exe\u0007\u0000&lt;"


def request(body, path="/e/"):
    fields = [("Content-Type", "application/json"), ("Content-Encoding", "gzip"), ("X-Forwarded-For", "192.0.2.7")]
    return Inbound("POST", path, Headers(fields), gzip.compress(json.dumps(body).encode()), route="shop")


class Passing:
    """What the data plane does, in small: masks a request by the rules that are live, and tells of it."""

    def __init__(self, stage):
        self.traffic = stage.desk.traffic
        self.program = Blueprint.unpacked(stage.running.blueprint()).programs()["shop"]

    def send(self, inbound, verdict=Verdict.FORWARDED, reason="200"):
        outcome = mask(inbound, self.program, time.thread_time)
        assert isinstance(outcome, Send), outcome
        self.traffic.count(outcome.report.findings, time.time())
        self.traffic.add(
            Exchange(
                number=self.traffic.coming,
                at=time.time(),
                verdict=verdict,
                reason=reason,
                route="shop",
                tracker="posthog",
                method=Method.POST,
                path="/e/",
                size_in=len(inbound.body),
                size_out=len(outcome.masked.request.body),
                findings=outcome.report.findings,
                program=outcome.masked.program_digest,
                session=outcome.session.hex(),
                sent=outcome.masked,
                before=inbound if self.traffic.debug else None,
                came=inbound.headers if self.traffic.debug else None,
            )
        )


def told(tmp_path, monkeypatch, story):
    async def run():
        async with served(tmp_path, monkeypatch) as stage:
            tokens = {
                role: await stage.token(role, name)
                for role, name in ((Role.VIEWER, "vic"), (Role.EDITOR, "ed"), (Role.ADMIN, "ann"))
            }
            return await story(stage, Passing(stage), tokens)

    return asyncio.run(run())


def text_of(parts, side):
    return "\n".join("".join(piece["text"] for piece in row[side]) for part in parts for row in part["rows"])


def test_an_editor_sees_before_and_after_with_reasons_and_a_viewer_what_left(tmp_path, monkeypatch):
    async def story(stage, passing, tokens):
        passing.send(request(BODY))
        status, page, _ = await stage.api("GET", "/traffic", tokens[Role.VIEWER])
        assert (status, page["newest"], page["debug"]) == (200, 1, True)
        (one,) = page["exchanges"]
        assert (one["verdict"], one["tracker"], one["path"], one["has_before"]) == ("forwarded", "posthog", "/e/", True)
        assert {(finding["rule"], finding["detector"]) for finding in one["findings"]} >= {("order notes", "")}
        assert MAIL not in json.dumps(page)

        status, alone, _ = await stage.api("GET", "/traffic/1", tokens[Role.VIEWER])
        assert status == 200
        assert MAIL not in json.dumps(alone)
        assert "write to [email]" in text_of(alone["parts"], "after")
        assert alone["changes"] == []
        assert alone["where"]["order notes"].endswith("rules/my-shop.yaml:3")

        assert (await stage.api("GET", "/traffic/1/comparison", tokens[Role.VIEWER]))[0] == 403
        status, both, _ = await stage.api("GET", "/traffic/1/comparison", tokens[Role.EDITOR])
        assert (status, both["same"], both["former"]) == (200, True, False)
        assert MAIL in text_of(both["parts"], "before")
        assert "192.0.2.7" in text_of(both["parts"], "before")
        assert MAIL not in text_of(both["parts"], "after")
        changes = {change["rule"]: change for change in both["changes"]}
        assert changes["order notes"]["where"].endswith("rules/my-shop.yaml:3")
        assert {change["detector"] for change in both["changes"]} >= {"email"}

        lines = stage.desk.trail.read()
        assert [(line.who, line.act, line.about) for line in lines if line.act == "before seen"] == [
            ("ed", "before seen", "request 1")
        ]
        stage.desk.traffic.debug = False
        status, problem, _ = await stage.api("GET", "/traffic/1/comparison", tokens[Role.ADMIN])
        assert (status, "console.debug" in problem["detail"]) == (409, True)
        assert (await stage.api("GET", "/traffic/2", tokens[Role.ADMIN]))[0] == 404
        assert (await stage.api("GET", "/traffic/x", tokens[Role.ADMIN]))[0] == 404

    told(tmp_path, monkeypatch, story)


def test_the_list_is_filtered_and_paged(tmp_path, monkeypatch):
    async def story(stage, passing, tokens):
        for number in range(7):
            passing.send(
                request(BODY if number % 2 else {"event": "x"}), *([Verdict.HELD, "away"] if number == 6 else [])
            )

        async def numbers(query):
            status, page, _ = await stage.api("GET", f"/traffic?{query}", tokens[Role.VIEWER])
            assert status == 200
            return [one["number"] for one in page["exchanges"]]

        assert await numbers("rule=EMAIL") == [6, 4, 2]
        assert await numbers("rule=order%20no&before=6") == [4, 2]
        assert await numbers("verdict=held") == [7]
        assert await numbers("tracker=sentry") == []
        assert await numbers("route=shop&most=2") == [7, 6]
        assert await numbers("after=5") == [7, 6]
        assert (await stage.api("GET", "/traffic?verdict=nonsense", tokens[Role.VIEWER]))[0] == 400

    told(tmp_path, monkeypatch, story)


def test_a_stream_tells_what_passes_as_it_passes(tmp_path, monkeypatch):
    async def story(stage, passing, tokens):
        passing.send(request(BODY))
        fields = {"Authorization": f"Bearer {tokens[Role.VIEWER]}"}
        async with stage.client.get(f"{stage.url}/api/v1/traffic/stream?rule=email", headers=fields) as answer:
            assert answer.content_type == "text/event-stream"
            assert await answer.content.readline() == b"retry: 1000\n"
            passing.send(request({"event": "x"}))
            passing.send(request(BODY))
            async for line in answer.content:
                if line.startswith(b"data: "):
                    assert json.loads(line[6:])["number"] == 3
                    break
        async with stage.client.get(f"{stage.url}/api/v1/traffic/stream") as answer:
            assert answer.status == 401

    told(tmp_path, monkeypatch, story)


@pytest.mark.parametrize("view", ["?rows=all", "?view=after"])
def test_what_came_or_left_never_becomes_markup_or_turns_text_round(tmp_path, monkeypatch, view):
    async def story(stage, passing, _tokens):
        passing.send(
            request({"event": HOSTILE, "properties": {HOSTILE: HOSTILE, "note": f"{HOSTILE} {MAIL}", "half": "\ud800"}})
        )
        await stage.log_in("ed")
        async with stage.client.get(f"{stage.url}/traffic/1{view}") as answer:
            page = await answer.text()
        assert answer.status == 200
        assert ("onerror" in page, "<script>document" in page, "<img src=x" in page) == (True, False, False)
        assert not set(page) & set("\u202e\u0007\u0000")
        assert "\\u202e" in page
        async with stage.client.get(f"{stage.url}/traffic") as answer:
            assert "<script>document" not in await answer.text()

    told(tmp_path, monkeypatch, story)


def test_a_rule_of_a_hostile_name_is_text(tmp_path, monkeypatch):
    async def story(stage, passing, _tokens):
        path = tmp_path / "rules" / "my-shop.yaml"
        path.write_text(path.read_text().replace("order notes", '"<b onclick=x>\\u202erule</b>"'))
        await stage.running.reload()
        passing.__init__(stage)
        passing.send(request(BODY))
        await stage.log_in("ed")
        for where in ("/traffic", "/traffic/1"):
            async with stage.client.get(stage.url + where) as answer:
                page = await answer.text()
            assert answer.status == 200
            assert "&lt;b onclick=x&gt;" in page
            assert "<b onclick" not in page
            assert "\u202e" not in page

    told(tmp_path, monkeypatch, story)


def test_a_large_request_is_a_page_at_a_time(tmp_path, monkeypatch):
    async def story(stage, passing, tokens):
        line = "x" * 500_000 + MAIL + "y" * 500_000
        items = [{"note": MAIL if number % 3 == 0 else "nothing", "n": number} for number in range(3000)]
        passing.send(request({"event": "x", "properties": {"line": line, "items": items}}))
        token = tokens[Role.EDITOR]
        _, first, _ = await stage.api("GET", "/traffic/1/comparison", token)
        assert (first["page"], first["same"]) == (1, True)
        assert first["pages"] > 5
        assert len(json.dumps(first)) < 500_000
        assert f"characters)…{MAIL}" in text_of(first["parts"], "before").replace("x" * 80, "…")[
            :2000
        ] or MAIL in text_of(first["parts"], "before")
        _, last, _ = await stage.api("GET", f"/traffic/1/comparison?page={first['pages'] + 5}&all_rows=true", token)
        assert last["pages"] > first["pages"]
        assert [part["part"] for part in last["parts"]] == ["body"]

    told(tmp_path, monkeypatch, story)


def test_what_a_session_typed_before_is_known_again(tmp_path, monkeypatch):
    """A secret of an earlier request is masked in a later one; the page says so by masking both anew."""

    async def story(stage, passing, tokens):
        typed = {"event": "a", "properties": {"$session_id": "s1", "password": "Tr0ub4dor and 3"}}
        passing.send(request(typed))
        passing.send(
            request({"event": "b", "properties": {"$session_id": "s1", "said": "it is Tr0ub4dor and 3 you know"}})
        )
        _, seen, _ = await stage.api("GET", "/traffic/2/comparison", tokens[Role.EDITOR])
        assert "Tr0ub4dor" in text_of(seen["parts"], "before")
        assert "Tr0ub4dor" not in text_of(seen["parts"], "after")
        assert seen["same"]

    told(tmp_path, monkeypatch, story)


def test_a_live_page_left_open_keeps_nobody_logged_in(tmp_path, monkeypatch):
    async def story(stage, _passing, _tokens):
        now = time.time()
        visit = stage.desk.visits.begin(stage.desk.accounts.get("vic"), now - 100)

        async def seen_after(path, accept):
            fields = {"Cookie": f"gateway-console={visit.token}", "Accept": accept}
            async with stage.client.get(stage.url + path, headers=fields) as answer:
                assert answer.status == 200
                await answer.content.readline()
            return stage.desk.database.asked("SELECT seen FROM visits")[0][0]

        assert await seen_after("/traffic/rows", "text/event-stream") == now - 100
        assert await seen_after("/traffic", "text/html") >= now

    told(tmp_path, monkeypatch, story)
