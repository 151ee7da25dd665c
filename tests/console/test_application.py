"""The console over sockets: who gets in, who may what, and what a stranger, a wrong role and another site get."""

from __future__ import annotations

import asyncio
import io
import re

import pytest
import trustme

from gateway.console.application import HEADERS
from gateway.console.operations import OPERATIONS
from gateway.console.pages import PAGES
from gateway.console.role import Role
from gateway.core.errors import Reason
from gateway.core.message import Headers, Inbound
from gateway.spool.database import create
from gateway.spool.keys import spool_ring
from gateway.spool.quarantine import Pen, quarantine_path
from gateway.spool.seal import QUARANTINE, Sealer
from tests.console.serving import KEY, PASSWORD, served


def run(story, tmp_path, monkeypatch, **more):
    async def whole():
        async with served(tmp_path, monkeypatch, **more) as console:
            await story(console)

    asyncio.run(whole())


def filled(path):
    return re.sub(r"\{\w+\}", "x", path)


def test_a_stranger_sees_nothing(tmp_path, monkeypatch):
    async def story(console):
        for one in OPERATIONS:
            status, told, _ = await console.api(one.method, filled(one.path), None)
            assert (status, set(told)) == (401, {"type", "title", "status", "detail", "errors"})
            status, _, _ = await console.api(one.method, filled(one.path), "gateway_" + "x" * 43)
            assert status == 401
        for path in [
            "/",
            *(filled(page.path) for page in PAGES),
            "/nothing",
            "/api/v1/nothing",
            "/api/v1/openapi.json",
        ]:
            async with console.client.get(console.url + path, allow_redirects=False) as answer:
                assert (answer.status, await answer.read() and path[:5]) in [(303, b""), (401, "/api/")]
                assert {name: answer.headers[name] for name in HEADERS} == HEADERS

    run(story, tmp_path, monkeypatch)


def test_a_role_may_what_its_row_says(tmp_path, monkeypatch):
    async def story(console):
        for name, role in (("vic", Role.VIEWER), ("ed", Role.EDITOR)):
            token = await console.token(role, name)
            for one in OPERATIONS:
                if not role.may(one.role):
                    status, told, _ = await console.api(one.method, filled(one.path), token)
                    assert status == 403, one
                    assert told["detail"] == f"you are {role}: this is for {one.role}s"
            for page in PAGES:
                if not role.may(page.role):
                    async with console.client.get(
                        console.url + filled(page.path), headers={"Authorization": f"Bearer {token}"}
                    ) as answer:
                        assert answer.status == 403

    run(story, tmp_path, monkeypatch)


@pytest.mark.parametrize("name", ["ann", "nobody"])
def test_a_wrong_password_says_the_same_for_every_name_and_is_slowed_down(name, tmp_path, monkeypatch):
    async def story(console):
        told = []
        for _ in range(5):
            answer = await console.log_in(name, "wrong")
            told.append((answer.status, re.search(r'role="alert">(.*?)</div>', await answer.text())[1]))
        wrong = (401, "The name or the password is wrong.")
        assert told[:4] == [wrong] * 4
        assert told[4] == (429, f"Too many tries. Wait {answer.headers['Retry-After']} s.")
        assert "Set-Cookie" not in answer.headers

    run(story, tmp_path, monkeypatch)


def test_a_stranger_may_not_send_much(tmp_path, monkeypatch):
    async def story(console):
        answer = await console.log_in("ann", "x" * 20_000)
        assert answer.status == 413
        assert (await console.log_in("ann", Origin="http://evil.example")).status == 403
        assert (await console.log_in("ann", Sec_Fetch_Site="cross-site")).status == 403

    run(story, tmp_path, monkeypatch)


def test_a_log_in_opens_pages_and_ends(tmp_path, monkeypatch):
    async def story(console):
        answer = await console.log_in()
        cookie = answer.headers["Set-Cookie"]
        assert answer.status == 303
        assert {"HttpOnly", "Path=/", "SameSite=Strict"} <= set(cookie.split("; "))
        token = cookie.partition("=")[2].partition(";")[0]
        assert token not in (tmp_path / "console.db").read_bytes().decode("latin-1")
        async with console.client.get(f"{console.url}/account") as page:
            text = await page.text()
            assert page.status == 200
        proof = re.search(r'name="proof" value="(\w+)"', text)[1]
        for fields, body in [
            ({}, {"proof": proof}),
            ({"Origin": "http://evil.example"}, {"proof": proof}),
            ({"Origin": console.url, "Sec-Fetch-Site": "cross-site"}, {"proof": proof}),
            ({"Origin": console.url}, {"proof": "0" * 64}),
            ({"Origin": console.url}, {}),
        ]:
            async with console.client.post(
                f"{console.url}/logout", data=body, headers=fields, allow_redirects=False
            ) as refused:
                assert (refused.status, refused.headers.get("Location")) in [(403, None), (303, "/login")]
        again = await console.log_in()
        assert again.headers["Set-Cookie"].partition(";")[0] != cookie.partition(";")[0]
        assert console.desk.visits.find(token, 0.0) is None

    run(story, tmp_path, monkeypatch)


