"""Recorded visits that hop between gateways at every request, held against the same visit at one gateway.

    .venv/bin/python -m tests.cluster.hops            every run of tests/corpus
    .venv/bin/python -m tests.cluster.hops RUN …      some

The gateway that a request comes to knows nothing but the bytes that the one before it told; or it is one of two in turn,
which remember what they had.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from gateway.core.message import Headers, Inbound
from gateway.core.outcome import Outcome, Send
from gateway.core.pipeline import masking
from gateway.recording.sessions import Sessions
from gateway.ruleset.program import Program
from gateway.ruleset.secrets import Memories
from tests import subject
from tests.judge import recorded

RULES = "mask: [{name: private, select: '.private, #card-holder, [name^=pay], [class*=secret]', with: mask}]"


def inbound_of(request: recorded.Request) -> Inbound:
    """A recorded request as the gateway takes it in."""
    return Inbound(request.method, request.target, Headers(request.headers), request.body, client="203.0.113.77")


def runs(*names: str) -> Iterator[Path]:
    """The corpus files of these runs; of all."""
    for file in sorted(recorded.CORPUS.glob("**/*.jsonl")):
        if not names or file.stem in names:
            yield file


def requests(file: Path) -> list[Inbound]:
    return [inbound_of(recorded.read_line(line)) for line in file.read_text().split("\n") if line]


def step(program: Program, inbound: Inbound, state: dict[str, bytes] | None) -> tuple[Outcome, dict[str, bytes]]:
    """One request; with `state`, by what it tells, and what is to be told after it."""
    steps = masking(inbound, program, program.clock)
    keys: list[str] = []
    try:
        keys = list(next(steps))
        if state is not None:
            program.import_state({key: state.get(key, b"") for key in keys})
        while True:
            next(steps)
    except StopIteration as end:
        told = {**dict.fromkeys(keys, b""), **program.export_state(keys)} if state is not None else {}
        return end.value, told


def bytes_of(outcome: Outcome) -> object:
    if isinstance(outcome, Send):
        request = outcome.masked.request
        return (request.method, request.target, list(request.headers), request.body)
    return outcome


def differences(file: Path, rules: str = RULES, *, remember: bool = False) -> tuple[int, list[int], list[bytes]]:
    """How many requests a run has, those whose bytes differ, and all bytes that were shared."""
    still, *gateways = (subject.program(rules) for _ in range(3 if remember else 2))
    store: dict[str, bytes] = {}
    wrong: list[int] = []
    seen: list[bytes] = []
    inbounds = requests(file)
    for number, inbound in enumerate(inbounds):
        here, _ = step(still, inbound, None)
        hopping = gateways[number % len(gateways)]
        if not remember:
            hopping.sessions, hopping.memories = Sessions(), Memories(hopping.keys.master)
        there, told = step(hopping, inbound, store)
        store.update(told)
        seen += told.values()
        if bytes_of(here) != bytes_of(there):
            wrong.append(number)
    return len(inbounds), wrong, seen


def main(names: list[str]) -> int:
    total = failed = 0
    largest = 0
    for file in runs(*names):
        count, wrong, seen = differences(file)
        wrong += differences(file, remember=True)[1]
        largest = max([largest, *map(len, seen)])
        total += count
        failed += len(wrong)
        print(
            f"{file.stem:28} {count:4} requests, {len(wrong)} differ {wrong or ''}, most bytes {max(map(len, seen), default=0)}"
        )
    print(f"{total} requests, {failed} differ after a hop; largest state {largest} bytes")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
