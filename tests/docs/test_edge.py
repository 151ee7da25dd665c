"""docs/edge.md names a test for each line of the checklist and for each deviation, and the tests are there."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from gateway.proxy import body, connection, handler, listener, reply, upstream
from gateway.proxy.framing import FIELDS_SIZE
from gateway.proxy.routes import Plan

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "edge.md").read_text(encoding="utf-8")
LINES = {int(number): rest for number, rest in re.findall(r"^\| (\d+) \| (.+) \|$", TEXT, re.MULTILINE)}
DEVIATIONS = re.findall(r"^\| .+ \|$", TEXT.partition("## Limits")[0], re.MULTILINE)[2:]


@cache
def named_in(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


def test_there_are_forty_eight_lines():
    assert sorted(LINES) == list(range(1, 49))


@pytest.mark.parametrize("line", LINES.values(), ids=LINES)
def test_each_line_names_tests_that_are_there(line):
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", line)
    assert named
    assert [f"{path}::{name}" for path, name in named if name not in named_in(path)] == []


@pytest.mark.parametrize("row", DEVIATIONS)
def test_each_deviation_names_a_file_of_tests(row):
    assert re.findall(r"`(tests/[\w/]+\.py)`", row.split(" | ")[-1])


LIMITS = [
    f"{listener.Connection.head_seconds:.0f} s from its first byte",
    f"{listener.LINE_SIZE // 1024} KiB request line",
    f"{listener.FIELD_SIZE // 1024} KiB each, {FIELDS_SIZE // 1024} KiB in all",
    f"{body.IDLE_SECONDS:.0f} s between pieces, {body.TOTAL_SECONDS:.0f} s in all",
    f"{handler.HELD_SIZE >> 20} MiB",
    f"an idle connection | {listener.IDLE_SECONDS:.0f} s",
    f"{reply.WRITE_SECONDS:.0f} s for the next {connection.READ_SIZE // 1024} KiB",
    f"`limits.connections`, {Plan.__dataclass_fields__['connections'].default};",
    f"{upstream.CONNECT_SECONDS:.0f} s to connect, {upstream.READ_SECONDS:.0f} s between",
    f"{upstream.CONNECTIONS} connections",
    f"up to {handler.EDITED_SIZE >> 20} MiB where",
]


@pytest.mark.parametrize("said", LIMITS)
def test_each_limit_is_the_one_of_the_code(said):
    assert said in TEXT
