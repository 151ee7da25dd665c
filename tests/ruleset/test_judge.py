"""What a value in a body becomes: the default rules line by line, a test's own rules by precedence, secrets everywhere."""

from __future__ import annotations

import base64
import gzip
import json
from urllib.parse import parse_qs, quote

import pytest

from tests.subject import PRIVATE, masked, program, refused, request, sent

DEFAULT = program()
UUID4 = "0f5c7d2e-9a41-4b1c-8e3d-5a6b7c8d9e0f"

# what product.md says under "What the default rules do": a body, and what leaves
LINES = {
    "form_inputs: a value of a form": ({"form_values": {"note": "Zorblax walks"}}, {"form_values": {"note": "***"}}),
    "form_inputs: a search term": ({"search_term": "red shoes"}, {"search_term": "***"}),
    "form_inputs: a constant length": ({"input_value": "x"}, {"input_value": "***"}),
    "page_text: harmless text": ({"page_title": "Checkout"}, {"page_title": "Checkout"}),
    "page_text: an e-mail address in a text": ({"title": "To jane@example.org"}, {"title": "To [email]"}),
    "urls: host and path": ({"url": "https://shop.example/cart/items"}, {"url": "https://shop.example/cart/items"}),
    "urls: query values": ({"url": "https://shop.example/?q=shoes&page=2"}, {"url": "https://shop.example/?q=***&page=2"}),
    "urls: utm": ({"url": "https://x.example/?utm_source=mail"}, {"url": "https://x.example/?utm_source=mail"}),
    "urls: a fragment": ({"url": "https://x.example/a#secret"}, {"url": "https://x.example/a#***"}),
    "urls: a route": ({"url": "https://x.example/#/orders/list"}, {"url": "https://x.example/#/orders/list"}),
    "urls: user-info": ({"url": "https://jane:pw@x.example/"}, {"url": "https://***@x.example/"}),
    "urls: an e-mail address in the path": (
        {"url": "https://x.example/u/jane@example.org/a"}, {"url": "https://x.example/u/[email]/a"}),
    "urls: an id in the path": ({"url": f"https://x.example/o/{UUID4}"}, {"url": "https://x.example/o/***"}),
    "urls: in a text": ({"note": "see https://x.example/?t=abc now"}, {"note": "see https://x.example/?t=*** now"}),
    "ip_addresses": ({"a": 1, "ip": "203.0.113.77", "b": 2}, {"a": 1, "b": 2}),
    "ip_addresses: of others in a text": ({"note": "from 203.0.113.77"}, {"note": "from [ip]"}),
    "user_traits": ({"traits": {"plan": "gold", "age": 44}}, {"traits": {"plan": "***", "age": 0}}),
    "event_properties: sensitive keys": ({"properties": {"password": "abc", "n": 1}}, {"properties": {"password": "***", "n": 1}}),
    "event_properties: whole words": ({"author": "x", "accept": "y", "authority": "z"}, {"author": "x", "accept": "y", "authority": "z"}),
    "data_logs: text": ({"console": ["paid by jane@example.org"]}, {"console": ["paid by [email]"]}),
    "data_logs: bodies": ({"a": 1, "requestBody": "x=1", "response_headers": {"a": "b"}}, {"a": 1}),
    "location": ({"latitude": 52.52, "city": "Berlin", "country": "DE"}, {"country": "DE"}),
    "user_agent: a rounded screen": ({"screen_size": "1283x861"}, {"screen_size": "1280x860"}),
    "media": ({"x": "data:image/png;base64,AAAABBBBCCCCDDDD"},
              {"x": "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"}),
    "structure: ids": ({"session_id": UUID4, "trace_id": "ab" * 16}, {"session_id": UUID4, "trace_id": "ab" * 16}),
    "structure: times": ({"timestamp": 1795500188189, "duration": 12.5}, {"timestamp": 1795500188189, "duration": 12.5}),
    "project_keys": ({"writeKey": "aB3defGHIjklMNOpqrST"}, {"writeKey": "aB3defGHIjklMNOpqrST"}),
}  # fmt: skip


