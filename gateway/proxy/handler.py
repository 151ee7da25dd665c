"""The one place where rooms meet: the way of one request from its head to its answer.

    examine → route → preflight? → policy → body → mask → Send | Answer | Refuse → answer

Only the `Send` arm reaches a backend or the spool, with a `Masked`. Every other end, the unexpected ones included,
forwards nothing. Once a request is masked it is delivered even if the browser has left: pages send their last events as
they close.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from dataclasses import replace
from typing import assert_never

from aiohttp import web

from gateway.core.message import Headers, Inbound
from gateway.core.outcome import Answer, Outcome, Refuse, ReplyEditor, Response, Send
from gateway.core.region import region_of
from gateway.log import Event, Name
from gateway.maskers.pool import Busy, Edition
from gateway.maskers.shadow import Shadow
from gateway.policy.answers import line, with_cors
from gateway.policy.choice import BODY_SIZE, Choice
from gateway.policy.decision import Objection
from gateway.policy.owner import ids_of
from gateway.proxy import framing
from gateway.proxy.admission import arrival, rule
from gateway.proxy.body import BodyRejected, read_body
from gateway.proxy.connection import Failure
from gateway.proxy.counts import Counts, Decided
from gateway.proxy.delivery import AWAY, Delivery, seconds_of
from gateway.proxy.framing import Head, Received, Rejection, examine, expects_continue
from gateway.proxy.freshness import is_known, kept
from gateway.proxy.hop import answer_fields, known_gateways, request_fields
from gateway.proxy.listener import peer_of
from gateway.proxy.passage import Passage
from gateway.proxy.reply import HSTS, Gone, Reply, rejection_line
from gateway.proxy.routes import Plan, Route
from gateway.proxy.upstream import INVALID, BackendAnswer, Unreachable, Upstream
from gateway.traffic import Traffic, Verdict

INLINE_SIZE = 64 * 1024
"""Bodies up to this size are masked on the event loop; larger ones in a thread, so that others get their turn."""

EDITED_SIZE = 2 * 1024 * 1024
"""Bytes of an answer that is edited; set-up answers are small, and what is larger passes through untouched."""

CHANGED_BODY = ("Content-Encoding", "Content-Length", "Content-MD5", "Digest", "Content-Digest", "Repr-Digest")
"""What vouched for an answer's bytes as they were before it was edited (RFC 9110 section 8, RFC 9530)."""

HELD_SIZE = 256 * 1024 * 1024
"""How many bytes of bodies may be in memory at once; past that, requests are asked to come back."""

Emit = Callable[..., None]
"""`gateway.log.emit`, or a stand-in."""

Saw = Callable[[str, Send], None]
"""Is told of each masked request, with its route's name: quick, and never fails it."""


