"""`kill -9` under load, ten times: nothing accepted is lost, and nothing is sent again but what was on its way."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "kill.py"


def test_ten_kills_lose_nothing():
    run = subprocess.run(
        [sys.executable, SCRIPT, "--times", "10"], capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    told = re.match(
        r"10 kills in \d+ s: (\d+) accepted, (\d+) of them delivered, 0 lost, 0 out of order, \d+ delivered again \(0 of",
        run.stdout,
    )
    assert told, run.stdout
    assert told[1] == told[2] != "0"


@pytest.fixture(scope="module")
def kill():
    spec = importlib.util.spec_from_file_location("kill_benchmark", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def backend(kill, arrivals, first=()):
    import random

    made = kill.Backend(random.Random(0), 0)
    made.arrivals.update(arrivals)
    made.first["s"] = list(first)
    return made


@pytest.mark.parametrize(
    ("accepted", "arrivals", "first", "code"),
    [
        ({"a"}, {"a": [(0, "x")]}, [0], 0),
        ({"a"}, {"a": [(0, "x"), (1, "x")]}, [0], 0),
        ({"a", "b"}, {"a": [(0, "x")]}, [0], 1),
        ({"a"}, {"a": [(0, "x"), (1, "y")]}, [0], 1),
        ({"a"}, {"a": [(0, "x")]}, [1, 0], 1),
        (set(), {str(n): [(0, "x"), (1, "x")] for n in range(17)}, [0], 1),
    ],
    ids=["all there", "twice", "lost", "changed", "out of order", "too many twice"],
)
def test_it_tells_what_would_be_wrong(kill, capsys, accepted, arrivals, first, code):
    assert kill.judge(10, accepted, 0, backend(kill, arrivals, first), 1.0) == code
    assert capsys.readouterr().out.startswith("10 kills in 1 s: ")
