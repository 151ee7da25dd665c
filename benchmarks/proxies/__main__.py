"""How much the whole gateway costs beside nginx and mitmproxy: `python -m benchmarks.proxies [TABLE…]`.

    cpu       CPU time a request, masking with the default rules: nginx that only passes on, the gateway, mitmdump with an add-on
    tls       the same with TLS on both sides, 50 KB
    workers   requests a second that two maskers answer, against one
    delay     what the gateway adds to answer times at half of what it can take, and beside bodies of 1 MB
    memory    what a 100 MB answer costs in memory while it passes through

Needs nginx, wrk and hey (apt-get install nginx-light wrk hey). Every ratio is of two that took turns in one run: the proxy on
one core, what asks and what answers on the other. Medians of the rounds, with the smallest and the largest.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import threading
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.proxies import stage
from benchmarks.proxies.stage import Proxy, Stage, cpu, delays, load, memory

OUT = Console(width=132)


def cost(proxy: Proxy, workload: str, folder: Path, seconds: float) -> float:
    """CPU microseconds a request."""
    before = cpu(proxy.pid)
    is_large = workload == "rr_1m"  # half a second of work each: few at once, and time enough for some
    told = load(proxy, workload, folder, max(seconds, 10.0) if is_large else seconds, 2 if is_large else 8)
    if told.failed or not told.requests:
        raise SystemExit(f"{proxy.name}, {workload}: {told.failed} of {told.requests} requests failed")
    return (cpu(proxy.pid) - before) / told.requests * 1e6


def in_turns(measures: Sequence[Callable[[], float]], rounds: int) -> list[list[float]]:
    """Each measure's values: all once, then all again; a first round warms up."""
    taken = [[measure() for measure in measures] for _ in range(rounds + 1)][1:]
    return [list(column) for column in zip(*taken, strict=True)]


def spread(values: Sequence[float], form: str = "{:.0f}") -> str:
    """`median (smallest–largest)`."""
    low, middle, high = (form.format(value) for value in (min(values), statistics.median(values), max(values)))
    return f"{middle} ({low}–{high})"


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    return [one / other for one, other in zip(ours, theirs, strict=True)]


def table(title: str, *columns: str) -> Table:
    made = Table(title=title, title_justify="left")
    for number, column in enumerate(columns):
        made.add_column(column, justify="right" if number else "left")
    return made


def cpu_table(on: Stage, folder: Path, seconds: float, rounds: int) -> None:
    told = table(
        "CPU µs a request, HTTP on both sides: median (smallest–largest)",
        "workload", "nginx", "gateway", "gateway : nginx", "mitmdump + add-on", "mitmdump : gateway",
    )  # fmt: skip
    with (
        on.sink() as (plain, _),
        on.nginx(plain) as nginx,
        on.gateway(plain) as gateway,
        on.mitmdump(plain) as mitmdump,
    ):
        for workload in stage.PATHS:
            measures = [
                lambda proxy=proxy, workload=workload: cost(proxy, workload, folder, seconds)
                for proxy in (nginx, gateway, mitmdump)
            ]
            least, ours, theirs = in_turns(measures, rounds)
            told.add_row(
                workload, spread(least), spread(ours), spread(ratios(ours, least), "{:.1f}"), spread(theirs),
                spread(ratios(theirs, ours), "{:.1f}"),
            )  # fmt: skip
    OUT.print(told)


def tls_table(on: Stage, folder: Path, seconds: float, rounds: int) -> None:
    told = table("CPU µs a request, TLS on both sides", "workload", "nginx", "gateway", "gateway : nginx")
    with on.sink() as (_, tls), on.nginx(tls, tls=True) as nginx, on.gateway(tls, tls=True) as gateway:
        for workload in ("ev_2k", "rr_50k"):
            measures = [
                lambda proxy=proxy, workload=workload: cost(proxy, workload, folder, seconds)
                for proxy in (nginx, gateway)
            ]
            least, ours = in_turns(measures, rounds)
            told.add_row(workload, spread(least), spread(ours), spread(ratios(ours, least), "{:.1f}"))
    OUT.print(told)


