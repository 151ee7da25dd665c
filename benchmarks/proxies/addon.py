"""What people write for mitmproxy in an afternoon: json, six regular expressions on every string, json. A peer."""

from __future__ import annotations

import json

from mitmproxy import http

from benchmarks.masking import walk


def request(flow: http.HTTPFlow) -> None:
    flow.request.content = json.dumps(walk(json.loads(flow.request.content or b"{}"))).encode()
