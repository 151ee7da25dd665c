"""rrweb recordings through the whole pipeline: what of a page may leave is decided by the element it stands in."""

from __future__ import annotations

import base64
import gzip
import json
import zlib
from typing import Any

import pytest

from gateway.recording.rrweb import recognises
from tests.recording.page import add, batch, changed, document, element, event, mutation, snapshot, text, texts, typed
from tests.subject import PRIVATE, masked, program, refused, request, sent

SECRET = "Zorblax walks"  # no detector's business
HARMLESS = "Opening hours"


def leaves_as(subject, *events: Any, **more: Any) -> str:
    """What a batch reads as once it has left."""
    return json.dumps(masked(subject, batch(*events, **more)), ensure_ascii=False)


@pytest.fixture
def subject():
    return program(PRIVATE)


PAGE = snapshot(
    element(10, "div", element(11, "p", text(12, "in private")), class_="private"),
    element(20, "div", element(21, "p", text(22, "in public"))),
    element(30, "div", text(31, "note"), contenteditable="true"),
    element(40, "input", type="text", value="preset"),
    element(41, "input", type="password", value=""),
    element(42, "textarea", text(43, "draft")),
    element(44, "select", element(45, "option", text(46, "Berlin"), value="de", selected=True)),
    element(47, "iframe"),
    element(48, "div", class_="private host"),
    element(50, "style", text(51, ".password::after { content: 'x' }")),
)

