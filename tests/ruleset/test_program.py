"""A Program: compiled once, the same for the same rules, apart for each tracker, and nothing shared by accident."""

from __future__ import annotations

import dataclasses
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.pipeline import mask
from tests.recording.page import batch, element, snapshot, text, texts
from tests.subject import KEY, PRIVATE, masked, program, request, sent


def test_the_digest_is_that_of_the_rules_and_of_nothing_else():
    assert program().digest == program().digest
    assert program(PRIVATE).digest != program().digest
    assert program("", "posthog").digest != program("", "sentry").digest
    assert program(unrecognised="mask_all").digest != program().digest
    assert sent(program(), request({"a": 1})).body == b'{"a":1}'


def test_what_leaves_is_sealed_with_the_digest_that_masked_it():
    subject = program()
    outcome = mask(request({"a": 1}), subject, subject.clock)
    assert outcome.masked.program_digest == subject.digest


def test_programs_that_share_sessions_keep_their_own_rules():
    one = program('mask: [{name: a, select: ".x", with: {replace: "[one]"}}]')
    two = program(
        'mask: [{name: z, select: ".nothing", with: drop}, {name: a, select: ".x", with: {replace: "[two]"}}]',
        sessions=one.sessions,
    )
    masked(one, batch(snapshot(element(10, "p", text(11, "a"), class_="x"))))
    for subject, leaves in [(one, "[one]"), (two, "[two]"), (one, "[one]")]:
        told = masked(subject, batch(texts(11, "b")))
        assert told["events"][0]["data"]["texts"][0]["value"] == leaves


def test_a_rule_for_everything_meets_an_unknown_element_too():
    subjects = [program(f'mask: [{{name: a, select: "*", with: {{replace: "[{name}]"}}}}]') for name in "ab"]
    for subject in subjects:
        assert masked(subject, batch(texts(99, "secret")))["events"][0]["data"]["texts"][0]["value"] == "***"


def test_sessions_of_two_routes_are_apart():
    subject = program(PRIVATE)
    masked(subject, batch(snapshot(element(10, "p", text(11, "a")))), route="one")
    told = [masked(subject, batch(texts(11, "b")), route=route) for route in ("one", "two")]
    assert [one["events"][0]["data"]["texts"][0]["value"] for one in told] == ["b", "***"]


def test_the_same_key_hashes_alike_in_every_program_and_another_one_does_not():
    body = {"device_id": "0f5c7d2e-9a41-4b1c-8e3d-5a6b7c8d9e0f"}
    assert masked(program(), body) == masked(program(PRIVATE, "posthog"), body)
    from gateway.ruleset.program import Program
    from tests.subject import TODAY, Clock, default_rules, trackers

    other = Program(default_rules(), trackers(), key=KEY[:-1] + b"x", today=TODAY, clock=Clock())
    assert masked(other, body) != masked(program(), body)


def test_a_step_that_fails_by_a_defect_forwards_nothing(monkeypatch):
    for step in ("open", "recognise", "read", "decide", "close", "verify"):
        with monkeypatch.context() as patch:
            patch.setattr(f"gateway.ruleset.request.Request.{step}", lambda *_: 1 / 0)
            outcome = mask(request({"a": 1}), program(), lambda: 0.0)
        assert outcome.reason == "fault", step
        assert not hasattr(outcome, "masked")


def test_verify_finds_what_an_operator_left(monkeypatch):
    subject = program()
    operation = subject.law.rules[
        next(number for number, rule in subject.law.rules.items() if rule.operation.rule == "sensitive keys")
    ]
    lazy = dataclasses.replace(operation.operation, apply=lambda value, _: value + " ")
    subject.law.rules.update(
        {
            number: dataclasses.replace(rule, operation=lazy)
            for number, rule in subject.law.rules.items()
            if rule is operation
        }
    )
    outcome = mask(request({"password": "hunter-2-zz"}), subject, subject.clock)
    assert outcome.reason == "leak"


# any JSON at all

