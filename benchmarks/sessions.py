"""What the pages of many sessions take in memory: each session records the page of `rr_1m` (4,813 elements), then a change of it.

    python -m benchmarks.sessions [--sessions N] [--nodes N]

Prints resident memory as sessions come, and what one of them takes; then CPU time of a change on a page that is at hand and on
one that was packed. Ten thousand take some twenty minutes. `--nodes` is `sessions.nodes` of gateway.yaml.
"""

from __future__ import annotations

import argparse
import gc
import gzip
import json
import statistics
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gateway.cli.subject import load_subject
from gateway.core.message import Headers, Inbound
from gateway.core.outcome import Send
from gateway.core.pipeline import mask
from gateway.recording.sessions import Sessions
from gateway.ruleset.program import Program

HEADERS = Headers([("Content-Type", "text/plain")])


def resident() -> float:
    """Megabytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6


def send(program: Program, page: dict[str, Any], session: int, events: list[Any]) -> float:
    """One request; its CPU time in milliseconds."""
    page["properties"] |= {
        "$session_id": f"session-{session}",
        "$window_id": f"window-{session}",
        "$snapshot_data": events,
    }
    body = json.dumps(page).encode()
    begun = time.thread_time()
    outcome = mask(Inbound("POST", "/s/", HEADERS, body), program, time.thread_time)
    if not isinstance(outcome, Send):
        raise SystemExit(f"not forwarded: {outcome}")
    return (time.thread_time() - begun) * 1000


def main() -> None:
    options = argparse.ArgumentParser(description="What the pages of many sessions take in memory.")
    options.add_argument("--sessions", type=int, default=10_000)
    options.add_argument("--nodes", type=int, default=5_000_000)
    told = options.parse_args()
    gc.set_threshold(200_000, 10, 10)  # as in a masker
    subject = load_subject(None, ())
    program = Program(
        subject.rules,
        subject.trackers,
        key=subject.key,
        today=datetime.now(UTC).date(),
        clock=time.monotonic,
        limits=subject.limits,
        sessions=Sessions(most=told.sessions, nodes=told.nodes),
    )
    page = json.loads(gzip.decompress((Path(__file__).parent / "workloads" / "rr_1m.json.gz").read_bytes()))
    events = page["properties"]["$snapshot_data"]
    snapshot = [event for event in events if event["type"] == 2]
    change = [event for event in events if event["type"] == 3 and event["data"]["source"] == 0][:1]
    send(program, page, -1, snapshot)
    base = resident()
    for number in range(told.sessions):
        send(program, page, number, snapshot)
        if (number + 1) % max(1, told.sessions // 10) == 0:
            more = resident() - base
            kept = program.sessions
            print(
                f"{number + 1} sessions: {len(kept)} kept, {kept.packed} of them packed; "
                f"+{more:.0f} MB, {more * 1000 / (number + 1):.0f} KB each",
                flush=True,
            )
    last, first = told.sessions - 1, 0
    near = [send(program, page, last - at % 10, change) for at in range(30)]
    far = [send(program, page, first + at, change) for at in range(min(30, told.sessions // 2))]
    print(f"a change, page at hand: {statistics.median(near):.1f} ms")
    print(f"a change, page packed before: {statistics.median(far):.1f} ms")


if __name__ == "__main__":
    main()
