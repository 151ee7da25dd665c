"""The audit proves what it says: nobody comes out of the default rules, and where a rule is missing it says so by name."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from gateway.audit.cases import CODINGS, cases, make_case
from gateway.audit.people import DETECTED, IDS, TOLD, people
from gateway.audit.trial import found, run
from gateway.cli.app import gateway
from gateway.cli.subject import load_subject
from gateway.ruleset.program import ANY_TRACKER

SUBJECT = load_subject(None, ())
TRACKERS = [one for name, one in SUBJECT.trackers.items() if name != ANY_TRACKER and "*" not in one.unsupported]


def test_of_twenty_thousand_people_none_comes_out_of_the_default_rules():
    result = run(SUBJECT.program(), cases(TRACKERS, people(20_000, seed=7), 10))
    assert result.people == 20_000
    assert result.planted > 300_000
    assert dict(result.out) == {}
    assert dict(result.refused) == {}
    assert set(result.codings) == {(one.tracker, coding) for one in TRACKERS for coding in CODINGS}


@pytest.mark.parametrize(
    ("rule", "place", "kind"),
    [
        ("- {name: off, detect: email, with: keep}", "free text", "email"),
        ("- {name: off, detect: iban, with: keep}", "a page's text", "iban"),
        ("- {name: off, detect: payment_card, with: keep}", "a number", "card"),
        ("- {name: off, cookies: [sid], with: keep}", "a cookie", "user"),
        ("- {name: off, headers: [authorization], with: keep}", "the Authorization field", "token"),
    ],
)
def test_with_one_rule_taken_out_it_fails_and_names_the_place(tmp_path, rule, place, kind):
    (tmp_path / "off.yaml").write_text(f"extends: default\nmask:\n  {rule}\n")
    result = CliRunner().invoke(gateway, ["audit", "--people", "600", "--rules", str(tmp_path / "off.yaml"), "--json"])
    assert result.exit_code == 1
    told = json.loads(result.stdout)
    assert told["out"] > 0
    assert (place, kind) in {(one["place"], one["kind"]) for one in told["findings"]}


def test_every_kind_is_planted_by_every_tracker():
    group = list(people(6, seed=3))
    for number, tracker in enumerate(TRACKERS):
        case = make_case(tracker, "json", group, number)
        assert {one.kind for one in case.planted} == {*DETECTED, *TOLD, *IDS}


@pytest.mark.parametrize("coding", CODINGS)
def test_the_second_reading_sees_everything_where_nothing_is_masked(coding):
    """An audit that could not see what it looks for would always be clean."""
    case = make_case(TRACKERS[0], coding, list(people(4, seed=5)), 1)
    inbound = case.inbound
    seen = found(case.planted, inbound.target, list(inbound.headers), inbound.body)
    assert {(one.kind, one.place) for one in seen} == {(one.kind, one.place) for one in case.planted}


def test_the_same_seed_makes_the_same_people():
    assert list(people(20, seed=9)) == list(people(20, seed=9))
    assert list(people(20, seed=9)) != list(people(20, seed=8))


def test_a_report_is_written_as_a_page(tmp_path):
    page = tmp_path / "audit.html"
    result = CliRunner().invoke(gateway, ["audit", "--people", "40", "--tracker", "posthog", "--html", str(page)])
    assert result.exit_code == 0
    assert "0 of" in page.read_text()
    assert "posthog" in page.read_text()
    assert "http" not in page.read_text().replace("http-equiv", "")


def test_an_unknown_tracker_is_one_line():
    result = CliRunner().invoke(gateway, ["audit", "--tracker", "poshog"])
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
