"""The gate: every request that mitmproxy reads goes through policy and pipeline here, or nowhere.

    requestheaders   the head is taken out of the flow, so that nothing shows or saves it
    request          a refusal stands first in the flow; only what the pipeline made takes its place
    (last)           what somebody changed since, by hand or by another add-on, goes through it all again
    response         answered as `gateway run` would pass it on

mitmproxy goes on when an add-on fails: that is why the refusal stands there before anything else is done.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from mitmproxy import ctx, exceptions, http, tcp, udp
from mitmproxy.hooks import UpdateHook

from gateway.core.message import Inbound, Outbound
from gateway.core.outcome import Answer, Refuse, ReplyEditor, Response, Send
from gateway.insight.comparison import Comparison, compare
from gateway.insight.telling import tell
from gateway.inspector.exchange import answer_of, came_of, digest_of, edit_answer, husk, made_request
from gateway.inspector.memory import Came, Memory, Seen
from gateway.policy.answers import line, with_cors
from gateway.proxy import framing
from gateway.proxy.admission import arrival, rule
from gateway.proxy.framing import Rejection, examine
from gateway.proxy.hop import known_gateways, outgoing_fields, request_fields, telling_fields
from gateway.proxy.routes import Plan, Route
from gateway.ruleset.program import Program

MASKED, ANSWERED, REFUSED = ":green_circle:", ":raised_hand:", ":no_entry:"
"""mitmproxy's names of the marks by verdict; what leaves as it came has none."""

LOOPBACK = ("127.0.0.1", "::1", "localhost")
NOBODY = ("0.0.0.0", 0)  # noqa: S104 - no address that is listened on
_HEADS = 10_000
_RULES_TOLD = 12


@dataclass(frozen=True, slots=True)
class Serving:
    """What requests are judged by until the files change: the plan, each route's Program, where rules stand."""

    plan: Plan
    programs: Mapping[str, Program]
    where: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Way:
    """How an answer finds its way back. `hosts`: the backend's address → the browser's."""

    route: Route
    target: str
    method: str
    editor: ReplyEditor | None
    hosts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Door:
    """How requests come in: to the configured routes (reverse) or by a proxy's modes; whether plain HTTP is turned away."""

    is_reverse: bool = True
    needs_tls: bool = False


type Save = Callable[[Inbound | Outbound], None]