@pytest.mark.parametrize(("body", "leaves"), LINES.values(), ids=LINES)
def test_the_default_rules_do_what_they_say(body, leaves):
    assert masked(DEFAULT, body) == leaves


HASHED = ["device_id", "anonymous_id", "user_id", "customerId"]


@pytest.mark.parametrize("key", HASHED)
def test_an_id_is_hashed_and_keeps_its_shape(key):
    told = masked(DEFAULT, {key: UUID4})[key]
    assert told != UUID4
    assert [len(part) for part in told.split("-")] == [8, 4, 4, 4, 12]
    assert told[14] == "4"
    assert masked(DEFAULT, {"device_id": UUID4})["device_id"] == told


@pytest.mark.parametrize(
    ("body", "leaves"),
    [
        (b'{"a":4111111111111111}', b'{"a":0}'),
        (b'{"a":4111111111111111.0}', b'{"a":0}'),
        (b'{"a":4.111111111111111e15}', b'{"a":0}'),
        (b'{"a":4111111111111111E0}', b'{"a":0}'),
        (b'{"a":[4111111111111111,1]}', b'{"a":[0,1]}'),
        (b'{"a":1795500188189}', b'{"a":1795500188189}'),
        (b'{"a":1795500188189.25,"b":1e3,"c":-0.0,"d":1E-7}', b'{"a":1795500188189.25,"b":1e3,"c":-0.0,"d":1E-7}'),
        (b'{"a":20261124,"b":12345678901}', b'{"a":20261124,"b":12345678901}'),
        (b'{"password":12345678}', b'{"password":0}'),
        (b'{"password":true,"token":null}', b'{"password":true,"token":null}'),
    ],
)
def test_a_number_is_read_and_stays_a_number(body, leaves):
    assert sent(DEFAULT, request(body)).body == leaves


DROPS = "mask: [{name: gone, keys: [gone], with: drop}]"


@pytest.mark.parametrize(
    ("body", "leaves"),
    [
        (b'{"gone":1,"b":2,"c":3}', b'{"b":2,"c":3}'),
        (b'{"a":1,"gone":{"x":[1]},"c":3}', b'{"a":1,"c":3}'),
        (b'{"a":1, "b":2, "gone":[1]}', b'{"a":1, "b":2}'),
        (b'{"gone":1,"Gone":"x","GONE":null}', b"{}"),
        (b'{ "gone" : "x" }', b"{  }"),
        (b'{"a":{"b":{"gone":"x","c":1}}}', b'{"a":{"b":{"c":1}}}'),
        (b'[{"gone":"x"},{"a":1,"gone":"y"}]', b'[{},{"a":1}]'),
        (b"gone=1&a=2&b=3", b"a=2&b=3"),
        (b"a=2&gone=1&gone=4&b=3", b"a=2&b=3"),
        (b"a=2&gone=1", b"a=2"),
        (b'{"s":"{\\"gone\\":1,\\"a\\":2}"}', b'{"s":"{\\"a\\":2}"}'),
        (b'{"gone":1}\n{"a":1,"gone":2}\n', b'{}\n{"a":1}\n'),
    ],
)
def test_what_is_dropped_goes_with_its_separator(body, leaves):
    assert sent(program(DROPS), request(body)).body == leaves


KEYS = {
    "an e-mail address": ({"by": {"jane@example.org": 1}}, {"by": {"[email]": 1}}),
    "a URL": ({"by": {"https://x.example/?t=abc": 1}}, {"by": {"https://x.example/?t=***": 1}}),
    "a card": ({"by": {"4111 1111 1111 1111": 1}}, {"by": {"[card]": 1}}),
    "a name": ({"by": {"first_visit": 1}}, {"by": {"first_visit": 1}}),
    "a secret of the request": (
        {"password": "hunter-2-zz", "by": {"hunter-2-zz": 1}}, {"password": "***", "by": {"***": 1}}),
}  # fmt: skip


