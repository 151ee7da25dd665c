"""The console over sockets: who may ask, what is ready, and a real `gateway run` that tells nothing of a visitor."""

import asyncio
import contextlib
import json
import socket

import pytest

from gateway.console.server import Console
from gateway.log import Name
from gateway.status import Reason, Trouble


class Told:
    def __init__(self, *troubles):
        self.told = troubles

    def troubles(self):
        return self.told

    def samples(self):
        return ()


def ask(request, *sources):
    """The raw answer of a console with these sources to one raw request."""

    async def trace():
        console = Console(sources)
        await console.start(socket.create_server(("127.0.0.1", 0)))
        reader, writer = await asyncio.open_connection(*console.address)
        writer.write(request)
        writer.write_eof()
        got = await reader.read()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        await console.close()
        return got

    head, _, body = asyncio.run(trace()).partition(b"\r\n\r\n")
    return int(head.split()[1]), body


def get(path, host="localhost", method="GET"):
    return f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()


def test_it_lives_and_is_ready():
    assert ask(get("/live")) == (200, b"live\n")
    status, body = ask(get("/ready"), Told())
    assert (status, json.loads(body)) == (200, {"ready": True, "reasons": []})
    status, body = ask(get("/metrics"), Told())
    assert status == 200
    assert b"process_resident_memory_bytes" in body


@pytest.mark.parametrize(
    ("reason", "status"),
    [
        (Reason.RELOAD_FAILED, 200),
        (Reason.CERTIFICATE_EXPIRING, 200),
        (Reason.CIRCUIT_OPEN, 200),
        (Reason.BACKUP_FAILED, 200),
        (Reason.SPOOL_FILLING, 200),
        (Reason.RESIDUE_FOUND, 200),
        (Reason.FIELD_APPEARED, 200),
        (Reason.RULE_STOPPED, 200),
        (Reason.DRAINING, 503),
        (Reason.CERTIFICATE_EXPIRED, 503),
        (Reason.SPOOL_FULL, 503),
        (Reason.SPOOL_BROKEN, 503),
        (Reason.WORKERS_DOWN, 503),
    ],
)
def test_reasons_are_told_and_some_send_traffic_elsewhere(reason, status):
    got, body = ask(get("/ready"), Told(), Told(Trouble(reason, Name("x"))))
    told = json.loads(body)
    assert got == status
    assert told == {"ready": status == 200, "reasons": [{"reason": reason.value, "about": "x"}]}


def test_every_reason_has_its_row_above():
    parameters = test_reasons_are_told_and_some_send_traffic_elsewhere.pytestmark[0].args[1]
    assert {row[0] for row in parameters} == set(Reason)


@pytest.mark.parametrize("host", ["127.0.0.1:9090", "127.9.9.9", "[::1]:9090", "LOCALHOST:1", "[::1]"])
def test_this_machine_may_ask(host):
    assert ask(get("/live", host))[0] == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "10.0.0.1", "localhost.evil.example:9090"])
def test_a_page_that_names_it_otherwise_may_not(host):
    assert ask(get("/metrics", host))[0] == 421


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (get("/"), 404),
        (get("/metrics/../live"), 404),
        (get("/live", method="HEAD"), 200),
        (get("/live", method="POST"), 405),
        (get("/live", method="DELETE"), 405),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
        (b"GET /live HTTP/1.0\r\n\r\n", 421),
        (b"GET /live HTTP/1.1\r\n\r\n", 400),
    ],
)
def test_the_rest_gets_nothing(request_, status):
    got, body = ask(request_)
    assert got == status
    assert b"Traceback" not in body
