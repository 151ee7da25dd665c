"""How fast masking is: one process, one thread, no sockets, beside others on the same payloads.

    gateway   the whole pipeline of `gateway run` with the default rules: open, read, decide, splice, verify
    Relay     Sentry Relay's PII engine in Rust by its C interface, raw JSON in and out, with the detectors that both have (it has
              none for phones, no layers, no elements, no secrets found elsewhere)
    add-on    what people write for mitmproxy in an afternoon: json, six regular expressions on every string, json
    floor     orjson.loads and orjson.dumps, and nothing in between

Contenders take turns, round by round; a ratio is taken within a round, and its median and quartiles are printed. CPU time of the
thread. `make bench` brings Relay along for this run (it is under the FSL, and no dependency); without it, its columns are empty.

    python benchmarks/masking.py [--rounds N] [--markdown]

`GATEWAY_PURE=1` measures masking without its compiled part. Figures hold for the machine that they were taken on.
"""

from __future__ import annotations

import argparse
import base64
import gc
import gzip
import json
import platform
import re
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from gateway.cli.subject import load_subject
from gateway.core.message import Headers, Inbound
from gateway.core.outcome import Send
from gateway.core.pipeline import mask
from gateway.native import compiled

HERE = Path(__file__).parent
WORKLOADS = {
    "ev_2k": ("one analytics event, Segment's", "/v1/t"),
    "rr_50k": ("changes of a page that is not known, rrweb in PostHog's wrapping", "/s/"),
    "rr_1m": ("a page and its changes, the same", "/s/"),
}
RECORDED = ("rrweb", "clinic/rrweb-1", "posthog", "segment", "faro")  # those whose bodies are plain JSON
TYPES = ("@email", "@creditcard", "@iban", "@ip", "@usssn", "@bearer")
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


@dataclass(frozen=True)
class Payload:
    """One request: where it goes, its JSON, and how many of them make a measure."""

    path: str
    body: bytes


Contender = Callable[[list[Payload]], None]


def gateway() -> Contender:
    gc.set_threshold(200_000, 10, 10)  # as in a masker (gateway.maskers.process)
    program = load_subject(None, ()).program()
    headers = Headers([("Content-Type", "text/plain")])

    def run(payloads: list[Payload]) -> None:
        for payload in payloads:
            outcome = mask(Inbound("POST", payload.path, headers, payload.body), program, time.thread_time)
            if not isinstance(outcome, Send):
                raise SystemExit(f"{payload.path}: not forwarded: {outcome}")

    return run


def relay() -> Contender | None:
    try:
        from sentry_relay._lowlevel import lib  # noqa: PLC0415 - for this run alone
        from sentry_relay.utils import decode_str, encode_str, rustcall  # noqa: PLC0415 - the same
    except ImportError:
        return None
    config = json.dumps({"applications": {"$string": [f"{kind}:replace" for kind in TYPES]}})

    def run(payloads: list[Payload]) -> None:
        settings = encode_str(config)
        for payload in payloads:
            event = encode_str(b'{"extra":' + payload.body + b"}")
            decode_str(rustcall(lib.relay_pii_strip_event, settings, event), free=True)

    return run


def addon(payloads: list[Payload]) -> None:
    for payload in payloads:
        json.dumps(walk(json.loads(payload.body))).encode()


def floor(payloads: list[Payload]) -> None:
    for payload in payloads:
        orjson.dumps(orjson.loads(payload.body))


def workloads() -> dict[str, tuple[str, list[Payload]]]:
    found = {}
    for name, (title, path) in WORKLOADS.items():
        body = gzip.decompress((HERE / "workloads" / f"{name}.json.gz").read_bytes())
        found[name] = (title, [Payload(path, body)] * max(1, 50_000 // len(body)))
    for run in RECORDED:
        payloads = []
        for line in (HERE.parent / "tests" / "corpus" / f"{run}.jsonl").read_text().split("\n"):
            if not line:
                continue
            entry = json.loads(line)
            body = entry["body"].encode() if "body" in entry else base64.b64decode(entry["body_b64"])
            if body[:2] == b"\x1f\x8b":
                body = gzip.decompress(body)
            if body[:1] == b"{" and b"\n{" not in body:  # JSON alone: others read nothing else
                payloads.append(Payload(entry["target"], body))
        found[run] = ("recorded by its SDK, requests of one visit", payloads)
    return found


def taken(run: Contender, payloads: list[Payload]) -> float:
    begun = time.thread_time()
    run(payloads)
    return time.thread_time() - begun


def spread(values: list[float]) -> str:
    low, middle, high = statistics.quantiles(values, n=4)
    return f"{middle:.2f} ({low:.2f}-{high:.2f})"


def main() -> None:
    options = argparse.ArgumentParser(description="How fast masking is, beside others.")
    options.add_argument("--rounds", type=int, default=9)
    rounds = max(options.parse_args().rounds, 2)
    contenders: dict[str, Contender | None] = {"gateway": gateway(), "Relay": relay(), "add-on": addon, "floor": floor}
    state = "compiled" if compiled is not None else "Python alone"
    what = f"Python {platform.python_version()}, {platform.machine()}, gateway {state}"
    print(f"{what}; {rounds} rounds, CPU time, median (quartiles)")
    peers = ("Relay", "add-on", "floor")
    columns = [*(f"{one} MB/s" for one in contenders), *(f"gateway : {one}" for one in peers)]
    print(f"\n| payload | KB | {' | '.join(columns)} |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|--:|")
    for name, (_, payloads) in workloads().items():
        size = sum(len(payload.body) for payload in payloads)
        times: dict[str, list[float]] = {one: [] for one, run in contenders.items() if run is not None}
        for at in range(rounds + 1):
            for one, run in contenders.items():
                if run is not None:
                    spent = taken(run, payloads)
                    if at:  # the first round warms up
                        times[one].append(spent)
        speeds = [f"{size / statistics.median(times[one]) / 1e6:.1f}" if one in times else "" for one in contenders]
        ratios = [
            spread([other / own for other, own in zip(times[one], times["gateway"], strict=True)])
            if one in times
            else ""
            for one in peers
        ]
        print(
            f"| {name} | {size / len(payloads) / 1000:.1f} | {' | '.join(speeds)} | {' | '.join(ratios)} |", flush=True
        )


if __name__ == "__main__":
    main()
