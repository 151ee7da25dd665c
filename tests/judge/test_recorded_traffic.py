"""The proof over real traffic: recorded runs of real trackers through a running `gateway run`, read by the judge's own decoder.

Default rules, `tracker: auto`, one rule for `.private`; the visitor's address in every forwarding header, from a peer that is
trusted and from one that is not.
"""

from __future__ import annotations

import pytest

from tests.judge.recorded import CORPUS, runs_of
from tests.judge.replay import PEERS
from tests.judge.report import details

READ = (
    "rrweb",
    "posthog",
    "sentry",
    "amplitude",
    "mixpanel",
    "snowplow",
    "segment",
    "matomo",
    "highlight",
    "faro",
    "datadog",
    "newrelic",
    "hyperdx",
    "openreplay",
    "clarity",
    "appinsights",
    "appsignal",
    "bugsnag",
    "coralogix",
    "countly",
    "elasticapm",
    "honeybadger",
    "jitsu",
    "keen",
    "plausible",
    "rollbar",
    "rudderstack",
    "splunk",
    "statsig",
    "trackjs",
    "usermaven",
)

SITES = ("german", "clinic")  # other pages and other people; the clinic's with older versions of the trackers
ELSEWHERE = tuple(f"{site}/{run}" for site in SITES for run in runs_of(CORPUS / site))

of_trackers_that_are_read = pytest.mark.parametrize(
    "run", [*(r for r in runs_of(CORPUS) if r.split("-")[0] in READ), *ELSEWHERE]
)
from_either_peer = pytest.mark.parametrize("peer", PEERS)


def test_every_recorded_tracker_is_tried():
    assert {run.split("-")[0] for run in runs_of(CORPUS)} == {*READ}


@from_either_peer
@of_trackers_that_are_read
def test_nothing_of_the_visitor_arrives(run, peer, verdict_on):
    verdict = verdict_on(run, peer)
    assert verdict.is_tight, details(verdict)


@from_either_peer
@of_trackers_that_are_read
def test_nearly_all_requests_are_forwarded_and_none_twice(run, peer, verdict_on):
    verdict = verdict_on(run, peer)
    assert verdict.is_forwarded, details(verdict)


@from_either_peer
@of_trackers_that_are_read
def test_what_the_page_shows_to_everybody_arrives(run, peer, verdict_on):
    verdict = verdict_on(run, peer)
    assert verdict.is_useful, details(verdict)


@from_either_peer
@of_trackers_that_are_read
def test_what_holds_nothing_of_the_visitor_is_unchanged(run, peer, verdict_on):
    verdict = verdict_on(run, peer)
    assert verdict.is_unchanged, details(verdict)