PRIVATE_CHANGES = {
    "a text added under a private parent": [mutation(adds=[add(11, text(99, SECRET))])],
    "a child that stands before its private parent": [
        mutation(adds=[add(98, text(99, SECRET)), add(3, element(98, "div", class_="private"))])
    ],
    "a chain of children in reverse order under a private parent": [
        mutation(
            adds=[
                add(98, text(99, SECRET)),
                add(97, element(98, "b")),
                add(96, element(97, "b")),
                add(10, element(96, "b")),
            ]
        )
    ],
    "a text change under a private parent": [texts(12, SECRET)],
    "a text typed into an editable element": [texts(31, SECRET)],
    "a line added to an editable element": [mutation(adds=[add(30, element(98, "div", text(99, SECRET)))])],
    "a text whose ancestor becomes private later": [changed(20, class_="private"), texts(22, SECRET)],
    "a text added in the same change that makes its ancestor private": [
        mutation(adds=[add(21, text(99, SECRET))], attributes=[{"id": 20, "attributes": {"class": "private"}}])
    ],
    "a text under what had a vendor's private mark": [
        changed(20, class_="ph-no-capture"),
        changed(20, class_="public"),
        texts(22, SECRET),
    ],
    "a text added to an element that becomes editable": [
        mutation(adds=[add(21, text(99, SECRET))], attributes=[{"id": 20, "attributes": {"contenteditable": "true"}}])
    ],
    "a text under an unknown parent": [mutation(adds=[add(777, text(99, SECRET))])],
    "a change of an unknown text": [texts(778, SECRET)],
    "an attribute of an unknown element": [changed(779, title=SECRET)],
    "the value of an unknown element": [changed(779, value=SECRET)],
    "typed input": [typed(40, SECRET)],
    "typed input of an unknown field": [typed(780, SECRET)],
    "a password that is shown while it is typed": [changed(41, type="text"), typed(41, SECRET)],
    "an input's value set as an attribute": [changed(40, value=SECRET)],
    "the value of a custom element's field": [
        mutation(adds=[add(3, element(98, "x-field", value=SECRET))]),
    ],
    "a textarea's text": [texts(43, SECRET)],
    "an option's text": [mutation(adds=[add(44, element(98, "option", text(99, SECRET)))])],
    "an option's value": [mutation(adds=[add(44, element(98, "option", value=SECRET))])],
    "a hidden input": [mutation(adds=[add(3, element(98, "input", type="hidden", value=SECRET))])],
    "a button's value": [mutation(adds=[add(3, element(98, "input", type="submit", value=SECRET))])],
    "a checkbox's value": [typed(40, SECRET, isChecked=True)],
    "a private element's attributes": [mutation(adds=[add(3, element(98, "img", alt=SECRET, class_="private"))])],
    "a shadow root of a private host": [
        mutation(adds=[add(48, {**element(98, "b", text(99, SECRET)), "isShadow": True})])
    ],
    "a text in a private frame": [
        changed(47, class_="private"),
        mutation(adds=[add(47, document(element(91, "body", text(92, SECRET)), node_id=90))], isAttachIframe=True),
    ],
    "a text added later to a private frame's document": [
        changed(47, class_="private"),
        mutation(adds=[add(47, document(node_id=90))], isAttachIframe=True),
        mutation(adds=[add(90, element(91, "body", text(92, SECRET)))]),
    ],
    "a text in a frame in a private frame": [
        changed(47, class_="private"),
        mutation(adds=[add(47, document(element(91, "iframe"), node_id=90))]),
        mutation(adds=[add(91, document(element(93, "p", text(94, SECRET)), node_id=92))]),
    ],
    "markup of a frame that holds a private element": [changed(47, srcdoc=f"<p class='private'>{SECRET}</p>")],
    "markup of a frame that holds a field": [changed(47, srcdoc=f"<input value='{SECRET}'><p>x</p>")],
    "markup of a frame that holds a text area": [changed(47, srcdoc=f"<textarea>{SECRET}</textarea>")],
    "an element moved under a private parent": [
        mutation(removes=[{"parentId": 20, "id": 21}], adds=[add(10, element(21, "p"))]),
        texts(22, SECRET),
    ],
    "an element that hangs on itself": [mutation(adds=[add(98, element(98, "p", text(99, SECRET)))])],
    "two elements that hang on each other": [
        mutation(adds=[add(97, element(98, "p", text(99, SECRET))), add(98, element(97, "p"))])
    ],
    "an element moved into itself": [
        mutation(adds=[add(21, element(20, "div"))]),
        texts(22, SECRET),
    ],
    "a kind of change that nobody knows": [event(3, {"source": 99, "note": SECRET, "list": [{"a": [SECRET]}]})],
    "a list of changes that is no list": [mutation(adds=SECRET, texts={"a": SECRET})],
    "records that are no records": [mutation(adds=[SECRET], texts=[[SECRET]], attributes=[SECRET], removes=[SECRET])],
    "attributes that are no map": [mutation(attributes=[{"id": 20, "attributes": [SECRET]}])],
    "more than a change has": [
        mutation(
            adds=[{**add(21, text(99, "x")), "note": SECRET}],
            removes=[{"id": 22, "note": SECRET}],
            attributes=[{"id": 20, "attributes": {}, "note": SECRET}],
            note=[SECRET],
        )
    ],
    "texts where ids belong": [
        mutation(adds=[add(SECRET, text(99, SECRET))], removes=[{"id": SECRET}]),
        typed(SECRET, ""),
    ],
}


@pytest.mark.parametrize("changes", PRIVATE_CHANGES.values(), ids=PRIVATE_CHANGES)
@pytest.mark.parametrize("batches", [1, 2], ids=["in one request", "in a request each"])
def test_does_not_leave(subject, changes, batches):
    if batches == 1:
        told = leaves_as(subject, PAGE, *changes)
    else:
        leaves_as(subject, PAGE)
        told = "".join(leaves_as(subject, change) for change in changes)
    assert "Zorblax" not in told
    assert "walks" not in told


@pytest.mark.parametrize("changes", PRIVATE_CHANGES.values(), ids=PRIVATE_CHANGES)
def test_what_does_not_leave_leaves_nothing_of_it_when_it_is_nested_json(subject, changes):
    leaves_as(subject, PAGE)
    told = masked(
        subject, {"sessionId": "session-1", "windowId": "window-1", "events": [json.dumps(one) for one in changes]}
    )
    assert "Zorblax" not in json.dumps(told)


