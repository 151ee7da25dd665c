"""The proof over real traffic that was disturbed on its way: bodies cut into two requests, batches swapped, requests sent again,
and the gateway started anew between the page's snapshot and what was typed into it.

None of the visitor's values arrives, whatever is lost. What only needs a state that a gateway still has arrives unmasked;
where the state is gone, what changed on the page later is masked until the next snapshot, and nothing else is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.judge.disturbances import after_largest, after_the_page, cut, repeated, swapped
from tests.judge.recorded import CORPUS, load_run, planted, runs_of
from tests.judge.replay import dress, running_gateway, send
from tests.judge.report import details
from tests.judge.sink import Sink
from tests.judge.verdicts import judge

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.judge.disturbances import Run
    from tests.judge.recorded import Request
    from tests.judge.replay import Exchange
    from tests.judge.verdicts import Verdict

RUNS = [run for run in runs_of(CORPUS) if "-default" not in run and run != "rrweb-maskall"]
ONE_EACH = [run for run in RUNS if "-" not in run]
IN_PIECES = "hyperdx-big"  # the snapshot is one event over several log records, and a cut parts them
SNAPSHOT_IS_CUT = {IN_PIECES, "openreplay"}  # which tells a snapshot in as many messages as it has nodes

# what was told of the page after its snapshot, by records that only name the element
CHANGES_OF_THE_PAGE = {"iframe_text", "mutation_text", "mutation_attr", "mutation_chardata"}


def tracker_of(run: str) -> str:
    return run.partition("-")[0]


def read(run: str) -> tuple[Request, ...]:
    return load_run(CORPUS, run)


# the last two lose what a gateway knows of a page
SHAPES: dict[str, Callable[[str], tuple[Request, ...]]] = {
    "cut": lambda run: cut(read(run), tracker_of(run)),
    "repeated": lambda run: repeated(read(run)),
    "swapped": lambda run: swapped(cut(read(run), tracker_of(run), after_largest)),
    "restarted": lambda run: cut(read(run), tracker_of(run), after_largest),
}
DISTURBED = {
    "cut": [run for run in RUNS if run != IN_PIECES],
    "repeated": ONE_EACH,
    "swapped": [*ONE_EACH, IN_PIECES],
    "restarted": [*ONE_EACH, IN_PIECES],
}
CASES = [(name, run) for name, runs in DISTURBED.items() for run in runs]
of_all = pytest.mark.parametrize(("disturbance", "run"), CASES)
with_its_state = pytest.mark.parametrize(("disturbance", "run"), [c for c in CASES if c[0] in {"cut", "repeated"}])
without_its_state = pytest.mark.parametrize(
    ("disturbance", "run"), [c for c in CASES if c[0] in {"swapped", "restarted"} and c[1] not in SNAPSHOT_IS_CUT]
)


@pytest.fixture(scope="module")
def disturbed() -> Callable[[str, str], Verdict]:
    """`disturbed(disturbance, run)`: each disturbance has gateways of its own, through which all its runs are sent."""
    verdicts: dict[str, dict[str, Verdict]] = {}

    def verdict(disturbance: str, run: str) -> Verdict:
        if disturbance not in verdicts:
            verdicts[disturbance] = verdicts_on(disturbance)
        return verdicts[disturbance][run]

    return verdict


def verdicts_on(disturbance: str) -> dict[str, Verdict]:
    sent = {run: dress(SHAPES[disturbance](run)) for run in DISTURBED[disturbance]}
    exchanges: dict[str, list[Exchange]] = {run: [] for run in sent}
    with Sink() as sink:
        for part in lives(disturbance, sent):
            with running_gateway(sink.port, "untrusted") as port:
                for run, requests in part.items():
                    exchanges[run] += send(requests, port, sink)
    canaries = planted(CORPUS)
    return {run: judge(run, exchanges[run], canaries) for run in sent}


def lives(disturbance: str, sent: dict[str, Run]) -> tuple[dict[str, Run], ...]:
    """What is sent to one gateway after the other."""
    if disturbance != "restarted":
        return (sent,)
    ends = {run: after_the_page(requests) for run, requests in sent.items()}
    return {run: sent[run][:end] for run, end in ends.items()}, {run: sent[run][end:] for run, end in ends.items()}


def test_every_recorded_tracker_meets_every_disturbance():
    trackers = {tracker_of(run) for run in runs_of(CORPUS)}
    assert all({tracker_of(run) for run in runs} == trackers for runs in DISTURBED.values())


@of_all
def test_nothing_of_the_visitor_arrives(disturbance, run, disturbed):
    verdict = disturbed(disturbance, run)
    assert verdict.is_tight, details(verdict)


@of_all
def test_nearly_all_requests_are_forwarded_and_none_twice(disturbance, run, disturbed):
    verdict = disturbed(disturbance, run)
    assert verdict.is_forwarded, details(verdict)


@with_its_state
def test_a_gateway_that_knows_the_page_lets_everything_else_through(disturbance, run, disturbed):
    verdict = disturbed(disturbance, run)
    assert not verdict.missing, details(verdict)
    assert verdict.is_unchanged, details(verdict)


@without_its_state
def test_a_gateway_that_does_not_know_the_page_masks_only_what_came_after_its_snapshot(disturbance, run, disturbed):
    verdict = disturbed(disturbance, run)
    assert set(verdict.missing) <= CHANGES_OF_THE_PAGE, details(verdict)
