"""A record opens as what it was, where it was, and as nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.masked import seal
from gateway.core.message import Headers, Outbound
from gateway.keyring import KeyRing
from gateway.spool.seal import QUARANTINE, RECORDS, Damaged, Label, Sealed, Sealer, UnknownKey, read, write
from gateway.spool.store import Entry
from tests.spool.making import NEW, OLD, PROGRAM, RING, entry

LABEL = Label(7, "/t/", b"lane", 1_700_000_000_000, PROGRAM)
SEALER = Sealer(RING, RECORDS)
latin1 = st.text(st.characters(max_codepoint=255), max_size=20)


@given(st.binary(max_size=300), st.lists(st.tuples(latin1, latin1), max_size=4), latin1)
def test_a_request_comes_back_byte_for_byte(body, headers, target):
    request = Outbound("POST", target, Headers(headers), body)
    before = Entry(seal(request, PROGRAM), LABEL.route, LABEL.lane, "sentry", Headers(headers[:1]))
    after = read(LABEL, SEALER.open(LABEL, SEALER.seal(LABEL, write(before))))
    assert after.masked.request == request
    assert after.masked.request.body == body
    assert after.masked.program_digest == PROGRAM
    assert replace(after, masked=before.masked) == before


def flipped(data: bytes):
    for at in range(len(data) * 8):
        changed = bytearray(data)
        changed[at // 8] ^= 1 << at % 8
        yield bytes(changed)


def test_every_flipped_bit_of_every_part_is_found():
    sealed = SEALER.seal(LABEL, b"some body")
    changed = [
        *(replace(sealed, nonce=nonce) for nonce in flipped(sealed.nonce)),
        *(replace(sealed, data=data) for data in flipped(sealed.data)),
        replace(sealed, nonce=b""),
        replace(sealed, data=b""),
        replace(sealed, data=sealed.data[:-1]),
        replace(sealed, key="k1"),
        replace(sealed, key="k3"),
    ]
    for one in changed:
        with pytest.raises(Damaged):
            SEALER.open(LABEL, one)


def test_every_flipped_bit_beside_it_is_found():
    sealed = SEALER.seal(LABEL, b"some body")
    labels = [
        *(replace(LABEL, position=LABEL.position ^ 1 << bit) for bit in range(63)),
        *(replace(LABEL, at=LABEL.at ^ 1 << bit) for bit in range(63)),
        *(replace(LABEL, lane=lane) for lane in flipped(LABEL.lane)),
        *(replace(LABEL, route=route.decode("latin-1")) for route in flipped(LABEL.route.encode())),
        *(replace(LABEL, program=program.decode("latin-1")) for program in flipped(LABEL.program.encode())),
        replace(LABEL, route="/t/lane", lane=b""),
    ]
    for one in labels:
        with pytest.raises(Damaged):
            SEALER.open(one, sealed)


def test_keys_come_and_go():
    old = Sealer(OLD, RECORDS).seal(LABEL, b"body")
    assert SEALER.open(LABEL, old) == b"body"
    assert SEALER.seal(LABEL, b"body").key == "k2"
    with pytest.raises(UnknownKey):
        Sealer(NEW, RECORDS).open(LABEL, old)


def test_kinds_and_keys_have_ciphers_of_their_own():
    sealed = SEALER.seal(LABEL, b"body")
    for other in (Sealer(RING, QUARANTINE), Sealer(KeyRing("k2", {"k2": b"3" * 32}), RECORDS)):
        with pytest.raises(Damaged):
            other.open(LABEL, sealed)


def test_equal_records_look_nothing_alike():
    seen = {SEALER.seal(LABEL, b"body").nonce for _ in range(20_000)}
    assert len(seen) == 20_000
    assert SEALER.seal(LABEL, b"body").data != SEALER.seal(LABEL, b"body").data


@pytest.mark.parametrize("plain", [b"", b"\0\0\0\xff{}", b"\0\0\0\2{}", b"\0\0\0\2[]body", b"\0\0\0\1\xff"])
def test_what_opens_and_is_no_entry_is_damaged(plain):
    with pytest.raises(Damaged):
        read(LABEL, plain)


def test_a_sealed_record_shows_nothing_of_its_body():
    sealed = Sealed("k2", b"", b"") and SEALER.seal(LABEL, write(entry(b"jane.doe@example.com" * 20)))
    assert b"jane.doe" not in sealed.data
    assert b"X-A" not in sealed.data
