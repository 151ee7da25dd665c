"""Which sessions a request tells of: those that nobody can guess, and no more of them than a bound."""

import json

import pytest

from gateway.core.message import Headers, Inbound
from gateway.policy.owner import MOST, ids_of

ID = "0192aa10-7c1e-7000-8000-0000000000a1"


@pytest.mark.parametrize(
    ("cookie", "body", "ids"),
    [
        ("", b"", ()),
        (f"_dd_s=rum=1&id={ID}&created=1732445566", b"", (ID,)),
        (f"ph_x=%7B%22%24sesid%22%3A%5B1732445566%2C%22{ID}%22%5D%7D", b"", (ID,)),
        ("_ga_X=GS1.1.1732445566.1.1.1732445599.0.0.0", b"", ()),
        ("", json.dumps({"record": False, "sessions": [ID, 7, "short"]}).encode(), (ID,)),
        ("", b'{"sessions": "' + ID.encode() + b'"}', ()),
        ("", b"[[[", ()),
        ("", b"[" * 4000, ()),
        ("a=\xff\xfe; ;=; %%%", b"\xff", ()),
    ],
)
def test_ids_are_those_that_can_t_be_guessed(cookie, body, ids):
    headers = Headers([("Cookie", cookie)] if cookie else [])
    assert ids_of(Inbound("POST", "/opt-out", headers, body)) == ids


def test_there_is_a_bound():
    cookie = "; ".join(f"c{one}={one:032x}" for one in range(2 * MOST))
    assert len(ids_of(Inbound("POST", "/opt-out", Headers([("Cookie", cookie)])))) == MOST
