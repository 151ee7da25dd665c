"""One cluster for all tests that leave it as they found it; those that kill servers start their own."""

from __future__ import annotations

import asyncio

import pytest

from tests.cluster.nats_cluster import NatsCluster


@pytest.fixture(scope="session")
def cluster(tmp_path_factory):
    servers = NatsCluster(tmp_path_factory.mktemp("nats"))
    try:
        yield servers.start()
    finally:
        servers.stop()


@pytest.fixture
def mortal(tmp_path):
    servers = NatsCluster(tmp_path)
    try:
        yield servers.start()
    finally:
        servers.stop()


@pytest.fixture
def run():
    return asyncio.run
