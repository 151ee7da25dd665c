"""`python -m benchmarks.mutation ROOM… --sample 150`: do the tests notice when the code of a room changes?

Takes a sample of mutants (seeded), runs for each the tests that reach the changed line (told by a first run with
coverage; for tables, those that reach the module), the quickest first, until one fails. Works on a copy; prints the
survivors and the score.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import defaultdict
from itertools import islice
from pathlib import Path

import coverage

from benchmarks.mutation.mutants import Mutant, mutants

ROOT = Path(__file__).parents[2]
TESTS = {  # room → what is known to hold it, and quick
    "core": ("tests/core", "tests/formats", "tests/conformance/test_formats.py", "tests/test_scars.py"),
    "detectors": ("tests/detectors", "tests/conformance/test_detectors.py"),
    "operators": ("tests/operators", "tests/conformance/test_operators.py"),
}  # fmt: skip
MOST_TESTS = 400
SECONDS = 120.0  # what takes longer than this hangs, and is noticed


def pytest(folder: Path, arguments: list[str], seconds: float, **environment: str) -> int:
    """Runs tests on the copy; -1 where they do not end."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:randomly", "-p", "no:cacheprovider", *arguments]
    process = subprocess.Popen(
        command, cwd=folder, env={**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1", **environment},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return -1


def reach(folder: Path, room: str) -> dict[str, dict[int, set[str]]]:
    """Module → line → the tests that run it."""
    where = folder / ".coverage"
    (folder / ".coveragerc").write_text(f"[run]\nsource = gateway.{room}\n")
    command = [
        "-m",
        "coverage",
        "run",
        "--data-file",
        str(where),
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:randomly",
        "-p",
        "benchmarks.mutation.contexts",
    ]
    subprocess.run(
        [sys.executable, *command, *(test for test in TESTS[room] if (folder / test).exists())],
        cwd=folder, env={**os.environ, "PYTHONPATH": str(folder)}, check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    data = coverage.CoverageData(str(where))
    data.read()
    found: dict[str, dict[int, set[str]]] = {}
    for file in data.measured_files():
        lines = found.setdefault(Path(file).relative_to(folder).as_posix(), defaultdict(set))
        for line, contexts in data.contexts_by_lineno(file).items():
            lines[line] |= {one for one in contexts if one}
    return found


def survives(path: Path, text: str, tests: list[str], folder: Path) -> bool:
    """Whether no test notices that a module reads so."""
    before = path.read_text()
    path.write_text(text)
    try:
        return not tests or pytest(folder, tests, SECONDS) == 0
    finally:
        path.write_text(before)


def main() -> int:
    arguments = argparse.ArgumentParser(
        prog="python -m benchmarks.mutation", description=(__doc__ or "").partition("\n")[0]
    )
    arguments.add_argument("rooms", nargs="*", choices=[*TESTS, []], help="core, detectors, operators (all)")
    arguments.add_argument("--sample", type=int, default=150, help="mutants of each room (150)")
    arguments.add_argument("--seed", type=int, default=1)
    given = arguments.parse_args()
    for room in given.rooms or list(TESTS):
        with tempfile.TemporaryDirectory(prefix="mutants-") as name:
            folder = Path(name) / "copy"
            ignored = shutil.ignore_patterns(".*", "node_modules", "dist", "__pycache__", "var")
            shutil.copytree(ROOT, folder, ignore=ignored)
            lines = reach(folder, room)
            every = [
                mutant
                for path in sorted((folder / "gateway" / room).rglob("*.py"))
                for mutant in mutants(path.relative_to(folder).as_posix(), path.read_text())
            ]
            random.Random(given.seed).shuffle(every)
            texts = ((mutant, mutant.write((folder / mutant.module).read_text())) for mutant in every)
            sample = islice(((mutant, text) for mutant, text in texts if text is not None), given.sample)
            tried = 0
            left: list[Mutant] = []
            for mutant, text in sample:
                tried += 1
                of_line = lines.get(mutant.module, {})
                at = of_line.get(mutant.line) or set().union(*of_line.values())
                tests = sorted(at, key=lambda test: (Path(mutant.module).stem not in test, test))
                if len(tests) > MOST_TESTS:
                    tests = [*tests[:200], *random.Random(0).sample(tests[200:], MOST_TESTS - 200)]
                if survives(folder / mutant.module, text, tests, folder):
                    left.append(mutant)
                    print(f"    survived  {mutant.module}:{mutant.line}  {mutant.what}", flush=True)
            told = f"{tried - len(left)} of {tried} killed ({1 - len(left) / tried:.1%}); there are {len(every)}"
            print(f"{room}: {told}", flush=True)
    return 0


sys.exit(main())
