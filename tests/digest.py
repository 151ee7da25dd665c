"""Prints of everything that masking the corpus yields: a change of speed must not change a byte.

Every recorded run, the benchmarks' workloads, the shipped examples and the harmless texts go through the pipeline with a fixed key,
a run's requests in order through one program, under the default rules and under rules that use every kind of selector and
operator. What is hashed is the whole verdict: the request that leaves, the report, the answer to a refused one.

`python -m tests.digest [--write] [CORPUS]`: compares with (or writes) `tests/corpus/digests.json`; with another corpus, prints.
"""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from pathlib import Path

from gateway.core.message import Headers, Inbound
from gateway.core.outcome import Outcome, Send
from gateway.core.pipeline import mask
from gateway.ruleset.program import Program
from gateway.ruleset.replies import ReplyPlan
from tests.judge.recorded import CORPUS, Request, load_run, runs_of
from tests.subject import program

ROOT = CORPUS.parent.parent
RECORDED = CORPUS / "digests.json"
OWN_RULES = r"""
record: {page_text: mask, ip_addresses: truncate, user_traits: hash, user_agent: keep, event_properties: detect, urls: mask}
urls: {keep_query: [order, q]}
mask:
  - {name: private, select: ".private, [data-private]", with: mask}
  - {name: shown, select: "main h1, li:first-child, .price > b", with: keep}
  - {name: numbers, pattern: '\b\d{4,}\b', with: {replace: "[number]"}}
  - {name: words, pattern: '(?i)order (?:completed|done)', in: [event_properties, page_text], with: redact}
  - {name: notes, fields: ["**.note", "**.properties.comment", "**.title"], with: drop}
  - {name: names, keys: [name, "first name"], with: {mask: {keep_last: 2}}}
  - {name: search, query: ["q", "sea*"], with: hash}
  - {name: cards, detect: payment_card, with: {mask: {keep_last: 4}}}
  - {name: mails, detect: [email, phone], in: [data_logs, page_text], with: hash}
  - {name: agent, headers: [x-client-*], with: drop}
  - {name: cookie, cookies: [shop*], with: hash}
allow:
  - {name: help, text: help@zyx-example.test}
  - {name: ours, pattern: '.*@acme\.test'}
"""
RULES = {"default": "", "own": OWN_RULES}


def _inbound(request: Request) -> Inbound:
    return Inbound(request.method, request.target, Headers(request.headers), request.body)


def _verdict(outcome: Outcome) -> bytes:
    if isinstance(outcome, Send):
        request, report, reply = outcome.masked.request, outcome.report, outcome.reply
        told: tuple[object, ...] = (
            request.method,
            request.target,
            list(request.headers),
            request.body,
            report.tracker,
            report.layers,
            sorted((repr(finding), count) for finding, count in report.findings.items()),
            list(reply.ids.items()) if isinstance(reply, ReplyPlan) else None,
        )
    else:
        told = (outcome,)
    return repr(told).encode("utf-8", "surrogatepass")


def digest(requests: Iterable[Request], subject: Program) -> str:
    """One print over a run's verdicts, in order."""
    told = blake2b(digest_size=12)
    for request in requests:
        told.update(_verdict(mask(_inbound(request), subject, lambda: 0.0)))
    return told.hexdigest()


def _corpus(corpus: Path) -> Iterator[tuple[str, tuple[Request, ...]]]:
    for run in runs_of(corpus):
        yield run, load_run(corpus, run)


def ours() -> Iterator[tuple[str, tuple[Request, ...]]]:
    """What the repository holds: each run with its requests."""
    yield from _corpus(CORPUS)
    for folder in ("german", "clinic"):
        for run, requests in _corpus(CORPUS / folder):
            yield f"{folder}/{run}", requests
    plain = (("Content-Type", "text/plain"),)
    for name, path in (("rr_1m", "/s/"), ("rr_50k", "/s/"), ("ev_2k", "/v1/t")):
        body = gzip.decompress((ROOT / "benchmarks" / "workloads" / f"{name}.json.gz").read_bytes())
        # twice: the second time meets the page, and the secrets, as the first one left them
        yield f"workload {name}", (Request("1", "POST", path, plain, body), Request("2", "POST", path, plain, body))
    for file in sorted((ROOT / "rules" / "examples").glob("*/before.*")):
        yield f"example {file.parent.name}", (Request("1", "POST", "/", plain, file.read_bytes()),)
    lines = (CORPUS / "harmless.txt").read_text().split("\n")
    for name, body in (("values", lines), ("log", {"console": "\n".join(lines)})):
        data = json.dumps(body, ensure_ascii=False).encode()
        yield f"harmless {name}", (Request("1", "POST", "/", plain, data),)


def digests(runs: Iterable[tuple[str, tuple[Request, ...]]]) -> dict[str, dict[str, str]]:
    """The print of each run under each set of rules."""
    told: dict[str, dict[str, str]] = {}
    for run, requests in runs:
        # a program each: a run has its own sessions
        told[run] = {name: digest(requests, program(rules)) for name, rules in RULES.items()}
    return told


def main() -> None:
    words = [word for word in sys.argv[1:] if word != "--write"]
    told = digests(_corpus(Path(words[0])) if words else ours())
    written = json.dumps(told, indent=1, sort_keys=True) + "\n"
    if words:
        print(written, end="")
    elif "--write" in sys.argv:
        RECORDED.write_text(written)
    else:
        recorded = json.loads(RECORDED.read_text())
        others = sorted(run for run in told.keys() | recorded.keys() if told.get(run) != recorded.get(run))
        for run in others:
            print(f"{run}: not as recorded")
        raise SystemExit(bool(others))


if __name__ == "__main__":
    main()
