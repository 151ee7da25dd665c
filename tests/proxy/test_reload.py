"""The watcher: takes what is new, keeps what is old when the new is wrong, and tells it once."""

import asyncio

import pytest

from gateway.core.errors import UserError
from gateway.proxy.reload import Watcher


class Rules:
    def __init__(self, path):
        self.path = path
        self.loads = 0
        self.taken, self.told = [], []

    def load(self):
        self.loads += 1
        text = self.path.read_text()
        if "wrong" in text:
            raise UserError(text)
        return text

    def watcher(self):
        return Watcher(
            lambda: [self.path], self.load, self.taken.append, lambda error: self.told.append(str(error)), every=0.01
        )


@pytest.fixture
def rules(tmp_path):
    path = tmp_path / "rules.yaml"
    path.write_text("one")
    return Rules(path)


def test_nothing_is_read_again_while_nothing_changes(rules):
    async def trace():
        watcher = rules.watcher()
        await watcher.look()
        await watcher.look()

    asyncio.run(trace())
    assert rules.loads == 0


def test_a_change_is_taken_once(rules):
    async def trace():
        watcher = rules.watcher()
        rules.path.write_text("number two")
        await watcher.look()
        await watcher.look()

    asyncio.run(trace())
    assert rules.taken == ["number two"]


def test_a_replaced_file_is_noticed(rules):
    async def trace():
        watcher = rules.watcher()
        fresh = rules.path.with_name("fresh")
        fresh.write_text("two")
        fresh.replace(rules.path)
        await watcher.look()

    asyncio.run(trace())
    assert rules.taken == ["two"]


def test_a_wrong_file_is_told_once_and_taken_when_mended_elsewhere(rules):
    async def trace():
        watcher = rules.watcher()
        rules.path.write_text("wrong")
        for _ in range(3):
            await watcher.look()
        assert rules.taken == []
        rules.load = None  # the file that was wrong is not among those watched
        watcher._load = lambda: "mended"
        await watcher.look()
        await watcher.look()

    asyncio.run(trace())
    assert rules.told == ["wrong"]
    assert rules.taken == ["mended"]


def test_a_new_day_is_a_change(rules):
    async def trace():
        watcher = rules.watcher()
        watcher._day = None
        await watcher.look()

    asyncio.run(trace())
    assert rules.taken == ["one"]


def test_a_poke_reloads_at_once(rules):
    async def trace():
        taken = asyncio.Event()
        watcher = rules.watcher()
        watcher._take = lambda text: (rules.taken.append(text), taken.set())
        task = asyncio.create_task(watcher.run())
        watcher.poke()
        await taken.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(trace())
    assert rules.taken == ["one"]
