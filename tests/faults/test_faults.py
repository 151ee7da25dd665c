"""Some cells of the matrix, played for real; `python -m tests.faults` plays all of it. These need nothing of the machine."""

import asyncio

import pytest

from tests.faults.cell import play
from tests.faults.table import FAULTS

BY_NAME = {fault.name: fault for fault in FAULTS}

PLAYED = [
    ("way reset in the request", "up"),
    ("way swallows answers", "flapping"),
    ("way corrupts requests", "down"),
    ("visitor closed in the body", "up"),
    ("visitor leaves before the answer", "flapping"),
    ("backend resets in an answer", "up"),
    ("backend 503", "down"),
    ("certificate of another host", "up"),
    ("backend without TLS", "up"),
    ("kill -9", "down"),
    ("SIGTERM", "flapping"),
    ("wrong configuration", "flapping"),
    ("second process", "down"),
    ("file limit", "down"),
]


def test_the_table_has_at_least_forty_faults_with_names_of_their_own():
    assert len(BY_NAME) == len(FAULTS) >= 40
    assert not any(BY_NAME[name].needs for name, _ in PLAYED)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """All of them, three at a time: most of a cell is waiting."""

    async def play_all():
        turns = asyncio.Semaphore(3)

        async def one(name, state):
            async with turns:
                return await play(BY_NAME[name], state, tmp_path_factory.mktemp("cell"))

        return await asyncio.gather(*(one(*cell) for cell in PLAYED), return_exceptions=True)

    return dict(zip(PLAYED, asyncio.run(play_all()), strict=True))


@pytest.mark.parametrize("cell", PLAYED, ids=lambda cell: f"{cell[0]}, backend {cell[1]}")
def test_the_invariant_holds(results, cell):
    result = results[cell]
    if isinstance(result, BaseException):
        raise result
    assert result.broken == ()
