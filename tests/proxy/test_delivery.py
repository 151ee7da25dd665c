"""What a backend's answer to a waiting event means, and for how long it asks to wait."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from gateway.proxy.delivery import attempt_of, seconds_of
from gateway.spool.drain import Fate


@pytest.mark.parametrize(
    ("statuses", "fate"),
    [
        ((200, 201, 202, 204, 206), Fate.TAKEN),
        ((429, 502, 503, 504), Fate.AWAY),
        ((400, 401, 403, 404, 405, 410, 413, 415, 422), Fate.NEVER),
        ((301, 302, 307, 408, 425, 500, 501, 507), Fate.LATER),
    ],
)
def test_every_answer_has_its_meaning(statuses, fate):
    assert {attempt_of(status).fate for status in statuses} == {fate}


def test_a_wait_that_was_asked_for_is_kept():
    assert attempt_of(503, "7").after == 7.0
    assert attempt_of(500, "7").after == 7.0
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    assert 80 < seconds_of(soon) <= 90
    assert seconds_of("Tue, 01 Sep 2020 00:00:00 GMT") == 0.0


@pytest.mark.parametrize("told", ["", "soon", "-1", "1.5", "²", "9" * 40, "Tue, 99 Sep 2020", "\x00"])
def test_a_wait_that_cannot_be_read_is_none(told):
    assert seconds_of(told) is None
