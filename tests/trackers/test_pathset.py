"""Many field paths followed at once."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.trackers.path import FieldPath, Wild, parse_path
from gateway.trackers.pathset import PathSet

MATCHES = {
    "a": (["a"], ["b", "a.a", ""]),
    "a.b": (["a.b"], ["a", "b", "a.b.c", "x.a.b"]),
    "*.b": (["a.b", "x.b"], ["b", "a.b.b"]),
    "**.b": (["b", "a.b", "a.x.b", "b.b"], ["a", "b.a"]),
    "a.**.d": (["a.d", "a.b.d", "a.b.c.d"], ["d", "b.d", "a.b"]),
    "**.a.b": (["a.b", "x.a.b", "a.a.b"], ["b", "a.x.b"]),
    "**.a.*.c": (["a.x.c", "b.a.x.c"], ["a.c", "a.x.y.c"]),
    "**.*.c": (["x.c", "a.x.c"], ["c"]),
    "a.**": (["a"], ["b"]),
    "**": (["a", "a.b"], []),
    "**.a.**.a": (["a.a", "a.x.a", "x.a.y.z.a"], ["a"]),
}


def follow(paths: PathSet[str], keys: str) -> set[str]:
    """What ends at the last of these keys."""
    state = paths.start()
    ended = []
    for key in filter(None, keys.split(".")):
        state, ended = paths.step(state, key)
    return {entry.payload for entry in ended}


@pytest.mark.parametrize(("path", "row"), MATCHES.items(), ids=MATCHES)
def test_a_path_ends_where_it_says(path, row):
    paths = PathSet([(parse_path(path), path)])
    ends, others = row
    assert {keys: follow(paths, keys) for keys in ends} == {keys: {path} for keys in ends}
    assert {keys: follow(paths, keys) for keys in others} == {keys: set() for keys in others}


def test_more_literal_keys_weigh_more():
    paths = PathSet([(parse_path(path), path) for path in ("**.a.b", "a.*", "**.b", "*.b")])
    _, ended = paths.step(paths.step(paths.start(), "a")[0], "b")
    assert [entry.payload for entry in sorted(ended, key=lambda one: one.weight)] == ["**.b", "a.*", "*.b", "**.a.b"]


STEPS = st.lists(st.sampled_from(["a", "b", Wild.ONE, Wild.ANY]), min_size=1, max_size=5).filter(
    lambda steps: not any(left is right is Wild.ANY for left, right in pairwise(steps))
)


def fits(steps: tuple, keys: tuple) -> bool:
    if not steps:
        return not keys
    if steps[0] is Wild.ANY:
        return any(fits(steps[1:], keys[at:]) for at in range(len(keys) + 1))
    return bool(keys) and (steps[0] is Wild.ONE or steps[0] == keys[0]) and fits(steps[1:], keys[1:])


@given(
    STEPS.filter(lambda steps: steps[-1] is not Wild.ANY),
    st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=6),
)
def test_following_key_by_key_says_what_matching_says(steps, keys):
    paths = PathSet([(FieldPath("x", tuple(steps)), "x"), (FieldPath("y", ("c", "c")), "y")])
    assert ("x" in follow(paths, ".".join(keys))) is fits(tuple(steps), tuple(keys))


def test_the_state_stays_small_however_deep_a_document_is():
    paths = PathSet([(parse_path(path), path) for path in ("**.a.**.a.**.a", "**.*.*.a", "a.**.b")])
    state = paths.start()
    for _ in range(500):
        state, _ = paths.step(state, "a")
    assert len(state) < 12
