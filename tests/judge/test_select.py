"""`select: ".private"` on recorded pages: with the rule, exactly the texts of those elements differ from without it.

The page has two such elements, a paragraph and a field, and is given a third later, with an element inside. Trackers copy such
texts out of the page as well: into a click's event (`SSN` and `#ssn` are what the field is called), a breadcrumb, a table.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.judge.decoder import decode
from tests.judge.recorded import CORPUS, load_run, planted
from tests.judge.replay import RULES, replay, running_gateway
from tests.judge.sink import Sink

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.judge.decoder import Place
    from tests.judge.replay import Exchange

SHOWN, ADDED, ADDED_BELOW = "Balance of Zyxcanaryprivate", "Late Zyxcanarymutpriv ", "x"

# run → what is masked by the rule, and how often it is told
MASKED: dict[str, dict[str, int]] = {
    "rrweb": {SHOWN: 1, ADDED: 1, ADDED_BELOW: 1},
    "rrweb-pack": {SHOWN: 1, ADDED: 1, ADDED_BELOW: 1},
    "posthog": {SHOWN: 1, ADDED: 1, ADDED_BELOW: 1},
    "sentry": {SHOWN: 2, ADDED: 1, ADDED_BELOW: 1},
    "datadog": {SHOWN: 5, ADDED: 3, ADDED_BELOW: 3, "SSN": 1},  # in tables of strings, and by number of these
    "openreplay": {SHOWN: 2, ADDED: 1, ADDED_BELOW: 1, "#ssn": 2},
}
OF_CONNECTION = {"host", "via", "content-length"}
SIZES = {"length", "batch", "raw_segment_size", "compressed_segment_size"}

on_each_run = pytest.mark.parametrize("run", MASKED)


@pytest.fixture(scope="module")
def both() -> Callable[[str], list[tuple[Exchange, Exchange]]]:
    """`both(run)`: each exchange without the rule and with it."""
    found: dict[str, list[list[Exchange]]] = {run: [] for run in MASKED}
    for rules in ("default", RULES):
        with Sink() as sink, running_gateway(sink.port, "untrusted", rules=rules) as port:
            for run, exchanges in found.items():
                exchanges.append(replay(load_run(CORPUS, run), port, sink))
    return lambda run: list(zip(*found[run], strict=True))


def leaves(exchange: Exchange) -> dict[Place, str]:
    """What arrived, without what belongs to the connection and what counts the rest's bytes."""
    (arrived,) = exchange.arrived
    return {
        leaf.place: leaf.text
        for leaf in decode(arrived).leaves
        if not (leaf.place[0] == "header" and leaf.place[1] in OF_CONNECTION)
        and leaf.place[-1] not in SIZES
        and not leaf.place[-1].startswith("<")  # what may be a part of a text
    }


@on_each_run
def test_exactly_the_texts_of_private_elements_differ(run, both):
    masked: Counter[str] = Counter()
    for without, with_rule in both(run):
        before, after = leaves(without), leaves(with_rule)
        assert list(before) == list(after)
        for place, text in before.items():
            if after[place] != text:
                assert after[place] == "***", place
                masked[text] += 1
    assert masked == MASKED[run]


@on_each_run
def test_no_copy_of_what_a_private_element_shows_is_left(run, both):
    secrets = [planted(CORPUS)[name] for name in ("private_text", "mutation_private")]
    texts = [text for _, with_rule in both(run) for text in leaves(with_rule).values()]
    assert not [text for text in texts if any(secret in text for secret in secrets)]
    assert all(
        any(secret in text for without, _ in both(run) for text in leaves(without).values()) for secret in secrets
    )