PUBLIC_CHANGES = {
    "a text added to a public parent": mutation(adds=[add(21, text(99, HARMLESS))]),
    "a text change under a public parent": texts(22, HARMLESS),
    "an attribute of a public element": changed(20, title=HARMLESS),
    "a child that stands before its public parent": mutation(
        adds=[add(98, text(99, HARMLESS)), add(3, element(98, "div"))]
    ),
    "a text in a frame": mutation(adds=[add(47, document(element(91, "body", text(92, HARMLESS)), node_id=90))]),
    "a text in a frame's markup": changed(47, srcdoc=f"<p>{HARMLESS}</p>"),
    "a text of a style sheet": event(
        3, {"source": 8, "id": 50, "adds": [{"rule": f".a::after {{ content: '{HARMLESS}' }}"}]}
    ),
    "a declaration of a style": event(3, {"source": 13, "id": 50, "set": {"property": "content", "value": HARMLESS}}),
    "a label of a custom event": event(5, {"tag": "step", "payload": {"label": HARMLESS}}),
    "a line of the console": event(
        6, {"plugin": "rrweb/console@1", "payload": {"level": "log", "payload": [f'"{HARMLESS}"']}}
    ),
}


@pytest.mark.parametrize("change", PUBLIC_CHANGES.values(), ids=PUBLIC_CHANGES)
def test_arrives(subject, change):
    leaves_as(subject, PAGE)
    assert HARMLESS in leaves_as(subject, change)


def test_a_page_leaves_with_its_fields_and_private_parts_masked_and_all_else_as_it_came(subject):
    told = masked(subject, batch(PAGE))
    body = told["events"][0]["data"]["node"]["childNodes"][0]["childNodes"][0]["childNodes"]
    by_id = {node["id"]: node for node in body}
    assert by_id[10]["childNodes"][0]["childNodes"][0]["textContent"] == "***"
    assert by_id[20]["childNodes"][0]["childNodes"][0]["textContent"] == "in public"
    assert by_id[30]["childNodes"][0]["textContent"] == "***"
    assert by_id[40]["attributes"] == {"type": "text", "value": "***"}
    assert by_id[42]["childNodes"][0]["textContent"] == "***"
    assert by_id[44]["childNodes"][0]["attributes"] == {"value": "***"}
    assert by_id[44]["childNodes"][0]["childNodes"][0]["textContent"] == "***"
    assert by_id[50]["childNodes"][0]["textContent"] == ".password::after { content: 'x' }"


def test_a_state_is_masked_as_its_value_is(subject):
    told = masked(subject, batch(PAGE, typed(40, "on", isChecked=True), changed(40, checked=True)))
    assert told["events"][1]["data"]["isChecked"] is False
    assert told["events"][2]["data"]["attributes"][0]["attributes"] == {}


def test_a_private_mark_that_goes_in_a_later_event_masks_what_was_there_before(subject):
    told = leaves_as(
        subject, snapshot(element(10, "p", text(11, SECRET), class_="private")), changed(10, class_="public")
    )
    assert "Zorblax" not in told


def test_a_rule_holds_for_the_text_that_stood_there_when_it_held():
    subject = program('mask: [{name: open, select: ".secret-box", with: mask}]')
    told = leaves_as(
        subject,
        snapshot(element(10, "p", text(11, SECRET), class_="secret-box")),
        changed(10, class_="other"),
        texts(11, HARMLESS),
    )
    assert "Zorblax" not in told
    assert HARMLESS in told


def test_a_password_stays_masked_when_a_rule_keeps_inputs_and_the_field_becomes_text():
    subject = program("record: {form_inputs: keep}")
    page = snapshot(element(40, "input", type="password"), element(41, "input", type="text"))
    told = leaves_as(subject, page, changed(40, type="text"), typed(40, "correcthorse"), typed(41, "kept by rule"))
    assert "correcthorse" not in told
    assert "kept by rule" in told
    again = snapshot(element(40, "input", type="text", value="correcthorse"), element(41, "input", type="text"))
    assert "correcthorse" not in leaves_as(subject, again), "not even after another snapshot"


