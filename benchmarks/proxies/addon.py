"""What people write for mitmproxy in an afternoon: json, six regular expressions on every string, json. A peer."""

from __future__ import annotations

from mitmproxy import http

from benchmarks.masking import walker


def request(flow: http.HTTPFlow) -> None:
    flow.request.content = walker(flow.request.content or b"{}")
