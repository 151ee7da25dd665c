"""Keys come and go by name; a destroyed one never comes back, and no one else can read the file."""

from __future__ import annotations

import stat

import pytest

from gateway.core.errors import UserError
from gateway.keyring import load_ring, new_ring, save_ring


def test_a_ring_is_written_for_its_owner_alone_and_read_again(tmp_path):
    ring = new_ring()
    save_ring(tmp_path / "var" / "ring.json", ring, create=True)
    assert stat.S_IMODE((tmp_path / "var" / "ring.json").stat().st_mode) == 0o600
    assert load_ring(tmp_path / "var" / "ring.json") == ring
    assert list((tmp_path / "var").iterdir()) == [tmp_path / "var" / "ring.json"]


def test_an_old_key_still_opens_after_a_rotation_and_no_longer_once_destroyed():
    first = new_ring()
    second = first.rotated()
    assert second.sealing != first.sealing
    assert second.key("k1") == first.keys["k1"]
    third = second.without("k1")
    with pytest.raises(UserError, match="was destroyed"):
        third.key("k1")
    assert "k1" not in third.rotated().keys
    assert third.rotated().active == "k3"


def test_the_active_key_is_not_destroyed():
    with pytest.raises(UserError, match="rotate first"):
        new_ring().without("k1")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is no key ring"),
        ("[]", "is no key ring"),
        ('{"active": "k1", "keys": {"k1": "00"}}', "is no key ring"),
        ('{"active": "k2", "keys": {"k1": "' + "00" * 32 + '"}}', "is no key ring"),
    ],
)
def test_a_wrong_file_is_one_line(tmp_path, text, message):
    path = tmp_path / "ring.json"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(UserError, match=message) as error:
        load_ring(path)
    assert "\n" not in str(error.value)


def test_a_ring_without_a_version_is_read_and_one_of_a_later_version_is_left_alone(tmp_path):
    path = tmp_path / "ring.json"
    ring = new_ring()
    save_ring(path, ring)
    text = path.read_text()
    assert '"version": 1' in text
    path.write_text(text.replace('"version": 1,', ""))
    assert load_ring(path) == ring
    path.write_text(text.replace('"version": 1', '"version": 2'))
    with pytest.raises(UserError, match="later version"):
        load_ring(path)


def test_a_ring_that_others_can_read_is_refused(tmp_path):
    path = tmp_path / "ring.json"
    save_ring(path, new_ring())
    path.chmod(0o644)
    with pytest.raises(UserError, match="chmod 600"):
        load_ring(path)


def test_a_ring_is_not_made_over_another(tmp_path):
    path = tmp_path / "ring.json"
    save_ring(path, new_ring(), create=True)
    before = path.read_bytes()
    with pytest.raises(UserError, match="already"):
        save_ring(path, new_ring(), create=True)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_no_ring_says_how_to_make_one(tmp_path):
    with pytest.raises(UserError, match="gateway keys create"):
        load_ring(tmp_path / "ring.json")
