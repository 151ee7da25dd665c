"""Shapes that trackers share and nobody described: what they tell of a person, an element or an exchange does not leave."""

import base64
import json

import pytest

from tests.subject import PRIVATE, masked, program, request, sent

SECRET = "Zorblax"
HIDDEN = {
    "a list of a person's keys": {"metadata": [{"key": "email", "value": "jane.roe@example.org"}, {"key": "t", "value": SECRET}]},
    "a record of a person in a breadcrumb": {"breadcrumbs": [{"metadata": {"email": "jane.roe@example.org", "name": SECRET}}]},
    "an attribute that ends in a person's word": {"attributes": [{"key": "context.keys.user", "value": {"stringValue": SECRET}}]},
    "an exchange's body in a text": {"method": "POST", "url": "/pay", "request": json.dumps({"card": SECRET})},
    "an exchange's body in a record": {"method": "POST", "url": "/pay", "body": {"card": SECRET}},
    "an exchange's body, parsed": {"method": "POST", "url": "/pay", "request": {"card": {"n": SECRET}}},
    "an exchange's body, a list": {"method": "POST", "url": "/pay", "data": [SECRET, SECRET]},
    "a message of a web socket": {"type": "sent", "name": "wss://shop.example/live", "message": json.dumps({"card": SECRET})},
    "what a web socket sent": {"url": "ws://shop.example/live", "data": [SECRET], "size": 9},
    "a request's parameters": {"request": {"url": "https://shop.example/", "params": {"nick": SECRET}}},
    "a query's parameter told again": {"page_url": "https://shop.example/?ticket=Zorblax&page=2", "ticket": SECRET},
    "a path and query in a text": {"m": f"POST /pay?ref={SECRET} failed"},
    "a path without its slash": {"culprit": f"pay?ref={SECRET}"},
    "a text by a path to it alone": {"target_element": "P", "target_xpath": '//*[@id="x"]', "target_text": SECRET},
    "a text by a name alone": {"targetSelector": "P#x", "targetText": SECRET},
    "a field by a path cut at its start": {"element": '... > label > input#n[name="n"]', "value": SECRET},
    "a field by a path with quoted spaces": {"selector": 'form > input[placeholder="Your name"]', "value": SECRET},
    "a private element by an escaped class": {"selector": "div.md\\:w-1\\/2.private > p", "text": SECRET},
    "a field by its markup": {"e": '<input id="q" type="text">', "value": SECRET},
    "an element's own value": {"element": {"tag": "input", "attributes": {"type": "text", "value": SECRET}}},
    "a field in a list of fields": {"fields": [{"tag": "input", "type": "text", "name": "q", "value": SECRET}]},
    "lines of the page's source": {"stacktrace": [{"code": {"50": f"var name = '{SECRET}'"}}]},
}  # fmt: skip


@pytest.mark.parametrize("record", HIDDEN.values(), ids=HIDDEN)
def test_what_is_told_of_a_person_does_not_leave(record):
    assert SECRET not in json.dumps(masked(program(PRIVATE), {"events": [record]}))


KEPT = {
    "a button by a path to it": {"target_element": "BUTTON", "target_xpath": '//*[@id="x"]', "target_text": "Pay now"},
    "a link by a name alone": {"targetSelector": "A#x", "targetText": "Pay now"},
    "an element's placeholder, class and name": {
        "element": {"tag": "input", "attributes": {"placeholder": "your name", "class": "wide", "name": "nick"}}
    },
    "a page's title beside a field": {
        "page_url": "https://shop.example/pay",
        "title": "Checkout",
        "tagName": "input",
        "class": "",
    },
    "a word where an id would be": {"device": {"id": "browser"}, "anonymousId": "unknown"},
    "a kept parameter told again": {"page_url": "https://shop.example/?utm_source=mail", "utm_source": "mail"},
    "a web socket's opening": {"type": "open", "name": "wss://shop.example/live", "size": 0},
    "a name that is no address": {"name": "websocket", "message": "opened twice"},
    "an exchange without bodies": {"method": "GET", "url": "/pay", "data": {"status_code": 200, "duration": 12}},
    "a list of keys that tells of nobody": {
        "metadata": [{"key": "plan", "value": "large"}, {"key": "t", "value": "b"}]
    },
    "a question": {"m": "is it there? yes = no"},
    "the kind of a person's record": {"kind": "customer", "email": "", "note": ""},
    "an SDK's name": {"telemetry.sdk.name": "JSClient", "email": "", "feature_flag.provider.name": "Flags"},
}


@pytest.mark.parametrize("record", KEPT.values(), ids=KEPT)
def test_what_tells_of_nobody_stays(record):
    assert masked(program(PRIVATE), {"events": [record]}) == {"events": [record]}


def test_what_is_dropped_does_not_count_as_left_however_deep_it_opens():
    own = {"value": "Quibble Zorblax", "element": "body > input#n"}
    earlier = {"telemetry": [{"body": own}], "request": json.dumps({"deep": json.dumps({"body": own})})}
    record = {
        "telemetry": [{"body": own}, {"body": {"method": "POST", "url": "/item", "request": json.dumps(earlier)}}]
    }
    told = masked(program(PRIVATE), record)
    assert SECRET not in json.dumps(told)
    assert told["telemetry"][1]["body"] == {"method": "POST", "url": "/item"}


@pytest.mark.parametrize(
    "second", [{"sessionID": "s-1"}, {"sessionID": "s-1", "windowId": "s-1"}, {"session_id": "s-1"}]
)
def test_a_session_told_in_another_place_is_the_same(second):
    subject = program(PRIVATE)
    node = {
        "type": 0,
        "id": 1,
        "childNodes": [{"type": 2, "id": 2, "tagName": "p", "attributes": {}, "childNodes": []}],
    }
    masked(
        subject,
        {"sessionID": "s-1", "windowId": "s-1", "events": [{"type": 2, "timestamp": 1, "data": {"node": node}}]},
    )
    add = {"parentId": 2, "nextId": None, "node": {"type": 3, "id": 3, "textContent": "free delivery"}}
    data = {"source": 0, "adds": [add], "removes": [], "texts": [], "attributes": []}
    told = masked(subject, {**second, "events": [{"type": 3, "timestamp": 2, "data": data}]})
    assert told["events"][0]["data"]["adds"] == [add]


def test_a_record_in_a_path_does_not_leave():
    context = base64.urlsafe_b64encode(json.dumps({"kind": "user", "key": SECRET}).encode()).decode().rstrip("=")
    for path in (f"/sdk/evalx/0123456789abcdef01234567/contexts/{context}", f"/flags/{context}/all"):
        assert sent(program(), request(path=path, method="GET")).target == path.replace(context, "***")


def test_a_project_told_in_a_path_stays():
    assert sent(program(), request(path="/sdk/goals/0123456789abcdef01234567", method="GET")).target.endswith("4567")
