"""What the tests of the spool are made of: entries, keys, and a ledger in a folder."""

from __future__ import annotations

from gateway.core.masked import seal
from gateway.core.message import Headers, Outbound
from gateway.keyring import KeyRing
from gateway.spool.database import open_database
from gateway.spool.ledger import Append, Ledger
from gateway.spool.seal import RECORDS, Sealer
from gateway.spool.store import Entry

PROGRAM = "0123456789abcdef" * 4
OLD = KeyRing("k1", {"k1": b"1" * 32})
RING = KeyRing("k2", {"k1": b"1" * 32, "k2": b"2" * 32})
NEW = KeyRing("k2", {"k2": b"2" * 32})
CAME = Headers([("Via", "1.1 gateway-00000000")])


def entry(body: bytes = b"body", *, lane: bytes = b"lane", route: str = "/t/", program: str = PROGRAM) -> Entry:
    request = Outbound("POST", "/e/?x=%20", Headers([("X-A", "caf\xe9"), ("X-A", "2")]), body)
    return Entry(seal(request, program), route, lane, "posthog", CAME)


def ledger(folder, ring=RING, *, limit=1 << 30, keep=3600.0):
    sealer = Sealer(ring, RECORDS)
    db, rescue = open_database(folder / "spool.db", sealer)
    made = Ledger(db, folder / "spool.db", sealer, limit=limit, keep=keep)
    return made, rescue


def filled(folder, count, *, ring=RING, lanes=4, size=200):
    """A ledger with records whose bodies are their numbers; record n is of lane n modulo `lanes`."""
    made, _ = ledger(folder, ring)
    for number in range(count):
        body = b"%d " % number + b"." * size
        assert made.commit([Append(entry(body, lane=b"%d" % (number % lanes)))]) == [True]
    return made


def numbers_of(claimed):
    return [int(one.entry.masked.request.body.split()[0]) for one in claimed]
