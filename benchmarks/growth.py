"""How CPU time grows with the length of texts made to be expensive: twice the text, about twice the time.

    python -m benchmarks.growth [--size N]

Patterns of rule files on texts of N, 2N and 4N characters (64 KiB in the middle unless told), each made for its pattern; then the
whole pipeline with the default rules. A ratio near 2 is linear, near 4 quadratic; cells under a millisecond say little.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable

from gateway.cli.subject import load_subject
from gateway.core.message import Headers, Inbound
from gateway.core.pipeline import mask
from gateway.ruleset.pattern import compile_pattern

PATTERNS = {
    r"(a+)+$": "a",
    r"(a|a)+b": "a",
    r"(?:\w+\s?)+$": "a",
    r"(?:aa?){30}b": "a",
    r"\s+$": " ",
    r"a.*b.*c.*d": "abc",
    r".*.*=.*": "x",
    r"\d+x": "1",
    r"[\w.+-]+@[\w-]+\.\w+": "a",
    r"(?:\w+\.)+com": "a.",
    r"(?i)straße\d": "STRASSE",
}
TEXTS = (
    "jane@shop.example ", "@", "a.", "1 ", "1-", "https://a.b/c?d=e&f=12345678 ", "/a", "?a=b&", ":", "http://",
    "https://jane:pw@host/ ", '{"a":', "<a b=c>", "&amp;", "%25", "\\u0041", "password=abc ", "eyJhbGciOiJIUzI1NiJ9.eyJ",
    "DE89 3704 0044 0532 0130 00 ", "fe80:1:2:3:4:5:6:7 ", "00:11:22:33:44:55 ", "+49 30 901820 ", "4111 1111 1111 1111 ",
    "/home/jane/ ", "52.5200, 13.4050 ", "born 01.02.1990 ", "\u200b", "１",
)  # fmt: skip


def grown(run: Callable[[str], object], piece: str, middle: int, end: str) -> str:
    """CPU milliseconds on half the length, on it and on twice it, and the last growth."""
    taken = []
    for size in (middle // 2, middle, middle * 2):
        text = piece * (size // len(piece)) + end
        begun = time.thread_time()
        run(text)
        taken.append((time.thread_time() - begun) * 1000)
    return f"{taken[0]:9.2f} {taken[1]:9.2f} {taken[2]:9.2f}   × {taken[2] / max(taken[1], 1e-3):.1f}"


def main() -> None:
    options = argparse.ArgumentParser(description="How CPU time grows with texts made to be expensive.")
    options.add_argument("--size", type=int, default=65_536, help="characters of the middle text")
    size = options.parse_args().size
    print(f"{'':32}{size // 2:9} {size:9} {size * 2:9}   ms")
    for text, piece in PATTERNS.items():
        pattern = compile_pattern(text)
        end = "\0bxyz=@.com1"  # the letters that it asks for, where they make no match
        print(f"{text:32}{grown(lambda told, of=pattern: list(of.spans(told)), piece, size, end)}", flush=True)
    program = load_subject(None, ()).program()
    headers = Headers([("Content-Type", "application/json")])

    def masked(text: str) -> object:
        return mask(Inbound("POST", "/", headers, json.dumps({"a": text}).encode()), program, time.thread_time)

    for piece in TEXTS:
        print(f"{piece[:30]!r:32}{grown(masked, piece, size, '!')}", flush=True)


if __name__ == "__main__":
    main()
