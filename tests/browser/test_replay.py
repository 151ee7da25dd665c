"""Masked recordings still play: rrweb's own Replayer, in Chromium, builds the same tree from them as from the raw ones.

The recorded requests go through a running `gateway run` with default rules; what its backend gets is played beside what was
recorded. Compared are node ids, node names and places in the tree, at the end of the playback and at two points sought.
"""

from __future__ import annotations

import http.client
from typing import TYPE_CHECKING, Any

import pytest

from tests.judge.recorded import CORPUS, load_run

from .backend import Backend
from .events import rrweb_events
from .processes import gateway

if TYPE_CHECKING:
    from tests.judge.recorded import Request

RUNS = (
    "rrweb", "rrweb-default", "rrweb-maskall", "rrweb-pack",
    "posthog", "posthog-beacon", "posthog-default",
    "sentry", "sentry-default", "sentry-nocomp",
)  # fmt: skip
FIELDS_OF_THE_CONNECTION = {"host", "connection", "content-length"}


def send(port: int, request: Request) -> None:
    fields = {k: v for k, v in request.headers if k.lower() not in FIELDS_OF_THE_CONNECTION}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request(request.method, request.target, request.body, fields)
    connection.getresponse().read()
    connection.close()


@pytest.fixture(scope="module")
def recordings(tmp_path_factory) -> dict[str, list[Any]]:
    """Every run, twice: as recorded (`raw-…`) and as it left the gateway (`masked-…`)."""
    found: dict[str, list[Any]] = {}
    with Backend() as backend:
        routes = [{"path": "/", "tracker": "auto", "upstream": f"http://127.0.0.1:{backend.port}"}]
        with gateway(tmp_path_factory.mktemp("gateway"), {"tls": {"mode": "off"}, "routes": routes}) as port:
            for run in RUNS:
                requests, before = load_run(CORPUS, run), len(backend.requests)
                for request in requests:
                    send(port, request)
                found[f"raw-{run}"] = rrweb_events(request.body for request in requests)
                found[f"masked-{run}"] = rrweb_events(request.body for request in backend.requests[before:])
    return found


@pytest.fixture(scope="module")
def played(play, recordings) -> dict[str, Any]:
    return dict(play({**recordings, "broken": broken(recordings["raw-rrweb"])}))


def broken(events: list[Any]) -> list[Any]:
    """The recording without its last mutation that adds nodes."""
    last = max(at for at, event in enumerate(events) if event["type"] == 3 and event["data"].get("adds"))
    return events[:last] + events[last + 1 :]


def moments(events: list[Any]) -> list[Any]:
    return [(event["type"], event["timestamp"]) if isinstance(event, dict) else "packed" for event in events]


@pytest.mark.parametrize("run", RUNS)
def test_every_event_of_a_recording_arrives_in_its_order(recordings, run):
    assert len(recordings[f"raw-{run}"]) > 200
    assert moments(recordings[f"masked-{run}"]) == moments(recordings[f"raw-{run}"])


@pytest.mark.parametrize("run", RUNS)
def test_a_masked_recording_plays_without_a_complaint(played, run):
    assert played[f"masked-{run}"]["complaints"] == []


@pytest.mark.parametrize("run", RUNS)
def test_a_masked_recording_builds_the_raw_one_node_for_node(played, run):
    raw, masked = played[f"raw-{run}"]["outlines"], played[f"masked-{run}"]["outlines"]
    assert len(raw["played"]) > 100
    assert masked == raw


def test_a_recording_that_lost_an_event_is_seen_to_be_broken(played):
    """The check of the check."""
    assert played["broken"]["complaints"] != []
    assert played["broken"]["outlines"] != played["raw-rrweb"]["outlines"]
