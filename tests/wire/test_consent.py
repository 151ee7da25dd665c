"""Visitors from DE, US-CA, BR and nowhere, by header and by database: who is recorded, and that no address is kept."""

from __future__ import annotations

import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from gateway.policy.consent import Consent
from gateway.policy.decision import Recording
from gateway.proxy.counts import Decided
from gateway.proxy.geography import Geography, open_database
from gateway.proxy.trust import Trust

AGREED = "OptanonConsent=groups%3DC0001%3A1%2CC0002%3A1"
REFUSED = "OptanonConsent=groups%3DC0001%3A1%2CC0002%3A0"
ADDRESSES = {"DE": "203.0.113.9", "US-CA": "198.51.100.7", "BR": "192.0.2.77", "": "100.64.0.9"}
RECORDED = {
    # place: (nothing said, agreed, refused), where consent is required in the GDPR's countries and in states with a law
    "DE": (False, True, False),
    "US-CA": (False, True, False),
    "BR": (True, True, False),
    "": (False, True, False),
}


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    writer = MMDBWriter(ip_version=6, ipv4_compatible=True, database_type="Test-City")
    for place, address in ADDRESSES.items():
        country, _, state = place.partition("-")
        found = {"country": {"iso_code": country}, **({"subdivisions": [{"iso_code": state}]} if state else {})}
        if place:
            writer.insert_network(IPSet([f"{address}/32"]), found)
    path = tmp_path_factory.mktemp("geo") / "city.mmdb"
    writer.to_db_file(str(path))
    return open_database(path)


def request(address: str, cookie: str, place: str = "") -> bytes:
    country, _, state = place.partition("-")
    told = f"X-Country: {country}\r\nX-State: {state}\r\n" if country else ""
    cookies = f"Cookie: {cookie}\r\n" if cookie else ""
    body = '{"event":"x"}'
    return (
        f"POST /t/e/ HTTP/1.1\r\nHost: shop.example\r\nX-Forwarded-For: {address}\r\n{told}{cookies}"
        f"Connection: close\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


@pytest.mark.parametrize("by", ["header", "database"])
@pytest.mark.parametrize(("place", "recorded"), RECORDED.items(), ids=[place or "unknown" for place in RECORDED])
def test_who_is_recorded_depends_on_place_and_consent(stage, database, place, recorded, by):
    geography = Geography("X-Country", "X-State") if by == "header" else Geography(database=database)
    stage.start(trust=Trust.of(["127.0.0.0/8"]), consent=Consent(("gdpr", "us_privacy")), geography=geography)
    address = ADDRESSES[place] if by == "database" else "10.1.2.3"
    for cookie, expected in zip(("", AGREED, REFUSED), recorded, strict=True):
        before = len(stage.backend.received)
        answer = stage.talk(request(address, cookie, place if by == "header" else ""))
        assert answer.startswith(b"HTTP/1.1 200")
        assert (len(stage.backend.received) > before) is expected
    counted = {kind.reason for kind, _ in stage.gateway.counts.flush()}
    assert counted <= {"200", "no_consent", "consent_refused"}
    region = {"DE": "gdpr", "US-CA": "us_privacy", "BR": "elsewhere", "": "unknown"}[place]
    unasked = Recording.RECORDED if recorded[0] else Recording.NOT_RECORDED
    assert stage.gateway.counts.flush_decided() == sorted(
        (Decided("t", recording, signal, region), 1)
        for recording, signal in (
            (unasked, "none"),
            (Recording.RECORDED, "onetrust"),
            (Recording.NOT_RECORDED, "onetrust"),
        )
    )
    assert address.encode() not in b"".join(stage.backend.received)
    assert address not in repr(stage.events)


def test_who_has_not_answered_reaches_the_pipeline_as_such_where_rules_say_how(stage):
    stage.start(consent=Consent(("everywhere",)), records_unasked=True)
    for cookie in ("", AGREED, REFUSED):
        stage.talk(request("203.0.113.9", cookie))
    assert [inbound.consented for inbound in stage.masker.seen] == [False, True]
    assert {kind.recording for kind, _ in stage.gateway.counts.flush_decided()} == set(Recording)


def test_a_stranger_s_word_for_the_country_does_not_count(stage):
    stage.start(consent=Consent(("gdpr",)), geography=Geography("X-Country"))
    assert stage.talk(request("10.1.2.3", "", "BR")).startswith(b"HTTP/1.1 200")
    assert stage.backend.received == []


def test_where_rules_ask_for_it_the_country_reaches_the_pipeline_and_nobody_else(stage, database):
    stage.start(trust=Trust.of(["127.0.0.0/8"]), geography=Geography(database=database), asks_for_country=True)
    for address in ADDRESSES.values():
        stage.talk(request(address, ""))
    assert [inbound.country for inbound in stage.masker.seen] == list(ADDRESSES)
    assert not any(b"US-CA" in raw for raw in stage.backend.received)


def test_without_the_key_consent_is_not_asked_for(stage):
    stage.start()
    stage.talk(request("203.0.113.9", ""))
    assert len(stage.backend.received) == 1
