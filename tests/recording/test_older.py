"""Older versions of known trackers: what they number or name otherwise is read as before, or taken for unknown."""

from __future__ import annotations

import base64
import json
from urllib.parse import parse_qs, quote

import pytest

from tests.judge.openreplay_reader import page
from tests.recording.batches import DOCUMENT, TAB, batch, element, message, number, string, text
from tests.recording.test_datadog_action import click
from tests.subject import PRIVATE, masked, program, request, sent

ROOM = DOCUMENT + element(1, 0, "BODY") + element(2, 1, "P") + element(3, 1, "P", 1)


def old_attribute(node, name, value):
    """Two entries of the dictionary and their use, as trackers before 15 number them."""
    told = message(50, number(1), string(name)), message(50, number(2), string(value))
    return b"".join(told) + message(51, number(node), number(1), number(2))


def uploaded(*parts):
    body = batch(TAB, *parts)
    return page(sent(program(PRIVATE), request(body, path="/ingest/v1/web/i")).body)["messages"]


def shown(told):
    return [one["textContent"] for one in told["14"]]


def test_openreplay_a_mark_told_by_the_older_dictionary_counts():
    told = uploaded(ROOM, old_attribute(3, "class", "private"), text(20, 2, "Opening hours"), text(21, 3, "Owes 12"))
    assert shown(told) == ["Opening hours", "***"]
    assert told["attribute"][-1]["attributes"] == {"class": "private"}


@pytest.mark.parametrize(
    "unread",
    [message(222, number(3), number(9)), message(35, number(3), number(1)), message(12, number(3), string("class"))],
    ids=["an unknown type", "a use cut short", "an attribute without a value"],
)
def test_openreplay_an_element_is_private_of_which_a_message_could_not_be_read(unread):
    told = uploaded(ROOM, unread, text(20, 2, "Opening hours"), text(21, 3, "Owes 12"))
    assert shown(told) == ["Opening hours", "***"]


def test_openreplay_what_is_private_for_an_unread_mark_stays_so_where_it_is_moved():
    moved = message(10, number(3), number(1), number(0))
    told = uploaded(ROOM, message(222, number(3)), moved, text(21, 3, "Owes 12"))
    assert shown(told) == ["***"]


@pytest.mark.parametrize("kind", [42, 57, 84, 123])
def test_openreplay_a_message_that_tells_nothing_of_the_page_goes_alone(kind):
    told = uploaded(ROOM, message(kind, string("set"), string("Jane owes 12")), text(20, 2, "Opening hours"))
    assert shown(told) == ["Opening hours"]
    assert str(kind) not in told


def test_posthog_a_set_up_call_as_a_form_keeps_the_projects_key():
    asked = {"token": "phc_abcdef", "distinct_id": "01a20d04-2fed-7f8e-971e-34109255b847"}
    body = b"data=" + quote(base64.b64encode(json.dumps(asked).encode())).encode()
    out = sent(program(), request(body, path="/decide/?v=3&compression=base64")).body.decode()
    told = json.loads(base64.b64decode(parse_qs(out)["data"][0]))
    assert told["token"] == "phc_abcdef"
    assert told["distinct_id"] != asked["distinct_id"]


def test_datadog_a_name_that_is_masked_for_want_of_a_tag_hides_no_text():
    lines = [click("Mot de passe", selector="#pw"), {"type": "error", "error": {"message": "Mot de passe expire"}}]
    body = "\n".join(json.dumps(one) for one in lines).encode()
    out = sent(program(), request(body, path="/api/v2/rum?ddsource=browser")).body
    named, failed = (json.loads(line) for line in out.split(b"\n"))
    assert named["action"]["target"]["name"] == "***"
    assert failed["error"]["message"] == "Mot de passe expire"


def test_rrweb_the_recorders_own_note_on_a_password_field_stays():
    """rrweb 2 keeps in it that a field once hid what was typed; a player needs it, and it tells of nobody."""
    field = {"type": 2, "tagName": "input", "id": 2, "childNodes": [], "attributes": {"data-rr-is-password": "true"}}
    whole = {"type": 0, "id": 1, "childNodes": [field]}
    events = [{"type": 2, "timestamp": 1, "data": {"node": whole, "initialOffset": {"top": 0, "left": 0}}}]
    told = masked(program(), {"events": events})["events"][0]["data"]["node"]["childNodes"][0]
    assert told["attributes"] == {"data-rr-is-password": "true"}
