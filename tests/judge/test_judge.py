"""The judge is judged: a relay that masks nothing is found guilty of all it sends, one that sends nothing is found useless."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import replace

import pytest

from tests.judge.decoder import decode
from tests.judge.recorded import CORPUS, Request, load_run, planted
from tests.judge.relay import Relay, hollow_out, pass_through
from tests.judge.replay import VISITOR, Exchange, dress, replay
from tests.judge.report import details, table
from tests.judge.sink import Sink
from tests.judge.test_decoder import NOT_RECORDED
from tests.judge.verdicts import MUST_ARRIVE, MUST_NOT_ARRIVE, Search, device_ids, judge

CANARIES = planted(CORPUS)
TRIED = ["rrweb-pack", "posthog", "sentry", "snowplow", "highlight", "segment", "matomo", "mixpanel-b64", "amplitude"]
HAS_DEVICE_IDS = set(TRIED) - {"rrweb-pack", "sentry"}


def tried(run, rewrite):
    with Sink() as sink, Relay(sink.port, rewrite) as relay:
        return judge(run, replay(load_run(CORPUS, run), relay.port, sink), CANARIES)


@pytest.mark.parametrize("run", TRIED)
def test_a_relay_that_masks_nothing_is_guilty_of_everything(run):
    verdict = tried(run, pass_through)
    found = {leak.name for leak in verdict.leaks if leak.kind == "planted"}
    assert found == (CANARIES.keys() & set(MUST_NOT_ARRIVE)) - NOT_RECORDED[run] | {
        "cookie"
    }  # the site's cookies are added to each request
    kinds = {leak.kind for leak in verdict.leaks}
    assert {"address", "cookie", "site secret"} <= kinds
    assert ("device id" in kinds) == (run in HAS_DEVICE_IDS)
    assert verdict.is_forwarded
    assert verdict.is_useful
    assert verdict.is_unchanged
    assert not verdict.is_tight
    assert "FAIL" in table([verdict])
    assert "LEAK planted" in details(verdict)


@pytest.mark.parametrize("run", TRIED)
def test_a_relay_that_sends_nothing_leaks_nothing_and_is_useless(run):
    verdict = tried(run, hollow_out)
    recorded = {name for name in MUST_ARRIVE if name not in NOT_RECORDED[run]}
    assert verdict.is_tight
    assert verdict.is_forwarded
    assert not verdict.is_useful
    assert not verdict.is_unchanged
    assert set(verdict.missing) == recorded


def test_a_request_that_does_not_arrive_counts():
    run = load_run(CORPUS, "segment")
    verdict = judge("segment", [Exchange(one, 413, b"", (), ()) for one in run], CANARIES)
    assert not verdict.is_forwarded
    assert len(verdict.refused) == len(run)
    assert not verdict.is_useful


def test_a_request_that_arrives_twice_counts():
    run = load_run(CORPUS, "segment")
    verdict = judge("segment", [Exchange(one, 200, b"", (one, one), (b"", b"")) for one in run], CANARIES)
    assert not verdict.is_forwarded


def sent_and_arrived(before: object, after: object) -> Exchange:
    one = Request("001", "POST", "/x", (), json.dumps(before).encode())
    return Exchange(one, 200, b"", (replace(one, body=json.dumps(after).encode()),), (b"",))


CHANGES = {
    "number": ({"n": 1, "t": "x"}, {"n": 2, "t": "x"}, "exact"),
    "numeral": ({"n": 1.0}, {"n": 1}, "exact"),
    "number became text": ({"n": 1}, {"n": "1"}, "exact"),
    "identifier": ({"session": "3b5c7433-a71f-4ac3-bd08-f33e489ca748"}, {"session": "00000000"}, "exact"),
    "moment": ({"at": "2026-11-24T06:03:06.883Z"}, {"at": "2026-11-24T06:03:06.000Z"}, "exact"),
    "text": ({"t": "Load more"}, {"t": "**** ****"}, "text"),
    "path of a url": ({"u": "https://x.example/a?b=1"}, {"u": "https://x.example/***?b=1"}, "url"),
}


@pytest.mark.parametrize(("before", "after", "kind"), CHANGES.values(), ids=CHANGES)
def test_a_change_of_a_value_that_is_nobodys_is_noticed(before, after, kind):
    verdict = judge("x", [sent_and_arrived(before, after)], CANARIES)
    assert [change.kind for change in verdict.changed] == [kind]


KEPT = {
    "typed text": ({"source": 5, "text": "Zy"}, {"source": 5, "text": "******"}),
    "planted text": ({"t": "Balance of Zyxcanaryprivate"}, {"t": "*******"}),
    "query of a url": ({"u": "https://x.example/a?b=1"}, {"u": "https://x.example/a?b=***"}),
    "trait": ({"traits": {"plan": "gold"}}, {"traits": {"plan": "****"}}),
    "device": ({"device_id": "84cc76e3"}, {"device_id": "11111111"}),
    "network body": ({"requestBody": '{"a":1}'}, {"requestBody": None}),
}


@pytest.mark.parametrize(("before", "after"), KEPT.values(), ids=KEPT)
def test_a_change_that_the_default_rules_make_is_no_fault(before, after):
    verdict = judge("x", [sent_and_arrived(before, after)], CANARIES)
    assert not verdict.changed
    assert not verdict.structure


STRUCTURES = {
    "missing": ({"a": 1, "b": 2}, {"a": 1}),
    "new": ({"a": 1}, {"a": 1, "b": 2}),
    "reordered": ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
    "shorter list": ({"a": [1, 2]}, {"a": [1]}),
    "trait of another type": ({"traits": {"n": 1}}, {"traits": {"n": "*"}}),
}


@pytest.mark.parametrize(("before", "after"), STRUCTURES.values(), ids=STRUCTURES)
def test_a_change_of_structure_is_noticed(before, after):
    assert judge("x", [sent_and_arrived(before, after)], CANARIES).structure


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


DEVICE = "84cc76e3-7e21-4559-9349-e76d361d3081"
GUILTY = {
    "planted, in capitals": ("planted", "x ZYXCANARYNAME y"),
    "planted, percent twice": ("planted", "canary.mail%2540zyx-example.test"),
    "planted, entities": ("planted", "Zyxcanary&#110;ame"),
    "planted, escapes": ("planted", "Zyxcanary\\u006eame"),
    "planted, full width": ("planted", "Ｚｙｘcanaryname"),
    "planted, zero width": ("planted", "Zyxcan\u200baryname"),
    "planted, plus for blank": ("planted", "Zyxcanarystreet+7"),
    "card in groups": ("planted", "4012 8888-8888 1881"),
    "phone without blanks": ("planted", "+14155550132"),
    "inside base64": ("planted", "noise." + encoded("a" + CANARIES["email"] + "bc") + "%"),
    "hex": ("planted", CANARIES["name"].encode().hex()),
    "digest": ("digest", hashlib.sha256(CANARIES["email"].encode()).hexdigest()),
    "prefix of a word": ("prefix", "Zyxca"),
    "prefix of a card": ("prefix", "40128"),
    "prefix of an address": ("prefix", "canar"),
    "rest of a word": ("fragment", "Zyxcanary*** masked badly"),
    "cut word": ("fragment", "it is Zyxcanarysea"),
    "address": ("address", f"for={VISITOR}"),
    "address as number": ("address", "3405803853"),
    "device": ("device id", DEVICE.upper()),
    "device without dashes": ("device id", DEVICE.replace("-", "")),
    "bytes that can't be read": ("opaque", base64.b64encode(b"\x89\xff\xfe" * 20).decode()),
}
INNOCENT = [
    "Load more",
    "Zyxcanarytitle",
    "Zyxcanaryevent",  # cut from a value that may arrive
    "203.0.113.0",
    "1795536228725",  # holds the digits of the planted number, inside a longer one
    "4012",
    "zyx-example.test",
    "https://shop.zyx-example.test/account/zyxcanarypush",
]


def leaks_of(text: str) -> set[str]:
    body = base64.b64decode(text) if text == GUILTY["bytes that can't be read"][1] else json.dumps({"v": text}).encode()
    one = Request("001", "POST", "/x", (), body)
    return {leak.kind for leak in Search(CANARIES, {DEVICE: "device_id"}).leaks("001", one, b"", decode(one))}


@pytest.mark.parametrize(("kind", "text"), GUILTY.values(), ids=GUILTY)
def test_a_secret_is_found_however_it_is_written(kind, text):
    assert kind in leaks_of(text)


@pytest.mark.parametrize("text", INNOCENT)
def test_what_may_arrive_is_no_leak(text):
    assert leaks_of(text) == set()


def test_what_stands_between_two_leaves_is_found():
    one = Request("001", "POST", "/x", (), b'{"a":1}\n-- Zyxcanaryname')
    assert Search(CANARIES, {}).leaks("001", one, b"", decode(one))


def test_a_cookie_that_no_tracker_owns_is_a_leak():
    one = Request("001", "POST", "/x", (("Cookie", "ph_key_posthog=1; theme=dark"),), b"")
    assert [leak.name for leak in Search(CANARIES, {}).leaks("001", one, b"", decode(one))] == ["theme"]


ASKING = [b'{"ip":"$remote"}', b'{"user":{"ip_address":"{{auto}}"}}', b'{"sdk":{"infer_ip":"auto"}}']


@pytest.mark.parametrize("body", ASKING)
def test_a_switch_that_asks_for_the_address_is_a_leak(body):
    one = Request("001", "POST", "/x", (), body)
    assert {leak.kind for leak in Search(CANARIES, {}).leaks("001", one, b"", decode(one))} == {"switch"}


def test_device_ids_come_from_bodies_queries_and_cookies():
    run = [decode(one) for one in dress(load_run(CORPUS, "snowplow"))]
    assert {place.split("/")[0] for place in device_ids(run, CANARIES).values()} <= {"body", "cookie"}
    assert len(device_ids(run, CANARIES)) == 1


def test_the_sink_keeps_a_request_as_it_came():
    sent = Request(
        "001", "POST", "/a?b=%20", (("X-Odd", "  two  "), ("x-odd", "again"), ("Host", "h")), bytes(range(256))
    )
    with Sink() as sink, Relay(sink.port, pass_through) as relay:
        exchange = replay((sent,), relay.port, sink)[0]
    arrived = exchange.arrived[0]
    assert (arrived.method, arrived.target, arrived.body) == ("POST", "/a?b=%20", bytes(range(256)))
    assert exchange.heads[0].startswith(b"POST /a?b=%20 HTTP/1.1\r\n")
    assert exchange.status == 200
