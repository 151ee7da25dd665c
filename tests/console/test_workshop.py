"""What people try runs in a process of its own: it gives data, it ends in time, and it breaks alone."""

import asyncio
import operator
import os
import time
from pathlib import PurePath

import pytest

from gateway.console.workshop import WAITING, Workshop
from gateway.core.errors import UserError
from gateway.core.yaml import FileErrors
from gateway.trackers.loading import load_tracker

# functions that any process can import: the child knows the product and nothing of its tests


def running(story, seconds=30.0):
    async def run():
        shop = Workshop(seconds)
        try:
            return await story(shop)
        finally:
            await shop.close()

    return asyncio.run(run())


def test_what_work_gives_comes_back_as_its_type_from_another_process(monkeypatch):
    monkeypatch.setenv("GATEWAY_SECRET", "x")

    async def story(shop):
        pids = [await shop.run(os.getpid, int) for _ in range(2)]
        words = await shop.run(os.path.split, tuple[str, ...], "a/ü")
        return pids, words, await shop.run(os.getenv, str, "GATEWAY_SECRET", "unknown")

    (first, again), words, known = running(story)
    assert words == ("a", "ü")
    assert first == again != os.getpid()
    assert known == "unknown"


WRONG = {
    "memory": ((bytes, 8 << 30), "this took more memory than it may: try less at once"),
    "a defect": ((operator.getitem, {}, "jane.doe@example.com"), "this broke what worked on it: try less at once"),
    "its end": ((os._exit, 1), "this broke what worked on it: try less at once"),
}


def test_what_goes_wrong_is_said_and_the_next_work_is_done():
    async def story(shop):
        for (work, *args), told in WRONG.values():
            with pytest.raises(UserError) as said:
                await shop.run(work, object, *args)
            assert str(said.value) == told
            assert await shop.run(os.path.basename, str, "a/next") == "next"

    running(story)


def test_all_mistakes_come_back_with_their_places():
    file, text = PurePath("a.yaml"), "tracker: []\nmatch: 7\n"
    with pytest.raises(FileErrors) as here:
        load_tracker(file, text)

    async def story(shop):
        with pytest.raises(FileErrors) as there:
            await shop.run(load_tracker, object, file, text)
        return there.value

    told = [(one.where, one.message) for one in running(story).each]
    assert told == [(one.where, one.message) for one in here.value.each]
    assert len(told) > 1


def test_what_takes_too_long_ends_and_the_next_work_is_done():
    async def story(shop):
        await shop.run(os.getpid, int)
        with pytest.raises(UserError, match="took longer than 0 seconds"):
            await shop.run(time.sleep, object, 600)
        return await shop.run(os.path.basename, str, "a/next")

    assert running(story, 0.4) == "next"


def test_only_so_much_waits():
    async def story(shop):
        tasks = [asyncio.create_task(shop.run(os.getpid, int)) for _ in range(WAITING + 1)]
        results = await asyncio.gather(*tasks, return_exceptions=True)
        return [type(one) for one in results]

    assert running(story) == [int] * WAITING + [UserError]
