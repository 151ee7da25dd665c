"""The console as an aiohttp application: the table of operations and the table of pages become its routes.

Every answer gets the headers of `HEADERS`; every no is a `Problem`, told as JSON below /api/ and as a page elsewhere. Without
a desk (no `console.key`) there are /live, /ready and /metrics, and one page that says how to get the rest.
"""

from __future__ import annotations

import http
import logging
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

import orjson
from aiohttp import web
from pydantic import ValidationError

from gateway.console.assets import ASSETS
from gateway.console.call import Actor, Call, Desk, Model, Problem
from gateway.console.guard import PROOF_FIELD, PROOF_HEADER, SAFE, is_from_here, is_known_host, is_proven, who
from gateway.console.openapi import document
from gateway.console.operations import OPERATIONS, PREFIX, Operation
from gateway.console.pages import PAGES, Page, Redirect
from gateway.console.pages.login import log_in, log_out
from gateway.console.probes import Probes
from gateway.console.role import Role
from gateway.console.templates import render
from gateway.core.errors import UserError
from gateway.core.yaml import FileErrors

LOGIN_SIZE: Final = 16 << 10
"""Bytes of what somebody whom nobody knows may send."""

BODY_SIZE: Final = 24 << 20
"""Bytes of a request to the console: a payload that is tried may be as large as a recorded one."""

