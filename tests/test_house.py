"""The house keeps its own rules: what is written in docs/architecture.md, CONTRIBUTING.md and pyproject.toml holds."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
import yaml

import gateway
from gateway import config

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "gateway"
TESTS = ROOT / "tests"
SOURCES = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))
IGNORED = {line.strip("/") for line in (ROOT / ".gitignore").read_text().splitlines() if line.endswith("/")}
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
INDEXES = {"pypi.org", "files.pythonhosted.org"}

# Sources without a test file of their own, and the tests that hold them. A row is for as long as that is so.
TESTED_ELSEWHERE = {
    "*__init__.py": "test_house.py",  # lists of plug-ins: the conformance tests iterate them
    "__main__.py": "cli/test_run.py",  # two lines, run as a process
    "cli/*.py": "cli/test_run.py",  # as processes, the way users call them
    "report/*.py": "report/test_report.py",  # as one, on real counters
    "audit/*.py": "audit/test_trial.py",  # people, cases and report as one
    "demo/*.py": "cli/test_demo.py",  # the demo as a whole: what it says of its own traffic is the test
    "console/*.py": "console/test_application.py",  # over sockets, as browsers and programs use it
    "console/*/*.py": "console/test_application.py",
    "cluster/lease.py": "cluster/test_spool.py",
    "inspector/*.py": "inspector/test_gate.py",  # as processes, with mitmproxy's own interfaces
    "insight/*.py": "insight/test_comparison.py",  # what is shown of recorded requests
    "cluster/setup.py": "cluster/test_settings.py",
    "codings/*.py": "conformance/test_codings.py",
    "formats/*.py": "conformance/test_formats.py",
    "operators/*.py": "conformance/test_operators.py",
    "core/category.py": "ruleset/test_schema.py",  # a list of names
    "core/errors.py": "judge/test_recorded_traffic.py",  # a list of names, and who is told of them
    "core/limits.py": "core/test_opening.py",
    "core/outcome.py": "wire/test_forwarding.py",  # types
    "core/plugin.py": "conformance/test_detectors.py",  # types
    "core/signs.py": "native/test_native.py",
    "core/report.py": "judge/test_recorded_traffic.py",
    "maskers/*.py": "maskers/test_pool.py",  # as processes
    "tracing.py": "cli/test_tracing.py",  # to a collector, over HTTP
    "monitor/*.py": "cli/test_monitor.py",  # as processes, in a gateway that runs
    "policy/wording.py": "report/test_report.py",
    "policy/devices.py": "policy/test_decision.py",
    "spool/visitor.py": "cli/test_forget.py",
    "spool/store.py": "spool/test_embedded.py",  # what a store promises
    "proxy/framing.py": "wire/test_framing.py",
    "proxy/freshness.py": "wire/test_freshness.py",
    "proxy/peers.py": "wire/test_limits.py",
    "proxy/process.py": "cli/test_running.py",
    "proxy/server.py": "wire/test_stopping.py",
    "proxy/upstream.py": "wire/test_upstream.py",
    "proxy/egress.py": "wire/test_upstream.py",
    "proxy/pool.py": "proxy/test_connection.py",
    "proxy/*.py": "wire/test_forwarding.py",  # over sockets, byte for byte
    "recording/*.py": "judge/test_recorded_traffic.py",  # over recordings of real trackers
    "ruleset/*.py": "judge/test_recorded_traffic.py",
    "trackers/*.py": "judge/test_recorded_traffic.py",
}


def files_of_the_repository():
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in IGNORED | {".git"}]
        for name in names:
            path = Path(folder, name)
            if not any(fnmatchcase(path.relative_to(ROOT).as_posix(), line) for line in ("certs/*.pem", "certs/*.key")):
                yield path


def texts():
    for path in files_of_the_repository():
        data = path.read_bytes()
        if b"\0" not in data:
            yield path.relative_to(ROOT).as_posix(), data.decode("utf-8")


def test_what_is_tested_is_what_is_meant():
    """`make test` tests the wheel, and must not find the source tree; `pytest` by hand tests the source tree."""
    where = Path(gateway.__file__).resolve()
    if os.environ.get("GATEWAY_TEST_WHEEL"):
        assert where.is_relative_to(Path(sys.prefix).resolve())
        assert "site-packages" in where.parts
        assert ROOT not in [Path(entry or ".").resolve() for entry in sys.path]
    else:
        assert where == PACKAGE / "__init__.py"


def test_the_packaged_files_are_those_of_the_tree():
    packaged = Path(gateway.__file__).parent
    rules = config.rules_directory()
    for tree, found in ((PACKAGE, packaged), (ROOT / "rules", rules)):
        wanted = {path.relative_to(tree): path.read_bytes() for path in tree.rglob("*") if is_shipped(path)}
        shipped = {path.relative_to(found): path.read_bytes() for path in found.rglob("*") if is_shipped(path)}
        shipped = {path: data for path, data in shipped.items() if path.parts[0] != "_rules"}
        assert shipped == wanted
    assert (rules / "default.yaml").is_file()
    assert (packaged / "py.typed").is_file()


def is_shipped(path):
    return path.is_file() and path.suffix not in (".pyc", ".so")  # the compiled twin is made where the package is built


def test_an_installed_package_brings_its_rules_along():
    section = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    wanted = {"packages": ["gateway"], "force-include": {"rules": "gateway/_rules"}, "hooks": {"custom": {}}}
    assert section == wanted


def test_no_file_holds_a_path_of_the_machine_it_was_made_on():
    own = {str(ROOT), str(Path.home()), sys.prefix} - {"/"}
    own = {path for path in own if path.count("/") > 1 or path == "/root"}
    found = [
        (name, path) for name, text in texts() for path in own if re.search(rf"(?<![\w.]){re.escape(path)}/", text)
    ]
    assert found == []


def test_no_file_holds_a_mark_of_something_left_to_do():
    marks = re.compile(r"\b(?:" + "|".join(["TO" + "DO", "FIX" + "ME", "X" * 3]) + r")\b")
    assert [name for name, text in texts() if not name.startswith("tests/corpus/") and marks.search(text)] == []


def test_the_locks_name_no_other_index_than_the_public_ones():
    lock = (ROOT / "uv.lock").read_text()
    assert {url.split("/")[2] for url in re.findall(r'"(https?://[^"]+)"', lock)} == INDEXES
    assert set(re.findall(r"source = \{ (\w+)", lock)) == {"registry", "editable"}
    packages = (TESTS / "browser" / "package-lock.json").read_text()
    assert set(re.findall(r'"resolved": "https?://([^/"]+)', packages)) <= {"registry.npmjs.org"}


@pytest.mark.parametrize("source", SOURCES)
def test_a_module_opens_with_what_it_owns(source):
    text = (PACKAGE / source).read_text(encoding="utf-8")
    tree = ast.parse(text)
    told = ast.get_docstring(tree)
    assert told or not tree.body, f"gateway/{source} has no docstring"
    assert len((told or "").splitlines()) <= 20


@pytest.mark.parametrize("source", SOURCES)
def test_a_module_has_a_test_beside_it_or_a_reason(source):
    own = TESTS / Path(source).with_name(f"test_{Path(source).name}")
    elsewhere = [TESTS / test for glob, test in TESTED_ELSEWHERE.items() if fnmatchcase(source, glob)]
    assert own.is_file() or elsewhere, f"gateway/{source}: write {own.relative_to(ROOT)}"


@pytest.mark.parametrize(("glob", "test"), TESTED_ELSEWHERE.items())
def test_a_reason_is_still_one(glob, test):
    mine = [source for source in SOURCES if fnmatchcase(source, glob)]
    assert any(not (TESTS / Path(one).with_name(f"test_{Path(one).name}")).is_file() for one in mine)
    assert (TESTS / test).is_file()


def test_no_module_is_named_for_nothing():
    nothing = {"utils", "util", "helpers", "helper", "common", "manager", "base", "misc"}
    assert [source for source in SOURCES if Path(source).stem in nothing] == []


def listing():
    """What the tree in architecture.md names: the files of its first line, then a folder a line; and gateway's rooms."""
    block = ARCHITECTURE.split("```")[1].strip().splitlines()
    named = set(block[0].split()) | {line.split()[0] for line in block[1:] if line[0] != " "}
    rooms = {line.split()[0] for line in block if re.match(r"  \w", line)}
    return named, rooms


