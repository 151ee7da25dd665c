"""`gateway check`: what it prints, and how it fails."""

from __future__ import annotations

import json
import os
import pty
import shutil
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway import __version__, config
from gateway.cli.app import COMMANDS, gateway
from gateway.cli.check import PRECEDENCE
from gateway.insight.effective import is_shadowed, warn_of_rules
from gateway.ruleset.schema import Rule, RuleFile

RULES = """\
extends: default
record: {urls: keep, mobile_devices: drop}
private: [.mine]
mask:
  - name: account numbers
    select: ".account, [data-private]"
    with: mask
  - name: mails
    detect: email
    in: [page_text]
    with: {replace: "[mail]"}
"""
CONFIG = """\
tls: {certificate: here.pem, key: here.pem}
routes:
  - {path: /t/, tracker: posthog, upstream: 'https://u.example'}
rules: [default, shop.yaml]
"""


@pytest.fixture(autouse=True)
def site(tmp_path, monkeypatch):
    root = tmp_path / "packaged"
    (root / "trackers").mkdir(parents=True)
    (root / "default.yaml").write_text("record: {urls: detect, page_text: detect}\nurls: {keep_query: [utm_*]}")
    (root / "trackers/posthog.yaml").write_text("tracker: posthog\nplaces: {urls: ['**.$current_url']}")
    shutil.copytree(config.rules_directory() / "visitors", root / "visitors")
    monkeypatch.setattr(config, "rules_directory", lambda: root)
    home = tmp_path / "site"
    home.mkdir()
    monkeypatch.chdir(home)
    write("here.pem", "")
    write("shop.yaml", RULES)
    write("gateway.yaml", CONFIG)
    return home


def write(name, text):
    Path(name).write_text(text, encoding="utf-8")


def check(*arguments):
    return CliRunner().invoke(gateway, ["check", *arguments])


def lines(result):
    return [line.split("\t") for line in result.stdout.splitlines()]


def test_what_is_in_effect_is_printed_in_order_one_line_each():
    result = check()
    default = "built-in default.yaml"
    assert result.stderr == ""
    assert result.exit_code == 0
    assert lines(result) == [
        ["precedence", PRECEDENCE],
        ["category", "page_text", "detect", default],
        ["category", "urls", "keep", "shop.yaml"],
        ["category", "mobile_devices", "drop", "shop.yaml"],
        ["private", ".mine", "shop.yaml"],
        ["keep_query", "utm_*", default],
        ["rule", "1", "account numbers", "shop.yaml:5", "select: .account, [data-private]", "mask", "everywhere"],
        ["rule", "2", "mails", "shop.yaml:8", "detect: email", "replace (with: [mail])", "page_text"],
        ["route", "/t/", "posthog", "https://u.example", "refuse", "detect", "on", "gateway.yaml:3"],
    ]


def test_a_rule_file_is_checked_by_itself():
    result = check("shop.yaml")
    assert result.exit_code == 0
    assert [line[0] for line in lines(result)].count("rule") == 2
    assert "route" not in [line[0] for line in lines(result)]


def test_a_tracker_file_is_checked_by_itself():
    write("mine.yaml", "tracker: mine\nplaces: {urls: [a.b]}")
    assert lines(check("mine.yaml"))[1:] == [["place", "urls", "a.b"]]


def test_json_holds_the_same():
    answer = json.loads(check("--json").stdout)
    assert answer["precedence"] == PRECEDENCE
    assert answer["rule"][1]["where"] == "shop.yaml:8"
    assert answer["category"][0]["from"] == str(config.rules_directory() / "default.yaml")
    assert answer["route"][0]["upstream"] == "https://u.example"
    assert answer["error"] == []


def test_every_mistake_is_one_line_on_standard_error_and_exit_code_2():
    write("shop.yaml", "maks: []\nmask:\n  - {name: a, detect: emial, with: mask}\n")
    write("other.yaml", "private: [..]")
    result = check("shop.yaml", "other.yaml")
    assert result.exit_code == 2
    assert result.stderr.splitlines() == [
        'gateway: shop.yaml:1: unknown key "maks"; did you mean "mask"?',
        'gateway: other.yaml:1: "private": ".." is no CSS selector: expected a class name, got <literaltoken .>',
    ]


def test_mistakes_in_json_are_for_programs():
    write("shop.yaml", "maks: []")
    result = check("--json")
    assert result.exit_code == 2
    assert json.loads(result.stdout)["error"] == [
        {"where": "shop.yaml:1", "message": 'unknown key "maks"; did you mean "mask"?'}
    ]


def test_a_missing_configuration_is_told_in_one_line():
    Path("gateway.yaml").unlink()
    result = check()
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "gateway: gateway.yaml: no such file: create it, or correct the path\n"


