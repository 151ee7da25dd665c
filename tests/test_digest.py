"""What leaves is, byte for byte, what was recorded: a change of speed changes nothing, and any other one shows."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from tests.digest import RECORDED, ROOT, digests, ours


def test_what_leaves_is_as_it_was_recorded() -> None:
    told, recorded = digests(ours()), json.loads(RECORDED.read_text())
    others = sorted(run for run in told.keys() | recorded.keys() if told.get(run) != recorded.get(run))
    assert others == [], (
        "masked in another way than before: `python -m tests.digest --write` records a change that is meant"
    )


def test_the_python_path_masks_the_same():
    """Where the package was built with a compiler, the other path; the digests are those of both."""
    # as tests/conftest.py does it: without the source tree on the path
    code = (
        "import sys, types; sys.modules['tests'] = package = types.ModuleType('tests'); package.__path__ = [sys.argv.pop()];"
        "from tests.digest import main; main()"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, str(ROOT / "tests")], env={**os.environ, "GATEWAY_PURE": "1"}, capture_output=True, text=True,
        check=False, timeout=600,
    )  # fmt: skip
    assert (ended.returncode, ended.stdout) == (0, ""), ended.stdout + ended.stderr
