"""A secret found once is gone everywhere, and a common word takes nothing along (promise 4)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.ruleset.secrets import Memories, Search, Secrets, is_telling

KEY = bytes(range(32))


def secrets_of(*values):
    secrets = Secrets()
    for value in values:
        secrets.add(value, "***", "rule", "mask")
    secrets.close()
    return secrets


def masked(find, text):
    pieces, at = [], 0
    for start, end, replacement, _ in find(text):
        pieces += [text[at:start], replacement]
        at = end
    return "".join([*pieces, text[at:]])


@pytest.mark.parametrize(
    "value", ["Tr0ub4dor", "jane.roe", "Main Street 7", "McAllister", "Donaudampfschiff", "+1 415 555 0132", "KD-4711"]
)
def test_a_telling_value_counts(value):
    assert is_telling(value)


@pytest.mark.parametrize("value", ["red", "Berlin", "Germany", "yes", "on", "", "*********", "a" * 2000, "-- -- --"])
def test_a_common_word_or_nothing_does_not(value):
    assert not is_telling(value)


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("name: Jane.Roe-77!", "name: ***!"),
        ("jane.roe-77", "***"),
        ("JANE.ROE-77 and Jane.Roe-77", "*** and ***"),
        ("Jane%2ERoe-77", "***"),
        ("Jane&#46;Roe-77", "***"),
        ("Ｊａｎｅ.Roe-77", "***"),
        ("Ja\u200bne.Roe-77", "***"),
        ("xJane.Roe-77", "xJane.Roe-77"),
        ("Jane.Roe-778", "Jane.Roe-778"),
        ("Jane Roe 77", "Jane Roe 77"),
    ],
)
def test_it_is_found_as_a_whole_in_any_case_and_notation(text, after):
    assert masked(secrets_of("Jane.Roe-77").find, text) == after


def test_the_longer_of_two_that_begin_alike_is_found():
    assert masked(secrets_of("Main Street", "Main Street 7b").find, "Main Street 7b, Main Street 9") == "***, *** 9"


@pytest.mark.parametrize(
    ("layer", "left"),
    [
        ('{"a":"jane.roe-77","b":"x"}', {"jane.roe-77"}),
        ('{"a":"xjane.roe-77"}', set()),
        ('{"a":"xjane.roe-77","b":"Jane%2ERoe-77"}', {"Jane%2ERoe-77"}),
        ('{"a":"xjane.roe-77","b":"Ｊane.Roe-77, Main Street"}', {"Ｊane.Roe-77", "Main Street"}),
        ('Main Street 7b" and "Main Street', {"Main Street 7b", "Main Street"}),
        ('{"a":"jane.roe-7"}', set()),
        ("", set()),
    ],
)
def test_what_is_left_of_secrets_in_a_layer_is_told(layer, left):
    assert secrets_of("Jane.Roe-77", "Main Street", "Main Street 7b").left_in(layer) == left


PARTS = st.sampled_from(
    [
        *(
            "Jane.Roe-77",
            "jane.roe-77",
            "Jane",
            ".Roe-77",
            "Main Street",
            " 7b",
            "%2E",
            "%4Aane",
            "\\u004aane",
            "&#46;",
        ),
        *("\uff2a", '"', '\\"', "\u0301", "é", "\u0130", "\u03a3", "_", " ", ",", "x", "7"),
    ]
)


@given(st.lists(PARTS, max_size=12).map("".join))
def test_a_quick_look_at_a_layer_misses_nothing_that_a_close_one_finds(layer):
    secrets = secrets_of("Jane.Roe-77", "Main Street", "Main Street 7b")
    close = {layer[start:end] for start, end, *_ in secrets.find(layer)}
    left = secrets.left_in(layer)
    stands = any(value in layer.lower() for value in ("jane.roe-77", "main street"))
    assert left == (close if stands else set())


@given(st.lists(st.lists(PARTS, max_size=6).map("".join), max_size=6))
def test_a_search_finds_what_each_of_its_sources_finds(texts):
    memories = Memories(KEY)
    memories.learn(["s1"], secrets_of("Main Street 7b").rows(), 0.0)
    (memory,) = memories.recall(["s1"], 1.0)
    replace = lambda text, operator: f"[{operator}]"  # noqa: E731 - the shape of a replacement
    secrets = secrets_of("Jane.Roe-77", "Main Street")
    search = Search(secrets)
    search.add(memory, replace)
    for text in texts:
        assert search.find(text) == secrets.find(text) + memory.find(text, replace)


def test_what_stands_where_nothing_is_touched_is_no_secret():
    secrets = Secrets()
    secrets.keep("session-4711")
    secrets.add("session-4711", "***", "rule", "mask")
    assert not secrets


def test_nothing_is_added_once_it_is_looked_for():
    secrets = secrets_of("Jane.Roe-77")
    secrets.add("Other.Value-1", "***", "rule", "mask")
    assert secrets.find("Other.Value-1") == []


def test_a_session_remembers_fingerprints_and_no_text():
    memories = Memories(KEY)
    memories.learn(["s1"], secrets_of("Main Street 7b", "Jane.Roe-77").rows(), 0.0)
    (memory,) = memories.recall(["s1"], 1.0)
    find = lambda text: memory.find(text, lambda _, operator: "***")  # noqa: E731 - the shape of a finder
    assert masked(find, "lives in main street 7B, called jane.roe-77.") == "lives in ***, called ***."
    assert masked(find, "Main Street 8b and Jane Doe-77") == "Main Street 8b and Jane Doe-77"
    held = repr([getattr(memory, slot) for slot in memory.__slots__])
    assert "main" not in held.lower().replace("'mask'", "")
    assert "jane" not in held.lower()


def test_a_session_knows_nothing_of_another_and_forgets_in_time():
    memories = Memories(KEY, idle=10.0)
    memories.learn(["s1"], secrets_of("Jane.Roe-77").rows(), 0.0)
    assert memories.recall(["s2"], 1.0) == []
    assert memories.recall(["s1"], 11.0) == []


def test_the_least_recently_used_session_goes_first():
    memories = Memories(KEY, most=2)
    for name in ("a", "b", "a", "c"):
        memories.learn([name], secrets_of("Jane.Roe-77").rows(), 0.0)
    assert len(memories) == 2
    assert memories.recall(["b"], 0.0) == []


def test_a_session_keeps_the_period_of_its_pseudonyms():
    memories = Memories(KEY)
    assert memories.begin(["s1"], "2026-11-24", 0.0) == "2026-11-24"
    assert memories.begin(["s1"], "2026-11-25", 60.0) == "2026-11-24"
    assert memories.begin(["s2"], "2026-11-25", 60.0) == "2026-11-25"


def test_sessions_that_only_begin_are_bounded_too():
    memories = Memories(KEY, most=2)
    for number in range(10):
        memories.begin([f"s{number}"], "2026-11-24", 0.0)
    assert len(memories) == 2


def test_fingerprints_are_bounded_over_all_sessions():
    memories = Memories(KEY, prints=3)
    for name in ("a", "b", "c"):
        memories.learn([name], secrets_of("Jane.Roe-77", "Main Street 7b").rows(), 0.0)
    assert (len(memories), memories.held) == (1, 2)
    assert memories.recall(["c"], 0.0)


def test_idle_sessions_leave_memory_and_used_ones_stay():
    memories = Memories(KEY, idle=10.0)
    for name in ("a", "b"):
        memories.learn([name], secrets_of("Jane.Roe-77").rows(), 0.0)
    memories.recall(["b"], 9.0)
    memories.learn(["c"], secrets_of("Jane.Roe-77").rows(), 15.0)
    assert (len(memories), memories.held) == (2, 2)
    assert memories.recall(["b"], 15.0)
