"""One running gateway for each kind of peer, and one verdict for each run, shared by all tests of recorded traffic."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from tests.judge.recorded import CORPUS, load_run, planted
from tests.judge.replay import replay, running_gateway
from tests.judge.sink import Sink
from tests.judge.verdicts import judge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.judge.verdicts import Verdict


@pytest.fixture(scope="session")
def verdict_on() -> Iterator[Callable[[str, str], Verdict]]:
    """`verdict_on(run, peer)`: replays the run once, through a gateway that is started once."""
    verdicts: dict[tuple[str, str], Verdict] = {}
    started: dict[str, tuple[Sink, int]] = {}
    with contextlib.ExitStack() as stack:

        def verdict(run: str, peer: str) -> Verdict:
            if peer not in started:
                sink = stack.enter_context(Sink())
                started[peer] = sink, stack.enter_context(running_gateway(sink.port, peer))
            if (run, peer) not in verdicts:
                sink, port = started[peer]
                verdicts[run, peer] = judge(
                    run, replay(load_run(CORPUS, run), port, sink), planted((CORPUS / run).parent)
                )
            return verdicts[run, peer]

        yield verdict
