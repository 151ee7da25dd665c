"""How fast masking is: one process, one thread, no sockets, beside two things to compare it with.

    gateway   the whole pipeline of `gateway run` with the default rules: open, read, decide, splice, verify
    walker    what one would write in an afternoon: json, six regular expressions on every string, json
    floor     orjson.loads and orjson.dumps, and nothing in between

The walker finds less (no layers, no notations, no elements, no sensitive keys): it is here for scale, and wins on that.
`python benchmarks/masking.py [--seconds N]` prints a table; figures hold for the machine that they were taken on.
"""

from __future__ import annotations

import argparse
import gzip
import json
import platform
import re
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table

from gateway.cli.subject import load_subject
from gateway.core.message import Headers, Inbound
from gateway.core.outcome import Send
from gateway.core.pipeline import mask

WORKLOADS = {
    "rr_1m": ("a page and its changes, rrweb in PostHog's wrapping", "/s/"),
    "rr_50k": ("changes only: the page is unknown", "/s/"),
    "ev_2k": ("one analytics event, Segment's", "/v1/t"),
}
PATTERNS = [
    re.compile(pattern)
    for pattern in (
        r"[\w.+-]+@[\w-]+\.[\w.-]+",
        r"\b(?:\d[ -]?){13,16}\b",
        r"\b[A-Z]{2}\d{2}[A-Z0-9]{11,30}\b",
        r"\+?\d{1,3}[ -]?\(?\d{2,4}\)?[ -]?\d{3,4}[ -]?\d{3,4}",
        r"\b\d{1,3}(?:\.\d{1,3}){3}\b",
        r"\b\d{3}-\d{2}-\d{4}\b",
    )
]


def walk(value: Any) -> Any:
    if isinstance(value, str):
        for pattern in PATTERNS:
            value = pattern.sub("***", value)
        return value
    if isinstance(value, dict):
        return {key: walk(item) for key, item in value.items()}
    return [walk(item) for item in value] if isinstance(value, list) else value


def walker(body: bytes) -> bytes:
    return json.dumps(walk(json.loads(body))).encode()


def floor(body: bytes) -> bytes:
    return orjson.dumps(orjson.loads(body))


def gateway(path: str) -> Callable[[bytes], bytes]:
    program = load_subject(None, ()).program()
    headers = Headers([("Content-Type", "text/plain")])

    def masked(body: bytes) -> bytes:
        outcome = mask(Inbound("POST", path, headers, body), program, time.thread_time)
        if not isinstance(outcome, Send):
            raise SystemExit(f"{path}: not forwarded: {outcome}")
        return outcome.masked.request.body

    return masked


def measure(run: Callable[[bytes], bytes], body: bytes, seconds: float) -> float:
    """Megabytes a second: the median over as many runs as fit, three at least, after one that warms up."""
    run(body)
    taken: list[float] = []
    until = time.perf_counter() + seconds
    while len(taken) < 3 or time.perf_counter() < until:
        start = time.perf_counter()
        run(body)
        taken.append(time.perf_counter() - start)
    return len(body) / statistics.median(taken) / 1e6


def main() -> None:
    options = argparse.ArgumentParser(description="How fast masking is, beside two things to compare it with.")
    options.add_argument("--seconds", type=float, default=3.0, help="for each cell of the table")
    seconds = options.parse_args().seconds
    table = Table(title=f"MB/s, one thread · Python {platform.python_version()}", title_justify="left")
    for name in ("workload", "KB", "gateway", "walker", "floor", "gateway : walker", "gateway : floor"):
        table.add_column(name, justify="left" if name == "workload" else "right")
    for name, (title, path) in WORKLOADS.items():
        body = gzip.decompress((Path(__file__).parent / "workloads" / f"{name}.json.gz").read_bytes())
        ours, plain, least = (measure(run, body, seconds) for run in (gateway(path), walker, floor))
        table.add_row(
            f"{name}: {title}",
            f"{len(body) / 1000:.0f}",
            *(f"{speed:.2f}" for speed in (ours, plain)),
            f"{least:.0f}",
            f"1 : {plain / ours:.1f}",
            f"1 : {least / ours:.0f}",
        )
    Console(width=132).print(table)


if __name__ == "__main__":
    main()
