"""Many callers, one thread, few commits; and what a full or failing disk does to them."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.core.errors import UserError
from gateway.spool.embedded import EmbeddedStore
from gateway.spool.seal import RECORDS, Sealer
from gateway.spool.store import Dropped, NotKept, State
from tests.spool.making import RING, entry, numbers_of


def store(folder, *, limit=1 << 30, keep=3600.0, told=None):
    more = {"told": told} if told else {}
    return EmbeddedStore(Path(folder) / "spool.db", Sealer(RING, RECORDS), limit=limit, keep=keep, **more)


@contextlib.asynccontextmanager
async def opened(folder, **more):
    made = store(folder, **more)
    await made.open()
    try:
        yield made
    finally:
        await made.close()


async def drained(made, route="/t/"):
    got = []
    while claimed := await made.claim(route, 50):
        got += numbers_of(claimed)
        await asyncio.gather(*(made.done(one) for one in claimed))
    return got


def test_what_waits_together_is_committed_together(tmp_path):
    commits = []

    async def run():
        async with opened(tmp_path) as made:
            commit = made._ledger.commit
            made._ledger.commit = lambda changes: commits.append(len(changes)) or commit(changes)
            told = await asyncio.gather(*(made.append(entry(b"%d " % n, lane=b"%d" % (n % 7))) for n in range(200)))
            assert told == [True] * 200
            assert made.numbers.records == 200
            assert sorted(await drained(made)) == list(range(200))

    asyncio.run(run())
    assert commits[0] == 200
    assert len(commits) < 40


def test_it_is_all_there_after_a_start(tmp_path):
    async def write():
        async with opened(tmp_path) as made:
            await asyncio.gather(*(made.append(entry(b"%d " % n)) for n in range(30)))
            (held,) = await made.claim("/t/", 5)
            assert numbers_of([held]) == [0]

    async def read():
        async with opened(tmp_path) as made:
            assert made.numbers.waiting == {"/t/": 30}
            assert await drained(made) == list(range(30))

    asyncio.run(write())
    asyncio.run(read())


def test_behind_asks_and_stores_in_one_step(tmp_path):
    async def run():
        async with opened(tmp_path) as made:
            assert await made.append(entry(b"0 "), only_behind=True) is False
            first = asyncio.create_task(made.append(entry(b"1 ")))
            await asyncio.sleep(0)  # on its way, not yet on disk
            assert await made.append(entry(b"2 "), only_behind=True) is True
            assert await first is True
            assert await made.append(entry(b"3 ", lane=b"other"), only_behind=True) is False
            (one,) = await made.claim("/t/", 5)
            assert await made.append(entry(b"4 "), only_behind=True) is True  # behind what is on its way out
            await made.release(one)
            assert await drained(made) == [1, 2, 4]
            assert await made.append(entry(b"5 "), only_behind=True) is False

    asyncio.run(run())


def test_a_full_store_says_so_and_takes_again_what_there_is_room_for(tmp_path):
    async def run():
        async with opened(tmp_path, limit=70_000) as made:
            told = await asyncio.gather(
                *(made.append(entry(b"%d " % n + b"." * 9000)) for n in range(9)), return_exceptions=True
            )
            kept = [one for one in told if one is True]
            assert [str(one) for one in told[len(kept) :]] == ["full"] * (9 - len(kept))
            assert made.numbers.state is State.FULL
            (one,) = await made.claim("/t/", 1)
            await made.drop(one, Dropped.ANSWER)
            assert await made.append(entry(b"9 " + b"." * 9000)) is True
            assert await drained(made) == [*range(1, len(kept)), 9]
            assert made.numbers.dropped[Dropped.ANSWER] == 1

    asyncio.run(run())


def test_a_second_store_on_the_file_is_refused(tmp_path):
    async def run():
        async with opened(tmp_path):
            with pytest.raises(UserError, match="is in use by another gateway"):
                await store(tmp_path).open()
        async with opened(tmp_path) as made:
            assert made.numbers.records == 0

    asyncio.run(run())


def test_a_file_that_turns_out_damaged_is_set_aside_while_it_runs(tmp_path):
    rescued = []

    async def run():
        async with opened(tmp_path, told=rescued.append) as made:
            for n in range(40):
                await made.append(entry(b"%d " % n + b"." * 2000, lane=b"%d" % n))
            made._ledger._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            path = tmp_path / "spool.db"
            data = path.read_bytes()
            with path.open("r+b") as file:  # pages of the tables' trees, under a running process
                for page in range(2, 8):
                    file.seek(page * 4096)
                    file.write(b"\xff" * 4096)
            made._ledger._db.execute("PRAGMA cache_size = 0")
            for _ in range(3):
                with contextlib.suppress(NotKept):
                    await made.append(entry(b"100 ", lane=b"x"))
            got = []
            for _ in range(5):
                got += await drained(made)
            assert 100 in got
            assert len(got) == len(set(got)) + (got.count(100) - 1)
            assert len(data) > 40 * 2000

    asyncio.run(run())
    assert rescued
    assert all(one.aside.exists() for one in rescued)


FILL = """
import asyncio, resource, sys
sys.path[:0] = {path!r}
from pathlib import Path
from tests.spool.test_embedded import entry, opened
from gateway.spool.store import NotKept, State