def test_a_password_that_changes_ends_every_session(tmp_path, monkeypatch):
    async def story(console):
        await console.log_in()
        token = await console.token()
        status, told, _ = await console.api("PUT", "/me/password", token, {"old": "not it", "new": PASSWORD + "!"})
        assert (status, told["detail"]) == (403, "the old password is another one")
        status, _, _ = await console.api("PUT", "/me/password", token, {"old": PASSWORD, "new": PASSWORD + "!"})
        assert status == 204
        async with console.client.get(f"{console.url}/account", allow_redirects=False) as answer:
            assert answer.status == 303
        assert (await console.log_in(password=PASSWORD)).status == 401
        assert (await console.log_in(password=PASSWORD + "!")).headers["Location"] == "/"

    run(story, tmp_path, monkeypatch)


def test_other_machines_are_served_by_https_and_by_known_names_and_watched_with_a_token(tmp_path, monkeypatch):
    async def story(console):
        port = console.url.rpartition(":")[2]
        token = await console.token(Role.VIEWER, "vic")
        for path in ("/live", "/ready", "/metrics"):
            for fields, status in ({}, 401), ({"Authorization": f"Bearer {token}"}, 200):
                async with console.client.get(console.url + path, headers=fields) as answer:
                    assert answer.status == status
        for host, status in (
            (f"gateway.example:{port}", 200),
            ("GATEWAY.example", 200),
            (f"127.0.0.1:{port}", 200),
            ("198.51.100.7", 200),
            ("evil.example", 421),
            (f"gateway.example.evil.example:{port}", 421),
            ("localhost", 421),
        ):
            async with console.client.get(f"{console.url}/login", headers={"Host": host}) as answer:
                assert (host, answer.status) == (host, status)
        answer = await console.log_in("vic")
        name, *attributes = answer.headers["Set-Cookie"].split("; ")
        assert name.startswith("__Host-gateway-console=")
        assert {"Secure", "HttpOnly", "SameSite=Strict", "Path=/"} <= set(attributes)
        assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"

    run(story, tmp_path, monkeypatch, tls=trustme.CA())


def test_a_log_in_ends_by_idleness_and_by_age(tmp_path, monkeypatch):
    async def story(console):
        visits, ann = console.desk.visits, console.desk.accounts.get("ann")
        token = visits.begin(ann, 1000.0).token
        assert visits.find(token, 1000.0 + 1799) is not None
        assert visits.find(token, 1000.0 + 1799 + 1801) is None
        token = visits.begin(ann, 1000.0).token
        now = 1000.0
        while now < 1000.0 + 12 * 3600:
            assert visits.find(token, now) is not None
            now += 1700
        assert visits.find(token, now) is None
        for _ in range(30):
            visits.begin(ann, 2000.0)
        assert console.desk.database.asked("SELECT count(*) FROM visits") == [(20,)]

    run(story, tmp_path, monkeypatch)


def test_a_token_is_no_more_than_its_owner_and_ends(tmp_path, monkeypatch):
    async def story(console):
        admin, desk = await console.token(), console.desk
        status, made, _ = await console.api("POST", "/tokens", admin, {"name": "scripts", "role": "editor", "days": 1})
        assert status == 201
        assert made["token"] not in str(await console.api("GET", "/tokens", admin))
        assert (await console.api("GET", "/accounts", made["token"]))[0] == 403
        editor = await console.token(Role.EDITOR, "ed")
        assert (await console.api("POST", "/tokens", editor, {"name": "more", "role": "admin"}))[0] == 422
        status, child, _ = await console.api("POST", "/tokens", editor, {"name": "child", "days": 300})
        (parent,) = [one for one in desk.tokens.of("ed") if one.name == "test"]
        assert desk.tokens.get(child["id"]).expires <= parent.expires
        assert (await console.api("PATCH", "/accounts/ed", admin, {"role": "viewer"}))[0] == 200
        assert (await console.api("POST", "/rules/check", editor, {"file": "x", "text": ""}))[0] == 403
        assert desk.tokens.find(editor, parent.expires) is None
        assert (await console.api("DELETE", f"/tokens/{made['id']}", await console.token(Role.VIEWER, "vic")))[0] == 404
        assert (await console.api("DELETE", f"/tokens/{made['id']}", admin))[0] == 204
        assert (await console.api("GET", "/me", made["token"]))[0] == 401
        assert (await console.api("DELETE", "/accounts/ed", admin))[0] == 204
        assert (await console.api("GET", "/me", editor))[0] == 401

    run(story, tmp_path, monkeypatch)