def test_a_node_is_unknown_until_the_next_full_snapshot(subject):
    assert HARMLESS not in leaves_as(subject, texts(22, HARMLESS))
    leaves_as(subject, PAGE)
    assert HARMLESS in leaves_as(subject, texts(22, HARMLESS))


def test_a_change_that_comes_before_its_snapshot_is_masked_and_one_that_comes_after_is_not(subject):
    told = masked(subject, batch(texts(22, HARMLESS), PAGE, texts(22, HARMLESS)))
    assert told["events"][0]["data"]["texts"][0]["value"] == "***"
    assert told["events"][2]["data"]["texts"][0]["value"] == HARMLESS


def test_a_batch_that_is_sent_twice_leaves_twice_alike(subject):
    leaves_as(subject, PAGE)
    change = [mutation(adds=[add(21, text(99, HARMLESS)), add(11, text(98, SECRET))]), texts(99, HARMLESS)]
    assert leaves_as(subject, *change) == leaves_as(subject, *change)


def test_windows_of_one_request_do_not_know_each_other(subject):
    first = batch(PAGE, window="window-1")
    other = batch(snapshot(element(20, "div", text(22, "x"), class_="private")), window="window-2")
    body = [first, other, batch(texts(22, HARMLESS)), batch(texts(22, SECRET), window="window-2")]
    told = masked(subject, body)
    assert [one["events"][0]["data"]["texts"][0]["value"] for one in told[2:]] == [HARMLESS, "***"]


def test_a_page_without_a_session_is_nobody_elses(subject):
    masked(subject, {"events": [PAGE]})
    told = masked(subject, {"events": [texts(22, HARMLESS)]})
    assert told["events"][0]["data"]["texts"][0]["value"] == "***"


def test_a_session_told_in_a_recorded_payload_is_not_the_recordings_own(subject):
    payload = event(5, {"tag": "x", "payload": {"sessionId": "another", "windowId": "another"}})
    told = masked(subject, {"events": [PAGE, payload, texts(22, HARMLESS)]})
    assert told["events"][2]["data"]["texts"][0]["value"] == HARMLESS


def test_a_refused_request_makes_its_session_unknown(subject, monkeypatch):
    leaves_as(subject, PAGE)
    with monkeypatch.context() as patch:
        patch.setattr("gateway.ruleset.judge.Judge.settle", lambda *_: 1 / 0)
        assert refused(subject, request(batch(texts(22, HARMLESS)))) == "fault"
    assert HARMLESS not in leaves_as(subject, texts(22, HARMLESS))


WRAPPINGS = {
    "plain": lambda one: one,
    "JSON in a string": json.dumps,
    "zlib as latin-1": lambda one: zlib.compress(json.dumps(one).encode()).decode("latin-1"),
    "gzip as latin-1": lambda one: gzip.compress(json.dumps(one).encode()).decode("latin-1"),
    "gzip as base64": lambda one: base64.b64encode(gzip.compress(json.dumps(one).encode())).decode(),
    "JSON in JSON in a string": lambda one: json.dumps(json.dumps(one)),
}


@pytest.mark.parametrize("wrap", WRAPPINGS.values(), ids=WRAPPINGS)
def test_a_recording_is_read_in_every_wrapping(subject, wrap):
    leaves_as(subject, PAGE)
    body = batch(wrap(typed(40, SECRET)), wrap(texts(12, SECRET)), wrap(texts(22, HARMLESS)))
    before, after = body["events"], masked(subject, body)["events"]
    assert [one != other for one, other in zip(before, after, strict=True)] == [True, True, False]


@pytest.mark.parametrize("key", ["adds", "texts", "attributes"])
def test_a_compressed_part_of_a_change_is_read(subject, key):
    leaves_as(subject, PAGE)
    changes = {
        "adds": [add(11, text(99, SECRET)), add(21, text(98, HARMLESS))],
        "texts": [{"id": 12, "value": SECRET}, {"id": 22, "value": HARMLESS}],
        "attributes": [{"id": 10, "attributes": {"title": SECRET}}, {"id": 20, "attributes": {"title": HARMLESS}}],
    }
    packed = gzip.compress(json.dumps(changes[key]).encode()).decode("latin-1")
    told = masked(subject, batch({**mutation(**{key: packed}), "cv": "2024-10"}))
    opened = gzip.decompress(told["events"][0]["data"][key].encode("latin-1")).decode()
    assert SECRET not in opened
    assert HARMLESS in opened


