"""Smartlook's chunks, built to its description: what was typed or is private does not leave, the rest stays as it came."""

import json
import zlib

import pytest

from tests.subject import PRIVATE, program, request, sent

BOUNDARY = "----chunk"
PAGE = [
    {"id": 1, "parent": None, "tag": "html", "attributes": {}},
    {"id": 2, "parent": 1, "tag": "body", "attributes": {"class": "shop"}},
    {"id": 3, "parent": 2, "tag": "p", "attributes": {"class": "private"}},
    {"id": 4, "parent": 3, "value": "Balance of Zorblax"},
    {"id": 5, "parent": 2, "tag": "p", "attributes": {"data-ref": "r-1"}},
    {"id": 6, "parent": 5, "value": "Free delivery"},
    {"id": 7, "parent": 2, "tag": "input", "attributes": {"id": "q", "type": "text", "value": "Quibbleworth"}},
    {"id": 8, "parent": 2, "tag": "div", "attributes": {"data-sl": "mask"}},
]
DISCOVERY = {"type": "dom-discovery", "time": 12, "nodes": PAGE}
TYPED = [{"type": "input-typing", "time": 90 + n, "id": 7, "value": "Quibbl"[: n + 1]} for n in range(6)]
LATER = {
    "type": "node-mutation",
    "time": 120,
    "nodes": [
        {"id": 20, "action": "add", "parent": 3, "previous": 4, "tag": "b", "attributes": {}},
        {"id": 21, "action": "add", "parent": 20, "value": "Zorblax again"},
        {"id": 22, "action": "add", "parent": 8, "value": "Zorblax masked"},
        {"id": 6, "action": "update", "parent": 5, "value": "Delivery in two days"},
    ],
}


def chunk(raw, events=(), *, deflated=True):
    parts = {
        "metadata": {"key": "k" * 40, "index": 0, "ipRecordingEnabled": True},
        "recordData": {"pageUrl": "https://shop.example/pay?token=Zorblax1", "pageTitle": "Checkout"},
        "visitorData": {
            "id": "visitor-0012345",
            "uid": "u-77",
            "props": {"email": "jane.roe@example.org", "plan": "Zorblax"},
        },
    }
    body = b""
    for name, value in (*parts.items(), ("eventsData", list(events)), ("rawData", list(raw))):
        data = json.dumps(value).encode()
        is_packed = deflated and name in ("eventsData", "rawData")
        body += f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"'.encode()
        body += b'; filename="blob"\r\nContent-Type: application/octet-stream' if is_packed else b""
        body += b"\r\n\r\n" + (zlib.compress(data) if is_packed else data) + b"\r\n"
    return body + f"--{BOUNDARY}--\r\n".encode()


def told(subject, *args, **options):
    """The parts of a chunk once it has left."""
    headers = [("Content-Type", f"multipart/form-data; boundary={BOUNDARY}")]
    out = sent(
        subject,
        request(chunk(*args, **options), path="/rec/v3/write?rid=r1&sid=s1&vid=visitor-0012345", headers=headers),
    )
    found = {}
    for part in out.body.split(f"--{BOUNDARY}".encode())[1:-1]:
        head, _, data = part.partition(b"\r\n\r\n")
        name = head.split(b'name="')[1].split(b'"')[0].decode()
        data = data.removesuffix(b"\r\n")
        found[name] = json.loads(zlib.decompress(data) if data[:1] == b"\x78" else data)
    return found, out


@pytest.mark.parametrize("deflated", [True, False])
def test_a_page_keeps_what_everybody_sees_and_loses_what_is_private_or_typed(deflated):
    found, out = told(program(PRIVATE), [DISCOVERY, *TYPED, LATER], deflated=deflated)
    text = json.dumps(found)
    assert "Zorblax" not in text
    assert "Quib" not in text
    assert "jane.roe" not in text
    assert "Zorblax" not in out.target
    assert "visitor-0012345" not in out.target + text
    nodes = found["rawData"][0]["nodes"]
    assert nodes[5] == PAGE[5]
    assert [(one["id"], one["parent"]) for one in nodes] == [(one["id"], one["parent"]) for one in PAGE]
    assert found["rawData"][-1]["nodes"][3]["value"] == "Delivery in two days"
    assert found["metadata"]["key"] == "k" * 40
    assert found["metadata"]["ipRecordingEnabled"] in (False, "false")


def test_every_keystroke_becomes_the_same():
    found, _ = told(program(PRIVATE), [DISCOVERY, *TYPED])
    assert len({one["value"] for one in found["rawData"][1:]}) == 1


def test_a_later_chunk_is_judged_by_the_page_of_the_first():
    subject = program(PRIVATE)
    told(subject, [DISCOVERY])
    found, _ = told(subject, [LATER])
    assert "Zorblax" not in json.dumps(found["rawData"])
    assert found["rawData"][0]["nodes"][3]["value"] == "Delivery in two days"


@pytest.mark.parametrize("raw", [[LATER], TYPED, [LATER, DISCOVERY]], ids=["a change", "typing", "the page comes late"])
def test_what_stands_on_an_unknown_page_is_masked(raw):
    found, _ = told(program(PRIVATE), raw)
    text = json.dumps(found["rawData"])
    assert "Zorblax again" not in text
    assert "Quibbl" not in text
    assert "Delivery in two days" not in text


@pytest.mark.parametrize(
    "event",
    [
        {"type": "dom-discovery"},
        {"type": "dom-discovery", "nodes": "Zorblax"},
        {"type": "node-mutation", "nodes": [{"id": "Zorblax", "tag": 3, "attributes": ["Zorblax"], "parent": {}}]},
        {"type": "node-mutation", "nodes": [[{"id": 1, "value": "Zorblax"}], "Zorblax", None]},
        {"type": "input-typing", "id": "Zorblax", "value": {"deep": ["Zorblax"]}},
        {"type": "selection", "text": "Zorblax", "id": 99},
    ],
)
def test_a_record_of_another_shape_is_masked_and_breaks_nothing(event):
    found, _ = told(program(PRIVATE), [event])
    assert "Zorblax" not in json.dumps(found["rawData"])


def test_deep_records_are_read_without_recursion():
    record = {"id": 1, "value": "Zorblax"}
    for depth in range(2, 90):
        record = {"id": depth, "tag": "div", "attributes": {}, "children": [record]}
    found, _ = told(program(PRIVATE), [{"type": "node-mutation", "nodes": [record]}])
    assert "Zorblax" not in json.dumps(found["rawData"])


def test_who_opted_out_is_told_not_to_record():
    answer = next(one for one in program().trackers if one.tracker == "smartlook").answers.opted_out[0]
    assert json.loads(answer.body)["recordingAllowed"] is False
    assert "retry-after" in answer.headers
