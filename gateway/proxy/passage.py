"""One request on its way through the handler: what is known of it by now, told to counts and traffic where it ends."""

from __future__ import annotations

import time

from gateway.core.message import Headers, Inbound
from gateway.core.outcome import Outcome, Refuse, Send
from gateway.log import method
from gateway.proxy.counts import Counts, Span
from gateway.proxy.routes import Route
from gateway.traffic import Exchange, Traffic, Verdict


class Passage:
    """Made with a request's head. `end` is its last word, and the only one."""

    __slots__ = (
        "_answered_at", "_at", "_came", "_counts", "_inbound", "_is_ended", "_masked_at", "_masking", "_method", "_outcome",
        "_route", "_size", "_tracker", "_traffic", "_upstream",
    )  # fmt: skip

    def __init__(self, counts: Counts, traffic: Traffic, method: str) -> None:
        self._counts = counts
        self._traffic = traffic
        self._at = time.time()
        self._method = method
        self._route: Route | None = None
        self._inbound: Inbound | None = None
        self._came: Headers | None = None
        self._size = 0
        self._outcome: Outcome | None = None
        self._tracker = ""
        self._masking = 0.0
        self._upstream = 0.0
        self._masked_at = 0.0
        self._answered_at = 0.0
        self._is_ended = False

    def enter(self, route: Route, inbound: Inbound) -> None:
        """Its route is known."""
        self._route, self._inbound, self._came = route, inbound, inbound.headers

    def read(self, inbound: Inbound) -> None:
        """Its body is read."""
        self._inbound, self._size = inbound, len(inbound.body)
        if self._route is not None:
            self._counts.bytes_in[self._route.name] += self._size

    def mask(self, outcome: Outcome | None, seconds: float) -> None:
        """Its verdict is known; None where no masker had time for it."""
        self._outcome, self._masking, self._masked_at = outcome, seconds, time.time()
        match outcome:
            case Send(_, report):
                self._tracker = report.tracker
                self._traffic.count(report.findings, self._at)
            case Refuse(_, _, tracker):
                self._tracker = tracker
        self._counts.masking(self._tracker).observe(seconds)

    def answer(self, seconds: float) -> None:
        """The backend was asked: it took so long up to its answer's head, or until it was given up."""
        self._upstream, self._answered_at = seconds, time.time()
        self._counts.spans[Span.UPSTREAM].observe(seconds)

    def end(self, verdict: Verdict, reason: str = "") -> None:
        """What became of it. Of two words the first counts."""
        if self._is_ended:
            return
        self._is_ended = True
        self._counts.add(verdict, reason, self._tracker)
        if verdict is Verdict.FORWARDED and self._route is not None and isinstance(self._outcome, Send):
            self._counts.bytes_out[self._route.name] += len(self._outcome.masked.request.body)
        traffic = self._traffic
        if traffic.keep:
            traffic.add(self._exchange(verdict, reason, traffic))

    def _exchange(self, verdict: Verdict, reason: str, traffic: Traffic) -> Exchange:
        route, inbound, outcome = self._route, self._inbound, self._outcome
        send = outcome if isinstance(outcome, Send) else None
        # of who opted out nothing is kept: only what came as far as masking is
        is_kept = traffic.debug and isinstance(outcome, Send | Refuse)
        return Exchange(
            number=traffic.coming,
            at=self._at,
            verdict=verdict,
            reason=reason,
            route=route.name if route is not None else "",
            tracker=self._tracker,
            method=method(self._method),
            path=route.shapes.of(inbound.path) if route is not None and inbound is not None else "",
            size_in=self._size,
            size_out=len(send.masked.request.body) if send is not None else 0,
            masking=self._masking,
            upstream=self._upstream,
            masked_at=self._masked_at,
            answered_at=self._answered_at,
            ended_at=time.time(),
            findings=send.report.findings if send is not None else {},
            layers=tuple(send.report.layers) if send is not None else (),
            program=send.masked.program_digest if send is not None else "",
            session=send.session.hex() if send is not None else "",
            sent=send.masked if send is not None else None,
            before=inbound if is_kept else None,
            came=self._came if is_kept else None,
        )
