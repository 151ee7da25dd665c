"""What leaves is, byte for byte, what was recorded: a change of speed changes nothing, and any other one shows."""

from __future__ import annotations

import json

from tests.digest import RECORDED, digests, ours


def test_what_leaves_is_as_it_was_recorded() -> None:
    told, recorded = digests(ours()), json.loads(RECORDED.read_text())
    others = sorted(run for run in told.keys() | recorded.keys() if told.get(run) != recorded.get(run))
    assert others == [], (
        "masked in another way than before: `python -m tests.digest --write` records a change that is meant"
    )
