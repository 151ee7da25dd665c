"""What the browser tests share: the npm packages, installed from the lock where they are missing, and the player."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from .processes import HERE, next_line, node, program

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Player = Callable[[Mapping[str, list[Any]]], dict[str, Any]]


@pytest.fixture(scope="session")
def packages() -> None:
    """The packages of package-lock.json, as locked."""
    installed = HERE / "node_modules" / ".package-lock.json"
    lock = HERE / "package-lock.json"
    if not installed.is_file() or installed.stat().st_mtime < lock.stat().st_mtime:
        done = subprocess.run(
            [program("npm"), "ci"], cwd=HERE, capture_output=True, text=True, timeout=600, check=False
        )
        assert done.returncode == 0, f"npm ci: {done.stderr}"


@pytest.fixture(scope="session")
def play(packages: None, tmp_path_factory: pytest.TempPathFactory) -> Player:
    """Plays recordings in rrweb's Replayer in Chromium: for each name its outlines, complaints and screenshot."""

    def played(recordings: Mapping[str, list[Any]]) -> dict[str, Any]:
        home = tmp_path_factory.mktemp("play")
        with node("play.mjs", home, {"screenshots": str(home), "recordings": recordings}) as process:
            return dict(next_line(process, home / "play.mjs.log"))

    return played
