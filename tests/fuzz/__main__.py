"""`python -m tests.fuzz NAME… --seconds 60`: coverage-guided fuzzing of one target, of several, or of `all`.

Needs atheris (`.ci/uv sync --group fuzz`). Each target runs in a process of its own, from its seeds; what breaks a
promise is written to `tests/fuzz/seeds/NAME/`, to be mended and kept. Exit codes: 0 nothing found, 1 something, 2 usage.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
LONGEST = 16 * 1024
HANG = 30  # seconds of one input until it counts as a hang
NOISE = re.compile(r"INFO: |#\d+\s|stat::|  from |Base64:")
SLOW = 6.0  # of CPU: three times what a request may take


def main() -> int:
    arguments = argparse.ArgumentParser(prog="python -m tests.fuzz", description=(__doc__ or "").partition("\n")[0])
    arguments.add_argument("names", nargs="*", metavar="NAME", help="targets, globs of them, or all; none: list them")
    arguments.add_argument("--seconds", type=int, default=60, help="for each target (60)")
    arguments.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.here:
        return fuzz(given.names[0], given.seconds)

    from fnmatch import fnmatchcase

    from tests.fuzz.targets import TARGETS

    if not given.names:
        print("\n".join(TARGETS))
        return 0
    wanted = [name for name in TARGETS if any(given.names == ["all"] or fnmatchcase(name, one) for one in given.names)]
    unknown = [one for one in given.names if one != "all" and not any(fnmatchcase(name, one) for name in TARGETS)]
    if unknown:
        print(f"no target {unknown[0]}; known: {', '.join(TARGETS)}", file=sys.stderr)
        return 2
    return max([one_process(name, given.seconds) for name in wanted])


def one_process(name: str, seconds: int) -> int:
    """Runs one target, and prints a line: how many inputs, how many edges of the code, what was found."""
    command = [sys.executable, "-m", "tests.fuzz", "--here", name, "--seconds", str(seconds)]
    run = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    with contextlib.suppress(OSError):  # nothing found
        (HERE / "seeds" / name).rmdir()
    told = run.stdout + run.stderr
    executed = re.findall(r"stat::number_of_executed_units:\s*(\d+)|Done (\d+) runs", told)
    edges = re.findall(r"cov: (\d+)", told)
    found = re.findall(r"Test unit written to (\S+)", told)
    count = next((int(a or b) for a, b in reversed(executed)), 0)
    end = f"  FOUND {found[0]}" if found else "" if run.returncode == 0 else f"  exit {run.returncode}"
    print(f"{name:28} {count:>9} inputs  {edges[-1] if edges else '0':>6} edges{end}", flush=True)
    if run.returncode:
        lines = [line for line in told.split("\n") if line.strip() and not NOISE.match(line)]
        print("\n".join(f"    {line[:200]}" for line in lines[-24:]), flush=True)
    return 1 if run.returncode else 0


def fuzz(name: str, seconds: int) -> int:
    """The target itself, in this process; libFuzzer ends it."""
    import atheris

    with atheris.instrument_imports(include=["gateway"]):
        from tests.fuzz.targets import TARGETS
    from tests.fuzz import mutator, seeds

    target = TARGETS[name]

    def run(data: bytes) -> None:
        started = time.thread_time()
        try:
            target.run(data)
            assert time.thread_time() - started < SLOW, f"an input of {len(data)} bytes takes more than {SLOW} s of CPU"
        except BaseException:
            find = finds / hashlib.sha256(data).hexdigest()[:16]
            find.write_bytes(data)
            print(f"Test unit written to {find}", file=sys.stderr, flush=True)
            raise

    def custom_mutator(data: bytes, most: int, seed: int) -> bytes:
        changed = mutator.mutate(data, seed) if seed % 3 else None
        return changed[:most] if changed is not None else atheris.Mutate(data, most)

    finds = HERE / "seeds" / name
    finds.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        for number, seed in enumerate([*target.seeds(), *seeds.finds(name)]):
            Path(folder, f"seed-{number}").write_bytes(seed)
        flags = [
            f"-max_total_time={seconds}", f"-max_len={LONGEST}", f"-timeout={HANG}", f"-artifact_prefix={finds}/", "-handle_abrt=0",
            "-rss_limit_mb=2048", "-print_final_stats=1", "-len_control=0",
        ]  # fmt: skip
        atheris.Setup([sys.argv[0], *flags, folder], run, custom_mutator=custom_mutator)
        atheris.Fuzz()
    return 0


sys.exit(main())