class Handler:
    """Serves requests by the current `plan`. A request keeps the plan that it started with."""

    def __init__(
        self,
        plan: Plan,
        upstream: Upstream,
        counts: Counts,
        traffic: Traffic,
        *,
        executor: Executor,
        pseudonym: str,
        emit: Emit,
        delivery: Delivery | None = None,
        hsts: bool = False,
        held_at_most: int = HELD_SIZE,
        saw: Saw | None = None,
    ) -> None:
        self.plan = plan
        self.is_draining = False
        self.shadow: Shadow | None = None  # rules on trial
        self._upstream = upstream
        self._counts = counts
        self._traffic = traffic
        self._executor = executor
        self._pseudonym = pseudonym
        self._emit = emit
        self._delivery = delivery
        self._hsts = hsts
        self._held = 0
        self._held_at_most = held_at_most
        self._saw = saw

    @property
    def held(self) -> int:
        """Bytes of bodies in memory."""
        return self._held

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """The edge: what goes wrong in an unforeseen way forwards nothing and is told by its type alone."""
        passage = Passage(self._counts, self._traffic, request.method)
        try:
            return await self._serve(request, passage)
        except ConnectionError as gone:
            return _let_go(request, gone)
        except Exception as defect:  # noqa: BLE001 - one of the two edges: a defect of ours must forward nothing
            passage.end(Verdict.REFUSED, framing.DEFECT.reason)
            self._emit(Event.FAULT, fault=Name(type(defect).__name__))
            if request.writer.output_size > 0:
                return _let_go(request, defect)
            return self._close(self._reply(rejection_line(framing.DEFECT)))

    async def _serve(self, request: web.BaseRequest, passage: Passage) -> web.StreamResponse:
        plan = self.plan
        received = Received(
            request.method,
            request.raw_path,
            (request.version.major, request.version.minor),
            Headers((name.decode("latin-1"), value.decode("latin-1")) for name, value in request.raw_headers),
        )
        head = examine(received)
        if isinstance(head, Rejection):
            return self._reject(passage, head)
        peer = peer_of(request.transport)
        if plan.must_say_https and not plan.trust.says_https(peer, received.headers):
            return self._turn_to_https(passage, received, head)
        if self._pseudonym in known_gateways(received.headers):
            return self._reject(passage, framing.LOOP)
        found = plan.find(head.host, head.target)
        if found is None:
            return self._reject(passage, framing.NO_ROUTE)
        route, target = found
        inbound = arrival(plan, route, received.method, target, received.headers, head.host, peer)
        passage.enter(route, inbound)
        ruling = rule(plan, route, inbound)
        inbound, decision, answer = ruling.inbound, ruling.decision, ruling.answer
        if decision is not None:
            if plan.choice is not None and plan.choice.is_asked(inbound):
                return await self._choose(request, passage, received, plan, plan.choice, inbound, decision.objection)
            region = region_of(inbound.country) if plan.looks_up_country else "any"
            self._counts.decide(Decided(route.name, decision.recording, decision.signal, region))
        if answer is not None:
            return self._answer(passage, answer.response, answer.why, received)
        return await self._mask_and_forward(request, passage, received, plan, route, inbound)

    async def _choose(
        self,
        request: web.BaseRequest,
        passage: Passage,
        received: Received,
        plan: Plan,
        choice: Choice,
        inbound: Inbound,
        objection: Objection | None,
    ) -> web.StreamResponse:
        """The opt-out page: shown, or what was chosen on it."""
        try:
            asked = replace(inbound, body=await read_body(request, BODY_SIZE, lambda _: None))
        except BodyRejected as rejected:
            return self._reject(passage, rejected.rejection)
        secure = request.secure or plan.must_say_https
        if self._delivery is not None and choice.is_refused_by(asked):
            await self._delivery.forget(ids_of(asked))
        return self._answer(passage, choice.answer(asked, objection, secure=secure), "opt_out_page", received)

    async def _mask_and_forward(
        self,
        request: web.BaseRequest,
        passage: Passage,
        received: Received,
        plan: Plan,
        route: Route,
        inbound: Inbound,
    ) -> web.StreamResponse:
        taken = 0

        def take_room(size: int) -> None:
            nonlocal taken
            if self._held + size > self._held_at_most:
                raise BodyRejected(framing.BUSY)
            self._held += size
            taken += size

        try:
            if expects_continue(received) and (request.content_length or 0) <= plan.limits.body:
                await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                request.writer.output_size = 0
            body = await read_body(request, plan.limits.body, take_room)
            whole = replace(inbound, headers=request_fields(inbound.headers), body=body)
            passage.read(whole)
            outcome = await self._mask(plan, whole, passage)
            if self.shadow is not None:
                self.shadow.offer(whole, outcome)
            match outcome:
                case Send():
                    self._counts.changed(route.name, outcome.report)
                    return await self._forward(request, passage, route, inbound, outcome)
                case Answer(response, why):
                    return self._answer(passage, with_cors(response, inbound), why, received)
                case Refuse(reason, response):
                    if route.quarantines and self._delivery is not None:
                        told = await self._delivery.quarantine(passage, route, whole, outcome)
                        if told is not None:
                            return self._reply(told)
                    passage.end(Verdict.REFUSED, reason.value)
                    return self._reply(with_cors(response, inbound))
                case _:
                    assert_never(outcome)
        except BodyRejected as rejected:
            return self._reject(passage, rejected.rejection, inbound)
        finally:
            self._held -= taken

    async def _mask(self, plan: Plan, inbound: Inbound, passage: Passage) -> Outcome:
        outcome: Outcome | None = None
        start = time.perf_counter()
        try:
            if isinstance(plan.masker, Edition):
                outcome = await plan.masker.mask(inbound)
            elif len(inbound.body) <= INLINE_SIZE:
                outcome = plan.masker.mask(inbound)
            else:
                loop = asyncio.get_running_loop()
                outcome = await loop.run_in_executor(self._executor, plan.masker.mask, inbound)
        except Busy:
            raise BodyRejected(framing.BUSY) from None
        finally:
            passage.mask(outcome, time.perf_counter() - start)
        return outcome

    async def _forward(
        self, request: web.BaseRequest, passage: Passage, route: Route, inbound: Inbound, send: Send
    ) -> web.StreamResponse:
        if self._saw is not None:
            self._saw(route.name, send)
        delivery = self._delivery
        if delivery is not None and (told := await delivery.first(passage, route, inbound, send)) is not None:
            return self._reply(told)
        try:
            answer = await self._ask(passage, route, inbound, send)
        except Unreachable as failure:
            if delivery is not None and failure.reason != INVALID:
                told = await delivery.instead(passage, route, inbound, send, failure.reason)
                if told is not None:
                    return self._reply(told)
            passage.end(Verdict.FAILED, failure.reason)
            return self._reply(with_cors(line(failure.status, failure.line, *failure.fields), inbound))
        async with answer:
            if delivery is not None and answer.status in AWAY:
                after = seconds_of(answer.headers.get("Retry-After", ""))
                told = await delivery.instead(passage, route, inbound, send, str(answer.status), after)
                if told is not None:
                    answer.close()
                    return self._reply(told)
            fields = answer_fields(_readable(answer.raw_headers), route.set_cookies)
            if "Location" in fields:
                location = route.locate(send.masked.request.target, fields.get("Location"))
                if location is None:
                    passage.end(Verdict.FAILED, "redirect")
                    return self._reply(
                        with_cors(line(502, "The backend redirects to somewhere that is not masked."), inbound)
                    )
                fields = fields.replaced("Location", location)
            passage.end(Verdict.FORWARDED, str(answer.status))
            if send.reply is not None and self._is_edited(answer, fields, send.reply):
                if request.method == "HEAD":
                    return await self._stream(request, answer, kept(fields.without(*CHANGED_BODY), None))
                return await self._edit(request, answer, fields, send.reply, self._addresses(request, route, inbound))
            return await self._stream(request, answer, fields)

    async def _ask(self, passage: Passage, route: Route, inbound: Inbound, send: Send) -> BackendAnswer:
        start = time.perf_counter()
        try:
            return await self._upstream.send(route, send.masked, inbound.headers, self._pseudonym)
        finally:
            passage.answer(time.perf_counter() - start)

    @staticmethod
    def _is_edited(answer: BackendAnswer, fields: Headers, editor: ReplyEditor) -> bool:
        """Whether an answer is one to edit: whole, of a type that is read, and not known to be large."""
        size = fields.get("Content-Length")
        return (
            answer.status == 200
            and editor.reads(fields.get("Content-Type"))
            and not (size.isdecimal() and int(size) > EDITED_SIZE)
        )

    def _addresses(self, request: web.BaseRequest, route: Route, inbound: Inbound) -> dict[str, str]:
        """The backend's address → the one that the browser used, so that what the answer names leads here again."""
        secure = request.secure or self.plan.must_say_https
        here = f"{'https' if secure else 'http'}://{inbound.host}{route.path.rstrip('/')}"
        return {route.base: here} if inbound.host else {}

    async def _edit(
        self,
        request: web.BaseRequest,
        answer: BackendAnswer,
        fields: Headers,
        editor: ReplyEditor,
        hosts: dict[str, str],
    ) -> web.StreamResponse:
        """Passes a set-up answer on as edited; one that turns out large, or that breaks off, as it comes."""
        body = bytearray()
        try:
            async for piece in answer.pieces():
                body += piece
                if len(body) > EDITED_SIZE:
                    return await self._stream(request, answer, fields, bytes(body))
        except Failure:
            _abort(request)
            raise ConnectionResetError from None
        encodings = [one.strip() for value in fields.all("Content-Encoding") for one in value.split(",")]
        edited = editor.edit(bytes(body), fields.get("Content-Type"), [one for one in encodings if one], hosts)
        if isinstance(edited, Awaitable):
            edited = await edited
        left = fields if edited is None else fields.without(*CHANGED_BODY)
        whole = bytes(body) if edited is None else edited
        if request.method != "GET":
            return self._dressed(Reply(answer.status, left.without("Content-Length"), whole))
        left = kept(left, whole)
        if is_known(left, request.headers.getall("If-None-Match", [])):
            return self._dressed(Reply(304, left.without("Content-Type", "Content-Encoding"), None))
        return self._dressed(Reply(answer.status, left, whole))

    async def _stream(
        self, request: web.BaseRequest, answer: BackendAnswer, fields: Headers, begun: bytes = b""
    ) -> web.StreamResponse:
        """Passes the backend's answer on as it comes. One that breaks off does so here too, uncleanly."""
        reply = self._dressed(Reply(answer.status, fields))
        await reply.prepare(request)
        try:
            if begun:
                await reply.write(begun)
            async for piece in answer.pieces():
                await reply.write(piece)
        except Failure:
            _abort(request)
            raise ConnectionResetError from None
        return reply

    def _turn_to_https(self, passage: Passage, received: Received, head: Head) -> web.StreamResponse:
        """The trusted proxy has not said that the visitor came by HTTPS."""
        has_body = "Content-Length" in received.headers or "Transfer-Encoding" in received.headers
        if received.method not in {"GET", "HEAD"} or has_body:
            return self._reject(passage, framing.PLAIN)
        passage.end(Verdict.REJECTED, framing.PLAIN.reason)
        return self._reply(line(308, "Use HTTPS.", ("Location", f"https://{head.host}{head.target}")))

    def _answer(self, passage: Passage, response: Response, why: str, received: Received) -> Reply:
        passage.end(Verdict.ANSWERED, why)
        reply = self._reply(response)
        # who waits for 100 may or may not send the body after all: the connection can't tell what comes next
        return self._close(reply) if expects_continue(received) else reply

    def _reject(self, passage: Passage, rejection: Rejection, inbound: Inbound | None = None) -> Reply:
        passage.end(Verdict.REJECTED, rejection.reason)
        response = rejection_line(rejection)
        return self._close(self._reply(response if inbound is None else with_cors(response, inbound)))

    def _reply(self, response: Response) -> Reply:
        return self._dressed(Reply(response.status, response.headers, response.body))

    def _dressed(self, reply: Reply) -> Reply:
        reply.headers["Via"] = f"1.1 {self._pseudonym}"
        if self._hsts:
            reply.headers[HSTS[0]] = HSTS[1]
        return self._close(reply) if self.is_draining else reply

    @staticmethod
    def _close(reply: Reply) -> Reply:
        reply.force_close()
        return reply


def _readable(raw: tuple[tuple[bytes, bytes], ...]) -> Headers:
    """The backend's fields; those that are not UTF-8 are left out, since they could not go out byte for byte."""
    pairs: list[tuple[str, str]] = []
    for name, value in raw:
        try:
            pairs.append((name.decode("ascii"), value.decode("utf-8")))
        except UnicodeDecodeError:
            continue
    return Headers(pairs)


def _let_go(request: web.BaseRequest, why: BaseException) -> Gone:
    """Ends a connection without a further word.

    Raised on, the error would stay in a cycle with the task that it ends, and its frames would hold pieces of answers
    until the next collection: measured, 0.8 MB for each reader that left.
    """
    _abort(request)
    cause: BaseException | None = why
    while cause is not None:
        cause.__traceback__ = None
        cause = cause.__context__
    return Gone()


def _abort(request: web.BaseRequest) -> None:
    if request.transport is not None:
        request.transport.abort()
