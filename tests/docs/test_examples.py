"""What the documents show is what happens: YAML loads, rule files pass their own tests, commands, links and test paths exist."""

from __future__ import annotations

import re
import shlex
import textwrap
from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway import config
from gateway.cli.app import COMMANDS, gateway
from gateway.cli.subject import Subject
from gateway.cli.test import run_tests
from gateway.core.limits import Limits
from gateway.detectors import DETECTORS
from gateway.operators import OPERATORS
from gateway.ruleset.loading import load_rules
from gateway.ruleset.schema import SELECTORS, RuleFile
from gateway.trackers.loading import load_tracker, load_trackers
from gateway.trackers.schema import Answers, AnswerSpec, CookieUse, HeaderUse, Length, Match, ReplyEdit, TrackerFile
from tests.judge.test_recorded_traffic import READ, of_trackers_that_are_read

ROOT = Path(__file__).parents[2]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "THREAT_MODEL.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").glob("*.md")),
    *(ROOT / name / "README.md" for name in ("benchmarks", "certs")),
]
TEXTS = {page.relative_to(ROOT).as_posix(): page.read_text(encoding="utf-8") for page in PAGES}
BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
BLOCKS = [
    (name, language, textwrap.dedent(body)) for name, text in TEXTS.items() for _, language, body in BLOCK.findall(text)
]
OF_ITS_OWN_TEST = "docs/add-a-tracker.md"  # whose steps build on each other
YAML = [(name, body) for name, language, body in BLOCKS if language == "yaml" and name != OF_ITS_OWN_TEST]
FIRST = re.compile(r"# (\S+\.yaml)$", re.MULTILINE)
COMMAND_LINES = [
    (name, line)
    for name, language, body in BLOCKS
    if language in {"sh", ""}
    for line in body.splitlines()
    if re.match(r"(?:echo .*\| )?(?:make|gateway) ", line)
]


def named(prefix: str) -> list:
    """The YAML blocks whose first line names a file that begins so."""
    return [
        pytest.param(body, id=f"{name}:{FIRST.match(body)[1]}")
        for name, body in YAML
        if FIRST.match(body) and FIRST.match(body)[1].startswith(prefix)
    ]


def load(body: str, folder: Path) -> tuple[RuleFile, Subject]:
    trackers = load_trackers(config.tracker_paths(), config.read_text)
    (folder / "shown.yaml").write_text(body)
    files = load_rules(["shown.yaml"], folder, config.built_in_rules(), config.read_text, config.known_names(trackers))
    return files[-1], Subject(files, trackers, bytes(32), Limits())


@pytest.mark.parametrize("body", named("rules/"))
def test_a_rule_file_does_what_its_tests_say(body, tmp_path):
    file, subject = load(body, tmp_path)
    assert file.mask or file.record.operators or file.allow or file.visitors
    verdicts = [verdict for verdict in run_tests(subject) if verdict.test in file.tests]
    assert len(verdicts) == len(file.tests)
    assert [verdict.told for verdict in verdicts if not verdict.passed] == []


def test_every_selector_has_an_example_that_runs():
    shown = "\n".join(parameter.values[0] for parameter in named("rules/"))
    assert [selector for selector in SELECTORS if not re.search(rf"\b{selector}: ", shown)] == []


def test_every_operator_and_every_detector_has_an_example_that_runs():
    shown = "\n".join(parameter.values[0] for parameter in named("rules/"))
    assert [one.name for one in OPERATORS if not re.search(rf"\w: \{{?{one.name}\b", shown)] == []
    found = re.search(r"```yaml\n# rules/what-is-found.yaml\n.*?```", TEXTS["docs/cookbook.md"], re.DOTALL)[0]
    assert set(re.findall(r"name: (\w+), input", found)) == {detector.name for detector in DETECTORS}


def test_every_detector_is_named():
    for detector in DETECTORS:
        assert f"`{detector.name}`" in TEXTS["docs/rules.md"]


@pytest.mark.parametrize("body", named("gateway.yaml"))
def test_a_configuration_loads(body, tmp_path):
    (tmp_path / "gateway.yaml").write_text(body)
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "my-shop.yaml").write_text("extends: default\n")
    for name in ("opt-out.html", "opt-out.yaml"):
        packaged = config.rules_directory() / "visitors" / name.replace("-", "_")
        (tmp_path / name).write_bytes(packaged.read_bytes())
    loaded = config.load(tmp_path / "gateway.yaml")
    assert loaded.settings.routes


def test_the_configuration_shows_every_key_with_its_default(tmp_path):
    (body,) = (parameter.values[0] for parameter in named("gateway.yaml") if "minimum: TLSv1.2 " in parameter.values[0])
    for model in (
        config.Settings,
        config.TlsSettings,
        config.RouteSettings,
        config.LimitSettings,
        config.OptOutSettings,
        config.SessionSettings,
        config.ConsoleSettings,
        config.RegionSettings,
    ):
        for key in model.model_fields:
            assert key == "where" or re.search(rf"\b{key}:\s", body), key
    (tmp_path / "gateway.yaml").write_text(body)
    shown = config.load_settings(tmp_path / "gateway.yaml", {})
    (tmp_path / "least.yaml").write_text(
        "routes: [{path: /t/, tracker: posthog, upstream: 'https://eu.i.posthog.com'}]"
    )
    least = config.load_settings(tmp_path / "least.yaml", {})
    for key in (
        "listen",
        "limits",
        "sessions",
        "egress_proxy",
        "masking_key",
        "rules",
        "trackers",
        "visitors",
        "workers",
    ):
        assert getattr(shown, key) == getattr(least, key)
    for key in ("unreadable", "unrecognised", "delivery", "record", "host", "upstream_ca", "egress_proxy"):
        assert getattr(shown.routes[0], key) == getattr(least.routes[0], key)


