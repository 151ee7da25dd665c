"""A recorded page is shown as its backend will see it: whatever recorder made it, at each of its moments, without a secret."""

import json

import pytest

from gateway.core.message import Headers, Inbound
from tests.judge.recorded import CORPUS
from tests.recording import page as rrweb

from .rebuilding import masked, of_events, recorded, view

CANARIES = json.loads((CORPUS / "canaries.json").read_text())
TYPED = (
    "name email password card phone ssn address textarea_initial search select_value select_text contenteditable hidden "
    "text_email text_iban link_email programmatic_value"
).split()
SHOWN = ("Checkout", "My profile", CANARIES["button_text"], CANARIES["mutation_text"], CANARIES["mutation_chardata"])


@pytest.mark.parametrize(
    "run",
    ["clarity", "datadog", "openreplay", "rrweb", "rrweb-pack", "posthog", "sentry", "hyperdx", "newrelic", "mixpanel"],
)
def test_a_page_of_any_recorder_is_rebuilt_without_what_was_masked(run):
    found = view(masked(recorded(run)))
    assert found.unread == 0
    assert [one for one in SHOWN if one not in found.html] == []
    assert [name for name in TYPED if CANARIES[name].lower() in found.html.lower()] == []
    told = json.dumps([(item.label, item.selector) for item in found.items]).lower()
    assert [name for name in TYPED if CANARIES[name].lower() in told] == []
    picked = {item.selector: item for item in found.items}
    assert ("value", "form_inputs") in {(mask.part, mask.rule) for mask in picked["#email"].masks}
    assert {mask.rule for mask in picked["#p1"].masks} == {"e-mail addresses", "bank accounts"}
    assert all(item.is_unique for item in found.items)


def test_smartlook_s_page_is_rebuilt_from_its_description():
    page = [
        {"id": 1, "parent": None, "tag": "html", "attributes": {}},
        {"id": 2, "parent": 1, "tag": "body", "attributes": {}},
        {"id": 3, "parent": 2, "tag": "p", "attributes": {"class": "private", "data-sl": "mask"}},
        {"id": 4, "parent": 3, "value": "Balance of Zorblax"},
        {"id": 5, "parent": 2, "tag": "p", "attributes": {"id": "free"}},
        {"id": 6, "parent": 5, "value": "Free delivery"},
        {"id": 7, "parent": 2, "tag": "input", "attributes": {"id": "q", "type": "text"}},
    ]
    events = [
        {"type": "dom-discovery", "time": 12, "nodes": page},
        {"type": "input-typing", "time": 90, "id": 7, "value": "Quibble"},
        {
            "type": "node-mutation",
            "time": 120,
            "nodes": [{"id": 6, "action": "update", "parent": 5, "value": "Tomorrow"}],
        },
    ]
    body = json.dumps({"rawData": events}).encode()
    found = view(
        masked([Inbound("POST", "/rec/v3/write?sid=s1", Headers([("content-type", "application/json")]), body)])
    )
    assert "Tomorrow" in found.html
    assert "Zorblax" not in found.html
    assert "Quib" not in found.html
    assert {item.selector for item in found.items if item.masks} == {".private", "#q"}
    assert [one.kind for one in found.moments] == ["page", "input", "change"]


def test_each_moment_shows_the_page_as_it_was_then():
    events = [
        rrweb.snapshot(rrweb.element(4, "p", rrweb.text(5, "first")), rrweb.element(6, "input", id="q")),
        rrweb.texts(5, "second"),
        rrweb.mutation(adds=[rrweb.add(3, rrweb.element(7, "b", rrweb.text(8, "between")), 6)]),
        rrweb.typed(6, "Zorblax"),
        rrweb.changed(4, style={"color": "red"}, hidden=""),
        rrweb.mutation(removes=[{"parentId": 3, "id": 4}]),
    ]
    for at, event in enumerate(events):
        event["timestamp"] += at
    sent = masked(of_events(*events))
    whole = view(sent)
    assert [one.kind for one in whole.moments] == ["page", "change", "change", "input", "change", "change"]
    assert [one.time - rrweb.TIME for one in whole.moments] == [0, 1, 2, 3, 4, 5]
    pages = [view(sent, moment=at).html for at in range(6)]
    assert pages[5] == whole.html
    assert [">first</p>" in page for page in pages] == [True, False, False, False, False, False]
    assert [">second</p>" in page for page in pages] == [False, True, True, True, True, False]
    assert ["</p><b" in page for page in pages] == [False, False, True, True, True, False]
    assert ['value="***"' in page for page in pages] == [False, False, False, True, True, True]
    assert ['style="color:red;"' in page for page in pages] == [False, False, False, False, True, False]
    assert view(sent, moment=99).moment == 5


def test_a_page_without_its_snapshot_is_not_guessed():
    found = view(masked(of_events(rrweb.texts(5, "late"), rrweb.mutation(adds=[rrweb.add(3, rrweb.text(9, "more"))]))))
    assert found.html == ""
    assert found.moments == ()
    assert found.items == ()


def test_windows_of_one_session_are_pages_of_their_own():
    bodies = [
        rrweb.batch(rrweb.snapshot(rrweb.element(4, "p", rrweb.text(5, name))), window=name)
        for name in ("left", "right")
    ]
    headers = Headers([("content-type", "application/json")])
    sent = masked([Inbound("POST", "/s", headers, json.dumps(one).encode(), route="shop") for one in bodies])
    found = [view(sent, window=at) for at in (0, 1)]
    assert ["left" in one.html for one in found] == [True, False]
    assert len(found[0].windows) == 2


def test_what_cannot_be_read_is_counted_and_breaks_nothing():
    sent = masked(of_events(rrweb.snapshot(rrweb.element(4, "p", rrweb.text(5, "here")))))
    broken = Inbound("POST", "/s", Headers([("content-type", "application/json")]), b"{[", route="shop")
    found = view([*sent, sent[0].__class__(7, 0.0, broken)])
    assert found.unread == 1
    assert "here" in found.html


def test_a_value_is_marked_by_the_rule_that_took_it_and_only_where_it_is_gone():
    page = rrweb.snapshot(
        rrweb.element(4, "p", rrweb.text(5, "KD-12345678 of Zorblax"), class_="note"),
        rrweb.element(6, "p", rrweb.text(7, "KD-12345678"), class_="other"),
    )
    rules = """
mask:
  - {name: notes, select: .note, with: redact}
  - {name: customers, pattern: 'KD-[0-9]{8}', with: {replace: "[customer]"}}
"""
    sent = masked(of_events(page), rules)
    by = {
        item.selector: [(mask.part, mask.rule, mask.operator) for mask in item.masks]
        for item in view(sent, rules).items
        if item.is_listed
    }
    assert by == {".note": [("text", "notes", "redact")], ".other": [("text", "customers", "replace")]}
    unmasked = view(masked(of_events(page)), rules)
    assert [item.masks for item in unmasked.items if item.is_listed] == [(), ()]