WORDS = st.sampled_from(
    [
        "password",
        "email",
        "url",
        "note",
        "id",
        "timestamp",
        "user",
        "text",
        "type",
        "data",
        "events",
        "a",
        "key",
        "value",
        "tag",
    ]
)
TEXTS = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        [
            "jane@example.org", "4111 1111 1111 1111", "https://x.example/?a=b#c", "hunter-2-zz", "plain words", "203.0.113.77",
            '{"password":"abc-1-2"}', "<b class='private'>x</b>", "?a=b&c=d", "data:image/png;base64,AAAABBBBCCCCDDDD",
        ]
    ),
)  # fmt: skip
JSON = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(10**20), 10**20),
        st.floats(allow_nan=False, allow_infinity=False),
        TEXTS,
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.one_of(WORDS, st.text(max_size=8)), inner, max_size=4)
    ),
    max_leaves=12,
)
UNHASHED = program(
    "record: {device_ids: mask}\nmask: [{name: no hash, keys: [user id, userid, uid, customer id, previous id, group id], with: mask}, "
    "{name: no hashed records, fields: ['**.user.id', '**.person.id', '**.identity.id'], with: mask}]"
)
NONE = program(
    "record: {form_inputs: keep, page_text: keep, urls: keep, ip_addresses: keep, device_ids: keep, user_traits: keep, "
    "event_properties: keep, data_logs: keep, location: keep, user_agent: keep, media: keep}",
    default=False,
)


@settings(max_examples=150)
@given(JSON)
def test_what_was_masked_once_is_left_alone_the_second_time(value):
    body = json.dumps({"x": value}).encode()
    once = sent(UNHASHED, request(body)).body
    assert sent(UNHASHED, request(once)).body == once


@settings(max_examples=100)
@given(JSON, st.sampled_from([None, 1, 2]))
def test_without_a_rule_a_body_leaves_byte_for_byte(value, indent):
    body = json.dumps({"x": value}, indent=indent).encode()
    assert sent(NONE, request(body)).body == body


@settings(max_examples=100)
@given(JSON)
def test_what_leaves_is_json_of_the_same_types(value):
    def shape(one, other):
        if isinstance(one, dict):
            assert isinstance(other, dict)
            assert len(other) <= len(one)
        elif isinstance(one, list):
            assert isinstance(other, list)
            assert len(other) == len(one)
            for left, right in zip(one, other, strict=True):
                shape(left, right)
        elif isinstance(one, (int, float)) and not isinstance(one, bool):
            assert isinstance(other, (int, float))
        else:
            assert isinstance(other, type(one)) or one is None or other is None

    shape(value, masked(program("record: {ip_addresses: keep, location: keep}"), [value])[0])


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b"null", b'""', b"1", b" ", b"a=b", b"plain words", b"\xef\xbb\xbf{}"]
)
def test_the_smallest_bodies_leave_as_they_came(body):
    assert sent(NONE, request(body)).body == body


PLACES = """
record: {page_text: mask}
visitors:
  - when: {region: not gdpr}
    record: {page_text: keep}
  - when: {region: [uk, BR]}
    record: {page_text: {replace: "[gone]"}, urls: drop}
"""


@pytest.mark.parametrize(
    ("country", "title"),
    [
        ("DE", "***"),
        ("US", "Lamps"),
        ("US-CA", "Lamps"),
        ("GB", "[gone]"),
        ("BR", "[gone]"),
        ("", "[gone]"),
        ("NO", "***"),
    ],
)
def test_a_category_may_have_another_operator_by_where_a_visitor_is(country, title):
    subject = program(PLACES)
    for _ in range(2):  # the law is kept
        outcome = mask(dataclasses.replace(request({"page_title": "Lamps"}), country=country), subject, subject.clock)
        assert json.loads(outcome.masked.request.body) == {"page_title": title}


def test_visitors_without_consent_have_rules_of_their_own():
    subject = program("visitors: [{when: {consent: none, region: gdpr}, record: {page_text: mask}}]")
    told = {
        (country, consented): json.loads(
            mask(
                dataclasses.replace(request({"page_title": "Lamps"}), country=country, consented=consented),
                subject,
                subject.clock,
            ).masked.request.body
        )["page_title"]
        for country in ("DE", "BR")
        for consented in (True, False)
    }
    assert told == {("DE", True): "Lamps", ("DE", False): "***", ("BR", True): "Lamps", ("BR", False): "Lamps"}
    assert subject.records_unasked
    assert not program().records_unasked


def test_a_later_file_outweighs_what_an_earlier_one_says_for_some_visitors():
    subject = program("extends: profiles/gdpr\nrecord: {page_text: keep}")
    outcome = mask(dataclasses.replace(request({"page_title": "Lamps"}), country="DE"), subject, subject.clock)
    assert json.loads(outcome.masked.request.body) == {"page_title": "Lamps"}


def test_only_rules_that_depend_on_it_ask_for_the_country():
    assert program(PLACES).asks_for_country
    assert not program().asks_for_country


def test_visitors_are_part_of_the_digest():
    assert program(PLACES).digest != program(PLACES.replace("uk", "ch")).digest
