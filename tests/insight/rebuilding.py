"""A recording through the gateway and back into a page: what the page view does, without a console."""

from __future__ import annotations

import json
from functools import cache

from gateway.core.message import Headers, Inbound
from gateway.core.outcome import Send
from gateway.core.pipeline import mask
from gateway.insight.page import Sent, View, rebuild
from tests.judge.recorded import CORPUS, load_run
from tests.subject import program

JSON = Headers([("content-type", "application/json")])


@cache
def program_of(rules):
    return program(rules)


def masked(requests, rules=""):
    """What leaves of requests, in order."""
    subject, clock = program(rules), lambda: 0.0
    found = []
    for number, one in enumerate(requests):
        outcome = mask(one, subject, clock)
        if isinstance(outcome, Send):
            out = outcome.masked.request
            found.append(Sent(number, 0.0, Inbound(out.method, out.target, out.headers, out.body, route=one.route)))
    return found


def recorded(run, corpus=CORPUS):
    return [
        Inbound(one.method, one.target, Headers(one.headers), one.body, route="shop") for one in load_run(corpus, run)
    ]


def of_events(*events):
    """Raw rrweb events as one request."""
    return [Inbound("POST", "/s", JSON, json.dumps(list(events)).encode(), route="shop")]


def view(sent, rules="", window=None, moment=None) -> View:
    subject = program_of(rules)
    return rebuild(sent, lambda _: subject, lambda: 0.0, window, moment)


def seen(*events, rules=""):
    """The page after these rrweb events, unmasked: for what markup and selectors make of any page."""
    sent = [Sent(n, 0.0, one) for n, one in enumerate(of_events(*events))]
    return view(sent, rules)
