"""New Relic's requests: a size in the query follows the body, pages are told apart by the middle of a harvest id."""

import gzip
import json
import re
from urllib.parse import unquote

import pytest

from tests.recording.page import element, snapshot, text, texts, typed
from tests.subject import PRIVATE, program, request, sent

SESSION, PAGE, OTHER = "5b8df4dac512178c", "36b0504b6e2a7633", "36b0504b6e2a7634"
SHOWN = snapshot(
    element(4, "p", text(5, "Zyx secret"), class_="private"), element(6, "p", text(7, "Weather")), element(8, "input")
)


def blob(*events, page=PAGE, number=1, plain=False):
    raw = json.dumps(list(events), separators=(",", ":")).encode()
    told = (
        f"content_encoding%3Dgzip%26harvestId%3D{SESSION}_{page}_{number}%26session%3D{SESSION}%26decompressedBytes%3D{len(raw) - 9}"
        "%26enduser.id%3Dann-77%26currentUrl%3Dhttps://shop.example/a%253Ftoken%253Dabc"
    )
    return request(
        raw if plain else gzip.compress(raw),
        path=f"/browser/blobs?browser_monitoring_key=NRJS-test&type=SessionReplay&app_id=123&attributes={told}",
        headers=[("Content-Type", "text/plain")],
    )


def told(outbound):
    query = unquote(outbound.query if hasattr(outbound, "query") else outbound.target.partition("?")[2])
    return dict(pair.split("=", 1) for pair in query.partition("attributes=")[2].split("&"))


def events(outbound):
    return gzip.decompress(outbound.body).decode()


@pytest.mark.parametrize("plain", [False, True])
def test_the_size_in_the_query_follows_the_body(plain):
    inbound = blob(SHOWN, plain=plain)
    out = sent(program(PRIVATE), inbound)
    before = len(inbound.body if plain else gzip.decompress(inbound.body))
    after = len(out.body if plain else gzip.decompress(out.body))
    assert after != before
    assert int(told(out)["decompressedBytes"]) == after - 9


def test_what_the_query_tells_of_the_visitor_is_masked_and_ids_stay():
    out = told(sent(program(PRIVATE), blob(SHOWN)))
    assert out["session"] == SESSION
    assert out["harvestId"] == f"{SESSION}_{PAGE}_1"
    assert "ann-77" not in out["enduser.id"]
    assert re.fullmatch(r"https://shop\.example/a\?token=\*+", unquote(out["currentUrl"]))


def test_a_page_goes_on_in_the_next_harvest():
    subject = program(PRIVATE)
    sent(subject, blob(SHOWN))
    out = events(sent(subject, blob(texts(5, "Zyx more"), texts(7, "Rain"), typed(8, "Zyx"), number=2)))
    assert "Zyx" not in out
    assert "Rain" in out


def test_two_tabs_of_one_session_are_apart():
    subject = program(PRIVATE)
    sent(subject, blob(SHOWN))
    sent(subject, blob(snapshot(element(4, "p", text(5, "Weather"))), page=OTHER, number=1))
    assert "Zyx" not in events(sent(subject, blob(texts(5, "Zyx more"), number=2)))
    assert "Rain" in events(sent(subject, blob(texts(5, "Rain"), page=OTHER, number=2)))


def test_a_restarted_gateway_masks_what_it_cannot_know():
    sent(program(PRIVATE), blob(SHOWN))
    assert "Zyx" not in events(sent(program(PRIVATE), blob(texts(5, "Zyx more"), typed(8, "Zyx"), number=2)))


def test_swapped_harvests_are_masked_all_the_same():
    subject = program(PRIVATE)
    late = events(sent(subject, blob(texts(5, "Zyx more"), typed(8, "Zyx"), number=2)))
    assert "Zyx" not in late + events(sent(subject, blob(SHOWN)))


def test_the_visitor_in_logs_and_actions_is_masked():
    rows = [
        {
            "common": {"attributes": {"enduser.id": "ann-77", "email": "ann@example.org"}},
            "logs": [{"message": "order 7"}],
        }
    ]
    logged = sent(program(), request(rows, path="/browser/logs?browser_monitoring_key=NRJS-test")).body
    action = {
        "ins": [
            {"enduser.id": "ann-77", "eventType": "PageAction", "note": "to ann@example.org", "actionName": "order"}
        ]
    }
    acted = sent(program(), request(action, path="/ins/1/NRJS-test?a=1&ref=https://shop.example/a")).body
    assert b"order 7" in logged
    assert b"ann-77" not in logged + acted
    assert b"ann@example.org" not in logged + acted
