"""Visitors from DE, US-CA, BR and nowhere get the profile that the rules say, by header and by database; no address stays."""

from __future__ import annotations

import json

import pytest

from gateway import config
from gateway.proxy.geography import Geography
from gateway.proxy.trust import Trust
from tests.plans import plan_of
from tests.wire.test_consent import ADDRESSES, database, request  # noqa: F401 - a fixture

RULES = "rules: [default, profiles/gdpr, profiles/us-states]\n"
PROFILES = {
    # place: (the page's title, whether errors arrive)
    "DE": ("***", False),
    "US-CA": ("Lamps", False),
    "BR": ("Lamps", True),
    "": ("***", False),
}
BODY = {
    "page_title": "Lamps",
    "error_message": "lamp 7 is off",
    "$session_id": "session-of-somebody-7",
    "email": "jane.doe@mail.test",
}


@pytest.mark.parametrize("by", ["header", "database"])
def test_a_visitor_gets_the_profile_of_the_place_and_the_address_stays_nowhere(stage, database, tmp_path, by):  # noqa: F811
    (tmp_path / "gateway.yaml").write_text(
        f"routes: [{{name: t, path: /t/, upstream: '{stage.backend.url}'}}]\n{RULES}"
    )
    plan = plan_of(config.load(tmp_path / "gateway.yaml"))
    geography = Geography("X-Country", "X-State") if by == "header" else Geography(database=database)
    stage.start(
        masker=plan.masker, routes=plan.routes, asks_for_country=plan.asks_for_country, geography=geography,
        trust=Trust.of(["127.0.0.0/8"]),
    )  # fmt: skip
    assert plan.asks_for_country
    table = {}
    for place in PROFILES:
        address = "100.64.1.2" if by == "header" else ADDRESSES[place]
        raw = request(address, "", place if by == "header" else "").replace(b'{"event":"x"}', json.dumps(BODY).encode())
        raw = raw.replace(b"Content-Length: 13", b"Content-Length: %d" % len(json.dumps(BODY)))
        assert stage.talk(raw).startswith(b"HTTP/1.1 200")
        body = json.loads(stage.backend.received[-1].partition(b"\r\n\r\n")[2])
        table[place] = body["page_title"], "error_message" in body
    assert table == PROFILES
    program = plan.masker._by_route["t"]
    assert len(program.memories) == 1
    (session,) = program.memories._memories
    kept = program.export_state([session])
    assert kept[session]
    state = session.encode() + kept[session]
    state += repr([stage.events, stage.gateway.counts.decided, stage.gateway.counts.total]).encode()
    told = state + b"".join(stage.backend.received)
    assert not any(address.encode() in told for address in ("100.64.1.2", *ADDRESSES.values()))
    regions = {kind.region for kind, _ in stage.gateway.counts.flush_decided()}
    assert regions == {"gdpr", "us_privacy", "elsewhere", "unknown"}
