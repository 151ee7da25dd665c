"""Rules by the API, over sockets: what is published is what was checked, and whoever comes second changes nothing."""

from __future__ import annotations

import asyncio
import json

from gateway.console.role import Role
from gateway.core.message import Headers, Inbound
from gateway.log import Method
from gateway.traffic import Exchange, Verdict
from tests.console.serving import RULES, served

FILE = "/rules/files/rules%2Fmy-shop.yaml"
HASHED = RULES.replace("with: drop", "with: redact").replace("{order: {}}", '{order: {note: "[redacted]"}}')


def run(story, tmp_path, monkeypatch):
    async def whole():
        async with served(tmp_path, monkeypatch) as console:
            await story(console)

    asyncio.run(whole())


async def etag(console, token):
    _, told, headers = await console.api("GET", FILE, token)
    assert headers["ETag"] == f'"{told["etag"]}"'
    return headers["ETag"]


def test_a_text_is_published_whole_and_two_editors_conflict(tmp_path, monkeypatch):
    async def story(console):
        ann, ed = await console.token(), await console.token(Role.EDITOR, "ed")
        was = await etag(console, ann)
        path = tmp_path / "rules" / "my-shop.yaml"
        path.chmod(0o640)
        status, told, headers = await console.api(
            "PUT", FILE, ann, {"text": HASHED, "note": "seen in support"}, If_Match=was
        )
        assert status == 200, told
        assert path.read_text() == HASHED
        assert path.stat().st_mode & 0o777 == 0o640
        assert [one.name for one in (tmp_path / "rules").iterdir()] == ["my-shop.yaml"]
        assert headers["ETag"] == await etag(console, ann)
        assert [rule.operator.name for file in console.running.configuration.rules for rule in file.mask][
            -1
        ] == "redact"
        late = await console.api("PUT", FILE, ed, {"text": RULES + "# late\n"}, If_Match=was)
        assert (late[0], path.read_text()) == (412, HASHED)
        for fields, wanted in ({}, 428), ({"If_Match": "*"}, 412), ({"If_Match": 'W/"x"'}, 412):
            assert (await console.api("PUT", FILE, ed, {"text": RULES}, **fields))[0] == wanted
        _, told, _ = await console.api("GET", "/rules/history", ed)
        assert [(one["who"], one["by"], one["note"], one["until"] is None) for one in told["editions"]] == [
            ("ann", "test", "seen in support", True),
            ("", "on disk", "", False),
        ]
        first = told["editions"][1]["number"]
        status, told, _ = await console.api("GET", f"/rules/history/{first}", ed)
        assert (status, told["text"]) == (200, RULES)
        status, told, _ = await console.api(
            "POST", f"/rules/history/{first}/rollback", ed, None, If_Match=await etag(console, ed)
        )
        assert status == 200, told
        assert path.read_text() == RULES

    run(story, tmp_path, monkeypatch)


def test_what_is_wrong_changes_nothing_and_says_where(tmp_path, monkeypatch):
    async def story(console):
        token, was = await console.token(), None
        path = tmp_path / "rules" / "my-shop.yaml"
        for text, line in (
            (RULES.replace("drop", "dropp"), '"with": unknown operator "dropp"'),
            (
                RULES.replace("properties: {order: {}}", "properties: {}"),
                'test "an order\'s note is dropped": properties.order',
            ),
            ("mask: [", "rules/my-shop.yaml:2 not valid YAML"),
            ("extends: nowhere.yaml\n", "no such file"),
        ):
            was = await etag(console, token)
            status, told, _ = await console.api("PUT", FILE, token, {"text": text}, If_Match=was)
            assert status == 422
            assert line in " ".join(f"{one['where']} {one['message']}" for one in told["errors"])
            assert path.read_text() == RULES
            _, told, _ = await console.api("POST", "/rules/check", token, {"file": "rules/my-shop.yaml", "text": text})
            assert told["good"] is False
        _, told, _ = await console.api("POST", "/rules/check", token, {"file": "rules/my-shop.yaml", "text": HASHED})
        assert (told["good"], [one["passed"] for one in told["tests"]]) == (True, [True])
        path.chmod(0o440)
        status, told, _ = await console.api("PUT", FILE, token, {"text": HASHED}, If_Match=was)
        assert (status, told["detail"]) == (
            409,
            "rules/my-shop.yaml is read-only: chmod u+w it, or change it where it comes from",
        )
        status, told, _ = await console.api("PUT", "/rules/files/default", token, {"text": "x"}, If_Match=was)
        assert status == 412
        assert (await console.api("GET", "/rules/files/..%2Fgateway.yaml", token))[0] == 404

    run(story, tmp_path, monkeypatch)


