"""A recorded visit that hops between gateways leaves byte for byte what it leaves at one. All runs: `tests.cluster.hops`."""

from __future__ import annotations

import pytest

from tests import subject
from tests.cluster.hops import RULES, bytes_of, differences, requests, runs, step

SOME = ["clarity", "datadog", "openreplay", "posthog", "rrweb"]


@pytest.mark.parametrize("remember", [False, True])
@pytest.mark.parametrize("file", list(runs(*SOME)), ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_a_visit_that_hops_is_masked_as_one_that_stays(file, remember):
    count, wrong, seen = differences(file, remember=remember)
    assert count
    assert not wrong
    assert any(seen)


def test_it_is_the_state_that_makes_it_so():
    (file,) = (one for one in runs("rrweb") if one.parent.name == "corpus")
    still = subject.program(RULES)
    assert any(
        bytes_of(step(still, inbound, None)[0]) != bytes_of(step(subject.program(RULES), inbound, {})[0])
        for inbound in requests(file)
    )
