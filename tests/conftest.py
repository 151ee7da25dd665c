"""What holds for every test: tests import each other as `tests.…` without putting the source tree on the path, Hypothesis
judges results and never time, and in CI a test that did not run is a failure.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import HealthCheck, settings

HERE = Path(__file__).parent

# `tests` alone, not its parent folder: `gateway` is what is installed, in CI the wheel
if "tests" not in sys.modules or not hasattr(sys.modules["tests"], "__path__"):
    package = ModuleType("tests")
    package.__path__ = [str(HERE)]
    sys.modules["tests"] = package

# a slow machine is no failure of a promise
settings.register_profile("gateway", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("gateway")

NOT_RUN = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[NOT_RUN] = []
    config.pluginmanager.register(Complete(config), "complete")


class Complete:
    """Notes tests that were skipped or expected to fail; with CI=true they fail the run."""

    def __init__(self, config: pytest.Config) -> None:
        self._not_run = config.stash[NOT_RUN]
        self._strict = os.environ.get("CI") == "true"

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.skipped or hasattr(report, "wasxfail"):
            self._not_run.append(report.nodeid)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.skipped:
            self._not_run.append(report.nodeid)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self._strict and self._not_run and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._strict and self._not_run:
            terminalreporter.section("not run, which fails in CI", red=True)
            for name in sorted(set(self._not_run)):
                terminalreporter.line(name)