MEDIA = {
    "a picture in a data URL": (changed(20, src="data:image/png;base64,AAAABBBBCCCCDDDD"), "AAAABBBB"),
    "a canvas in an attribute": (changed(20, rr_dataURL="data:image/png;base64,AAAABBBBCCCC"), "AAAABBBB"),
    "a canvas command": (
        event(3, {"source": 9, "id": 20, "type": 0, "commands": [{"property": "fillText", "args": ["A" * 40, 1]}]}),
        "A" * 33,
    ),
    "a font": (event(3, {"source": 10, "family": "x", "fontSource": "url(data:font/woff2;base64,AAAABBBBCCCCDDDD)"}), "AAAABBBB"),
    "a picture in a style sheet": (
        event(3, {"source": 8, "adds": [{"rule": ".a{background:url(data:image/png;base64,AAAABBBBCCCCDDDD)}"}]}),
        "AAAABBBB",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("change", "part"), MEDIA.values(), ids=MEDIA)
def test_what_cannot_be_read_does_not_leave(subject, change, part):
    attributes = change["data"].get("attributes")
    if attributes and "rr-dataURL" in attributes[0]["attributes"]:
        attributes[0]["attributes"] = {"rr_dataURL": attributes[0]["attributes"]["rr-dataURL"]}
    leaves_as(subject, PAGE)
    told = leaves_as(subject, change)
    assert part not in told
    assert part in json.dumps(change)


def test_what_a_page_sent_and_received_is_dropped_and_the_line_stays(subject):
    network = {
        "requests": [{"name": "https://x.example/a?k=v", "requestBody": SECRET, "responseHeaders": {"a": SECRET}}]
    }
    told = leaves_as(subject, event(6, {"plugin": "rrweb/network@1", "payload": network}))
    assert "Zorblax" not in told
    assert "https://x.example/a?k=***" in told


def test_an_event_in_an_event_meets_an_unknown_page(subject):
    leaves_as(subject, PAGE)
    told = leaves_as(subject, event(5, {"tag": "x", "payload": {"copy": json.dumps(texts(22, SECRET))}}))
    assert "Zorblax" not in told


def test_events_in_events_without_end_are_refused(subject):
    inner: Any = {"text": "x"}
    for _ in range(8):
        inner = event(5, {"tag": "x", "payload": inner})
    assert refused(subject, request(batch(inner))) == "too_deep"


HOSTILE_IDS = [-1, 0, 1.5, 10**30, "12", None, True, [], {}, "__proto__", float("1e300")]


@pytest.mark.parametrize("node_id", HOSTILE_IDS, ids=repr)
def test_a_strange_id_is_an_unknown_one(subject, node_id):
    leaves_as(subject, PAGE)
    told = leaves_as(
        subject,
        texts(node_id, SECRET),
        typed(node_id, SECRET),
        changed(node_id, title=SECRET),
        mutation(adds=[add(node_id, text(99, SECRET)), add(3, {**text(1, "x"), "id": node_id})]),
        mutation(removes=[{"id": node_id, "parentId": node_id}]),
    )
    assert "Zorblax" not in told


def test_a_page_beyond_the_mirrors_room_is_unknown(subject, monkeypatch):
    monkeypatch.setattr("gateway.recording.dom.Mirror.__init__.__defaults__", (20,))
    rows = [element(100 + 2 * at, "p", text(101 + 2 * at, "x")) for at in range(50)]
    leaves_as(subject, snapshot(*rows))
    assert SECRET not in leaves_as(subject, texts(101 + 2 * 49, SECRET))
    assert HARMLESS in leaves_as(subject, texts(101, HARMLESS))


def test_deep_nesting_is_read_and_what_is_too_deep_is_refused(subject):
    def nested(depth: int) -> dict[str, Any]:
        node = text(2000, SECRET)
        for at in range(depth):
            node = element(1000 + at, "div", node)
        return snapshot(element(10, "div", node, class_="private"))

    assert "Zorblax" not in leaves_as(subject, nested(60))
    assert refused(subject, request(batch(nested(250)))) == "too_deep"


def test_a_chain_of_added_elements_without_end_is_unknown_from_some_depth_on(subject):
    leaves_as(subject, PAGE)
    chain = [add(20 if at == 0 else 999 + at, element(1000 + at, "b")) for at in range(3000)]
    told = leaves_as(subject, mutation(adds=[*reversed(chain), add(3999, text(5000, SECRET))]))
    assert "Zorblax" not in told


EVENTS = {
    "an event": (event(4, {"href": "x"}), True),
    "a snapshot without a time": ({"type": 2, "data": {"node": document()}}, True),
    "a change without a time": ({"type": 3, "data": {"source": 5, "text": "x"}}, True),
    "a change with a time in words": ({"type": 3, "timestamp": "2026-11-24", "data": {"source": 5}}, True),
    "a load without data": (event(1, {}), True),
    "a record that looks a little like one": ({"type": 3, "timestamp": 1, "data": {"a": 1}}, False),
    "a record with a type in words": ({"type": "click", "timestamp": 1, "data": {"source": 1}}, False),
    "a kind that is none": (event(7, {"source": 1}), False),
    "a custom event without a tag": (event(5, {"payload": 1}), False),
}


@pytest.mark.parametrize(("record", "is_one"), EVENTS.values(), ids=EVENTS)
def test_an_event_is_told_by_its_shape(record, is_one):
    from gateway.codings import BY_CHARSET, BY_CONTENT_CODING, CODINGS
    from gateway.core.limits import Budget, Limits
    from gateway.core.opening import Opener
    from gateway.formats import FORMATS

    opener = Opener(CODINGS, FORMATS, BY_CONTENT_CODING, BY_CHARSET)
    root = opener.open_body(json.dumps(record).encode(), "", [], Budget(Limits(), lambda: 0.0)).root
    assert recognises(root) is is_one


def test_an_untouched_recording_leaves_byte_for_byte(subject):
    harmless = batch(
        snapshot(element(10, "p", text(11, HARMLESS))),
        event(3, {"source": 1, "positions": [{"x": 1.0, "y": 2, "id": 10}]}),
    )
    body = json.dumps(harmless, indent=1).encode()
    assert sent(subject, request(body)).body == body


@pytest.mark.parametrize("node_id", [2**53, 2**63, -1, 10**18])
def test_a_node_of_any_number_is_read(subject, node_id):
    page = snapshot(element(node_id, "p", text(7, SECRET), class_="private"), element(8, "p", text(9, HARMLESS)))
    told = leaves_as(subject, page, mutation(adds=[add(node_id, text(5, SECRET + " again"))]))
    assert "Zorblax" not in told
    assert HARMLESS in told


def test_a_page_of_a_hundred_thousand_nodes_is_read_to_its_end(subject):
    """What is beyond the room of a page is unknown, and masked."""
    rows = [element(at, "i") for at in range(10, 100_000)]
    rows[99:99_990:999] = [
        element(200_000 + at, "p", text(300_000 + at, SECRET), class_="private") for at in range(100)
    ]
    told = leaves_as(subject, snapshot(element(4, "p", text(5, HARMLESS)), *rows))
    assert "Zorblax" not in told
    assert HARMLESS in told


def test_a_selector_that_holds_for_everything_masks_every_text():
    everything = program('mask: [{name: all, select: "*", with: mask}]')
    told = leaves_as(
        everything, PAGE, mutation(adds=[add(21, text(99, HARMLESS))]), texts(22, HARMLESS), typed(40, HARMLESS)
    )
    for shown in ("in private", "in public", "note", "preset", "draft", HARMLESS):
        assert shown not in told
