"""Datadog's other intakes: logs and exposures, and what a request outside of the known paths is."""

from __future__ import annotations

import json
import zlib

from tests.subject import masked, program, request, sent

LOG = {
    "date": 1795500097192, "service": "shop", "status": "error", "origin": "console", "ddtags": "sdk_version:7,env:prod",
    "session_id": "d0e6a232-d0ae-41a0-bbc7-6d5c81181b24",
    "view": {"url": "https://shop.example/x?token=s3cret#a", "referrer": ""},
    "message": "login of jo@shop.example failed",
    "error": {"kind": "Error", "message": "no jo@shop.example", "stack": "Error: x at https://shop.example/b.js?v=9:1:2"},
    "http": {"url": "https://shop.example/api?user=jo", "status_code": 500, "method": "GET"},
    "cart": {"password": "hunter2!", "size": 3},
}  # fmt: skip
MASKED = LOG | {
    "view": {"url": "https://shop.example/x?token=***#***", "referrer": ""},
    "message": "login of [email] failed",
    "error": {"kind": "Error", "message": "no [email]", "stack": "Error: x at https://shop.example/b.js?v=***:1:2"},
    "http": {"url": "https://shop.example/api?user=***", "status_code": 500, "method": "GET"},
    "cart": {"password": "***", "size": 3},
}
PATH = "?ddsource=browser&dd-api-key=pub"


def test_logs_are_masked_line_by_line_also_where_they_are_compressed_and_no_header_says_so():
    body = b"\n".join([json.dumps(LOG).encode()] * 2)
    for sending in (body, zlib.compress(body)):
        out = sent(program(), request(sending, path="/api/v2/logs" + PATH)).body
        lines = (out if sending is body else zlib.decompress(out)).split(b"\n")
        assert [json.loads(line) for line in lines] == [MASKED, MASKED]


def test_who_saw_a_flag_stays_one_visitor_and_nobody_knows_who():
    event = {
        "type": "exposure",
        "flag": {"key": "new-cart"},
        "subject": {"id": "jo-17", "attributes": {"email": "jo@shop.example"}},
    }
    one, other = (masked(program(), event, path="/api/v2/exposures" + PATH) for _ in range(2))
    assert one == other
    assert one["flag"] == event["flag"]
    assert one["subject"]["id"] not in ("jo-17", "")
    assert one["subject"]["attributes"] == {"email": "***"}