HEADERS: Final[Mapping[str, str]] = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # with `no-referrer` a browser hides the origin of our own forms, too
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
}
HSTS: Final = "max-age=31536000"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Application:
    """Everything that the console answers. `desk` is None where no accounts are configured."""

    def __init__(
        self,
        desk: Desk | None,
        probes: Probes,
        *,
        hosts: Sequence[str] = (),
        loopback: bool = True,
        secure: bool = False,
    ) -> None:
        self._desk = desk
        self._probes = probes
        self._hosts = tuple(hosts)
        self._loopback = loopback
        self._secure = secure
        self.web = web.Application(client_max_size=BODY_SIZE, middlewares=[self._middleware()])
        self.web.on_response_prepare.append(self._dress)
        self._add_routes()

    def _add_routes(self) -> None:
        router = self.web.router
        for path, answer in self._probes.answers.items():
            router.add_get(path, self._probe(answer))
        for path, asset in ASSETS.items():
            router.add_get(path, _asset(*asset))
        if self._desk is None:
            return
        router.add_get("/login", self._log_in)
        router.add_post("/login", self._log_in)
        router.add_post("/logout", self._log_out)
        for operation in OPERATIONS:
            router.add_route(operation.method, PREFIX + operation.path, self._operation(operation))
        router.add_get(f"{PREFIX}/openapi.json", self._document)
        router.add_get("/", self._home)
        for page in PAGES:
            router.add_get(page.path, self._page(page))
            if page.act is not None:
                router.add_post(page.path, self._page(page))

    def _probe(self, answer: Callable[[], web.Response]) -> Handler:
        async def probe(request: web.Request) -> web.StreamResponse:
            if not self._loopback:
                await self._admit(request, Role.VIEWER)
            return answer()

        return probe

    def _operation(self, operation: Operation) -> Handler:
        async def call(request: web.Request) -> web.StreamResponse:
            actor = await self._admit(request, operation.role)
            if request.method not in SAFE and actor.proof:
                self._check_proof(request, actor, request.headers.get(PROOF_HEADER, ""))
            query = _query(request, operation)
            body = await _body(request, operation)
            match = _match(request, operation)
            called = Call(self._the_desk, actor, dict(request.match_info), query, body, match)
            given = await operation.run(called)
            return _given(operation, given)

        return call

    def _page(self, page: Page) -> Handler:
        async def show(request: web.Request) -> web.StreamResponse:
            actor = await self._admit(request, page.role)
            form: dict[str, str] = {}
            if request.method == "POST":
                form = await self._form(request, actor)
                actor = await self._admit(request, page.acts)
            called = Call(self._the_desk, actor, dict(request.match_info), dict(request.query), form)
            if request.method == "POST":
                assert page.act is not None
                done = await page.act(called)
            else:
                done = await page.show(called)
            if isinstance(done, Redirect):
                raise web.HTTPSeeOther(done.location)
            if isinstance(done, web.StreamResponse):
                return done
            return await self._render(page.template, actor, done, page=page, title=page.title)

        return show

    async def _home(self, request: web.Request) -> web.StreamResponse:
        await self._admit(request, Role.VIEWER)
        raise web.HTTPSeeOther(PAGES[0].path)

    async def _document(self, request: web.Request) -> web.StreamResponse:
        await self._admit(request, Role.VIEWER)
        return web.Response(body=orjson.dumps(document(OPERATIONS)), content_type="application/json")

    async def _log_in(self, request: web.Request) -> web.StreamResponse:
        if request.method == "GET":
            return await self._render("login.html", None, {"told": ""}, title="Log in")
        if not is_from_here(request):
            raise Problem(403, "this form comes from another site")
        form = await _fields(request.clone(client_max_size=LOGIN_SIZE))
        response = await log_in(self._the_desk, request, form, secure=self._secure)
        if isinstance(response, Problem):
            page = await self._render(
                "login.html", None, {"told": response.told}, title="Log in", status=response.status
            )
            page.headers.update(response.headers)
            return page
        return response

    async def _log_out(self, request: web.Request) -> web.StreamResponse:
        actor = await self._admit(request, Role.VIEWER)
        await self._form(request, actor)
        return await log_out(self._the_desk, actor, secure=self._secure)

    async def _admit(self, request: web.Request, role: Role) -> Actor:
        """The one who calls, where their role is enough."""
        actor = await who(request, self._the_desk, secure=self._secure)
        if actor is None:
            raise Problem(401, "log in first, or send an API token", headers={"WWW-Authenticate": "Bearer"})
        if not actor.role.may(role):
            raise Problem(403, f"you are {actor.role}: this is for {role}s")
        return actor

    async def _form(self, request: web.Request, actor: Actor) -> dict[str, str]:
        form = await _fields(request)
        self._check_proof(request, actor, form.pop(PROOF_FIELD, ""))
        return form

    @staticmethod
    def _check_proof(request: web.Request, actor: Actor, proof: str) -> None:
        if not is_from_here(request) or not is_proven(actor, proof):
            raise Problem(403, "this doesn't come from a page of this log-in: open the page again")

    @property
    def _the_desk(self) -> Desk:
        assert self._desk is not None
        return self._desk

    async def _render(
        self,
        template: str,
        actor: Actor | None,
        context: Mapping[str, Any],
        *,
        title: str,
        page: Page | None = None,
        status: int = 200,
    ) -> web.Response:
        stopped: list[str] = []
        if actor is not None and self._desk is not None:
            rows = await self._desk.run(self._desk.database.asked, "SELECT route FROM stopped ORDER BY route")
            known = {route.label for route in self._desk.control.configuration.settings.routes}
            stopped = [row[0] for row in rows if row[0] in known]
        debug = self._desk is not None and self._desk.traffic.debug
        pages = [one for one in PAGES if one.listed and actor is not None and actor.role.may(one.role)]
        text = render(
            template,
            {
                "actor": actor,
                "pages": pages,
                "page": page,
                "title": title,
                "stopped": stopped,
                "debug": debug,
                "proof": PROOF_FIELD,
            }
            | dict(context),
        )
        return web.Response(text=text, content_type="text/html", status=context.get("status", status))

    def _middleware(self) -> Any:
        @web.middleware
        async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
            try:
                self._check_host(request)
                if request.match_info.http_exception is not None:
                    await self._say_not_there(request, request.match_info.http_exception)
                return await handler(request)
            except Problem as problem:
                return await self._refuse(request, problem)
            except FileErrors as errors:
                told = [(one.where, one.message) for one in errors.each]
                return await self._refuse(request, Problem(422, "there are mistakes", told))
            except UserError as error:
                return await self._refuse(
                    request, Problem(422, error.message, [(error.where, error.message)] if error.where else [])
                )
            except web.HTTPRequestEntityTooLarge:
                return await self._refuse(request, Problem(413, "this is larger than it may be"))

        return guard

    def _check_host(self, request: web.Request) -> None:
        """A page in a browser on this machine may name an address of its own and mean this one."""
        if not is_known_host(request.headers.get("Host", ""), self._hosts, loopback=self._loopback):
            raise Problem(421, "this is the gateway's console: ask it by its address, or name it in console.hosts")

    async def _say_not_there(self, request: web.Request, error: web.HTTPException) -> None:
        """What isn't there is told to those alone who are known."""
        if self._desk is None:
            if request.method not in SAFE:
                raise Problem(405, "GET and HEAD only")
            raise Problem(404, "there are /live, /ready and /metrics")
        await self._admit(request, Role.VIEWER)
        allowed = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
        raise Problem(error.status, "this can't be done here" if allowed else "there is nothing here", headers=allowed)

    async def _refuse(self, request: web.Request, problem: Problem) -> web.StreamResponse:
        title = http.HTTPStatus(problem.status).phrase
        if request.path.startswith("/api/") or request.path in self._probes.answers:
            told: dict[str, object] = {
                "type": "about:blank", "title": title, "status": problem.status, "detail": problem.told,
                "errors": [{"where": where, "message": message} for where, message in problem.errors],
            }  # fmt: skip
            body = orjson.dumps(told)
            return web.Response(
                status=problem.status, body=body, content_type="application/problem+json", headers=problem.headers
            )
        if self._desk is None:
            page = await self._render("unset.html", None, {"problem": problem}, title="Console", status=problem.status)
        elif problem.status == 401:
            return web.Response(status=303, headers={"Location": "/login"})
        else:
            actor = await who(request, self._desk, secure=self._secure) if problem.status != 421 else None
            page = await self._render("problem.html", actor, {"problem": problem}, title=title, status=problem.status)
        page.headers.update(problem.headers)
        return page

    async def _dress(self, _request: web.Request, response: web.StreamResponse) -> None:
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        if self._secure:
            response.headers.setdefault("Strict-Transport-Security", HSTS)
        response.headers["Server"] = "gateway"