async def main():
    kept, failed = 0, 0
    async with opened(Path(sys.argv[1])) as made:
        if int(sys.argv[2]):
            resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
        for number in range(2000):
            try:
                assert await made.append(entry(b"%d " % number + b"." * 3000, lane=b"%d" % (number % 9)))
                kept += 1
                print(number, flush=True)
            except NotKept as failure:
                assert failure.state is State.FAILING
                assert made.numbers.state is State.FAILING
                failed += 1
                if failed > 20:
                    break
        (one, *rest) = await made.claim("/t/", 9)  # the disk is full; what is there can still go out
        assert len(rest) == 8
        await made.tidy()
        assert made.numbers.state is State.FAILING
    assert kept > 20 and failed > 20

asyncio.run(main())
"""


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 3 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", folder], check=True)
    yield folder
    subprocess.run(["umount", folder], check=True)


def fill(folder, limit):
    path = [str(Path(__file__).parents[2]), *filter(None, sys.path)]
    command = [sys.executable, "-c", FILL.replace("{path!r}", repr(path)), folder, str(limit)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return [int(line) for line in run.stdout.split()]


async def read_all(folder):
    async with opened(folder) as made:
        assert made.numbers.state in (State.OK, State.NEARLY_FULL)
        return await drained(made)


def test_what_was_accepted_before_the_disk_was_full_is_there(small_disk):
    (small_disk / "other").write_bytes(bytes(1_000_000))
    accepted = fill(small_disk, 0)

    async def run():
        async with opened(small_disk) as made:  # starts on a full disk, too
            assert made.numbers.records == len(accepted)
            heads = await made.claim("/t/", 9)
            assert len(heads) == 9
            for one in heads:
                await made.done(one)
            (small_disk / "other").unlink()
            await made.tidy()
            return numbers_of(heads) + await drained(made)

    assert sorted(asyncio.run(run())) == accepted


def test_what_was_accepted_before_a_limit_of_file_size_is_there(tmp_path):
    """RLIMIT_FSIZE: writes come back short, then fail."""
    accepted = fill(tmp_path, 1_200_000)
    assert sorted(asyncio.run(read_all(tmp_path))) == accepted
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


def test_a_disk_that_has_room_again_is_used_again(small_disk):
    async def run():
        (small_disk / "other").write_bytes(bytes(2_000_000))
        async with opened(small_disk) as made:
            told = [True]
            while told == [True]:
                told = await asyncio.gather(made.append(entry(b"1 " + b"." * 3000)), return_exceptions=True)
            assert isinstance(told[0], NotKept)
            assert made.numbers.state is State.FAILING
            (small_disk / "other").unlink()
            await made.tidy()
            assert made.numbers.state is not State.FAILING
            assert await made.append(entry(b"2 "))

    asyncio.run(run())


def test_a_delivered_record_that_cannot_be_removed_is_not_sent_again(tmp_path):
    async def run():
        async with opened(tmp_path) as made:
            await asyncio.gather(*(made.append(entry(b"%d " % n)) for n in range(3)))
            (one,) = await made.claim("/t/", 1)
            other = sqlite3.connect(tmp_path / "spool.db", isolation_level=None)
            made._ledger._db.execute("PRAGMA busy_timeout = 1")
            other.execute("BEGIN IMMEDIATE")  # nobody else may write
            await made.done(one)
            assert await made.claim("/t/", 9) == []
            with pytest.raises(NotKept):
                await made.append(entry(b"9 "))
            other.execute("COMMIT")
            other.close()
            await made.tidy()
            assert await drained(made) == [1, 2]

    asyncio.run(run())
