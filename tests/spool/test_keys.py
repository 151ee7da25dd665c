"""Where the spool's keys come from, and one clear line where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config import Secret, SpoolSettings
from gateway.core.errors import UserError
from gateway.keyring import load_ring, new_ring, save_ring
from gateway.spool.keys import spool_ring

ONE, TWO = "1a" * 32, "2b" * 32


def settings(**key):
    return SpoolSettings(key=Secret(**key))


def test_the_first_key_is_active_and_all_keep_their_names():
    alone = spool_ring(settings(variable="K"), {"K": ONE})
    both = spool_ring(settings(variable="K"), {"K": f"{TWO}, {ONE}\n"})
    assert both.keys[both.active] == bytes.fromhex(TWO)
    assert both.keys[alone.active] == alone.keys[alone.active] == bytes.fromhex(ONE)


def test_a_file_holds_keys_or_a_ring(tmp_path):
    plain = tmp_path / "keys"
    plain.write_text(f"{ONE}\n{TWO}\n")
    plain.chmod(0o600)
    assert len(spool_ring(settings(file=plain)).keys) == 2
    ring = tmp_path / "ring.json"
    save_ring(ring, new_ring().rotated(), create=True)
    assert spool_ring(settings(file=ring)) == load_ring(ring)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (None, "spool.key: the environment variable K is not set: give it a key"),
        ("", "spool.key: the environment variable K is not set: give it a key"),
        ("secret", "keys of 64 hexadecimal digits are wanted"),
        (ONE[:-1], "keys of 64 hexadecimal digits are wanted"),
        (f"{ONE} {TWO}x", "keys of 64 hexadecimal digits are wanted"),
    ],
)
def test_no_key_is_one_line_that_does_not_show_it(text, line):
    with pytest.raises(UserError) as told:
        spool_ring(settings(variable="K"), {} if text is None else {"K": text})
    assert line in str(told.value)
    assert not text or text not in str(told.value)


def test_a_missing_or_open_file_is_one_line(tmp_path):
    with pytest.raises(UserError, match="no such file: make it with `gateway keys create --of spool`"):
        spool_ring(settings(file=Path("none.json")))
    loose = tmp_path / "keys"
    loose.write_text(ONE)
    loose.chmod(0o640)
    with pytest.raises(UserError, match=r"spool\.key: others can read it: chmod 600"):
        spool_ring(settings(file=loose))