@pytest.mark.parametrize(("body", "leaves"), KEYS.values(), ids=KEYS)
def test_a_key_is_read_as_a_value_is(body, leaves):
    assert masked(DEFAULT, body) == leaves


def test_both_of_two_equal_keys_are_read():
    body = b'{"password":"first-one-1","password":"second-one-2","email":"a@example.org","email":"b@example.org"}'
    assert sent(DEFAULT, request(body)).body == b'{"password":"***","password":"***","email":"***","email":"***"}'


# secrets

PLACES = {
    "another value": {"note": "said hunter-2-zz loud"},
    "in capitals": {"note": "HUNTER-2-ZZ"},
    "nested JSON": {"note": json.dumps({"a": "hunter-2-zz"})},
    "base64": {"note": base64.b64encode(b'{"a":"hunter-2-zz","b":1}').decode()},
    "gzip in a string": {"note": gzip.compress(b'{"a":"hunter-2-zz"}').decode("latin-1")},
    "percent-encoded": {"note": "x hunter%2D2%2Dzz"},
    "a part of a URL's path": {"note": "https://x.example/hunter-2-zz/a"},
    "before it was told": {"a": "hunter-2-zz"},
    "a list": {"a": ["hunter-2-zz", ["hunter-2-zz"]]},
    "a kept value": {"kept": "hunter-2-zz"},
}


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
@pytest.mark.parametrize("key", ["password", "form_values"])
def test_a_secret_found_once_is_gone_everywhere(place, key):
    subject = program("mask: [{name: kept, keys: [kept], with: keep}]")
    told = masked(subject, {**place, key: "hunter-2-zz"})
    assert "hunter" not in json.dumps(told).lower()
    note = told.get("note", "")
    if note.startswith("\x1f\x8b"):
        assert b"hunter" not in gzip.decompress(note.encode("latin-1"))
    elif note.isalnum() or note.endswith("="):
        assert b"hunter" not in base64.b64decode(note)


def test_a_secret_of_the_body_is_gone_from_the_rest_of_the_request():
    out = sent(
        DEFAULT,
        request(
            {"password": "hunter-2-zz"},
            path="/collect/hunter-2-zz?lang=hunter-2-zz&utm_source=a",
            headers=[("X-Note", "saw hunter-2-zz"), ("Referer", "https://x.example/hunter-2-zz")],
        ),
    )
    assert "hunter" not in f"{out.target} {list(out.headers)}"


def test_a_secret_of_the_query_is_gone_from_the_body():
    out = sent(DEFAULT, request({"note": "saw hunter-2-zz"}, path="/x?password=hunter-2-zz"))
    assert b"hunter" not in out.body


NO_SECRETS = {
    "a short word": ("red", "a red car"),
    "one common word": ("Berlin", "made in Berlin"),
    "a part of a word": ("ann-123", "joann-1234"),
    "a part of a number": ("123456", "at 1234567"),
    "nothing but marks": ("***", "*** and ***"),
}


@pytest.mark.parametrize(("value", "note"), NO_SECRETS.values(), ids=NO_SECRETS)
def test_a_value_that_tells_nothing_masks_nothing_else(value, note):
    assert masked(DEFAULT, {"password": value, "note": note})["note"] == note


def test_a_typed_value_that_is_called_like_a_key_or_an_event_refuses_nothing():
    body = {"event": "pay-now-2 clicked", "password": "pay-now-2", "input_value": "anonymousId", "anonymousId": UUID4}
    told = masked(program("", "posthog"), body)
    assert told["event"] == "pay-now-2 clicked"
    assert told["password"] == "***"
    assert set(told) == set(body)


