"""Rule files: what they may say, and what a mistake is told as."""

from __future__ import annotations

from datetime import date

import pytest

from gateway.core.category import NEVER_TOUCHED, Category
from gateway.core.plugin import Operator
from gateway.core.yaml import FileErrors, parse, read_model
from gateway.operators import OPERATORS
from gateway.ruleset.schema import OPERATOR_NAMES, SELECTORS, Allow, Known, OperatorSpec, Record, RuleFile
from gateway.trackers.path import Wild

KNOWN = Known(
    operators={one.name: one for one in OPERATORS},
    detectors=("email", "payment_card", "iban"),
    trackers=("posthog", "sentry"),
)

DEFAULT = """
record:
  form_inputs: mask
  page_text: detect
  urls: detect
  ip_addresses: drop
  device_ids: hash
  user_traits: mask
  event_properties: detect
  data_logs: detect
  location: drop
  user_agent: generalise
  media: drop
  mobile_devices: keep
private: ['[data-private]', '.ph-no-capture']
urls: {keep_query: [utm_*, page, sort, lang]}
mask:
  - {name: e-mail addresses, detect: email, with: {replace: "[email]"}}
  - {name: sensitive keys, keys: [password, "credit card"], with: mask}
  - {name: network bodies, fields: ["**.requestBody"], in: [data_logs], with: drop}
"""

SHOP = r"""
extends: default
record: {ip_addresses: truncate, mobile_devices: drop}
mask:
  - name: account numbers
    select: ".account-number, [data-private]"
    with: mask
  - name: order notes
    fields: ["**.order.note", '*.properties."a.b"']
    trackers: posthog
    with: drop
  - name: customer number
    pattern: '\bKD-\d{8}\b'
    in: [page_text, urls, data_logs]
    with: {replace: "[customer]"}
  - name: cards keep four
    detect: [payment_card, iban]
    with: {mask: {keep_last: 4}}
  - {name: h, headers: X-User, with: drop}
  - {name: c, cookies: [sid], with: drop}
  - {name: q, query: ["ref_*"], with: keep}
allow:
  - name: our own support address
    text: help@my-shop.example
    until: 2027-06-30
tests:
  - name: a card keeps its last four
    tracker: posthog
    path: /e/
    headers: {Content-Type: text/plain}
    input: {event: x, properties: {$console: ["4111 1111 1111 1111", 1, null, true]}}
    expect: {event: x}
"""


def read(text, known=KNOWN):
    return read_model(parse(text, "shop.yaml"), RuleFile, known)


def test_the_default_rules_can_be_written():
    file = read(DEFAULT)
    assert file.record.operators[Category.USER_AGENT] == OperatorSpec("generalise")
    assert set(file.record.operators) == set(Category) - NEVER_TOUCHED
    assert file.record.mobile_devices == "keep"
    assert file.private == ("[data-private]", ".ph-no-capture")
    assert file.urls.keep_query == ("utm_*", "page", "sort", "lang")
    assert [rule.selector for rule in file.mask] == ["detect", "keys", "fields"]
    assert file.mask[0].operator == OperatorSpec("replace", {"with": "[email]"})
    assert file.mask[2].categories == (Category.DATA_LOGS,)


def test_the_contract_s_example_is_read_as_written():
    file = read(SHOP)
    assert file.extends == ("default",)
    assert [rule.selector for rule in file.mask] == [
        "select", "fields", "pattern", "detect", "headers", "cookies", "query",
    ]  # fmt: skip
    assert file.mask[1].fields[0].steps == (Wild.ANY, "order", "note")
    assert file.mask[1].fields[1].steps == (Wild.ONE, "properties", "a.b")
    assert file.mask[1].trackers == ("posthog",)
    assert list(file.mask[2].pattern.spans("x KD-12345678")) == [(2, 13)]
    assert file.mask[3].operator == OperatorSpec("mask", {"keep_last": 4})
    assert file.mask[0].where == "shop.yaml:5"
    assert file.allow[0].until == date(2027, 6, 30)
    assert file.tests[0].input == {"event": "x", "properties": {"$console": ["4111 1111 1111 1111", 1, None, True]}}
    assert type(file.tests[0].input) is dict
    assert file.tests[0].headers == {"Content-Type": "text/plain"}


def test_every_selector_of_the_contract_is_tried_above():
    assert {rule.selector for text in (DEFAULT, SHOP) for rule in read(text).mask} == set(SELECTORS)


def test_a_file_survives_being_written_as_json():
    text = read(SHOP).model_dump_json(by_alias=True, exclude_defaults=True)
    assert RuleFile.model_validate_json(text, context=KNOWN) == read(SHOP)


def test_every_category_has_its_key_and_no_other():
    assert set(Record.model_fields) - {"mobile_devices"} == {
        category.value for category in set(Category) - NEVER_TOUCHED
    }


def test_every_operator_that_exists_is_one_of_the_contract():
    assert {one.name for one in OPERATORS} <= set(OPERATOR_NAMES)


def rule(body):
    return f"mask:\n  - name: a\n    {body}"


