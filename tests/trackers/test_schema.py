"""Tracker files: what they may say, and what a mistake is told as."""

from __future__ import annotations

from pathlib import PurePath

import pytest

from gateway.core.category import Category
from gateway.core.errors import UserError
from gateway.trackers.loading import load_tracker, load_trackers
from gateway.trackers.path import Wild, parse_path

FULL = """
tracker: shopstat
title: Shopstat
docs: https://shopstat.example/docs
match:
  - path: [/i/, /batch*]
    method: POST
    query: {v: "*"}
    headers: {Content-Type: text/*}
    body: [api_key]
  - host: "*.shopstat.example"
ingest: /i/
session: [properties.$session_id]
unsupported: ["/protobuf/*"]
places:
  project_keys: [api_key, "**.token"]
  structure: [event]
  urls: ["**.$current_url"]
keys: {user_traits: [e-mail, "first name"]}
headers: {keep: [Content-Type], project_keys: [X-Key]}
cookies: {keep: ["sh_*"]}
set_cookies: {keep: sh_id}
country: truncated_address
elements: ["**.$elements_chain"]
switches: {"0": [query.ip]}
answers:
  opted_out:
    - {path: "/decide*", status: 200, headers: {Content-Type: application/json}, body: "{}"}
  unreadable: {status: 422}
"""


def load(text, name="shopstat.yaml"):
    return load_tracker(PurePath(name), text)


def test_a_full_file_is_read_as_written():
    tracker = load(FULL)
    assert tracker.match[0].path == ("/i/", "/batch*")
    assert tracker.match[0].method == ("POST",)
    assert tracker.match[0].body[0].steps == ("api_key",)
    assert tracker.match[1].where == "shopstat.yaml:11"
    assert tracker.places[Category.PROJECT_KEYS][1].steps == (Wild.ANY, "token")
    assert tracker.keys[Category.USER_TRAITS] == ("e-mail", "first name")
    assert tracker.set_cookies.keep == ("sh_id",)
    assert tracker.answers.opted_out[0].path == ("/decide*",)
    assert tracker.switches["0"][0].steps == ("query", "ip")
    assert tracker.answers.unreadable.status == 422


def test_a_name_is_enough_and_the_defaults_give_nothing_away():
    tracker = load("tracker: shopstat")
    assert tracker.country == "none"
    assert not tracker.headers.keep
    assert not tracker.cookies.keep
    assert 400 <= tracker.answers.unreadable.status <= 499


MISTAKES = [
    ("trakcer: a", 1, 'unknown key "trakcer"; did you mean "tracker"?'),
    ("title: a", 1, '"tracker" is missing'),
    ("tracker: other", 1, '"tracker": the file is named shopstat.yaml, so this must be shopstat'),
    ("tracker: Shop Stat", 1, '"Shop Stat" is no tracker name'),
    ("match: [{}]", 1, "would match every request"),
    ("match:\n  - {path: i}", 2, '"path": "i": a path begins with /'),
    ("places:\n  url: [a]", 2, 'unknown category "url"; did you mean "urls"?'),
    ("places:\n  urls: ['a.']", 2, '"a." is no field path'),
    ("places:\n  urls: [5]", 2, "a field path is wanted here (quote it), not a number"),
    ("keys:\n  urls: {a: b}", 2, '"urls": a list is wanted here, not keys'),
    ("country: full", 1, '"country": "full" is not one of none, truncated_address'),
    ("headers: {keep: ['X Y']}", 1, '"X Y" is no header name'),
    ("answers:\n  unreadable: {status: 503}", 1, "the status must be a 4xx"),
    ("answers:\n  accepted: [{status: 503}]", 1, "the status must be a 2xx"),
    ("answers:\n  unreadable: {status: '400'}", 2, '"status": a whole number is wanted here, not text'),
    ('answers:\n  opted_out: [{headers: {A: "x\\r\\nSet-Cookie: y"}}]', 2, "one line of latin-1 text"),
]


@pytest.mark.parametrize(("text", "line", "message"), MISTAKES, ids=[row[2][:40] for row in MISTAKES])
def test_a_mistake_names_its_line_and_what_to_write(text, line, message):
    whole = text if text.startswith(("tra", "title")) else f"{text}\ntracker: shopstat"
    with pytest.raises(UserError) as caught:
        load(whole)
    assert caught.value.where == f"shopstat.yaml:{line}"
    assert message in caught.value.message


def test_files_are_loaded_by_name_in_a_fixed_order():
    texts = {"b.yaml": "tracker: b", "_any.yaml": "tracker: _any", "a.yaml": "tracker: a"}
    loaded = load_trackers([PurePath(name) for name in texts], lambda path: texts[str(path)])
    assert list(loaded) == ["_any", "a", "b"]


def test_one_wrong_file_stops_all():
    texts = {"a.yaml": "tracker: a", "b.yaml": "tracker: c"}
    with pytest.raises(UserError, match=r"^b\.yaml:1: "):
        load_trackers([PurePath(name) for name in texts], lambda path: texts[str(path)])


def test_no_name_is_given_twice():
    paths = [PurePath("packaged/a.yaml"), PurePath("own/a.yaml")]
    with pytest.raises(UserError, match=r'^own/a\.yaml: there is a tracker "a" already'):
        load_trackers(paths, lambda _: "tracker: a")


def test_names_that_begin_with_an_underscore_are_no_tracker_s():
    with pytest.raises(UserError, match=r"^_mine\.yaml:1: "):
        load_trackers([PurePath("_mine.yaml")], lambda _: "tracker: _mine")


PATHS = [
    ("a", ("a",)),
    ("a.b", ("a", "b")),
    ("**.a", (Wild.ANY, "a")),
    ("a.*.b.**", ("a", Wild.ONE, "b", Wild.ANY)),
    ('"a.b".c', ("a.b", "c")),
    ('"*"', ("*",)),
    ('"a\\"b\\\\"', ('a"b\\',)),
    ("[Amplitude] Page URL.$set", ("[Amplitude] Page URL", "$set")),
    ("0.ü", ("0", "ü")),
]


@pytest.mark.parametrize(("text", "steps"), PATHS)
def test_paths_are_keys_with_dots_between(text, steps):
    path = parse_path(text)
    assert path.steps == steps
    assert str(path) == text


@pytest.mark.parametrize(
    "text", ["", ".", "a.", ".a", "a..b", '"a', '"a"b', '""', "a*", "***", "**.**.a", " a", "a. b", ".".join("a" * 33)]
)
def test_what_is_no_path_is_refused(text):
    with pytest.raises(ValueError, match=r"field path|stands for|space|enough|steps"):
        parse_path(text)