def test_equal_ids_hash_alike_in_body_query_header_and_cookie():
    rules = (
        "mask: [{name: h, headers: [x-visitor], with: hash}, {name: c, cookies: [vid], with: hash}, "
        "{name: q, query: [vid], with: hash}]"
    )
    out = sent(
        program(rules),
        request(
            {"device_id": UUID4, "url": f"https://x.example/?vid={UUID4}"},
            path=f"/x?vid={UUID4}",
            headers=[("X-Visitor", UUID4), ("Cookie", f"a=1; vid={UUID4}")],
        ),
    )
    body = json.loads(out.body)
    hashed = body["device_id"]
    assert hashed != UUID4
    assert body["url"] == f"https://x.example/?vid={hashed}"
    assert parse_qs(out.target.partition("?")[2]) == {"vid": [hashed]}
    assert out.headers.get("x-visitor") == hashed
    assert out.headers.get("cookie") == f"vid={hashed}"


# rules of the owner's own


RULES = {
    "a later rule wins": (
        'mask: [{name: a, keys: [x], with: mask}, {name: b, keys: [x], with: {replace: "[b]"}}]', {"x": "v"}, {"x": "[b]"}),
    "a later keep wins": ("mask: [{name: a, keys: [email], with: keep}]", {"email": "a@b.example"}, {"email": "a@b.example"}),
    "a rule goes before its category": ("mask: [{name: a, fields: [traits.plan], with: keep}]",
                                        {"traits": {"plan": "gold", "x": "y"}}, {"traits": {"plan": "gold", "x": "***"}}),
    "in: limits a rule": ("mask: [{name: a, keys: [note], in: [urls], with: mask}]", {"note": "x"}, {"note": "x"}),
    "trackers: limits a rule": ("mask: [{name: a, keys: [note], trackers: [sentry], with: mask}]", {"note": "x"}, {"note": "x"}),
    "trackers: limits a pattern": (
        "mask: [{name: a, pattern: KD-.*, trackers: [sentry], with: mask}]", {"note": "KD-1"}, {"note": "KD-1"}),
    "a pattern": (r"mask: [{name: a, pattern: '\bKD-\d{8}\b', with: {replace: '[customer]'}}]",
                  {"note": "for KD-12345678."}, {"note": "for [customer]."}),
    "a pattern in a category": (r"mask: [{name: a, pattern: 'KD-\d+', in: [page_text], with: mask}]",
                                {"note": "KD-1", "el_text": "KD-1"}, {"note": "KD-1", "el_text": "***"}),
    "a detector's operator": ("mask: [{name: a, detect: payment_card, with: {mask: {keep_last: 4}}}]",
                              {"note": "4111 1111 1111 1111"}, {"note": "**** **** **** 1111"}),
    "a detector kept": ("mask: [{name: a, detect: email, with: keep}]", {"note": "a@b.example"}, {"note": "a@b.example"}),
    "allow silences a detector": ("allow: [{name: a, text: help@shop.example}]",
                                  {"note": "help@shop.example, jane@shop.example"}, {"note": "help@shop.example, [email]"}),
    "allow silences no key": ("allow: [{name: a, text: help@shop.example}]", {"email": "help@shop.example"}, {"email": "***"}),
    "allow silences no form field": ("allow: [{name: a, pattern: '.+'}]", {"input_value": "x"}, {"input_value": "***"}),
    "allow silences no pattern": ("mask: [{name: p, pattern: KD-1, with: mask}]\nallow: [{name: a, pattern: '.+'}]",
                                  {"note": "KD-1"}, {"note": "***"}),
    "allow ends": ("allow: [{name: a, text: help@shop.example, until: 2026-11-23}]",
                   {"note": "help@shop.example"}, {"note": "[email]"}),
    "a category's operator": ("record: {page_text: redact}", {"el_text": "x", "n": 1}, {"el_text": "[redacted]", "n": 1}),
    "a rule by place picks switches": (
        "mask: [{name: a, fields: [is_member], with: drop}, {name: b, fields: [is_old], with: mask}]",
        {"is_member": True, "is_old": True, "n": None}, {"is_old": False, "n": None}),
    "a rule by key leaves switches": ("mask: [{name: a, keys: [member], with: mask}]", {"is_member": True}, {"is_member": True}),
    "structure is never picked": ("mask: [{name: a, keys: [timestamp], with: mask}]", {"timestamp": 5}, {"timestamp": 5}),
}  # fmt: skip


