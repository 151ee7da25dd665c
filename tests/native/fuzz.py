"""Fuzzes the compiled functions, built with AddressSanitizer and UndefinedBehaviorSanitizer, against their Python.

`python -m tests.native.fuzz [--seconds N] [--seed N]`: random and mutated texts; ends with 1 where the two differ, and with the
sanitizer's report where memory is misused. Needs a compiler with both sanitizers (gcc or clang).
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import random
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
SANITIZE = ("-g", "-O1", "-fno-omit-frame-pointer", "-fsanitize=address,undefined", "-fno-sanitize-recover=undefined")


def _compile(target: Path) -> None:
    source = ROOT / "gateway" / "native" / "_native.c"
    include = f"-I{sysconfig.get_path('include')}"
    subprocess.run(
        ["cc", "-std=c11", "-fPIC", "-shared", *SANITIZE, include, str(source), "-o", str(target)], check=True
    )


def _library(name: str) -> str:
    return subprocess.run(["cc", f"-print-file-name={name}"], check=True, capture_output=True, text=True).stdout.strip()


def _mutated(chance: random.Random, text: str, pieces: list[str]) -> str:
    for _ in range(chance.randrange(1, 6)):
        at = chance.randrange(len(text) + 1)
        match chance.randrange(4):
            case 0:
                text = text[:at] + chance.choice(pieces) + text[at:]
            case 1:
                text = text[:at] + text[at + chance.randrange(1, 9) :]
            case 2:
                text = text[:at]
            case 3:
                text = (
                    text[:at]
                    + chr(chance.choice([0, 9, 34, 92, 127, 128, 233, 0x212A, 0x2014, 0xD800, 0x1F600]))
                    + text[at:]
                )
    return text


def fuzz(extension: str, seconds: float, seed: int) -> None:
    """In the process that has the sanitizers: the extension under trial stands in for the installed one."""
    spec = importlib.util.spec_from_file_location("gateway.native._native", extension)
    assert spec is not None and spec.loader is not None  # noqa: PT018 - one thing to say
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    sys.modules["gateway.native._native"] = module
    from tests.judge.recorded import CORPUS, load_run, runs_of
    from tests.native.pages import check_page
    from tests.native.test_native import PIECES, SHARDS
    from tests.native.twins import check

    needles = list(json.loads((CORPUS / "canaries.json").read_text()).values())
    bodies = [request.body.decode("utf-8", "replace") for run in runs_of(CORPUS) for request in load_run(CORPUS, run)]
    bodies = [body for body in bodies if body[:1] in ("{", "[")]
    chance, pieces, until, done = random.Random(seed), [*SHARDS, *PIECES], time.monotonic() + seconds, 0
    while time.monotonic() < until:
        body = chance.choice(bodies)
        start = chance.randrange(len(body))
        text = body if chance.random() < 0.1 else "[" + body[start : start + chance.randrange(400)]
        if chance.random() < 0.5:
            text = chance.choice("{[") + "".join(chance.choices(pieces, k=chance.randrange(20)))
        check(_mutated(chance, text, pieces), needles)
        if done % 8 == 0:
            check_page(chance)
        done += 1
    print(f"{done} texts, no difference")


def main() -> None:
    options = argparse.ArgumentParser(description="Fuzz the compiled functions with sanitizers on.")
    options.add_argument("--seconds", type=float, default=60.0)
    options.add_argument("--seed", type=int, default=int(time.time()))
    options.add_argument("--extension", help=argparse.SUPPRESS)
    told = options.parse_args()
    if told.extension:
        fuzz(told.extension, told.seconds, told.seed)
        return
    print(f"seed {told.seed}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        extension = Path(folder) / ("_native" + str(sysconfig.get_config_var("EXT_SUFFIX")))
        _compile(extension)
        own = ["--extension", str(extension), "--seconds", str(told.seconds), "--seed", str(told.seed)]
        preload = " ".join(_library(name) for name in ("libasan.so", "libubsan.so"))
        # Python keeps what it allocated for its own life: leaks are no finding here
        env = {
            **os.environ,
            "LD_PRELOAD": preload,
            "ASAN_OPTIONS": "detect_leaks=0",
            "PYTHONMALLOC": "malloc",
            "GATEWAY_PURE": "0",
        }
        ended = subprocess.run([sys.executable, "-m", "tests.native.fuzz", *own], cwd=ROOT, env=env, check=False)
    sys.exit(ended.returncode)


if __name__ == "__main__":
    main()
