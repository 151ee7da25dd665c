"""What disturbs recorded traffic disturbs it as it says, and loses nothing itself."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.judge.decoder import decode
from tests.judge.disturbances import after_largest, after_the_page, cut, middle, repeated, swapped
from tests.judge.recorded import CORPUS, Request, load_run, planted

SENDS_LISTS = (
    "amplitude",
    "clarity",
    "datadog",
    "faro",
    "highlight",
    "hyperdx",
    "mixpanel",
    "newrelic",
    "openreplay",
    "posthog",
    "posthog-beacon",
    "rrweb",
    "rrweb-pack",
    "segment-batch",
    "sentry",
    "sentry-nocomp",
    "snowplow",
)
RECORDS_TYPING = ("amplitude", "datadog", "faro", "highlight", "hyperdx", "mixpanel", "newrelic", "openreplay")
RECORDS_TYPING += ("posthog", "rrweb", "sentry")


def texts(run: tuple[Request, ...]) -> Counter[str]:
    leaves = (leaf for request in run for leaf in decode(request).leaves)
    return Counter(leaf.text for leaf in leaves if leaf.kind == "string" and leaf.place[0] == "body")


def names(run: tuple[Request, ...]) -> str:
    return " ".join(request.name for request in run)


A, B, C = (Request(name, "POST", "/", (), b"") for name in "ABC")


@pytest.mark.parametrize("where", [middle, after_largest])
@pytest.mark.parametrize("run", SENDS_LISTS)
def test_a_cut_run_has_more_requests_and_all_that_the_run_told(run, where):
    whole = load_run(CORPUS, run)
    pieces = cut(whole, run.partition("-")[0], where)
    assert len(pieces) > len(whole)
    # what a number of the other half's table stands for is told less often, but it is told
    assert {text for text in texts(whole).keys() - texts(pieces).keys() if "canary" in text.lower()} == set()


@pytest.mark.parametrize("run", RECORDS_TYPING)
def test_what_was_typed_comes_after_the_first_piece_of_the_page(run):
    pieces = cut(load_run(CORPUS, run), run, after_largest)
    end = after_the_page(pieces)
    typed = planted(CORPUS)["name"]
    assert not any(typed in text for text in texts(pieces[:end]))
    assert any(typed in text for text in texts(pieces[end:]))


def test_neighbours_change_places():
    assert names(swapped((A, B, C))) == "B A C"


def test_each_request_is_sent_again_at_once_or_after_the_next():
    assert names(repeated((A, B, C))) == "A A again B C B again C again"