def _asset(content_type: str, body: bytes) -> Handler:
    async def asset(_request: web.Request) -> web.StreamResponse:
        return web.Response(body=body, content_type=content_type, charset="utf-8")

    return asset


def _given(operation: Operation, given: Any) -> web.StreamResponse:
    if isinstance(given, web.StreamResponse):
        return given
    if given is None:
        return web.Response(status=operation.status)
    headers = {"ETag": f'"{given.etag}"'} if operation.etag else {}
    return web.Response(
        status=operation.status, body=given.model_dump_json().encode(), content_type="application/json", headers=headers
    )


def _query(request: web.Request, operation: Operation) -> Model | None:
    told = dict(request.query)
    if len(told) != len(request.query):
        raise Problem(400, "a query parameter is there twice")
    if operation.query is None:
        if told:
            raise Problem(400, "this takes no query parameters", [(name[:80], "is unknown") for name in told])
        return None
    return _model(operation.query, lambda model: model.model_validate_strings(told))


def _match(request: web.Request, operation: Operation) -> str:
    if not operation.matches:
        return ""
    told = request.headers.get("If-Match")
    if told is None:
        raise Problem(428, "send If-Match with the ETag that you read")
    found = re.fullmatch(r'"([\x21\x23-\x7e]{1,100})"', told)
    if found is None:
        raise Problem(412, "somebody changed it meanwhile, or this is no ETag: read it again")
    return found[1]


async def _body(request: web.Request, operation: Operation) -> Model | None:
    if operation.takes is None:
        return None
    if request.content_type != "application/json":
        raise Problem(415, "send JSON, as application/json")
    data = await request.read()
    return _model(operation.takes, lambda model: model.model_validate_json(data, strict=True))


def _model(model: type[Model], read: Callable[[type[Model]], Model]) -> Model:
    """The model, or a Problem that says where it is wrong; what was sent is not repeated."""
    try:
        return read(model)
    except ValidationError as error:
        each = error.errors(include_url=False, include_input=False, include_context=False)
        errors = [(".".join(str(step)[:80] for step in one["loc"]), one["msg"]) for one in each]
        raise Problem(400, "this is not what the document describes", errors) from None


async def _fields(request: web.Request) -> dict[str, str]:
    if request.content_type != "application/x-www-form-urlencoded":
        raise Problem(415, "a form is wanted here")
    try:
        return {name: value for name, value in (await request.post()).items() if isinstance(value, str)}
    except ValueError:
        raise Problem(400, "this form can't be read") from None


silent: Final = logging.Logger("gateway.console.silent", level=logging.CRITICAL + 1)  # noqa: LOG001 - not in the tree
"""aiohttp's messages may hold bytes of requests."""