@pytest.mark.parametrize(("rules", "body", "leaves"), RULES.values(), ids=RULES)
def test_rules_hold_by_precedence(rules, body, leaves):
    assert masked(program(rules), body) == leaves


def test_typed_input_goes_before_a_rule_that_keeps_its_place():
    told = masked(
        program("mask: [{name: a, keys: [note], with: keep}]"), {"tag": "textarea", "note": "k", "text": "typed"}
    )
    assert told == {"tag": "textarea", "note": "k", "text": "***"}
    told = masked(program("mask: [{name: a, keys: [input value], with: keep}]"), {"input_value": "typed"})
    assert told == {"input_value": "***"}


def test_on_one_span_the_stronger_operator_wins():
    rules = """mask:
    - {name: weak, pattern: 'jane', with: {replace: "[weak]"}}
    - {name: strong, pattern: 'jane@example.org', with: drop}"""
    assert masked(program(rules), {"note": "to jane@example.org!"}) == {"note": "to !"}


@pytest.mark.parametrize(
    ("query", "leaves"),
    [
        ("ref_a=1&x=2", "ref_a=1&x=***"),
        ("gone=1&x=2&lang=de", "x=***&lang=de"),
        ("lang=de", "lang=de"),
        ("lang=jane@example.org", "lang=[email]"),
        ("kept=jane@example.org", "kept=jane@example.org"),
    ],
)
def test_a_rule_on_query_parameters_holds_in_the_requests_query_and_in_urls(query, leaves):
    subject = program(
        "mask: [{name: q, query: ['ref_*', kept], with: keep}, {name: g, query: [gone], with: drop}, "
        "{name: all, keys: [x], with: mask}]"
    )
    told = sent(subject, request({"n": 1}, path=f"/x?{query}")).target
    assert parse_qs(told.partition("?")[2]) == parse_qs(leaves)


@pytest.mark.parametrize(
    ("parameter", "operator", "leaves"),
    [("ref", "keep", "ref=abc"), ("lang", "mask", "lang=***"), ("ref", "drop", "ref="), ("other", "keep", "ref=***")],
)
def test_a_rule_on_query_parameters_holds_in_every_url(parameter, operator, leaves):
    subject = program(f"mask: [{{name: q, query: [{parameter}], with: {operator}}}]")
    told = masked(
        subject,
        {"url": f"https://x.example/?{leaves.partition('=')[0]}=abc", "note": "see https://x.example/?ref=abc."},
    )
    assert told["url"] == f"https://x.example/?{leaves}"


# what is no known tracker's


def test_unrecognised_bodies_are_masked_or_refused_where_the_route_says_so():
    body = {"greeting": "hello", "n": 1}
    assert masked(program(unrecognised="mask_all"), body) == {"greeting": "***", "n": 0}
    assert refused(program(unrecognised="refuse"), request(body)) == "unrecognised"
    assert masked(program(), body) == body


def test_what_was_found_is_told_without_a_value():
    from gateway.core.pipeline import mask

    subject = program(PRIVATE)
    body = {"user": {"email": "jane@example.org"}, "by": {"jane@example.org": 1}, "note": "4111 1111 1111 1111"}
    outcome = mask(request(body, path="/x?q=" + quote("jane@example.org")), subject, subject.clock)
    told = repr(outcome.report)
    assert outcome.report.masked >= 4
    assert "jane" not in told
    assert "4111" not in told
    assert "payment cards" in told