def test_every_yaml_block_is_tried():
    tried = {parameter.values[0] for prefix in ("rules/", "gateway.yaml") for parameter in named(prefix)}
    rest = {(name, body) for name, body in YAML if body not in tried}
    # parts of a file: operators by their own test, certificates by what the whole file says
    assert {name for name, _ in rest} == {"docs/operators.md", "certs/README.md", "docs/trackers.md"}


@pytest.mark.parametrize("body", [body for name, body in YAML if name == "docs/trackers.md"])
def test_a_part_of_a_tracker_file_loads(body):
    assert load_tracker(Path("shown.yaml"), f"tracker: shown\n{body}").replies


@pytest.mark.parametrize(("page", "line"), COMMAND_LINES)
def test_a_command_that_is_shown_exists(page, line):
    words = shlex.split(line.partition("#")[0].rpartition("| ")[2])
    if words[0] == "make":
        assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
        return
    assert words[1] in COMMANDS
    within = [word for word in words[2:3] if re.fullmatch("[a-z]+", word)]
    told = CliRunner().invoke(gateway, [words[1], *within, "--help"])
    assert told.exit_code == 0
    assert all(word in told.output for word in words if word.startswith("--"))


def test_the_five_minutes_work(tmp_path, monkeypatch):
    """What the README has one write passes `check` and `test`, and `mask` says what was masked."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rules").mkdir()
    for name, body in YAML:
        if name == "README.md":
            Path(FIRST.match(body)[1]).write_text(body)
    run = CliRunner().invoke
    checked = run(gateway, ["check"])
    assert (checked.exit_code, checked.stderr) == (0, "")
    assert "warning\t" not in checked.stdout
    tested = run(gateway, ["test"])
    assert tested.exit_code == 0, tested.output
    (line,) = (line for name, line in COMMAND_LINES if name == "README.md" and line.startswith("echo"))
    said, _, masking = line.partition(" | gateway ")
    masked = run(gateway, shlex.split(masking), input=shlex.split(said)[1])
    assert masked.exit_code == 0
    assert "[email]" in masked.stdout
    assert "[customer]" in masked.stdout


@pytest.mark.parametrize("page", TEXTS)
def test_links_and_test_paths_lead_somewhere(page):
    text = TEXTS[page]
    links = [link for link in re.findall(r"\]\(([^)#]+)", text) if "://" not in link]
    assert [link for link in links if not (ROOT / page).parent.joinpath(link).exists()] == []
    paths = re.findall(r"`((?:tests|docs|rules|gateway)/[\w./-]+)`", text)
    examples = {"rules/my-shop.yaml", "rules/my-site.yaml"}
    assert [path for path in paths if path not in examples and not (ROOT / path).exists()] == []


def titles() -> dict[str, str]:
    """The trackers' names for people by their own; none of the shipped ones is refused as a whole."""
    files = [one for one in load_trackers(config.tracker_paths(), config.read_text).values() if one.match]
    assert [one.tracker for one in files if "*" in one.unsupported] == []
    return {one.tracker: re.sub(r"^Microsoft | (?:RUM|Browser)$", "", one.title) for one in files}


def test_the_trackers_that_are_read_are_said_to_be():
    lines = TEXTS["docs/trackers.md"].splitlines()
    (recorded,) = (line for line in lines if "recorded runs of their SDKs" in line)
    (described,) = (line for line in lines if "no recorded run yet" in line)
    assert [
        name for tracker, name in titles().items() if name not in (recorded if tracker in READ else described)
    ] == []
    assert [name for tracker, name in titles().items() if name in (described if tracker in READ else recorded)] == []


def test_as_many_runs_are_recorded_as_the_readme_says():
    runs = of_trackers_that_are_read.args[1]
    assert f"{len(runs)} recorded runs of {len(READ)} real SDKs" in TEXTS["README.md"]


@pytest.mark.parametrize(
    "model",
    [TrackerFile, Match, HeaderUse, CookieUse, Answers, AnswerSpec, ReplyEdit, Length],
    ids=lambda one: one.__name__,
)
def test_every_key_of_a_tracker_file_is_explained(model):
    """By its name in code, or at the head of an example or of what it takes."""
    told = TEXTS["docs/trackers.md"].split("## A tracker file")[1].split("## Add a detector")[0]
    assert [key for key in model.model_fields if key != "where" and not re.search(rf"[`\s]{key}[`:]", told)] == []


def test_the_commands_of_the_readme_are_all_there_are():
    rows = re.findall(r"^\| (`gateway .*?) \|", TEXTS["README.md"], re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"`gateway (\w+)`", row)} == set(COMMANDS)