def test_a_reload_that_refuses_brings_the_old_text_back(tmp_path, monkeypatch):
    async def story(console):
        token, was = await console.token(), None
        was = await etag(console, token)
        file = tmp_path / "gateway.yaml"
        right = file.read_text()
        good = asyncio.Event()
        reload = console.running.reload

        async def breaks():
            """Somebody breaks gateway.yaml just then."""
            if not good.is_set():
                file.write_text("routes: [")
                good.set()
                await reload()
            file.write_text(right)
            await reload()

        console.running.reload = breaks
        status, told, _ = await console.api("PUT", FILE, token, {"text": HASHED}, If_Match=was)
        assert status == 422
        assert "gateway.yaml:" in told["errors"][0]["where"]
        assert (tmp_path / "rules" / "my-shop.yaml").read_text() == RULES

    run(story, tmp_path, monkeypatch)


def exchange(number, note):
    body = json.dumps({"event": "x", "properties": {"order": {"note": note}}}).encode()
    headers = Headers([("Content-Type", "application/json")])
    before = Inbound("POST", "/e/", headers, body, host="shop.example", route="shop")
    return Exchange(
        number=number, at=1.0, verdict=Verdict.FORWARDED, reason="200", route="shop", tracker="posthog", method=Method.POST,
        before=before,
    )  # fmt: skip


def test_rules_are_compared_on_recent_and_on_pasted_traffic(tmp_path, monkeypatch):
    async def story(console):
        token = await console.token(Role.EDITOR, "ed")
        asked = {"file": "rules/my-shop.yaml", "text": "extends: default\n"}
        status, told, _ = await console.api("POST", "/rules/compare", token, asked)
        assert (status, told["detail"][:36]) == (409, "no request is kept as it came: paste")
        console.desk.traffic.add(exchange(1, "leave it by the door"))
        console.desk.traffic.add(exchange(2, "leave it by the door"))
        _, told, _ = await console.api("POST", "/rules/compare", token, asked)
        assert (told["requests"], told["total"], told["loosens"]) == (2, 2, 2)
        assert told["differences"][0] == {
            "request": 1, "place": "properties.order.note", "before": "leave it by the door", "old": "(gone)", "new": "",
            "count": 1, "loosens": True,
        }  # fmt: skip
        capture = json.dumps({"method": "POST", "path": "/e/", "headers": {"content-type": "application/json"},
                              "body": '{"event": "x", "properties": {"order": {"note": "ring twice"}}}'})  # fmt: skip
        _, told, _ = await console.api("POST", "/rules/compare", token, asked | {"capture": capture, "route": "shop"})
        assert [one["before"] for one in told["differences"]] == ["ring twice"]
        assert "before seen" in [one.act for one in console.desk.trail.read()]

    run(story, tmp_path, monkeypatch)


def test_a_route_is_stopped_at_once_and_stays_so(tmp_path, monkeypatch):
    async def story(console):
        token = await console.token(Role.EDITOR, "ed")
        status, told, _ = await console.api("PUT", "/routes/shop/stop", token, {"stopped": True})
        assert (status, told["stopped"] is not None) == (200, True)
        assert set(console.running.held) == {"shop"}
        assert (
            await console.api("PUT", "/routes/shop/stop", await console.token(Role.VIEWER, "vic"), {"stopped": False})
        )[0] == 403
        assert (await console.api("PUT", "/routes/nowhere/stop", token, {"stopped": True}))[0] == 404
        await console.log_in("vic")
        async with console.client.get(f"{console.url}/rules") as page:
            assert "<strong>Emergency stop:</strong> nothing is recorded on shop." in await page.text()
        _, told, _ = await console.api("PUT", "/routes/shop/stop", token, {"stopped": False})
        assert (told["stopped"], console.running.held) == (None, {})
        assert [(one.who, one.act, one.about) for one in console.desk.trail.read(most=10) if "route" in one.act] == [
            ("ed", "route started", "shop"),
            ("ed", "route stopped", "shop"),
        ]

    run(story, tmp_path, monkeypatch)


def test_a_text_on_trial_counts_and_sends_nothing(tmp_path, monkeypatch):
    async def story(console):
        token = await console.token(Role.EDITOR, "ed")
        asked = {"file": "rules/my-shop.yaml", "text": "extends: default\n", "share": 1.0}
        status, told, _ = await console.api("PUT", "/rules/shadow", token, asked | {"text": "extends: [nobody]\n"})
        assert status == 422
        status, told, _ = await console.api("PUT", "/rules/shadow", token, asked)
        assert (status, told["running"], told["requests"]) == (200, True, 0)
        live = await asyncio.to_thread(console.programs)
        before = exchange(1, "leave it by the door").before
        console.running.tried.offer(before, live.mask(before))
        async with asyncio.timeout(30):
            while not told["requests"]:
                _, told, _ = await console.api("GET", "/rules/shadow", token)
        assert (told["alike"], told["live"]["values"], told["tried"]["values"]) == (0, {"order notes": 1}, {})
        assert (await console.api("DELETE", "/rules/shadow", token))[0] == 204
        assert console.running.tried is None
        assert (await console.api("GET", "/rules/shadow", token))[1]["running"] is False

    run(story, tmp_path, monkeypatch)