class Gate:
    """The first of all add-ons."""

    name = "gateway"

    def __init__(
        self, serving: Serving, memory: Memory, door: Door, *, save: Save | None = None, saves_raw: bool = False
    ) -> None:
        """`save` is told of what left or, where `saves_raw`, of what came."""
        self.serving = serving
        self.memory = memory
        self._door = door
        self._save = save
        self._saves_raw = saves_raw
        self._heads: dict[str, Came] = {}
        self._ways: dict[str, Way] = {}
        self._pseudonym = f"gateway-{secrets.token_hex(4)}"

    # hooks

    def configure(self, updated: set[str]) -> None:
        """What must not be switched off in the interface."""
        if "ssl_insecure" in updated and ctx.options.ssl_insecure:
            raise _refused("upstream certificates are verified: give a route its upstream_ca instead")
        if "web_host" in updated and ctx.options.web_host not in LOOPBACK:
            raise _refused("the web interface shows what came: it stays on a loopback address")

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Takes the head out of the flow. Nothing is streamed: what is sent in pieces can't be masked."""
        if flow.is_replay == "request" or is_for_setup(flow):
            return
        if len(self._heads) >= _HEADS:
            self._heads.pop(next(iter(self._heads)))
        came = self._heads[flow.id] = came_of(flow, is_direct=not self._door.is_reverse)
        flow.request = husk(came)
        flow.client_conn = flow.client_conn.copy()
        flow.client_conn.peername = NOBODY  # a flow may be saved

    async def request(self, flow: http.HTTPFlow) -> None:
        """The verdict on one request."""
        if is_for_setup(flow) and flow.is_replay != "request":
            return
        head, body = self._heads.pop(flow.id, None), flow.request.raw_content or b""
        seen = self.memory.get(flow.id)
        if head is not None:
            came = replace(head, body=body)
        elif seen is not None and seen.made == digest_of(flow.request):
            came = seen.came  # sent once more, unchanged: as it came, by the rules of now
        else:
            came = came_of(flow, is_direct=True)
        await self._judge(flow, came, is_fresh=head is not None)

    async def again(self, flow: http.HTTPFlow) -> None:
        """A request that is no longer what was made of it."""
        await self._judge(flow, came_of(flow, is_direct=True), is_fresh=False)

    def stands(self, flow: http.HTTPFlow) -> bool:
        """Whether a flow's request is what the pipeline made."""
        seen = self.memory.get(flow.id)
        return seen is not None and flow.id in self._ways and seen.made == digest_of(flow.request)

    async def response(self, flow: http.HTTPFlow) -> None:
        """A backend's answer, as the browser gets it."""
        way = self._ways.pop(flow.id, None)
        if way is None or flow.response is None:
            return
        answer = edit_answer(flow.response, way.route, way.target, way.method, way.editor, way.hosts)
        if answer is None:
            answer = answer_of(line(502, "The backend redirects to somewhere that is not masked."))
        flow.response = answer

    def error(self, flow: http.HTTPFlow) -> None:
        """A request that came to nothing."""
        self._heads.pop(flow.id, None)
        self._ways.pop(flow.id, None)

    def http_connect_upstream(self, flow: http.HTTPFlow) -> None:
        """What the proxy of a route is told, and the backend never."""
        for route in self.serving.plan.routes:
            if route.egress is not None and route.egress.fields and _authority(route)[0] == flow.request.host:
                flow.request.headers.update(route.egress.fields)

    def tcp_message(self, flow: tcp.TCPFlow) -> None:
        """What is no HTTP can't be masked."""
        flow.messages[-1].content = b""

    def udp_message(self, flow: udp.UDPFlow) -> None:
        """What is no HTTP can't be masked."""
        flow.messages[-1].content = b""

    # the way of one request

    async def _judge(self, flow: http.HTTPFlow, came: Came, *, is_fresh: bool) -> None:
        answered = None if flow.live else flow.response  # out of a file: nothing is sent
        flow.request = husk(came)
        self._turn_away(flow, came, framing.DEFECT)  # stands where anything below fails
        plan = self.serving.plan
        head = examine(came.received)
        if isinstance(head, Rejection):
            return self._turn_away(flow, came, head)
        if self._door.needs_tls and is_fresh and not came.secure:
            return self._turn_away(flow, came, framing.PLAIN)
        if plan.must_say_https and is_fresh and not plan.trust.says_https(came.peer, came.received.headers):
            return self._turn_away(flow, came, framing.PLAIN)
        if self._pseudonym in known_gateways(came.received.headers) and is_fresh:
            return self._turn_away(flow, came, framing.LOOP)
        found = find(plan, came, head.host, head.target)
        if found is None:
            return self._turn_away(flow, came, framing.NO_ROUTE)
        route, target, hosts = found
        flow.request = husk(came, route.path)
        await self._at_route(flow, came, plan, route, target, head.host, hosts)
        flow.response = flow.response or answered
        return None

    async def _at_route(
        self,
        flow: http.HTTPFlow,
        came: Came,
        plan: Plan,
        route: Route,
        target: str,
        host: str,
        hosts: Mapping[str, str],
    ) -> None:
        received = came.received
        inbound = arrival(plan, route, received.method, target, received.headers, host, came.peer)
        ruling = rule(plan, route, inbound)
        inbound, decision, answer = ruling.inbound, ruling.decision, ruling.answer
        if decision is not None and plan.choice is not None and plan.choice.is_asked(inbound):
            asked = replace(inbound, body=came.body)
            answer = Answer(plan.choice.answer(asked, decision.objection, secure=came.secure), "opt_out_page")
        if answer is not None:
            return self._answered(flow, came, answer.response, answer.why)
        whole = replace(inbound, headers=request_fields(inbound.headers), body=came.body)
        program, where = self.serving.programs[route.name], self.serving.where
        compared = await asyncio.to_thread(
            compare, whole, program, time.thread_time, where, None, telling_fields(inbound.headers)
        )
        comparison, text = compared.comparison, await asyncio.to_thread(tell, compared.comparison)
        match compared.outcome:
            case Send(masked, _, editor):
                outbound = masked.request
                fields = outgoing_fields(outbound.method, outbound.headers, inbound.headers, self._pseudonym)
                made = made_request(route, outbound.method, outbound.target, fields, outbound.body)
                self.memory.keep(flow.id, Seen(came, text, digest_of(made)))
                self._ways[flow.id] = Way(route, outbound.target, outbound.method, editor, hosts)
                if route.egress is not None:
                    _go_by(flow, route.egress.url)
                flow.marked, flow.comment = (MASKED if comparison.changes else ""), _comment(comparison)
                flow.request, flow.response = made, None
                self._saved(whole, outbound)
            case Refuse(_, response):
                self.memory.keep(flow.id, Seen(came, text, digest_of(flow.request)))
                flow.marked, flow.comment = REFUSED, _comment(comparison)
                flow.response = answer_of(with_cors(response, inbound))
                self._saved(whole, None)
            case Answer(response, why):
                self._answered(flow, came, with_cors(response, inbound), why)
        return None

    def _answered(self, flow: http.HTTPFlow, came: Came, response: Response, why: str) -> None:
        told = f"answered: {why} · nothing of it left"
        self.memory.keep(flow.id, Seen(came, told, digest_of(flow.request)))
        flow.marked, flow.comment, flow.response = ANSWERED, told, answer_of(response)

    def _turn_away(self, flow: http.HTTPFlow, came: Came, rejection: Rejection) -> None:
        told = f"refused: {rejection.reason} · nothing of it left"
        self.memory.keep(flow.id, Seen(came, f"{told}\n\n{rejection.line}", digest_of(flow.request)))
        flow.marked, flow.comment = REFUSED, told
        flow.response = answer_of(line(rejection.status, rejection.line))

    def _saved(self, came: Inbound, left: Outbound | None) -> None:
        if self._save is not None and self._saves_raw:
            self._save(came)
        elif self._save is not None and left is not None:
            self._save(left)