def test_the_folder_listing_is_the_one_in_the_architecture():
    named, rooms = listing()
    ignored = IGNORED | {".git"}
    there = {f"{path.name}/" if path.is_dir() else path.name for path in ROOT.iterdir() if path.name not in ignored}
    assert there == named
    inside = {f"{path.name}/" if path.is_dir() else path.name for path in PACKAGE.iterdir() if path.name not in ignored}
    assert inside - {"__main__.py", "py.typed"} == rooms


def test_the_version_is_said_once():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == gateway.__version__
    assert f"## {gateway.__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_every_dependency_has_its_line():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = project["dependency-groups"].values()
    named = [*project["project"]["dependencies"], *(name for group in groups for name in group)]
    names = {re.split(r"[><=~!\[; ]", name)[0].lower() for name in named}
    told = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8").lower()
    assert names == set(re.findall(r"^\| ([\w.-]+) \|", told, re.MULTILINE)) - {"package"}


NOT_RUN = """
import pytest

def test_that_runs(): pass

@pytest.mark.skip
def test_skipped(): assert False

@pytest.mark.xfail
def test_expected_to_fail(): assert False
"""


@pytest.mark.parametrize(("ci", "code"), [("true", 1), ("", 0)])
def test_what_did_not_run_fails_in_ci_alone(ci, code, tmp_path):
    (tmp_path / "conftest.py").write_text((TESTS / "conftest.py").read_text())
    (tmp_path / "test_shown.py").write_text(NOT_RUN)
    (tmp_path / "test_module.py").write_text("import pytest\npytest.skip('all of it', allow_module_level=True)\n")
    environment = {**os.environ, "CI": ci, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    command = [sys.executable, "-m", "pytest", "-q"]
    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == code, run.stdout
    told = run.stdout.partition("not run, which fails in CI")[2]
    assert all((name in told) == bool(code) for name in ("test_skipped", "test_expected_to_fail", "test_module.py"))


@pytest.mark.parametrize("script", ["run", "uv", "programs"])
def test_a_script_of_ci_stops_at_its_first_failure(script):
    path = ROOT / ".ci" / script
    assert os.access(path, os.X_OK)
    assert "set -euo pipefail" in path.read_text()
    assert subprocess.run(["bash", "-n", path], check=False).returncode == 0


@pytest.mark.parametrize("path", sorted((ROOT / "rules").rglob("*.yaml")), ids=lambda path: path.stem)
def test_a_shipped_file_names_its_schema(path):
    first = path.read_text(encoding="utf-8").splitlines()[0]
    assert first.startswith("# yaml-language-server: $schema=")
    assert (path.parent / first.partition("$schema=")[2]).is_file()
    assert yaml.safe_load(path.read_text(encoding="utf-8"))


OUTSIDE = {
    "audit",
    "backup.py",
    "cli",
    "cluster",
    "console",
    "demo",
    "inspector",
    "maskers",
    "monitor",
    "native",  # pure but for one look at the environment, when it is imported
    "proxy",
    "report",
    "spool",
    "config.py",
    "keyring.py",
    "log.py",
    "secret.py",
    "status.py",
    "tracing.py",
    "traffic.py",
}
PURE = sorted({Path(source).parts[0] for source in SOURCES} - OUTSIDE - {"__init__.py", "__main__.py"})


def test_every_room_but_the_shells_is_held_to_be_pure():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    pure = next(one for one in contracts if one["type"] == "forbidden")
    assert sorted(pure["source_modules"]) == [f"gateway.{room}" for room in PURE]


# asyncio, socket, ssl, os … are the linter's; these are builtins and names that it does not see
IMPURE_CALLS = {"open", "input", "print", "exec", "eval", "compile", "__import__", "breakpoint"}


@pytest.mark.parametrize("source", [source for source in SOURCES if source.split("/")[0] in PURE])
def test_a_pure_module_calls_nothing_that_reads_or_writes(source):
    tree = ast.parse((PACKAGE / source).read_text(encoding="utf-8"))
    called = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    assert called & IMPURE_CALLS == set()


CATCHERS = {"core/pipeline.py", "proxy/handler.py"}
"""The two edges where an unforeseen defect ends, and forwards nothing."""


def test_nothing_but_the_two_edges_catches_everything():
    catching = set()
    for source in SOURCES:
        for node in ast.walk(ast.parse((PACKAGE / source).read_text(encoding="utf-8"))):
            if isinstance(node, ast.ExceptHandler) and ast.unparse(node.body[-1]) != "raise":
                names = ast.unparse(node.type) if node.type else "BaseException"
                if re.search(r"\b(?:Base)?Exception\b", names):
                    catching.add(source)
    assert catching == CATCHERS


def test_only_the_pipeline_seals_and_only_what_it_sealed_is_opened():
    sealing = {
        (source, alias.name)
        for source in SOURCES
        for node in ast.walk(ast.parse((PACKAGE / source).read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.module == "gateway.core.masked"
        for alias in node.names
        if alias.name != "Masked"
    }
    assert sealing == {("core/pipeline.py", "seal"), ("maskers/wire.py", "unseal"), ("spool/seal.py", "unseal")}
