"""The second reading: silent over what our own operators write, and not over what a rule keeps."""

from __future__ import annotations

import gzip
import json
import time
from functools import cache
from itertools import chain

import pytest

from gateway.audit.cases import cases
from gateway.audit.people import people
from gateway.core.message import Headers, Inbound
from gateway.core.outcome import Send
from gateway.core.pipeline import mask
from gateway.monitor.monitor import Knowledge, sample_of
from gateway.monitor.reading import Reader, is_made
from tests.judge.recorded import CORPUS, load_run, runs_of
from tests.subject import default_rules, program, rule_file, trackers

ADDRESS = "jane.roe@example.org"
CARD = "4111 1111 1111 1111"


def told_of(body, rules="", tracker="posthog", **fields):
    inbound = Inbound("POST", "/e/", Headers([("Content-Type", "application/json"), *fields.items()]), body)
    outcome = mask(inbound, program(rules, tracker), time.monotonic)
    assert isinstance(outcome, Send)
    files = (*default_rules(), *((rule_file(rules),) if rules else ()))
    return Reader.of(Knowledge.of(files, trackers(), ["t"]).setup).read(sample_of(outcome))


@cache
def reader():
    return Reader.of(Knowledge.of(default_rules(), trackers(), ["t"]).setup)


LARGE = 5_000  # bytes; a page's snapshot takes a second, and the corpus has many


def recorded():
    for run in (run for run in runs_of(CORPUS) if not run.endswith("-default")):
        for one in (one for one in load_run(CORPUS, run) if len(one.body) < LARGE):
            yield Inbound(one.method, one.target, Headers(one.headers), one.body, client="203.0.113.9")


def test_nothing_is_found_in_what_the_defaults_let_out():
    """Recorded traffic of all trackers, and made-up people in every place, coding and tracker that the rules know."""
    subject = program(clock=time.monotonic)
    known = [one for one in trackers().values() if one.tracker != "_any" and "*" not in one.unsupported]
    made = (case.inbound for case in cases(known, people(150, 7), 6))
    found, read = [], 0
    for inbound in chain(recorded(), made):
        outcome = mask(inbound, subject, time.monotonic)
        if isinstance(outcome, Send):
            read += 1
            found += [(outcome.report.tracker, *one) for one in reader().read(sample_of(outcome)).residue]
    assert read > 200
    assert found == []


@pytest.mark.parametrize(
    ("rules", "body", "residue"),
    [
        (
            "record: {user_traits: keep}",
            {"event": "x", "$set": {"phone": "+49 30 901820"}},
            [],
        ),  # still a sensitive key
        (
            "record: {event_properties: keep}",
            {"event": "x", "properties": {"note": ADDRESS}},
            [("properties.*", "email")],
        ),
        (
            "record: {page_text: keep}",
            {"event": "x", "properties": {"title": ADDRESS}},
            [("properties.title", "email")],
        ),
        (
            f"allow: [{{name: ours, text: {ADDRESS}}}]",
            {"event": "x", "properties": {"title": f"write to {ADDRESS}"}},
            [("properties.title", "email")],
        ),
        (
            "mask: [{name: kept, fields: ['**.order.note'], with: keep}]",
            {"event": "x", "properties": {"order": {"note": f"card {CARD}, {ADDRESS}"}}},
            [("properties.order.note", "email"), ("properties.order.note", "payment_card")],
        ),
        (
            "mask: [{name: ours, fields: ['**.note'], with: {replace: desk@my-shop.example}}]",
            {"event": "x", "properties": {"note": ADDRESS}},
            [],
        ),
        ("record: {ip_addresses: truncate}", {"event": "x", "properties": {"$ip": "203.0.113.77"}}, []),
        (
            "mask: [{name: hashed, detect: phone, with: hash}]",
            {"event": "x", "properties": {"a": "call +49 30 901820"}},
            [],
        ),
    ],
)
def test_what_a_rule_lets_out_is_found_and_what_one_writes_is_not(rules, body, residue):
    told = told_of(json.dumps(body).encode(), rules)
    assert sorted((place, detector) for place, detector, _ in told.residue) == residue


def test_it_opens_layers_by_itself():
    rules = "record: {event_properties: keep}"
    inner = json.dumps({"event": "x", "properties": {"note": ADDRESS}})
    packed = json.dumps({"data": gzip.compress(inner.encode()).decode("latin-1")})
    told = told_of(gzip.compress(packed.encode()), rules, **{"Content-Encoding": "gzip"})
    assert [(place, detector) for place, detector, _ in told.residue] == [("data.properties.*", "email")]


def test_no_key_that_a_visitor_made_is_in_a_place():
    told = told_of(
        json.dumps({"event": "x", "properties": {"jane-roe-1971": {"Jane Roe": ADDRESS}}}).encode(),
        "record: {event_properties: keep}",
    )
    assert [place for place, _, _ in told.residue] == ["properties.*"]


@pytest.mark.parametrize(
    ("value", "detector", "made"),
    [
        ("203.0.113.0", "ipv4", True),
        ("203.0.113.7", "ipv4", False),
        ("2001:db8:77::", "ipv6", True),
        ("::ffff:203.0.113.0", "ipv6", True),
        ("2001:db8:77::1", "ipv6", False),
        ("kqxczc.orax@ozy-cwkfgvc.zzz", "email", True),
        ("jane@example.org", "email", False),
        ("enc1.k1.AAAA", "api_key", True),
    ],
)
def test_what_operators_write_tells_so_by_itself(value, detector, made):
    assert is_made(value, detector) is made
