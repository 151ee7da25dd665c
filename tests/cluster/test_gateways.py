"""Sessions hop between two gateways while a NATS server and a gateway are killed. More of it: `tests.cluster.proof`."""

from __future__ import annotations

import asyncio

from tests.cluster.proof import prove


def test_nothing_is_lost_and_nothing_leaks_while_servers_and_gateways_die(tmp_path):
    result = asyncio.run(prove(tmp_path, 5, 10))
    assert result.is_good, str(result)
