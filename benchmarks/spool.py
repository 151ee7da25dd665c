"""What the spool's file costs beside the least that any could: `python -m benchmarks.spool`.

Appends sealed records in groups, each group durable before the next, through the embedded store's ledger (SQLite, WAL,
synchronous=FULL) and by writing the same sealed bytes to the end of one file with fdatasync; then takes them out again.
A plain file has no lanes, no counts, no removal and no repair: it is the floor, not a rival.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from itertools import batched
from pathlib import Path

from gateway.core.masked import seal
from gateway.core.message import Headers, Outbound
from gateway.keyring import new_ring
from gateway.spool.database import open_database
from gateway.spool.ledger import Append, Ledger, Remove
from gateway.spool.seal import RECORDS, Label, Sealer, write
from gateway.spool.store import Entry

PROGRAM = "0" * 64


def entries(size: int, count: int) -> list[Entry]:
    headers = Headers([("Content-Type", "application/json"), ("User-Agent", "Mozilla/5.0")])
    masked = seal(Outbound("POST", "/e/", headers, os.urandom(size)), PROGRAM)
    return [Entry(masked, "/t/", (number // 20).to_bytes(16)) for number in range(count)]


def plain(folder: Path, records: list[Entry], group: int) -> float:
    sealer = Sealer(new_ring(), RECORDS)
    begun = time.perf_counter()
    file = os.open(folder / "plain", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for number, some in enumerate(batched(records, group)):
        label = Label(number, "/t/", b"", 0, PROGRAM)
        os.write(file, b"".join(sealer.seal(label, write(one)).data for one in some))
        os.fdatasync(file)
    os.close(file)
    return time.perf_counter() - begun


def ledger(folder: Path, records: list[Entry], group: int) -> tuple[float, float, float]:
    sealer = Sealer(new_ring(), RECORDS)
    path = folder / "spool.db"
    db, _ = open_database(path, sealer)
    made = Ledger(db, path, sealer, limit=1 << 40, keep=1e9)
    begun = time.perf_counter()
    for some in batched(records, group):
        made.commit([Append(one) for one in some])
    appended = time.perf_counter()
    made.close()
    closed = time.perf_counter()
    db, _ = open_database(path, sealer)
    made = Ledger(db, path, sealer, limit=1 << 40, keep=1e9)
    opened = time.perf_counter()
    while claimed := made.claim("/t/", 8):
        made.commit([Remove(one) for one in claimed])
    ended = time.perf_counter()
    made.close()
    return appended - begun, opened - closed, ended - opened


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megabytes", type=int, default=40, help="of bodies, for each row (40)")
    parser.add_argument("--folder", default=None, help="on the disk to measure")
    told = parser.parse_args()
    print("body     group   plain file       SQLite           start     taken out, 8 a commit")
    for size, group in ((4096, 1), (4096, 16), (4096, 64), (65536, 1), (65536, 16)):
        count = told.megabytes * 1_000_000 // size
        if group == 1:
            count //= 4
        with tempfile.TemporaryDirectory(dir=told.folder) as folder:
            records = entries(size, count)
            least = plain(Path(folder), records, group)
            append, start, out = ledger(Path(folder), records, group)
        print(
            f"{size:>6} {group:>6} {count / least:>9.0f}/s {count / append:>14.0f}/s {start:>11.2f} s"
            f" {count / out:>12.0f}/s {count * size / out / 1e6:>8.0f} MB/s"
        )


if __name__ == "__main__":
    main()
