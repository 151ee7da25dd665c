"""What people try runs in a process of its own: it gives data, it ends in time, and it breaks alone."""

import asyncio
import os
import time
from dataclasses import dataclass

import pytest

from gateway.console.workshop import WAITING, Workshop
from gateway.core.errors import UserError
from gateway.core.yaml import FileErrors


@dataclass(frozen=True, slots=True)
class Told:
    pid: int
    words: tuple[str, ...]


def tell(*words):
    return Told(os.getpid(), words)


def sleep():
    time.sleep(600)


def die():
    os._exit(1)


def grow():
    return len(bytearray(8 << 30))


def say_no():
    raise FileErrors((UserError("wrong", "a.yaml:1"), UserError("wrong too", "a.yaml:2")))


def break_down():
    raise KeyError("jane.doe@example.com")


def secrets():
    return sorted(name for name in os.environ if "SECRET" in name)


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
        first = await shop.run(tell, Told, "a", "ü")
        again = await shop.run(tell, Told)
        return first, again, await shop.run(secrets, list[str])

    first, again, known = running(story)
    assert first.words == ("a", "ü")
    assert first.pid == again.pid != os.getpid()
    assert known == []


WRONG = {
    say_no: "a.yaml:1: wrong",
    grow: "this took more memory than it may: try less at once",
    break_down: "this broke what worked on it: try less at once",
    die: "this broke what worked on it: try less at once",
}


def test_what_goes_wrong_is_said_and_the_next_work_is_done():
    async def story(shop):
        for work, told in WRONG.items():
            with pytest.raises(UserError) as said:
                await shop.run(work, object)
            assert str(said.value) == told
            assert (await shop.run(tell, Told, "next")).words == ("next",)

    running(story)


def test_what_takes_too_long_ends_and_the_next_work_is_done():
    async def story(shop):
        await shop.run(tell, Told)
        with pytest.raises(UserError, match="took longer than 0 seconds"):
            await shop.run(sleep, object)
        return (await shop.run(tell, Told, "next")).words

    assert running(story, 0.4) == ("next",)


def test_only_so_much_waits():
    async def story(shop):
        tasks = [asyncio.create_task(shop.run(tell, Told)) for _ in range(WAITING + 1)]
        results = await asyncio.gather(*tasks, return_exceptions=True)
        return [type(one) for one in results]

    assert running(story) == [Told] * WAITING + [UserError]
