"""The console over sockets: who gets in, who may what, and what a stranger, a wrong role and another site get."""

from __future__ import annotations

import asyncio
import re

import pytest

from gateway.console.application import HEADERS
from gateway.console.operations import OPERATIONS
from gateway.console.pages import PAGES
from gateway.console.role import Role
from tests.console.serving import PASSWORD, served


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
