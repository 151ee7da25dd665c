"""docs/add-a-tracker.md, followed to the letter: its files are written, its commands run, and its output comes."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from gateway import config
from tests.judge.replay import gateway_command

PAGE = Path(__file__).parents[2] / "docs" / "add-a-tracker.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BLOCKS = BLOCK.findall(PAGE.read_text(encoding="utf-8"))
NAMED = re.compile(r"# (\S+\.yaml)\n")
REQUEST = "before.json"
TRACKER = "pirsch"


def run(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    words = shlex.split(line)
    assert words[0] == "gateway"
    environment = {**os.environ, "PYTHONUTF8": "1"}
    return subprocess.run(
        [*gateway_command(), *words[1:]],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_example_does_not_ship():
    assert TRACKER not in {path.stem for path in config.tracker_paths()}


def test_the_steps_do_what_the_page_says(tmp_path):
    said: list[str] = []
    for language, body in BLOCKS:
        match language:
            case "json":
                (tmp_path / REQUEST).write_text(body, encoding="utf-8")
            case "yaml":
                file = tmp_path / NAMED.match(body)[1]
                file.parent.mkdir(exist_ok=True)
                file.write_text(body, encoding="utf-8")
            case "sh":
                done = [run(line, tmp_path) for line in body.splitlines()]
                assert [(one.returncode, one.stderr) for one in done] == [(0, "")] * len(done)
                said = [line for one in done for line in one.stdout.splitlines()]
            case _:
                assert [line for line in body.splitlines() if line not in said] == []


def test_the_page_asks_for_one_tracker_file_and_one_pair():
    files = [NAMED.match(body)[1] for language, body in BLOCKS if language == "yaml"]
    assert files == [f"trackers/{TRACKER}.yaml", f"rules/{TRACKER}.yaml", "gateway.yaml"]
    assert [body.count("expect:") for language, body in BLOCKS if language == "yaml"] == [0, 1, 0]


@pytest.mark.parametrize("taken", ["plausible", "_any"])
def test_a_packaged_name_is_not_taken_a_second_time(taken, tmp_path):
    (tmp_path / f"{taken}.yaml").write_text(f"tracker: {taken}\n")
    (tmp_path / REQUEST).write_text("{}")
    done = run(f"gateway mask --trackers {taken}.yaml {REQUEST}", tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert f'there is a tracker "{taken}" already' in done.stderr