class Seal:
    """The last of all add-ons: what passes here is what the pipeline made."""

    name = "gateway-seal"

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    async def request(self, flow: http.HTTPFlow) -> None:
        """Waits for whoever looks at it, and masks again what was changed meanwhile."""
        if flow.intercepted:
            await flow.wait_for_resume()  # type: ignore[no-untyped-call]  # mitmproxy's
        if flow.response is None and not self._gate.stands(flow):
            await self._gate.again(flow)
            ctx.master.addons.trigger(UpdateHook([flow]))


def _refused(why: str) -> exceptions.OptionsError:
    return exceptions.OptionsError(why)  # type: ignore[no-untyped-call]  # mitmproxy's


def is_for_setup(flow: http.HTTPFlow) -> bool:
    """Whether a request is for mitmproxy's own page, where a phone gets its certificate; another add-on answers it."""
    options = ctx.options
    return bool(options.onboarding) and (flow.request.pretty_host, flow.request.port) == (options.onboarding_host, 80)


def find(plan: Plan, came: Came, host: str, target: str) -> tuple[Route, str, Mapping[str, str]] | None:
    """The route of a request, the target behind its prefix, and how backends' addresses read for who asked.

    In a proxy's modes an SDK asks for the backend itself: the route in front of it is meant, the longest path first.
    """
    if came.is_direct:
        for route in sorted(plan.routes, key=lambda one: -len(one.base)):
            base = urlsplit(route.base).path
            if _authority(route) == (came.host, came.port) and (target + "/").startswith(base + "/"):
                return route, target[len(base) :] or "/", {}
    found = plan.find(host, target)
    if found is None:
        return None
    route, rest = found
    scheme = "https" if came.secure or plan.must_say_https else "http"
    return route, rest, {route.base: f"{scheme}://{host}{route.path.rstrip('/')}"}


def _authority(route: Route) -> tuple[str, int]:
    url = urlsplit(route.upstream)
    return url.hostname or "", url.port or (443 if url.scheme == "https" else 80)


def _go_by(flow: http.HTTPFlow, proxy: str) -> None:
    url = urlsplit(proxy)
    flow.server_conn = flow.server_conn.copy()
    flow.server_conn.via = ("https" if url.scheme == "https" else "http", (url.hostname or "", url.port or 80))


def _comment(comparison: Comparison) -> str:
    """What the flow list shows and `~comment` searches: verdict, tracker and rules, never a value."""
    tracker = f" · {comparison.tracker}" if comparison.tracker else ""
    if comparison.verdict == "refuse":
        return f"refused: {comparison.reason}{tracker} · nothing of it left"
    if not comparison.changes:
        return f"unchanged{tracker}"
    counts = Counter(mark.rule for mark in comparison.marks).most_common(_RULES_TOLD)
    rules = ", ".join(f"{name} ×{count}" if count > 1 else name for name, count in counts)
    return f"masked {comparison.changes}{tracker} · {rules}"