WARNINGS = [
    ("routes: [{host: rec.example, upstream: 'https://u.example'}]", "is another origin: no cookies arrive"),
    (CONFIG + "trusted_proxies: [0.0.0.0/0]", "lets every client say what its address is"),
    ("routes: [{upstream: 'https://u.example'}]", "tls.certificate: certs/gateway.pem is not there yet"),
]


@pytest.mark.parametrize(("text", "message"), WARNINGS)
def test_what_works_and_is_not_meant_is_warned_of(text, message):
    write("gateway.yaml", text)
    result = check()
    assert result.exit_code == 0
    assert any(line[0] == "warning" and message in line[2] for line in lines(result))


def rule(**keys):
    return Rule.model_validate({"name": "a", "with": "mask", "detect": "email", **keys})


SHADOWS = [
    ("the same", {}, {}, True),
    ("a wider list", {"detect": ["email"]}, {"detect": ["email", "iban"]}, True),
    ("a narrower list", {"detect": ["email", "iban"]}, {"detect": ["email"]}, False),
    ("everywhere over one category", {"in": ["urls"]}, {}, True),
    ("one category over everywhere", {}, {"in": ["urls"]}, False),
    ("two categories over one", {"in": ["urls"]}, {"in": ["page_text", "urls"]}, True),
    ("another tracker", {"trackers": ["a"]}, {"trackers": ["b"]}, False),
    ("another selector", {}, {"detect": [], "keys": ["email"]}, False),
]


@pytest.mark.parametrize(("_name", "earlier", "later", "shadowed"), SHADOWS, ids=[row[0] for row in SHADOWS])
def test_a_rule_is_shadowed_where_a_later_one_picks_all_it_does(_name, earlier, later, shadowed):
    assert is_shadowed(rule(**earlier), rule(**later)) is shadowed


def test_rules_that_do_nothing_any_more_are_warned_of():
    file = RuleFile.model_validate(
        {
            "mask": [
                {"name": "a", "detect": "email", "with": "mask"},
                {"name": "b", "detect": "email", "with": "drop"},
            ],
            "allow": [{"name": "c", "text": "x", "until": "2026-01-31"}, {"name": "d", "text": "x"}],
        }
    )
    told = [message for _, message in warn_of_rules([file], date(2026, 2, 1))]
    assert told == [
        'allow "c" ended on 2026-01-31: renew it or take it out',
        'rule "a" never applies: the later "b" () picks the same',
    ]


def test_nothing_in_a_file_can_move_the_cursor_of_who_reads():
    write("shop.yaml", 'mask: [{name: "a\\e[2J\\tb\\n", detect: email, with: mask}]')
    assert r"a\x1b[2J\tb\n" in check("shop.yaml").stdout
    write("shop.yaml", '"a\\e[2J": 1')
    assert "\x1b" not in check("shop.yaml").stderr


def test_on_a_terminal_it_is_a_table_with_marks_as_written(site):
    code = (
        "from pathlib import Path; from gateway import config; "
        f"config.rules_directory = lambda: Path({str(config.rules_directory())!r}); "
        "from gateway.cli.app import main; import sys; sys.argv = ['gateway', 'check']; main()"
    )
    leader, follower = pty.openpty()
    environment = {"PATH": os.environ["PATH"], "TERM": "xterm", "COLUMNS": "160", "PYTHONPATH": str(_ROOT)}
    process = subprocess.Popen([sys.executable, "-c", code], cwd=site, stdout=follower, env=environment)
    os.close(follower)
    shown = b""
    while True:
        try:
            chunk = os.read(leader, 65536)
        except OSError:  # the other end is closed
            break
        if not chunk:
            break
        shown += chunk
    os.close(leader)
    assert process.wait(30) == 0
    text = shown.decode()
    assert "[data-private]" in text
    assert "Rules, later ones win" in text
    assert "\t" not in text


_ROOT = Path(__file__).parents[2]


def test_the_version_is_printed():
    assert CliRunner().invoke(gateway, ["--version"]).stdout == f"gateway {__version__}\n"


def test_help_lists_every_command():
    shown = CliRunner().invoke(gateway, ["--help"]).stdout
    assert all(f"  {name}" in shown for name in COMMANDS)


@pytest.mark.parametrize("arguments", [["chekc"], ["check", "--no-such"], ["--no-such"]])
def test_wrong_usage_is_exit_code_2(arguments):
    result = CliRunner().invoke(gateway, arguments)
    assert result.exit_code == 2
    assert "Traceback" not in result.stderr


def test_a_mistyped_command_is_told_the_nearest():
    assert 'did you mean "check"?' in CliRunner().invoke(gateway, ["chekc"]).stderr
