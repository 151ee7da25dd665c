"""Every target holds for its seeds and for what was once found; every plug-in has a target; the fuzzer can fail."""

from __future__ import annotations

import json

import pytest

from gateway.codings import CODINGS
from gateway.formats import FORMATS
from gateway.recording import RECORDINGS
from tests.fuzz import mutator, seeds
from tests.fuzz.targets import TARGETS

FOLDERS = {path.name for path in (seeds.HERE / "seeds").glob("*")}


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_and_finds_break_no_promise(name):
    count = 0
    for seed in [*TARGETS[name].seeds(), *seeds.finds(name)]:
        TARGETS[name].run(seed)
        count += 1
    assert count


def test_every_find_is_of_a_target():
    assert set(TARGETS) >= FOLDERS


def test_every_coding_format_and_recording_has_its_target():
    wanted = {f"coding-{one.name}" for one in CODINGS} | {f"format-{one.name}" for one in FORMATS}
    wanted |= {f"recording-{kind.name.replace(' ', '-')}" for kind in RECORDINGS}
    assert wanted <= set(TARGETS)


def test_a_mutated_document_is_one_and_stands_where_it_stood():
    data = b'head\r\n\r\n{"a": [1, "x"], "b": {"c": null}}\r\n--tail'
    mutated = {mutator.mutate(data, seed) for seed in range(200)}
    assert len(mutated) > 100
    for one in mutated:
        assert one.startswith(b"head\r\n\r\n")
        assert one.endswith(b"\r\n--tail")
        json.loads(one.removeprefix(b"head\r\n\r\n").removesuffix(b"\r\n--tail").decode("latin-1"))
    assert mutator.mutate(b"no document", 1) is None