def workers_table(on: Stage, folder: Path, seconds: float, rounds: int) -> None:
    told = table("Requests a second by maskers; all processes on all cores", "workload", "one", "two", "two : one")
    with (
        on.sink() as (plain, _),
        on.gateway(plain, workers=1, pinned=False) as one,
        on.gateway(plain, workers=2, pinned=False) as two,
    ):
        for workload in ("ev_2k", "rr_50k"):
            measures = [
                lambda proxy=proxy, workload=workload: load(proxy, workload, folder, seconds, 16).rate
                for proxy in (one, two)
            ]
            single, double = in_turns(measures, rounds)
            told.add_row(
                workload, spread(single, "{:.1f}"), spread(double, "{:.1f}"), spread(ratios(double, single), "{:.2f}")
            )
    OUT.print(told)


def delay_table(on: Stage, folder: Path, seconds: float, rounds: int) -> None:
    told = table(
        "Answer times in ms at half of the gateway's load, 2 KB", "", "p50", "p90", "p99", "p99 : nginx", "p99 : alone"
    )
    with on.sink() as (plain, _), on.nginx(plain) as nginx, on.gateway(plain) as gateway:
        rate = load(gateway, "ev_2k", folder, seconds).rate / 2
        rows: dict[str, list[dict[int, float]]] = {"nginx": [], "gateway": [], "gateway, beside 1 MB bodies": []}
        for _ in range(rounds):
            rows["nginx"].append(delays(nginx, "ev_2k", folder, seconds, rate))
            rows["gateway"].append(delays(gateway, "ev_2k", folder, seconds, rate))
            beside = threading.Thread(target=load, args=(gateway, "rr_1m", folder, seconds + 2, 1))
            beside.start()
            rows["gateway, beside 1 MB bodies"].append(delays(gateway, "ev_2k", folder, seconds, rate))
            beside.join()
        p99 = {name: [one[99] for one in taken] for name, taken in rows.items()}
        for name, taken in rows.items():
            told.add_row(
                name, *(spread([one[p] for one in taken], "{:.1f}") for p in (50, 90, 99)),
                spread(ratios(p99[name], p99["nginx"]), "{:.1f}"),
                spread(ratios(p99[name], p99["gateway"]), "{:.1f}") if "beside" in name else "",
            )  # fmt: skip
    OUT.print(told)
    OUT.print(f"{rate:.0f} requests a second")


def memory_table(on: Stage, folder: Path, seconds: float, rounds: int) -> None:
    del folder, seconds
    told = table("MiB held, at rest and while 100 MB answers pass through", "", "at rest", "at most", "more")
    with on.sink() as (plain, _), on.nginx(plain) as nginx, on.gateway(plain) as gateway:
        for proxy in (nginx, gateway):
            before = memory(proxy.pid)
            most = before
            for _ in range(rounds):
                with urllib.request.urlopen(f"http://127.0.0.1:{proxy.port}/large", timeout=60) as answer:
                    got = 0
                    while piece := answer.read(1 << 20):
                        got += len(piece)
                        most = max(most, memory(proxy.pid))
                if got != 100_000_000:
                    raise SystemExit(f"{proxy.name}: {got} of 100000000 bytes came")
            told.add_row(proxy.name, f"{before:.0f}", f"{most:.0f}", f"{most - before:.0f}")
    OUT.print(told)


TABLES = {"cpu": cpu_table, "tls": tls_table, "workers": workers_table, "delay": delay_table, "memory": memory_table}


def main() -> int:
    arguments = argparse.ArgumentParser(
        prog="python -m benchmarks.proxies", description="How much the whole gateway costs beside nginx and mitmproxy."
    )
    arguments.add_argument("tables", nargs="*", metavar="TABLE", help=f"{', '.join(TABLES)} (all)")
    arguments.add_argument("--seconds", type=float, default=6.0, help="of each measure (6)")
    arguments.add_argument("--rounds", type=int, default=3, help="after one that warms up (3)")
    given = arguments.parse_args()
    if unknown := [name for name in given.tables if name not in TABLES]:
        arguments.error(f"no table {unknown[0]}: there are {', '.join(TABLES)}")
    if lacking := stage.missing():
        OUT.print(f"needs {', '.join(lacking)}: apt-get install nginx-light wrk hey util-linux")
        return 2
    with tempfile.TemporaryDirectory(prefix="proxies-") as name:
        folder = Path(name)
        on = Stage(folder)
        for one in given.tables or TABLES:
            try:
                TABLES[one](on, folder, given.seconds, given.rounds)
            except subprocess.CalledProcessError as failed:
                OUT.print(f"{failed.args[1][3]}: {failed.stderr.strip()}")
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
