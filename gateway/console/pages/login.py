"""Log in and out. A wrong name and a wrong password take as long and say the same."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping

from aiohttp import web

from gateway.console.call import Actor, Desk, Problem
from gateway.console.guard import address_of, cookie_name
from gateway.console.passwords import LONGEST, matches
from gateway.console.trail import Act

WRONG = "The name or the password is wrong."


async def log_in(desk: Desk, request: web.Request, form: Mapping[str, str], *, secure: bool) -> web.Response | Problem:
    """A session's cookie, or why not."""
    name, password = form.get("name", "").strip().lower()[:64], form.get("password", "")[:LONGEST]
    address, now = address_of(request), time.monotonic()
    wait = desk.throttle.wait(name, address, now)
    if wait:
        seconds = math.ceil(wait)
        return Problem(429, f"Too many tries. Wait {seconds} s.", headers={"Retry-After": str(seconds)})
    desk.throttle.begin(name, address, now)
    account = await desk.run(desk.accounts.find, name)
    async with desk.hashing:
        right = await desk.run(matches, password, account.password if account is not None else None)
    if account is None or not right:
        if account is not None:  # another name may be a password in the wrong field
            await desk.run(desk.trail.write, account.name, "log-in", Act.LOG_IN_FAILED)
        return Problem(401, WRONG)
    desk.throttle.succeed(name, address)
    old = request.cookies.get(cookie_name(secure=secure))
    if old:
        await desk.run(desk.visits.end, old)
    visit = await desk.run(desk.visits.begin, account, time.time())
    await desk.run(desk.trail.write, account.name, "log-in", Act.LOGGED_IN)
    response = web.Response(status=303, headers={"Location": "/"})
    response.set_cookie(
        cookie_name(secure=secure), visit.token, httponly=True, samesite="Strict", secure=secure, path="/"
    )
    return response


async def log_out(desk: Desk, actor: Actor, *, secure: bool) -> web.Response:
    """Ends the session and takes its cookie back."""
    await desk.run(desk.visits.end, actor.session)
    await desk.run(desk.trail.write, actor.name, actor.by, Act.LOGGED_OUT)
    response = web.Response(status=303, headers={"Location": "/login", "Clear-Site-Data": '"cache", "storage"'})
    response.del_cookie(cookie_name(secure=secure), httponly=True, samesite="Strict", secure=secure, path="/")
    return response
