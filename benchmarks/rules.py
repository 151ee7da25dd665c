"""How the cost of masking grows with the number of rules: 10 and 1,000 of each kind, beside each other.

    python -m benchmarks.rules [--rounds N] [--rules N]

CPU time of the thread, turn about; the ratio is of a round's two times, and its median is printed. Near 1: cost grows with bytes.
"""

from __future__ import annotations

import argparse
import gc
import gzip
import statistics
import tempfile
import time
from pathlib import Path

from gateway.cli.subject import load_subject
from gateway.core.message import Headers, Inbound
from gateway.core.pipeline import mask
from gateway.ruleset.program import Program

PATHS = {"ev_2k": "/v1/t", "rr_50k": "/s/", "rr_1m": "/s/"}


def _letters(number: int) -> str:
    return "".join(chr(ord("A") + number // 26**place % 26) for place in range(3))


KINDS = {
    "pattern": lambda number: rf"pattern: '\b{_letters(number)}-\d{{{5 + number % 5}}}\b'",
    "fields": lambda number: f'fields: ["**.order.note{number}"]',
    "keys": lambda number: f"keys: [customer remark{number}]",
    "select": lambda number: f'select: ".secret-{number}, [data-own-{number}]"',
    "query": lambda number: f"query: [parameter{number}]",
}


def program_of(kind: str, count: int) -> Program:
    rows = [f"  - {{name: rule {number}, {KINDS[kind](number)}, with: mask}}" for number in range(count)]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "mine.yaml"
        file.write_text("extends: default\nmask:\n" + "\n".join(rows) + "\n")
        return load_subject(None, [str(file)]).program()


def main() -> None:
    options = argparse.ArgumentParser(description="How the cost of masking grows with the number of rules.")
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--rules", type=int, default=1000)
    told = options.parse_args()
    gc.set_threshold(200_000, 10, 10)  # as in a masker
    headers = Headers([("Content-Type", "text/plain")])
    print(f"CPU time with {told.rules} rules : with 10, median of {told.rounds} rounds\n")
    print(f"| kind | {' | '.join(PATHS)} |")
    print("|---|" + "--:|" * len(PATHS))
    for kind in KINDS:
        few, many = program_of(kind, 10), program_of(kind, told.rules)
        cells = []
        for name, path in PATHS.items():
            body = gzip.decompress((Path(__file__).parent / "workloads" / f"{name}.json.gz").read_bytes())
            ratios = []
            for at in range(told.rounds + 1):
                taken = []
                for program in (few, many):
                    begun = time.thread_time()
                    for _ in range(max(1, 50_000 // len(body))):
                        mask(Inbound("POST", path, headers, body), program, time.thread_time)
                    taken.append(time.thread_time() - begun)
                if at:  # the first round warms up
                    ratios.append(taken[1] / taken[0])
            cells.append(f"{statistics.median(ratios):.2f}")
        print(f"| {kind} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