@pytest.mark.parametrize(
    ("body", "fields", "status"),
    [
        (b"{", {}, 400),
        (b'{"name": "bob"}', {}, 400),
        (b'{"name": "bob", "role": "king", "password": "correct horse battery"}', {}, 400),
        (b'{"name": "bob", "role": "viewer", "password": "correct horse battery", "more": 1}', {}, 400),
        (b'{"name": "bob", "role": "viewer", "password": "xxxxxxxxxxxxxxxx"}', {}, 422),
        (b"name=bob", {"Content-Type": "application/x-www-form-urlencoded"}, 415),
        (b" " * (25 << 20), {}, 413),
    ],
)
def test_what_is_no_request_is_told_so_and_not_repeated(body, fields, status, tmp_path, monkeypatch):
    async def story(console):
        headers = {"Authorization": f"Bearer {await console.token()}", "Content-Type": "application/json"} | fields
        async with console.client.post(
            f"{console.url}/api/v1/accounts", data=io.BytesIO(body), headers=headers
        ) as answer:
            told = await answer.text()
            assert (answer.status, answer.content_type) == (status, "application/problem+json")
            assert "correct horse" not in told
            assert "king" not in told

    run(story, tmp_path, monkeypatch)


def test_what_waits_is_shown_dropped_and_read_again(tmp_path, monkeypatch):
    async def story(console):
        token = await console.token()
        status, told, _ = await console.api("GET", "/spool", token)
        assert (status, told["detail"]) == (409, "there is no `spool:` in gateway.yaml")
        file = tmp_path / "gateway.yaml"
        (tmp_path / "spool.key").write_text(KEY)
        (tmp_path / "spool.key").chmod(0o600)
        file.write_text(file.read_text() + "spool: {path: spool.db, key: 'file:spool.key'}\n")
        await console.running.reload()
        spool = console.running.configuration.settings.spool
        create(spool.path)
        pen = Pen(quarantine_path(spool.path), Sealer(spool_ring(spool), QUARANTINE), limit=1 << 20, keep=86400.0)
        headers = Headers([("Content-Type", "application/json")])
        for route, body in (("shop", b'{"event": "x"}'), ("shop", b"{no"), ("gone", b"{}")):
            pen.add(Inbound("POST", "/e/", headers, body, route=route), Reason.BROKEN_FORMAT)
        pen.close()
        _, told, _ = await console.api("GET", "/spool", token)
        assert (told["records"], told["quarantine"]) == (0, {"broken_format": 3})
        status, told, _ = await console.api("POST", "/spool/retry", token)
        assert (status, told) == (200, {"passed": 1, "left": {"broken_format": 1, "route is gone": 1}})
        _, told, _ = await console.api("GET", "/spool", token)
        assert (told["waiting"], told["quarantine"]) == ({"shop": 1}, {"broken_format": 2})
        assert (await console.api("POST", "/spool/drop", token, {}))[0] == 422
        assert (await console.api("POST", "/spool/drop", token, {"route": "shop"}))[1] == {"dropped": 1}
        assert (await console.api("POST", "/spool/drop", token, {"everything": True, "quarantine": True}))[1] == {
            "dropped": 2
        }

    run(story, tmp_path, monkeypatch)


def test_a_value_is_explained(tmp_path, monkeypatch):
    async def story(console):
        capture = '{"event": "x", "properties": {"order": {"note": "ring twice"}, "mail": "ann@example.org"}}'
        token = await console.token(Role.VIEWER, "vic")
        asked = {"capture": capture, "value": "ring twice", "tracker": "posthog"}
        status, told, _ = await console.api("POST", "/explain", token, asked)
        assert status == 200
        assert [(one["place"], one["outcome"], one["rule"]) for one in told["places"]] == [
            ("properties.order.note", "dropped", "order notes")
        ]
        other = {"file": "rules/my-shop.yaml", "text": "extends: default\n"}
        _, told, _ = await console.api("POST", "/explain", token, asked | {"candidate": other})
        assert [one["outcome"] for one in told["places"]] == ["not masked"]
        assert (await console.api("POST", "/explain", token, asked | {"tracker": "nobody"}))[0] == 422

    run(story, tmp_path, monkeypatch)
