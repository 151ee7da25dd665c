"""Places: which category holds for a value, by the path of keys that leads to it."""

from __future__ import annotations

import pytest

from gateway.core.category import Category
from gateway.trackers import place as module
from gateway.trackers.place import Place
from tests.subject import program, trackers


def at(root: Place, path: str) -> Place:
    for key in path.split("/"):
        root = root.child(key)
    return root


def root_of(name: str = "", rules: str = "") -> Place:
    return program(rules).root_of(trackers().get(name))


CATEGORIES = {
    "a place of the tracker file": ("posthog", "properties/$ip", Category.IP_ADDRESSES),
    "a more literal place goes first": ("posthog", "properties/$set/$lib", Category.STRUCTURE),
    "a container covers what is in it": ("posthog", "properties/$set/anything/else", Category.USER_TRAITS),
    "a hint by key": ("", "properties/session_id", Category.STRUCTURE),
    "a hint by the end of a key": ("", "properties/originalDeviceId", Category.DEVICE_IDS),
    "no hint by a part of a key": ("", "properties/device_id_count", None),
    "the longest hint": ("", "a/parent_span_id", Category.STRUCTURE),
    "a hint does not reopen a form": ("", "form_values/timestamp", Category.FORM_INPUTS),
    "a hint does not reopen structure": ("sentry", "sdk/settings/email", Category.STRUCTURE),
    "a hint in traits": ("", "traits/city", Category.LOCATION),
    "a field behind its kind": ("", "a/input:comment", Category.FORM_INPUTS),
    "nothing known": ("", "a/b/c", None),
    "structure under a sensitive key is no structure": ("", "auth/time", None),
}


@pytest.mark.parametrize(("name", "path", "category"), CATEGORIES.values(), ids=CATEGORIES)
def test_a_category_holds_by_precedence(name, path, category):
    assert at(root_of(name), path).effective is category


def test_rules_hold_for_what_is_below_their_place():
    rules = "mask: [{name: a, fields: [a.b], with: mask}, {name: k, keys: [customer remark], with: mask}]"
    root = root_of("", rules)
    before = len(root.child("x").rules)
    assert len(at(root, "a/b").own_rules) == 1
    assert at(root, "a/b/c/d").rules == at(root, "a/b").rules
    assert at(root, "a/b/c/d").own_rules == ()
    assert len(at(root, "customerRemark/x").rules) == before + 1
    assert at(root, "a").rules == at(root, "x").rules


def test_a_place_is_worked_out_once_and_the_number_kept_is_bounded(monkeypatch):
    monkeypatch.setattr(module, "_MOST_PLACES", 50)
    root = root_of()
    assert root.child("a").child("b") is root.child("a").child("b")
    for number in range(100):
        root.child(f"key-{number}")
    late = root.child("password")
    assert late is not root.child("password")
    assert late.rules == root.child("password").rules != ()


def test_a_long_key_is_not_kept_and_is_told_as_a_star():
    root = root_of()
    key = "x" * 200
    assert root.child(key) is not root.child(key)
    place = root.child("properties").child("jane@example.org").child("n")
    assert place.path(program().law.known_word) == "properties.*.n"


def test_a_key_that_only_holds_a_value_has_the_words_of_what_is_above():
    root = root_of()
    assert at(root, "creditCard/value").words == ("credit", "card")
    assert at(root, "creditCard/number").words == ("number",)


@pytest.mark.parametrize("name", [name for name, file in sorted(trackers().items()) if file.session and name != "_any"])
def test_a_trackers_own_session_keys_are_the_only_ones(name):
    subject = program("", name)
    tracker = trackers()[name]
    assert subject.session_ranks(tracker) == len(tracker.session)
    ranks = {
        at(subject.root_of(tracker), f"a/{key}").session
        for key in ("sessionId", "session_id", "windowId", "tabId", "x")
    }
    assert max(ranks) < len(tracker.session)