MISTAKES = [
    ("maks: []", 1, 'unknown key "maks"; did you mean "mask"?'),
    ("visitors: [{when: {region: eu}, record: {urls: drop}}]", 1, "is no region: write gdpr"),
    ("visitors: [{when: {region: [not gdpr, uk]}, record: {urls: drop}}]", 1, "that all begin with `not`"),
    ("visitors: [{when: {region: []}, record: {urls: drop}}]", 1, "give regions"),
    ("visitors: [{when: {region: uk}, record: {}}]", 1, "record is empty"),
    ("visitors: [{when: {region: uk}, record: {mobile_devices: drop}}]", 1, "holds for all visitors"),
    ("visitors: [{when: {region: uk}}]", 1, '"record" is missing'),
    ("visitors: [{when: {}, record: {urls: drop}}]", 1, "give region, or consent: none"),
    ("tests: [{name: x, country: germany, input: 1, expect: 1}]", 1, "is no country"),
    ("record:\n  structure: keep", 2, '"structure" is never touched'),
    ("record:\n  project_keys: keep", 2, '"project_keys" is never touched'),
    ("record:\n  form_input: keep", 2, 'unknown key "form_input"; did you mean "form_inputs"?'),
    ("record:\n  urls: msak", 2, '"urls": unknown operator "msak"; did you mean "mask"?'),
    ("record:\n  urls: [mask]", 2, '"urls": an operator\'s name is wanted here, not a list'),
    ("record:\n  urls: {mask: {}, drop: {}}", 2, '"urls": one operator is wanted here'),
    ("record:\n  urls: {mask: 4}", 2, '"urls": "mask": write named parameters under it'),
    ("record:\n  urls: {mask: {keep_lats: 4}}", 2, '"urls": mask has no parameter'),
    ("record:\n  mobile_devices: mask", 2, '"mobile_devices": "mask" is not one of keep, drop'),
    ("private: ['..x']", 1, "is no CSS selector"),
    ("private: ['*|']", 1, "is no CSS selector: it ends too early"),
    ("private: ['[*|href]']", 1, "is no CSS selector that is supported: leave out *|"),
    ("private: [':has(']", 1, "is no CSS selector: it ends too early"),
    (rule("detect: emial\n    with: mask"), 3, '"detect": unknown detector "emial"; did you mean "email"?'),
    (rule("detect: email\n    trackers: [posthgo]\n    with: mask"), 4, 'unknown tracker "posthgo"; did you mean "posthog"?'),
    (rule("detect: email\n    in: [urlz]\n    with: mask"), 4, 'unknown category "urlz"; did you mean "urls"?'),
    (rule("detect: email\n    in: structure\n    with: mask"), 4, '"structure" is never touched'),
    (rule("detect: email"), 2, '"with" is missing'),
    (rule("with: mask"), 2, 'rule "a" picks nothing: give one of select, fields'),
    (rule("fields: []\n    with: mask"), 2, 'rule "a" picks nothing'),
    (rule("detect: email\n    keys: x\n    with: mask"), 2, 'rule "a" has keys and detect: give one of'),
    (rule("keys: ['--']\n    with: mask"), 3, '"--" holds no word'),
    (rule("fields: ['a..b']\n    with: mask"), 3, '"a..b" is no field path'),
    (rule("fields: ['a.x*']\n    with: mask"), 3, "* stands for a whole key"),
    (rule("select: '.a ::before'\n    with: mask"), 3, "can never match"),
    (rule("pattern: '(a+)\\1'\n    with: mask"), 3, "no engine matches them in linear time"),
    (rule("pattern: '('\n    with: mask"), 3, "is no pattern"),
    (rule("select: 5\n    with: mask"), 3, '"select": text is wanted here (quote it), not a number'),
    (rule("detect: email\n    with: mask\n  - name: a\n    detect: iban\n    with: mask"), 2, "here twice, on lines 2 and 5"),
    ("allow:\n  - name: a", 2, 'allow "a": give either text or pattern'),
    ("allow:\n  - {name: a, text: x, pattern: y}", 2, 'allow "a": give either text or pattern'),
    ("allow:\n  - {name: a, text: x, until: 2027-02-30}", 2, '"until": a day is wanted here'),
    ("allow:\n  - {name: a, text: x, until: 20270230}", 2, '"until": a day is wanted here'),
    ("tests:\n  - {name: a, input: 1}", 2, '"expect" is missing'),
    ("tests:\n  - {name: a, input: 1, expect: 1, tracker: setry}", 2, 'unknown tracker "setry"; did you mean "sentry"?'),
]  # fmt: skip


@pytest.mark.parametrize(("text", "line", "message"), MISTAKES, ids=[row[2][:50] for row in MISTAKES])
def test_a_mistake_names_its_line_and_what_to_write(text, line, message):
    with pytest.raises(FileErrors) as caught:
        read(text)
    first = str(caught.value)
    location, _, told = first.partition(": ")
    assert message in told
    assert "\n" not in first
    if "twice" not in message:  # told of the list, at the line that the list's key has
        assert location == f"shop.yaml:{line}"


def test_an_allowance_holds_through_its_last_day():
    allow = Allow.model_validate({"name": "a", "text": "x", "until": "2027-06-30"})
    assert [allow.is_expired(date(2027, 6, day)) for day in (29, 30)] == [False, False]
    assert allow.is_expired(date(2027, 7, 1))
    assert not Allow.model_validate({"name": "a", "text": "x"}).is_expired(date.max)


def test_an_operator_s_own_complaint_is_told_with_the_line():
    def prepare(parameters):
        raise ValueError("salt: eight characters at least")

    known = Known(operators={"hash": Operator("hash", 1, {"salt": "text"}, prepare)})
    with pytest.raises(FileErrors, match=r'^shop.yaml:2: "urls": salt: eight characters at least$'):
        read("record:\n  urls: {hash: {salt: x}}", known)
