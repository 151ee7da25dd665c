"""`gateway run` with `tracing:`: a collector gets the spans of each request, decoded as Protocol Buffers, and nothing of a visitor."""

from __future__ import annotations

import gzip
import json
import signal
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.cli.test_running import Backend, Running
from tests.subject import program, request, sent

ADDRESS = "jane.roe@example.org"
PARENT = "4bf92f3577b34da6a3ce929d0e0e4736"
PATIENCE = 60.0


class Collector(ThreadingHTTPServer):
    """Takes OTLP over HTTP and keeps what it got."""

    def __init__(self):
        self.got: list[tuple[str, bytes]] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                collector.got.append((self.path, body))
                self.send_response(200)
                self.send_header("Content-Type", "application/x-protobuf")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.serve_forever, args=(0.05,))
        self.thread.start()

    def spans(self):
        for _, body in self.got:
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                service = {one.key: one.value.string_value for one in resource.resource.attributes}["service.name"]
                for scope in resource.scope_spans:
                    yield from ((service, span) for span in scope.spans)

    def close(self):
        self.shutdown()
        self.thread.join(10)
        self.server_close()


@pytest.fixture
def parts(tmp_path):
    backend, collector = Backend(), Collector()
    running = Running(tmp_path, backend)
    settings = tmp_path / "gateway.yaml"
    endpoint = f"http://127.0.0.1:{collector.server_address[1]}/v1/traces"
    settings.write_text(settings.read_text() + f"tracing: {{endpoint: '{endpoint}'}}\n")
    try:
        yield running.start(), collector
    finally:
        running.stop()
        backend.close()
        collector.close()


def attributes(span):
    return {one.key: one.value.string_value or one.value.int_value for one in span.attributes}


def test_a_collector_gets_the_parts_of_a_request_and_nothing_of_a_visitor(parts):
    running, collector = parts
    connection = running.connect()
    fields = {
        "Content-Type": "application/json",
        "traceparent": f"00-{PARENT}-00f067aa0ba902b7-01",
        "tracestate": "x=jane",
    }
    connection.request("POST", "/t/e?q=jane", json.dumps({"text": f"write to {ADDRESS}"}), fields)
    assert connection.getresponse().read() == b"{}"
    connection.request("POST", "/t/e", '{"broken": ', {"Content-Type": "application/json"})
    assert connection.getresponse().status == 415
    connection.close()
    end = time.monotonic() + PATIENCE
    while len(list(collector.spans())) < 6 and time.monotonic() < end:
        time.sleep(0.1)
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(30) == 0

    assert {path for path, _ in collector.got} == {"/v1/traces"}
    spans = [span for service, span in collector.spans() if service == "masking-gateway"]
    whole = {attributes(span)["gateway.verdict"]: span for span in spans if span.name == "request"}
    assert set(whole) == {"forwarded", "refused"}
    told = attributes(whole["forwarded"])
    assert (told["gateway.route"], told["gateway.reason"], told["http.request.method"]) == ("/t/", "200", "POST")
    for verdict, names in (("forwarded", ["read", "mask", "upstream"]), ("refused", ["read", "mask"])):
        root = whole[verdict]
        inside = sorted(
            (one for one in spans if one.parent_span_id == root.span_id), key=lambda one: one.end_time_unix_nano
        )
        assert [one.name for one in inside] == names
        assert {one.trace_id for one in inside} == {root.trace_id}
        assert root.start_time_unix_nano <= min(one.start_time_unix_nano for one in inside)
        assert all(one.start_time_unix_nano <= one.end_time_unix_nano <= root.end_time_unix_nano for one in inside)
        assert root.parent_span_id == b""
    assert PARENT not in {span.trace_id.hex() for span in spans}
    sent = b"".join(body for _, body in collector.got)
    assert not [word for word in (b"jane", b"example.org", b"127.0.0.1") if word in sent]
    assert whole["refused"].status.code == 2


def test_a_trace_of_the_browsers_is_not_sent_on():
    outbound = sent(program(), request({"a": 1}, headers=[("traceparent", f"00-{PARENT}-00f067aa0ba902b7-01")]))
    assert "traceparent" not in outbound.headers
