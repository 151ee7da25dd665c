"""Where a visitor is: a trusted proxy's word, a database's, and what a hostile file can't do."""

import random

import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from gateway.core.errors import UserError
from gateway.core.message import Headers
from gateway.core.region import known_place
from gateway.proxy.geography import Geography, open_database

HEADERS = Headers([("CF-IPCountry", "US"), ("CF-Region-Code", "CA")])
GERMAN, CALIFORNIAN, ODD = "203.0.113.9", "198.51.100.7", "192.0.2.200"


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    writer = MMDBWriter(ip_version=6, ipv4_compatible=True, database_type="Test-City")
    writer.insert_network(IPSet(["203.0.113.0/24"]), {"country": {"iso_code": "DE"}})
    writer.insert_network(IPSet(["2001:db8::/32"]), {"country": {"iso_code": "CH"}})
    writer.insert_network(
        IPSet(["198.51.100.0/24"]), {"country": {"iso_code": "US"}, "subdivisions": [{"iso_code": "CA"}]}
    )
    writer.insert_network(IPSet(["192.0.2.192/26"]), {"country": "DE", "subdivisions": "x"})
    path = tmp_path_factory.mktemp("geo") / "city.mmdb"
    writer.to_db_file(str(path))
    return path


@pytest.mark.parametrize(
    ("names", "fields", "trusted", "place"),
    [
        (("CF-IPCountry", ""), HEADERS, True, "US"),
        (("CF-IPCountry", "CF-Region-Code"), HEADERS, True, "US-CA"),
        (("CF-IPCountry", "CF-Region-Code"), HEADERS, False, ""),
        (("X-Place", ""), Headers([("X-Place", "us-ca")]), True, "US-CA"),
        (("CF-IPCountry", ""), Headers([("CF-IPCountry", "XX")]), True, ""),
        (("CF-IPCountry", ""), Headers([("CF-IPCountry", "DE"), ("CF-IPCountry", "BR")]), True, ""),
        (("CF-IPCountry", ""), Headers([("CF-IPCountry", "DE"), ("CF-IPCountry", "DE")]), True, "DE"),
        (("CF-IPCountry", ""), Headers([("CF-IPCountry", "<script>")]), True, ""),
        (("CF-IPCountry", "CF-Region-Code"), Headers([("CF-IPCountry", "DE"), ("CF-Region-Code", "?!")]), True, "DE"),
        (("", ""), HEADERS, True, ""),
    ],
)
def test_a_header_counts_from_a_trusted_proxy(names, fields, trusted, place):
    assert Geography(*names).place(fields, "", trusted=trusted) == place


@pytest.mark.parametrize(
    ("client", "place"), [("8.8.8.8", "US"), ("193.99.144.80", "DE"), ("10.0.0.1", ""), ("", ""), ("::1", "")]
)
def test_the_embedded_database_knows_countries(client, place):
    assert Geography().place(Headers(), client, trusted=False) == place


@pytest.mark.parametrize(
    ("client", "place"),
    [(GERMAN, "DE"), (CALIFORNIAN, "US-CA"), ("2001:db8::7", "CH"), ("9.9.9.9", ""), (ODD, ""), ("x", "")],
)
def test_a_file_knows_states_too(file, client, place):
    assert Geography(database=open_database(file)).place(Headers(), client, trusted=False) == place


def test_a_header_comes_before_the_database(file):
    geography = Geography("CF-IPCountry", database=open_database(file))
    assert geography.place(Headers([("CF-IPCountry", "BR")]), GERMAN, trusted=True) == "BR"
    assert geography.place(Headers([("CF-IPCountry", "BR")]), GERMAN, trusted=False) == "DE"


def test_the_unknown_may_be_told():
    assert Geography(unknown="US").place(Headers(), "10.0.0.1", trusted=False) == "US"


def test_a_file_that_is_none_is_said(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        open_database(tmp_path / "missing.mmdb")
    (tmp_path / "text.mmdb").write_text("not a database" * 100)
    with pytest.raises(UserError, match="no database of MaxMind's format"):
        open_database(tmp_path / "text.mmdb")


def test_a_hostile_file_is_refused_or_knows_nothing(file, tmp_path):
    chance = random.Random(4)
    good, path = file.read_bytes(), tmp_path / "hostile.mmdb"
    for _ in range(400):
        bad = bytearray(good[: chance.randrange(len(good))] if chance.random() < 0.3 else good)
        for _ in range(chance.randrange(1, 12)):
            bad[chance.randrange(len(bad))] = chance.randrange(256)
        path.write_bytes(bad)
        try:
            geography = Geography(database=open_database(path))
        except UserError:
            continue
        for client in (GERMAN, CALIFORNIAN, ODD, "2001:db8::7"):
            place = geography.place(Headers(), client, trusted=False)
            assert known_place(place) == place
