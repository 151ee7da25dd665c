"""Whether a request that has found its route may go on to masking: preflight → policy, with the visitor's place known.

Pure but for the look at the database of places: what serves, and what debug mode shows, decide by the same lines.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from gateway.core.message import Headers, Inbound
from gateway.core.outcome import Answer
from gateway.policy.answers import is_preflight, line, opted_out_answer, preflight_answer, with_cors
from gateway.policy.decision import Decision, decide
from gateway.proxy.routes import Plan, Route


@dataclass(frozen=True, slots=True)
class Ruling:
    """What was decided. `inbound` knows the visitor's place and consent; without an answer it may be masked.

    `decision` is None where nobody had to ask: a preflight, or OPTIONS that ends here.
    """

    inbound: Inbound
    decision: Decision | None = None
    answer: Answer | None = None


def arrival(plan: Plan, route: Route, method: str, target: str, headers: Headers, host: str, peer: str) -> Inbound:
    """A request without its body, at its route. `target` is what stands behind the route's prefix."""
    client = plan.trust.visitor(peer, headers)
    return Inbound(method, target, headers, host=host, peer=peer, client=client, route=route.name)


def rule(plan: Plan, route: Route, inbound: Inbound) -> Ruling:
    """May this request be masked and sent, or what is answered instead?"""
    if is_preflight(inbound):
        return Ruling(inbound, answer=Answer(preflight_answer(inbound), "preflight"))
    if inbound.method == "OPTIONS" and inbound.headers.get("Max-Forwards") == "0":
        # RFC 9110 section 7.6.2: the last recipient answers itself
        return Ruling(inbound, answer=Answer(with_cors(line(200, "gateway"), inbound), "max_forwards"))
    inbound = replace(inbound, country=plan.country_of(inbound))
    decision = decide(
        inbound,
        plan.opt_out,
        record=route.record,
        record_mobile=route.record_mobile,
        consent=plan.consent,
        records_unasked=plan.records_unasked,
    )
    if decision.objection is not None:
        answer = Answer(opted_out_answer(inbound, route.opted_out), decision.objection.value)
        return Ruling(inbound, decision, answer)
    return Ruling(replace(inbound, consented=decision.consented), decision)
